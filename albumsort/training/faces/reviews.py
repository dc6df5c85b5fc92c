"""A reviewer's verdicts on detections of a teacher, or of a detector trained by it."""

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
    """The verdict on a place; EMPTY is about a whole photo and has no box."""

    FACE = "face"
    OTHER = "other"
    UNSURE = "unsure"
    EMPTY = "empty"


SCORES = {Verdict.FACE: 1.0, Verdict.OTHER: 0.0, Verdict.UNSURE: UNSURE}
"""The score of each verdict: a face, a false detection (score 0), and a place that training ignores."""


@dataclass
class Review:
    """The verdicts on one photo.

    judged: (n, COLUMNS) rows with boxes and scores; landmarks are unknown (NaN). empty: whether it shows nobody.
    """

    judged: Floats = field(default_factory=none)
    empty: bool = False

    def correct(self, rows: Floats) -> Floats:
        """Return a teacher's rows with the reviewer's scores, then the places that only the reviewer judged."""
        rows, shared = rows.copy(), overlaps(self.judged, rows)
        if self.empty:
            rows[:, SCORE] = SCORES[Verdict.OTHER]
        unmatched = np.ones(len(self.judged), bool)
        while shared.max(initial=0) > SAME_BOX:  # each verdict changes one row; the largest overlap goes first
            verdict, row = np.unravel_index(shared.argmax(), shared.shape)
            rows[row, SCORE] = self.judged[verdict, SCORE]
            unmatched[verdict] = False
            shared[verdict], shared[:, row] = 0, 0
        return np.concatenate([rows, self.judged[unmatched]])


def read(path: Path) -> dict[str, Review]:
    """Return the reviews in a CSV by the photo's name; raises UsageError if the file is no review.

    A line is a photo's name, a verdict and its box: x, y, w, h in pixels of the upright photo, reduced to the size of
    the labels (`face_photos.LONGEST_SIDE`). A photo with the verdict "empty" cannot have other verdicts.
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
            raise UsageError(f"{path}: line {number} is no verdict: {','.join(line)}") from e
    for name, review in reviews.items():
        if review.empty and len(review.judged):
            raise UsageError(f"{path}: {name} has the verdict empty and verdicts on places; remove one of them")
    return reviews


def _take(reviews: dict[str, Review], name: str, verdict: str, *place: str) -> None:
    """Add the verdict of one line; raises ValueError if the line is no verdict."""
    review, kind = reviews.setdefault(name, Review()), Verdict(verdict)
    if kind is Verdict.EMPTY:
        review.empty = True
        return
    x, y, w, h = (float(v) for v in place)
    if not (np.isfinite([x, y, w, h]).all() and min(w, h) > 0):
        raise ValueError("a box needs finite numbers and a size above 0")
    row = np.full((1, COLUMNS), np.nan, np.float32)
    row[0, BOX], row[0, SCORE] = (x, y, w, h), SCORES[kind]
    review.judged = np.concatenate([review.judged, row])
