"""Files with the same bytes, which are one photo with several paths."""

from __future__ import annotations

from .database import Database
from .paths import Sql
from .rows import OF_PHOTO, PhotoRow


def contents_of_several(database: Database) -> frozenset[int]:
    """Return the contents of more than one file, which are usually few."""
    rows = database.connection.execute("SELECT content FROM photos GROUP BY content HAVING count(content) > 1")
    return frozenset(content for (content,) in rows)


def later_rows(database: Database, row: PhotoRow, condition: Sql) -> list[PhotoRow]:
    """Return the photos with the same content and a later path that meet a condition, by path."""
    where, values = condition
    rows = database.connection.execute(
        f"SELECT {OF_PHOTO} FROM photos p JOIN contents c ON c.id = p.content"
        f" WHERE p.content = ? AND p.path > ? AND {where} ORDER BY p.path",
        (row.content, row.path, *values),
    )
    return [PhotoRow._make(row) for row in rows]
