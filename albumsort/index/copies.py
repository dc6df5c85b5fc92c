"""Files with the same bytes, which are one photo with several paths."""

from __future__ import annotations

import os
from pathlib import Path

from .database import Database
from .paths import Sql
from .rows import PhotoRow


def contents_of_several(database: Database) -> frozenset[int]:
    """Return the contents of more than one file, which are usually few."""
    rows = database.connection.execute("SELECT content FROM photos GROUP BY content HAVING count(content) > 1")
    return frozenset(content for (content,) in rows)


def other_paths(database: Database, row: PhotoRow, condition: Sql) -> list[Path]:
    """Return the later paths of a photo's content that meet a condition, in order."""
    where, values = condition
    rows = database.connection.execute(
        "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content"
        f" WHERE p.content = ? AND p.path > ? AND {where} ORDER BY p.path",
        (row.content, row.path, *values),
    )
    return [Path(os.fsdecode(path)) for (path,) in rows]
