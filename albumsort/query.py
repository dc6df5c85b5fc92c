"""The parameters of a query: which photos, which of their faces count, and how to score a photo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .types import THRESHOLD

MOST = 2**63 - 1
"""The largest number that an index can hold; larger ones ask for all."""


class By(StrEnum):
    """How to score a photo with several faces."""

    MAX = "max"
    MEAN = "mean"
    MIN = "min"


@dataclass(frozen=True)
class Counted:
    """Which faces count: a query ignores faces with less confidence, size or sharpness.

    The fields have the same meaning as in `Face`. A face with unknown sharpness counts only if `sharpness` is 0.
    """

    detection: float = THRESHOLD
    size: float = 0.0
    sharpness: float = 0.0


USUAL = Counted()
"""The faces that count by default."""


@dataclass(frozen=True)
class Filters:
    """Which photos a query returns.

    since, until: as `dates.start_of` and `dates.end_of` return them. Folders are absolute, faces is an inclusive range.
    missing: only photos that are missing, instead of only those that are not. absent: albums that are not there now;
    their photos count as missing. undated: only photos without a date.
    """

    since: str | None = None
    until: str | None = None
    folders: tuple[Path, ...] = ()
    faces: tuple[int, int] | None = None
    counted: Counted = USUAL
    missing: bool = False
    absent: tuple[Path, ...] = ()
    undated: bool = False
