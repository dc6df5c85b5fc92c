"""Making the detector's score the probability of a face, on photos that nothing was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...faces.detector import CascadeDetector
from ...faces.rows import SCORE, Floats, none, overlaps
from ...faces.scores import Calibration, logit
from ..detectors.matching import OVERLAP
from .labels import FACE
from .photos import LabelledPhoto

UNCALIBRATED = Calibration(0.5, 0.5, 0.0)
STEPS = 50  # Newton's method is there after ten
PRIOR = 1.0  # how many detections' worth it is to stay uncalibrated


@dataclass(frozen=True)
class Survey:
    """What a detector found in some photos.

    scores: (n, 2) of proposer and verifier; probability: (n,) what it made of them; true: (n,) whether there is
    a face; photos, faces: how many were looked at, and how many sure ones they have.
    """

    scores: Floats
    probability: Floats
    true: npt.NDArray[np.bool_]
    photos: int
    faces: int

    def at(self, threshold: float) -> tuple[int, int]:
        """Return how many faces were found with at least this score, and how many that are none."""
        kept = self.probability >= threshold
        return int((kept & self.true).sum()), int((kept & ~self.true).sum())


def survey(
    detector: CascadeDetector,
    photos: Sequence[LabelledPhoto],
    watch: Callable[[Iterable[LabelledPhoto]], Iterable[LabelledPhoto]],
) -> Survey:
    """Run the detector over labelled photos; what lies on a face that nobody is sure of counts neither way."""
    scores = [np.zeros((0, 2), np.float32)]
    probability, true, faces = [np.zeros(0, np.float32)], [np.zeros(0, bool)], 0
    for photo in watch(photos):
        rows, given = detector.survey(np.ascontiguousarray(photo.pixels))
        right, counted = matched(rows, photo.seen)
        faces += len(photo.sure)
        scores.append(given[counted])
        probability.append(rows[counted, SCORE])
        true.append(right[counted])
    return Survey(np.concatenate(scores), np.concatenate(probability), np.concatenate(true), len(photos), faces)


def matched(rows: Floats, faces: Floats) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which detections, best first, find a face that no better one has found; and which count at all."""
    right, counted = np.zeros(len(rows), bool), np.ones(len(rows), bool)
    sure = faces[:, SCORE] >= FACE
    shared = overlaps(rows, faces if len(faces) else none())
    free = sure.copy()
    for i, over in enumerate(shared):
        open_ = np.where(free, over, 0)
        if open_.max(initial=0) > OVERLAP:
            right[i] = True
            free[open_.argmax()] = False
        elif np.where(sure, 0, over).max(initial=0) > OVERLAP:
            counted[i] = False
    return right, counted


def fit(judged: Survey) -> Calibration:
    """Return the logistic regression of whether there is a face on the logits of both scores.

    A weak prior keeps it near UNCALIBRATED where there is little to learn from.
    """
    features: npt.NDArray[Any] = np.column_stack([logit(judged.scores).astype(float), np.ones(len(judged.scores))])
    first = np.array([UNCALIBRATED.proposal, UNCALIBRATED.verification, UNCALIBRATED.offset])
    weights = first
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (judged.true - p) - PRIOR * (weights - first)
        curvature = (features * (p * (1 - p))[:, None]).T @ features + PRIOR * np.eye(3)
        weights = weights + np.linalg.solve(curvature, slope)
    return Calibration(*(round(float(w), 4) for w in weights))
