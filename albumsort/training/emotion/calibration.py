"""Calibrating the answers about natural faces, so that a probability is the share of viewers who would say so.

Training shows rare expressions more often than they are, so the logits lean to them. One offset for each answer and one
temperature (vector scaling with a single scale; Guo et al., 2017) undo that: they are chosen on judged faces that the
network was not trained on, each weighted by how many natural faces it stands for. Each face counts at several sizes,
because an album's faces are of all sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import ANSWERS, NOTHING, Emotion
from ..common.arrays import Floats, Ints, Pixels
from .augmentation import shrunk
from .evaluation import softmax
from .natural import OF_FACES
from .natural_scores import with_nothing

SIZES = (64, 32, 24, 16, 12, 9)
"""Pixels across the square of a face at which it is calibrated, each counting alike."""
LEAST_SHARE = 1e-4
"""Is added to every share: no expression is impossible because no viewer met it."""
STEPS, RATE = 2000, 0.02
SUPPOSED = 2.0
"""Faces of each kind that a confusion supposes beside those that were judged."""
HELD = 0.002
"""Weight of the squared offsets: rare answers are few, and must not be driven to extremes."""


@dataclass(frozen=True)
class Scaling:
    """A temperature, and an offset for each of OF_FACES that is added to the logits."""

    temperature: float
    offsets: tuple[float, ...]

    def probabilities(self, logits: Floats) -> Floats:
        """(n, 9) calibrated probabilities of (n, 10) logits over EXPRESSIONS, of a face."""
        return softmax(logits[:, : len(OF_FACES)] / self.temperature + np.array(self.offsets, np.float32))


def at_sizes(squares: Pixels, sizes: Sequence[int] = SIZES) -> list[Pixels]:
    """Return the (n, side, side) faces as photos show them in which they are so many pixels wide."""
    return [np.stack([shrunk(face, pixels) for face in squares]) for pixels in sizes]


def fit(logits: Floats, votes: Floats, weight: Floats) -> Scaling:
    """Choose the scaling with the least weighted cross-entropy (Adam; Kingma and Ba, 2015).

    logits: (n, 10); votes: (n, 10) viewers' words, each row counting as one. What is no face is the detector's matter,
    too, and left out.
    """
    logits, votes = logits[:, : len(OF_FACES)], votes[:, : len(OF_FACES)]
    known = votes.sum(axis=1) > 0
    z, w = logits[known].astype(np.float64), weight[known].astype(np.float64)
    wanted, w = votes[known] / votes[known].sum(axis=1, keepdims=True), w / w.sum()
    at: npt.NDArray[np.float64] = np.zeros(1 + len(OF_FACES))  # log of the inverse temperature, then offsets
    first, second = np.zeros_like(at), np.zeros_like(at)
    for step in range(1, STEPS + 1):
        p = softmax(z * np.exp(at[0]) + at[1:])
        error = (p - wanted) * w[:, None]
        slope = np.concatenate([[(error * z).sum() * np.exp(at[0])], error.sum(axis=0) + 2 * HELD * at[1:] / len(at)])
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        at -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-12)
    return Scaling(round(float(np.exp(-at[0])), 4), tuple(round(float(v), 4) for v in at[1:] - at[1:].mean()))


def natural_shares(votes: Floats, weight: Floats) -> dict[str, float]:
    """Return how common each emotion is among natural faces, and "nothing": whatever else viewers say."""
    each = (votes / votes.sum(axis=1, keepdims=True).clip(1) * weight[:, None]).sum(axis=0, keepdims=True)
    shares = with_nothing(each / each.sum())[0] + LEAST_SHARE
    shares /= shares.sum()
    named = {e.value: round(float(share), 5) for e, share in zip(Emotion, shares, strict=False)}
    return {**named, NOTHING: round(1 - sum(named.values()), 5)}  # exactly 1 together, as rounded


def confusion(given: Ints, truth: Ints, weight: Floats) -> dict[str, dict[str, float]]:
    """Return how often each answer is given to faces of each kind, by the names of the emotions and of nothing.

    given: (n,) index into ANSWERS, -1 where a face told nothing and is left out; truth: (n,) the same of what viewers
    said. Each kind of face has a few faces more: half of them are answered rightly and half like any face, as the rare
    kinds have too few of their own.
    """
    told = given >= 0
    counts = np.zeros((len(ANSWERS), len(ANSWERS)))
    np.add.at(counts, (truth[told], given[told]), weight[told])
    faces = np.bincount(truth[told], minlength=len(ANSWERS))[:, None]
    anybody = counts.sum(axis=0) / max(counts.sum(), 1e-9)
    rows = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    rows = (rows * faces + SUPPOSED * (np.eye(len(ANSWERS)) + anybody) / 2) / (faces + SUPPOSED)
    names = [str(answer or NOTHING) for answer in ANSWERS]
    return {
        name: dict(zip(names, (round(float(v), 5) for v in row), strict=True))
        for name, row in zip(names, rows, strict=True)
    }
