"""Find the photos that a list names, by path or by content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..choosing import ranking
from ..choosing.passing import passes
from ..query import Filters
from ..types import Photo
from .absent import listed_condition
from .database import Database
from .folders import indexed_name
from .reader import Reader
from .rows import OF_PHOTO, PhotoRow


class Listed:
    """Finds photos that pass filters and are sure (see `ranking.is_sure`). missing: names for which there is none."""

    def __init__(self, database: Database, filters: Filters, least: float = 0.0) -> None:
        self._database, self._filters, self._least = database, filters, least
        self._reader = Reader(database, filters.counted)
        self._condition = listed_condition(database, filters)
        self.missing: list[str] = []

    def by_path(self, paths: Iterable[Path]) -> Iterator[Photo]:
        """Yield the photos at these paths, in the order of the list."""
        for path in paths:
            known = indexed_name(self._database, Path(os.path.abspath(path)))
            yield from self._find("p.path = ?", os.fsencode(known), str(path))

    def by_digest(self, digests: Iterable[str]) -> Iterator[Photo]:
        """Yield the first photo with each of these content hashes, in the order of the list."""
        for digest in digests:
            yield from self._find("c.digest = ?", digest, digest)

    def _find(self, which: str, value: object, name: str) -> Iterator[Photo]:
        where, values = self._condition
        rows = self._database.connection.execute(
            f"SELECT {OF_PHOTO} FROM photos p JOIN contents c ON c.id = p.content WHERE {which} AND {where}"
            " ORDER BY p.path",
            (value, *values),
        ).fetchall()
        for photo in (self._reader.photo(PhotoRow._make(row)) for row in rows):
            if passes(photo, self._filters) and ranking.is_sure(photo, self._least):
                yield photo
                return
        self.missing.append(name)
