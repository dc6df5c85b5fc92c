"""Calibration of the detector on photos outside the training set: its score becomes the probability of a face."""

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
STEPS = 50  # Newton's method converges within ten
PRIOR = 1.0  # strength of the prior for UNCALIBRATED


@dataclass(frozen=True)
class Survey:
    """A detector's n detections in some photos.

    scores: (n, 2) of proposer and verifier; probability: (n,) the detector's score from both; true: (n,) whether the
    detection is a face; photos, faces: number of photos, and of the certain faces in them.
    """

    scores: Floats
    probability: Floats
    true: npt.NDArray[np.bool_]
    photos: int
    faces: int

    def at(self, threshold: float) -> tuple[int, int]:
        """Return the numbers of found faces and of false detections with at least this score."""
        kept = self.probability >= threshold
        return int((kept & self.true).sum()), int((kept & ~self.true).sum())


def survey(
    detector: CascadeDetector,
    photos: Sequence[LabelledPhoto],
    watch: Callable[[Iterable[LabelledPhoto]], Iterable[LabelledPhoto]],
) -> Survey:
    """Run the detector on labelled photos; detections on an uncertain face are ignored."""
    scores = [np.zeros((0, 2), np.float32)]
    probability, true, faces = [np.zeros(0, np.float32)], [np.zeros(0, bool)], 0
    for photo in watch(photos):
        rows, pair = detector.survey(np.ascontiguousarray(photo.pixels))
        right, counted = matched(rows, photo.seen)
        faces += len(photo.sure)
        scores.append(pair[counted])
        probability.append(rows[counted, SCORE])
        true.append(right[counted])
    return Survey(np.concatenate(scores), np.concatenate(probability), np.concatenate(true), len(photos), faces)


def matched(rows: Floats, faces: Floats) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which detections, best first, are the first to find a face, and which detections count at all."""
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
    """Return the logistic regression of `true` on the logits of both scores.

    A weak prior keeps it near UNCALIBRATED if there are few detections.
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
