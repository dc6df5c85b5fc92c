"""Correct the faces of a photo by what the user says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..types import Box, Emotion, Face, Kind, Photo
from .matters import judged

SAME_FACE = 0.5
"""Least overlap (intersection over union) at which a mark is about a face: another network moves boxes a little."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a user says of a face.

    digest: content hash of the photo, hex; box: of the face, in upright full-size pixels. So a mark outlives every
    name of the photo, and every number that a new network gives the face.
    """

    digest: str
    box: Box
    says: Emotion | Kind


@dataclass(frozen=True)
class Judged:
    """The label of a face without the user's mark, and what the mark says.

    drawn: whether the face decides the label of a photo that was drawn at random.
    """

    photo: Photo
    label: Emotion | None
    says: Emotion | Kind
    drawn: bool


def marked(faces: Sequence[Face], marks: Iterable[Mark]) -> dict[int, Mark]:
    """Return for each face, by its place in `faces`, the mark about it: the one that overlaps it most."""
    found = dict[int, Mark]()
    for mark in marks:
        nearest = max(range(len(faces)), key=lambda i: faces[i].box.overlap(mark.box), default=None)
        if nearest is None or not is_same(faces[nearest].box, mark.box):
            continue
        rival = found.get(nearest)
        if rival is None or faces[nearest].box.overlap(mark.box) > faces[nearest].box.overlap(rival.box):
            found[nearest] = mark
    return found


def is_same(one: Box, other: Box) -> bool:
    """Return whether two boxes, in the same frame, are of the same face."""
    return one.overlap(other) >= SAME_FACE


def corrected(faces: Sequence[Face], marks: Iterable[Mark]) -> tuple[Face, ...]:
    """Return the faces as the user sees them; those that are none are left out.

    A marked emotion is certain: it has probability 1, and the face full confidence. No label rule changes that.
    """
    about = marked(faces, marks)
    seen = tuple(
        _corrected(face, about[i]) if i in about else face
        for i, face in enumerate(faces)
        if i not in about or about[i].says is not Kind.NO_FACE
    )
    return judged(seen) if about else seen


def mark_shown(deciding: Face | None, marks: Sequence[Mark]) -> Emotion | Kind | None:
    """Return what the user says of the face that decides a photo's label, or else of another; None without a mark."""
    about = [mark for mark in marks if deciding is not None and is_same(mark.box, deciding.box)]
    return next((mark.says for mark in (*about, *marks)), None)


def _corrected(face: Face, mark: Mark) -> Face:
    face = replace(face, detection=1.0)
    if not isinstance(mark.says, Emotion):
        return face
    certain = {emotion: float(emotion is mark.says) for emotion in Emotion}
    return replace(face, probabilities=certain, nothing=0.0, label=mark.says, sure=1.0)
