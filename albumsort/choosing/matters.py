"""Who matters in a photo: whose expressions decide its label and its score, and why the other faces do not.

The faces that matter are those that a viewer would count as the people in the photo. The largest face alone does not
decide: it may be no face, or a blurred passer-by in front of the people. Nothing here depends on the size of the photo:
in a picture of 40 people all faces are small, and all of them matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

from ..types import Emotion, Face

DOUBTED, UNREADABLE = 0.95, 0.85
"""A detection with less confidence than the first, and with `nothing` of at least the second, is doubtful."""
SMALL = 0.4
"""A face is too small if its size is less than this share of the main face's."""
BLUR = 0.28
"""A face is blurred if it is less sharp than the main face by at least this much.

A difference, not a ratio: all tiny faces have low sharpness, because they have few pixels.
"""


class Reason(StrEnum):
    """Why a face does not matter."""

    DOUBTFUL = "doubtful, perhaps no face"
    SMALL = "too small beside the main face"
    BLURRED = "blurred beside the main face"


def reasons(faces: Sequence[Face]) -> tuple[Reason | None, ...]:
    """Return for each face of one photo why it does not matter, or None if it matters.

    A doubtful face never matters: it may be a pet, a statue, a doll, a pattern, or a face that nobody can read. The
    others are compared with the main face, the largest and sharpest of them (size times sharpness). It always matters,
    so a face that does not matter changes nothing for the others. A face of unknown sharpness is not blurred.
    """
    main = max((face for face in faces if not _doubtful(face)), key=_size_and_sharpness, default=None)
    return tuple(Reason.DOUBTFUL if main is None or _doubtful(face) else _beside(face, main) for face in faces)


def matters(faces: Sequence[Face]) -> tuple[bool, ...]:
    """Return for each face of one photo whether it matters; see `reasons`."""
    return tuple(reason is None for reason in reasons(faces))


def those_that_matter(faces: Sequence[Face]) -> list[Face]:
    """Return the faces of one photo that matter, in their order."""
    return [face for face, decides in zip(faces, matters(faces), strict=True) if decides]


def deciding_face(faces: Sequence[Face]) -> Face | None:
    """Return the face that gives one photo its label; None if nobody matters.

    Each face that matters votes for its label with its size times the probability that a viewer agrees; faces without a
    label do not vote. The largest face with the winning label decides; without any label, the largest that matters.
    """
    counted = those_that_matter(faces)
    votes = {label: _votes(counted, label) for label in Emotion if any(face.label is label for face in counted)}
    label = max(votes, key=votes.__getitem__, default=None)
    return max((face for face in counted if face.label is label), key=_prominence, default=None)


def _doubtful(face: Face) -> bool:
    return face.detection < DOUBTED and face.nothing >= UNREADABLE


def _size_and_sharpness(face: Face) -> tuple[float, float]:
    return face.size * (1.0 if face.sharpness is None else face.sharpness), face.size


def _beside(face: Face, main: Face) -> Reason | None:
    """Return why a face does not matter beside the main face."""
    if face.size < SMALL * main.size:
        return Reason.SMALL
    if face.sharpness is not None and main.sharpness is not None and face.sharpness <= main.sharpness - BLUR:
        return Reason.BLURRED
    return None


def _votes(faces: Iterable[Face], label: Emotion) -> float:
    return math.fsum(face.size * (face.sure or 0.0) for face in faces if face.label is label)


def _prominence(face: Face) -> tuple[float, float, float]:
    """Return the sort key of the largest face; the others break ties, so that the order of faces has no effect."""
    return face.box.area, face.sure or 0.0, face.detection
