"""What a query of the index may ask: which photos, which of their faces count, and how faces make a score."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .types import THRESHOLD


class By(StrEnum):
    """How the faces of a photo make its score."""

    MAX = "max"
    MEAN = "mean"
    MIN = "min"


@dataclass(frozen=True)
class Counted:
    """Which faces a query is about: any that is less sure, smaller or less sharp is as if it were not there.

    The fields mean what those of `Face` mean; a face whose sharpness is unknown passes for 0 alone.
    """

    detection: float = THRESHOLD
    size: float = 0.0
    sharpness: float = 0.0


USUAL = Counted()
"""The faces that count unless others are asked for."""


@dataclass(frozen=True)
class Filters:
    """Which photos a query is about; dates are UTC ISO 8601, folders absolute, faces an inclusive range."""

    since: str | None = None
    until: str | None = None
    folders: tuple[Path, ...] = ()
    faces: tuple[int, int] | None = None
    counted: Counted = USUAL
