"""Turn rows into photos: labelled by their albums, and corrected by the user's marks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..choosing.corrected import Mark, corrected, mark_shown
from ..choosing.labels import LabelRule
from ..query import Counted
from ..types import THRESHOLD, Photo
from .conditions import counts
from .database import Database
from .marks import marks_by_content
from .rows import OF_FACE, OF_PHOTO, FaceRow, PhotoRow, face_of_row, photo_of_row
from .shares import album_rules


class Reader:
    """Builds photos. counted: which of their faces count.

    marks: what the user says, by the id of the content. These contents need all their faces, whatever counts.
    """

    def __init__(self, database: Database, counted: Counted) -> None:
        self._database, self._counted = database, counted
        self._rules = album_rules(database)
        self.marks = marks_by_content(database)

    def photo(self, row: PhotoRow, faces: Sequence[FaceRow] | None = None) -> Photo:
        """Return a photo. faces: the rows of the faces that count, if they were read."""
        where = Path(os.fsdecode(row.path))
        rule, marks = self._rules.of(where), self.marks.get(row.content, ())
        if marks:
            return self._corrected(where, row, rule, marks)
        rows = faces if faces is not None else self._counting(stored_faces(self._database, row.content))
        return photo_of_row(where, row, tuple(face_of_row(face, rule) for face in rows))

    def photos(self, which: str, *values: object) -> Iterator[Photo]:
        """Yield the photos that meet a condition on photo `p` and content `c`, by path; every file is one."""
        rows = self._database.connection.execute(
            f"SELECT {OF_PHOTO} FROM photos p JOIN contents c ON c.id = p.content WHERE {which} ORDER BY p.path",
            values,
        ).fetchall()
        return (self.photo(PhotoRow._make(row)) for row in rows)

    def _counting(self, rows: Iterable[FaceRow]) -> list[FaceRow]:
        return [row for row in rows if counts(self._counted, row.detection, row.size, row.sharpness)]

    def _corrected(self, path: Path, row: PhotoRow, rule: LabelRule, marks: Sequence[Mark]) -> Photo:
        every = [face_of_row(face, rule) for face in stored_faces(self._database, row.content)]
        seen = [f for f in corrected(every, marks) if counts(self._counted, f.detection, f.size, f.sharpness)]
        faces = (replace(f, matters=f.matters or f.detection < THRESHOLD) for f in seen)  # as `conditions.PEOPLE`
        photo = photo_of_row(path, row, tuple(faces))
        return photo_of_row(path, row, photo.faces, marked=mark_shown(photo.deciding_face, marks))


def stored_faces(database: Database, content: int) -> list[FaceRow]:
    """Return the rows of all faces of a content, in order."""
    rows = database.connection.execute(
        f"SELECT {OF_FACE} FROM faces f WHERE f.content = ? ORDER BY f.number", (content,)
    )
    return [FaceRow._make(row) for row in rows]
