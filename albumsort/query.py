"""The parameters of a query: which photos, which of their faces count, and how to rank and choose photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from .types import THRESHOLD, Emotion

MOST = 2**63 - 1
"""The largest number that an index can hold; larger ones ask for all."""
UNSURE_FOLDER, CHOSEN_FOLDER = "unsure", "chosen"
FOLDERS = (*map(str, Emotion), UNSURE_FOLDER, CHOSEN_FOLDER)
"""The folders that an export may make: by label, for unsure labels, and for photos that the user listed."""


class By(StrEnum):
    """How to score a photo in which several faces matter. EVERYONE: as MIN, but ties are ordered by the others."""

    EVERYONE = "everyone"
    MAX = "max"
    MEAN = "mean"
    MIN = "min"


class Spread(StrEnum):
    """What shares out the places of a list."""

    DAY = "day"
    MONTH = "month"
    FOLDER = "folder"


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

    The others depend on labels and marks, see `choosing.passing`. sure: least probability that a viewer agrees with the
    photo's label, 0-1. unsure: only photos whose label is unsure. open_eyes: only photos in which nobody who matters
    has closed eyes. marked: only photos that the user marked.
    """

    since: str | None = None
    until: str | None = None
    folders: tuple[Path, ...] = ()
    faces: tuple[int, int] | None = None
    counted: Counted = USUAL
    missing: bool = False
    absent: tuple[Path, ...] = ()
    undated: bool = False
    sure: float = 0.0
    unsure: bool = False
    open_eyes: bool = False
    marked: bool = False


@dataclass(frozen=True)
class Question:
    """Which photos show an emotion best.

    by: how to score a photo. least: the lowest score, 0-1. n: the greatest number of photos; None returns all. every:
    every file and every frame, instead of one photo for equal files and for the frames of a moment. spread: what shares
    out the places.
    """

    emotion: Emotion
    by: By = By.MAX
    filters: Filters = field(default_factory=Filters)
    least: float = 0.0
    n: int | None = None
    every: bool = False
    spread: Spread | None = None
