"""The folders that were indexed, and the names by which files are known in them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .database import Database


def indexed_folders(database: Database) -> tuple[Path, ...]:
    """Return the folders that were indexed."""
    with database.explained():
        rows = database.connection.execute("SELECT path FROM roots ORDER BY path").fetchall()
    return tuple(Path(os.fsdecode(path)) for (path,) in rows)


def known_as(database: Database, path: Path, soon: Iterable[Path] = ()) -> Path:
    """Return the name by which a file or folder is in one that was (or is soon) indexed, or its own.

    Links give it others: one to the folder above it, or one beside it. What a link inside such a folder leads
    to elsewhere is in it by the link's name; the name that it has there is not known here.
    """
    roots = [*indexed_folders(database), *soon]
    if path in roots:
        return path
    real = Path(os.path.realpath(path)) if os.path.isdir(path) else Path(os.path.realpath(path.parent), path.name)
    by_name = [root for root in roots if path.is_relative_to(root)]
    for root in by_name or roots:
        there = os.path.realpath(root)
        if real.is_relative_to(there):
            return root / real.relative_to(there)
    return path
