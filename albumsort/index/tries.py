"""Read the frames of each moment with their faces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ..query import Filters
from ..types import Photo
from .absent import listed_condition
from .database import Database
from .reader import Reader
from .rows import OF_PHOTO, PhotoRow


def moments(database: Database, filters: Filters) -> Iterator[list[Photo]]:
    """Yield for each moment its frames that pass the filters, by path. Filters of labels and marks do nothing.

    Files with the same bytes are one frame. A moment that was copied with all its frames is one moment.
    """
    where, values = listed_condition(database, filters)
    with database.explained():
        reader = Reader(database, filters.counted)
        rows = database.connection.execute(
            f"SELECT {OF_PHOTO} FROM photos p JOIN contents c ON c.id = p.content"
            f" WHERE p.moment IS NOT NULL AND {where} ORDER BY p.moment, p.path",
            values,
        )
        seen = set[frozenset[int]]()
        for _, frames in groupby(map(PhotoRow._make, rows), key=lambda row: row.moment):
            different = dict[int, PhotoRow]()
            for row in frames:
                different.setdefault(row.content, row)
            if frozenset(different) not in seen:
                seen.add(frozenset(different))
                yield [reader.photo(row) for row in different.values()]
