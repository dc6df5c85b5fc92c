"""The indexed folders, and the names of files in the index."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .database import Database


def indexed_folders(database: Database) -> tuple[Path, ...]:
    """Return the indexed folders."""
    with database.explained():
        rows = database.connection.execute("SELECT path FROM roots ORDER BY path").fetchall()
    return tuple(Path(os.fsdecode(path)) for (path,) in rows)


def indexed_name(database: Database, path: Path, soon: Iterable[Path] = ()) -> Path:
    """Return the index's name for a file or folder, or `path` if it is in no indexed folder.

    soon: folders that are about to be indexed. Links give a file several names: a link to a folder above it, or one
    beside it. If a link inside an indexed folder leads outside, the index uses the link's name, and this function does
    not recognise the outside name.
    """
    roots = [*indexed_folders(database), *soon]
    if path in roots:
        return path
    real = Path(os.path.realpath(path)) if os.path.isdir(path) else Path(os.path.realpath(path.parent), path.name)
    by_name = [root for root in roots if path.is_relative_to(root)]
    for root in by_name or roots:
        real_root = os.path.realpath(root)
        if real.is_relative_to(real_root):
            return root / real.relative_to(real_root)
    return path
