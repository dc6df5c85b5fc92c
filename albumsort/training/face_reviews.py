"""What a reviewer said of places that a teacher, or a detector it has taught, took for faces."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np

from ..errors import UsageError
from ..face_rows import BOX, COLUMNS, SCORE, Floats, none, overlaps
from .face_labels import SAME_BOX, UNSURE

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
    """What was said of one photo. judged: (n, COLUMNS) rows with known boxes and scores, landmarks unknown (NaN)."""

    judged: Floats = field(default_factory=none)
    empty: bool = False

    def correct(self, rows: Floats) -> Floats:
        """Return a teacher's rows with the scores that a reviewer gave, and what only the reviewer saw after them."""
        rows, shared = rows.copy(), overlaps(self.judged, rows)
        known = np.zeros(len(self.judged), bool)
        for i, over in enumerate(shared):
            if over.max(initial=0) > SAME_BOX:
                rows[over.argmax(), SCORE] = self.judged[i, SCORE]
                known[i] = True
        return np.concatenate([rows, self.judged[~known]])


def read(path: Path) -> dict[str, Review]:
    """Return the reviews of a CSV by the names of photos; raises UsageError if it is none.

    A line is a photo's name, a verdict and the box it is about: x, y, w, h in pixels of the upright photo after it was
    made as small as labels are (`face_photos.LONGEST_SIDE`).
    """
    reviews: dict[str, Review] = {}
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        if next(lines, None) != HEADER:
            raise UsageError(f"{path} is no review: its first line is not {','.join(HEADER)}")
        for line in lines:
            try:
                name, verdict = line[0], Verdict(line[1])
                review = reviews.setdefault(name, Review())
                if verdict is Verdict.EMPTY:
                    review.empty = True
                    continue
                row = np.full((1, COLUMNS), np.nan, np.float32)
                row[0, BOX], row[0, SCORE] = [float(v) for v in line[2:6]], SCORES[verdict]
            except (ValueError, IndexError) as e:
                raise UsageError(f"{path}, line {lines.line_num}, is no verdict: {','.join(line)}") from e
            review.judged = np.concatenate([review.judged, row])
    return reviews
