"""Calibration of the answers for natural faces: a probability is the share of viewers who would give this answer.

Training shows rare expressions more often than they occur, which biases the logits towards them. One offset for each
answer and one temperature (vector scaling with a single scale; Guo et al., 2017) correct this. They are fitted on
judged faces outside the training set, each weighted by the number of natural faces that it represents. Each face is
used at several sizes, because the faces of an album have all sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...answers import ANSWERS, NOTHING
from ...types import Emotion
from ..common.arrays import Floats, Ints, Pixels
from .augmentation import shrunk
from .evaluation import softmax
from .natural import OF_FACES
from .natural_scores import with_nothing

SIZES = (64, 32, 24, 16, 12, 9)
"""Sides in pixels of a face's square for the calibration, all with equal weight."""
LEAST_SHARE = 1e-4
"""Added to every share, so that an expression that no viewer saw is not impossible."""
STEPS, RATE = 2000, 0.02
SUPPOSED = 2.0
"""Pseudo-count of the confusion: faces of each kind added to the judged ones."""
HELD = 0.002
"""Weight of the squared offsets. It keeps the offsets of rare answers, which have few faces, from extremes."""


@dataclass(frozen=True)
class Scaling:
    """A temperature, and offsets that are added to the logits of OF_FACES."""

    temperature: float
    offsets: tuple[float, ...]

    def probabilities(self, logits: Floats) -> Floats:
        """Return (n, 9) calibrated probabilities over OF_FACES from (n, 10) logits over EXPRESSIONS."""
        return softmax(logits[:, : len(OF_FACES)] / self.temperature + np.array(self.offsets, np.float32))


def at_sizes(squares: Pixels, sizes: Sequence[int] = SIZES) -> list[Pixels]:
    """Return the (n, side, side) faces, for each size, as they look in photos where they are that many pixels wide."""
    return [np.stack([shrunk(face, pixels) for face in squares]) for pixels in sizes]


def fit(logits: Floats, votes: Floats, weight: Floats) -> Scaling:
    """Return the scaling with the least weighted cross-entropy (Adam; Kingma and Ba, 2015).

    logits: (n, 10); votes: (n, 10) viewers' verdicts, normalised per row. "No face" is left out, because the detector
    decides it as well.
    """
    logits, votes = logits[:, : len(OF_FACES)], votes[:, : len(OF_FACES)]
    known = votes.sum(axis=1) > 0
    z, w = logits[known].astype(np.float64), weight[known].astype(np.float64)
    target, w = votes[known] / votes[known].sum(axis=1, keepdims=True), w / w.sum()
    at: npt.NDArray[np.float64] = np.zeros(1 + len(OF_FACES))  # log of the inverse temperature, then offsets
    first, second = np.zeros_like(at), np.zeros_like(at)
    for step in range(1, STEPS + 1):
        p = softmax(z * np.exp(at[0]) + at[1:])
        error = (p - target) * w[:, None]
        slope = np.concatenate([[(error * z).sum() * np.exp(at[0])], error.sum(axis=0) + 2 * HELD * at[1:] / len(at)])
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        at -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-12)
    return Scaling(round(float(np.exp(-at[0])), 4), tuple(round(float(v), 4) for v in at[1:] - at[1:].mean()))


def natural_shares(votes: Floats, weight: Floats) -> dict[str, float]:
    """Return the natural shares: how common each emotion is, and "nothing" for all other verdicts."""
    each = (votes / votes.sum(axis=1, keepdims=True).clip(1) * weight[:, None]).sum(axis=0, keepdims=True)
    shares = with_nothing(each / each.sum())[0] + LEAST_SHARE
    shares /= shares.sum()
    named = {e.value: round(float(share), 5) for e, share in zip(Emotion, shares, strict=False)}
    return {**named, NOTHING: round(1 - sum(named.values()), 5)}  # the rounded shares sum to exactly 1


def confusion(given: Ints, truth: Ints, weight: Floats) -> dict[str, dict[str, float]]:
    """Return how often faces of each kind get each answer, by the names of the emotions and "nothing".

    given: (n,) index of the answer into ANSWERS, -1 for a face without information, which is left out; truth: (n,)
    index of the viewers' verdict. Rare kinds have too few faces, so SUPPOSED faces are added to each kind: half of
    them with the right answer, half with the answers of all faces.
    """
    informative = given >= 0
    counts = np.zeros((len(ANSWERS), len(ANSWERS)))
    np.add.at(counts, (truth[informative], given[informative]), weight[informative])
    faces = np.bincount(truth[informative], minlength=len(ANSWERS))[:, None]
    overall = counts.sum(axis=0) / max(counts.sum(), 1e-9)
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    rows = (rows * faces + SUPPOSED * (np.eye(len(ANSWERS)) + overall) / 2) / (faces + SUPPOSED)
    names = [str(answer or NOTHING) for answer in ANSWERS]
    return {
        name: dict(zip(names, (round(float(v), 5) for v in row), strict=True))
        for name, row in zip(names, rows, strict=True)
    }
