"""List photos by path. Files with the same bytes are one photo with several paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from ..choosing import ranking
from ..choosing.passing import passes
from ..query import Filters
from ..types import Photo
from .absent import listed_condition
from .conditions import face_condition
from .copies import contents_of_several, later_rows
from .database import Database
from .reader import Reader
from .rows import OF_FACE, OF_PHOTO, path_of_row, photo_and_faces


def photos(database: Database, filters: Filters, least: float = 0.0, every: bool = False) -> Iterator[Photo]:
    """Yield every analysed photo that passes the filters and is sure (see `ranking.is_sure`), by path.

    every: yield each file with the same bytes as a photo of its own.
    """
    condition = where, values = listed_condition(database, filters)
    counted, least_face = face_condition(filters.counted)
    with database.explained():
        reader = Reader(database, filters.counted)
        rows = database.connection.execute(
            f"SELECT {OF_PHOTO}, {OF_FACE} FROM photos p JOIN contents c ON c.id = p.content"
            f" LEFT JOIN faces f ON f.content = c.id AND {counted} WHERE {where} ORDER BY p.path, f.number",
            (*least_face, *values),
        )
        several, listed = frozenset() if every else contents_of_several(database), set[int]()

        def is_listed(photo: Photo) -> bool:
            return ranking.is_sure(photo, least) and passes(photo, filters)

        for _, lines in groupby(rows, key=path_of_row):
            row, faces = photo_and_faces(list(lines))
            if row.content in listed:
                continue
            photo = reader.photo(row, faces)
            if not is_listed(photo):
                continue
            if row.content in several:
                listed.add(row.content)
                others = (reader.photo(other, faces) for other in later_rows(database, row, condition))
                photo = replace(photo, also=tuple(other.path for other in others if is_listed(other)))
            yield photo


def paths(
    database: Database,
    filters: Filters,
    every: bool = False,
    note_copy: Callable[[], object] = lambda: None,
) -> Iterator[Path]:
    """Yield only the paths of `photos`, many times faster, if `choosing.passing.needs_faces` is false.

    `note_copy` is called for each file left out as a copy.
    """
    where, values = listed_condition(database, filters)
    with database.explained():
        rows = database.connection.execute(
            f"SELECT p.path, p.content FROM photos p JOIN contents c ON c.id = p.content WHERE {where} ORDER BY p.path",
            values,
        )
        several, listed = frozenset() if every else contents_of_several(database), set[int]()
        for path, content in rows:
            if content in several:
                if content in listed:
                    note_copy()
                    continue
                listed.add(content)
            yield Path(os.fsdecode(path))
