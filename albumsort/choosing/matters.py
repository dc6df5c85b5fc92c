"""Who matters in a photo: whose expressions decide its label and its score, and why the other faces do not.

The faces that matter are those that a viewer would count as the people in the photo. The largest face alone does not
decide: it may be no face, or a blurred passer-by in front of the people. Nothing here depends on the size of the photo:
in a picture of 40 people all faces are small, and all of them matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from ..types import THRESHOLD, Face

DOUBTED, UNREADABLE = 0.95, 0.85
"""A detection with less confidence than the first, and with `nothing` of at least the second, is doubtful.

So is one with less than `THRESHOLD`, which is no face by default.
"""
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


def judged(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Return the faces of one photo, each with whether it matters; see `reasons`. All faces are needed."""
    return tuple(replace(face, matters=reason is None) for face, reason in zip(faces, reasons(faces), strict=True))


def _doubtful(face: Face) -> bool:
    return face.detection < THRESHOLD or (face.detection < DOUBTED and face.nothing >= UNREADABLE)


def _size_and_sharpness(face: Face) -> tuple[float, float]:
    return face.size * (1.0 if face.sharpness is None else face.sharpness), face.size


def _beside(face: Face, main: Face) -> Reason | None:
    """Return why a face does not matter beside the main face."""
    if face.size < SMALL * main.size:
        return Reason.SMALL
    if face.sharpness is not None and main.sharpness is not None and face.sharpness <= main.sharpness - BLUR:
        return Reason.BLURRED
    return None
