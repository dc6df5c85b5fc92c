"""Albums whose folder is not there now: their photos are in no list, but count as missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..query import Filters
from .conditions import filter_condition
from .database import Database
from .folders import indexed_folders
from .paths import Sql, any_of, inside
from .schema import HERE


def is_absent(folder: Path) -> bool:
    """Whether a folder is not there, or is empty, as a mount point without its disk is."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it is there, but it may not be read
        return False


def absent_albums(database: Database) -> tuple[Path, ...]:
    """Return the indexed folders that are absent now; looks once at each, and at no photo."""
    return tuple(root for root in indexed_folders(database) if is_absent(root))


def without_absent(database: Database, filters: Filters) -> Filters:
    """Return the filters, which now count the photos of absent albums as missing."""
    return replace(filters, absent=absent_albums(database))


def listed_condition(database: Database, filters: Filters) -> Sql:
    """Return SQL for "this photo passes the filters"; of nested albums, the nearest decides whether it is absent."""
    where, values = filter_condition(database, filters)
    if not filters.absent:
        return where, values
    roots = indexed_folders(database)
    absent, bounds = any_of([inside(album, roots) for album in filters.absent])
    if not filters.missing:
        return f"{where} AND NOT {absent}", (*values, *bounds)
    present, more = filter_condition(database, replace(filters, missing=False))
    return f"(({where}) OR ({present} AND {absent}))", (*values, *more, *bounds)


def count_unlisted(database: Database, filters: Filters) -> dict[Path, int]:
    """Count by absent album the analysed photos that would pass the filters if they were there."""
    if filters.missing:
        return {}
    analysed = "photos p JOIN contents c ON c.id = p.content"
    return _counts(database, analysed, filters.absent, filter_condition(database, filters))


def count_absent(database: Database) -> dict[Path, int]:
    """Count by absent album the photos that are neither missing nor excluded, including failed ones."""
    return _counts(database, "photos p", absent_albums(database), (f"p.missing = {HERE}", ()))


def _counts(database: Database, photos: str, albums: Sequence[Path], condition: Sql) -> dict[Path, int]:
    where, values = condition
    counts, roots = dict[Path, int](), indexed_folders(database)
    with database.explained():
        for album in albums:
            within, bounds = inside(album, roots)
            statement = f"SELECT count(*) FROM {photos} WHERE {where} AND {within}"
            [counts[album]] = database.connection.execute(statement, (*values, *bounds)).fetchone()
    return {album: count for album, count in counts.items() if count}
