"""Mark the faces of indexed photos by the photos' paths, and judge labels by marks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..choosing.corrected import Judged, Mark, corrected, marked
from ..choosing.matters import judged as judge
from ..errors import UsageError
from ..query import Counted, Filters
from ..types import Box, Emotion, Kind, Photo
from . import marks
from .absent import listed_condition, without_absent
from .database import Database
from .people import note_people
from .reader import Reader

EVERY = Counted(detection=0.0)
"""Every stored face."""


@dataclass(frozen=True)
class Marked:
    """A mark that was made, or with says None removed.

    number: of the face, from 1; faces: how many the photo has; changed: whether the mark says something new; removed:
    how many marks were removed.
    """

    path: Path
    number: int
    faces: int
    says: Emotion | Kind | None
    changed: bool
    removed: int


def mark(database: Database, path: Path, number: int | None, says: Emotion | Kind | None) -> Marked:
    """Mark a face, inside the caller's transaction; without a number, the face that decides the photo's label.

    says: None removes the mark, without a number all marks of the photo. Raises UsageError if the index has no such
    photo or face.
    """
    photo = photo_at(database, path)
    if photo is None:
        raise UsageError(f"{path} is not in the index, or was not analysed; nothing was marked")
    if says is None and number is None:
        return Marked(path, 0, len(photo.faces), None, False, remove(database, photo.digest))
    if number is None:
        number = _meant(photo, marks.marks_of(database, photo.digest))
        if number is None:
            raise UsageError(f"{path}: no face was found in it; nothing was marked")
    if not 1 <= number <= len(photo.faces):
        has = f"faces 1 to {len(photo.faces)}" if photo.faces else "no face"
        raise UsageError(f"{path} has no face {number}, but {has} (`albumsort why` shows them); nothing was marked")
    box = photo.faces[number - 1].box
    if says is None:
        return Marked(path, number, len(photo.faces), None, False, remove(database, photo.digest, box))
    changed = save(database, [Mark(photo.digest, box, says)])
    return Marked(path, number, len(photo.faces), says, bool(changed), 0)


def save(database: Database, new: Sequence[Mark]) -> int:
    """Store marks, and note who matters now; return how many say something new."""
    changed = marks.save_marks(database, new)
    for digest in {mark.digest for mark in new}:
        note_people(database, digest)
    return changed


def remove(database: Database, digest: str, box: Box | None = None) -> int:
    """Remove the marks of a face, or of all faces in the photo, and note who matters now; return how many."""
    removed = marks.remove_marks(database, digest, box)
    note_people(database, digest)
    return removed


def draw(database: Database, n: int) -> list[tuple[Photo, int]]:
    """Draw photos at random for the user to judge, inside the caller's transaction.

    Returns each with the number of the face that decides its label.
    """
    drawn = list[tuple[Photo, int]]()
    present = listed_condition(database, without_absent(database, Filters()))
    where, values = present
    reader = _reader(database)
    for digest in marks.draw(database, n, present):
        photo = next(_photos(reader, f"c.digest = ? AND {where}", digest, *values))
        number = deciding(photo)
        if number is not None:
            drawn.append((photo, number))
    return drawn


def judged(database: Database) -> list[Judged]:
    """Return what marks say of the labels of listed photos, each content once; FACE says nothing of a label."""
    drawn, found = marks.drawn(database), list[Judged]()
    with database.snapshot():
        reader = _reader(database)
        for digest in dict.fromkeys(mark.digest for mark in marks.all_marks(database)):
            photo = next(_photos(reader, "c.digest = ?", digest), None)
            if photo is None:
                continue
            about = marked(photo.faces, marks.marks_of(database, digest))
            for place, mark in sorted(about.items()):
                if mark.says is not Kind.FACE:
                    label = digest in drawn and place + 1 == deciding(photo)
                    found.append(Judged(photo, photo.faces[place].label, mark.says, label))
    return found


def photo_at(database: Database, path: Path) -> Photo | None:
    """Return a photo with every stored face, without the user's corrections; None if the index has no result."""
    with database.explained():
        return next(_photos(_reader(database), "p.path = ?", os.fsencode(path)), None)


def deciding(photo: Photo) -> int | None:
    """Return the number, from 1, of the face that decides the photo's label; None if nobody matters."""
    decides = photo.deciding_face
    return None if decides is None else 1 + photo.faces.index(decides)


def _meant(photo: Photo, known: Sequence[Mark]) -> int | None:
    """Return the number of the face that decides the label, as lists show it; else of the one that did before marks."""
    decides = replace(photo, faces=corrected(photo.faces, known)).deciding_face
    if decides is None:
        return deciding(photo)
    return next(number for number, face in enumerate(photo.faces, start=1) if face.box == decides.box)


def _reader(database: Database) -> Reader:
    """Return what reads photos with every face, and without the user's corrections."""
    reader = Reader(database, EVERY)
    reader.marks.clear()
    return reader


def _photos(reader: Reader, where: str, *values: object) -> Iterator[Photo]:
    """Yield the listed photos of a condition by path, labelled by their albums."""
    for photo in reader.photos(f"{where} AND p.missing = 0", *values):
        yield replace(photo, faces=judge(photo.faces))  # the stored judgement of who matters follows the marks
