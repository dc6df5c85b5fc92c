"""What a reviewer said of places that a teacher, or a detector it has taught, took for faces."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from ...errors import UsageError
from ...faces.rows import BOX, COLUMNS, SCORE, Floats, none, overlaps
from .labels import SAME_BOX, UNSURE

HEADER = ["photo", "verdict", "x", "y", "w", "h"]


class Verdict(StrEnum):
    """What a place is; EMPTY is said of a whole photo, and has no box."""

    FACE = "face"
    OTHER = "other"
    UNSURE = "unsure"
    EMPTY = "empty"


SCORES = {Verdict.FACE: 1.0, Verdict.OTHER: 0.0, Verdict.UNSURE: UNSURE}
"""What is learnt: from a face, from what was taken for one and is none (score 0), and nothing from the rest."""


@dataclass
class Review:
    """What was said of one photo.

    judged: (n, COLUMNS) rows with known boxes and scores, landmarks unknown (NaN); empty: whether it shows nobody.
    """

    judged: Floats = field(default_factory=none)
    empty: bool = False

    def correct(self, rows: Floats) -> Floats:
        """Return a teacher's rows with the scores that a reviewer gave, and what only the reviewer saw after them."""
        rows, shared = rows.copy(), overlaps(self.judged, rows)
        if self.empty:
            rows[:, SCORE] = SCORES[Verdict.OTHER]
        alone = np.ones(len(self.judged), bool)
        while shared.max(initial=0) > SAME_BOX:  # each verdict is about one row, the nearest first
            verdict, row = np.unravel_index(shared.argmax(), shared.shape)
            rows[row, SCORE] = self.judged[verdict, SCORE]
            alone[verdict] = False
            shared[verdict], shared[:, row] = 0, 0
        return np.concatenate([rows, self.judged[alone]])


def read(path: Path) -> dict[str, Review]:
    """Return the reviews of a CSV by the names of photos; raises UsageError if it is none.

    A line is a photo's name, a verdict and the box it is about: x, y, w, h in pixels of the upright photo after it was
    made as small as labels are (`face_photos.LONGEST_SIDE`). Of a photo said to be empty nothing else can be said.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, line) for line in reader]
    except (UnicodeDecodeError, csv.Error) as e:
        raise UsageError(f"{path} is no review: not a CSV in UTF-8 ({e})") from e
    if not lines or lines[0][1] != HEADER:
        raise UsageError(f"{path} is no review: its first line is not {','.join(HEADER)}")
    reviews: dict[str, Review] = {}
    for number, line in lines[1:]:
        try:
            _take(reviews, *line)
        except (ValueError, TypeError) as e:
            raise UsageError(f"{path}, line {number}, is no verdict: {','.join(line)}") from e
    for name, review in reviews.items():
        if review.empty and len(review.judged):
            raise UsageError(f"{path}: {name} is said to be empty, and to have places that were judged; choose one")
    return reviews


def _take(reviews: dict[str, Review], name: str, verdict: str, *place: str) -> None:
    """Add one line's verdict; raises ValueError if it is none."""
    review, said = reviews.setdefault(name, Review()), Verdict(verdict)
    if said is Verdict.EMPTY:
        review.empty = True
        return
    x, y, w, h = (float(v) for v in place)
    if not (np.isfinite([x, y, w, h]).all() and min(w, h) > 0):
        raise ValueError("a box has a place and a size")
    row = np.full((1, COLUMNS), np.nan, np.float32)
    row[0, BOX], row[0, SCORE] = (x, y, w, h), SCORES[said]
    review.judged = np.concatenate([review.judged, row])
