"""What labels are divided by: chosen so that each of the four is recognised equally well on the whole.

The share of an emotion among the votes says how common it was, and a label divided by it (Saerens et al.,
2002) no longer leans to neutral. But votes name the faces of a crowd, while the photos of an album are
looked for by the word that their owner has in mind, as FER2013's labels are. So the divisor is the one with
the highest balanced accuracy on those labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..types import FOUR, Emotion
from .datasets import Floats, Ints

STEPS = (0.4, 0.2, 0.1, 0.05, 0.02)
STARTS = 12


def label_prior(probabilities: Floats, truth: Ints) -> dict[str, float]:
    """Return a divisor for every emotion; they sum to 1.

    probabilities: (n, 7) in the order of Emotion; truth: (n,) index into it, -1 for none. First the four are
    weighed against each other, then the others against them.
    """
    emotions = list(Emotion)
    log = np.log(np.maximum(probabilities, 1e-9))
    four = [emotions.index(e) for e in FOUR]
    offsets = np.zeros(len(emotions))
    offsets = _climb(log, truth, offsets, free=four, among=four)
    others = [i for i in range(len(emotions)) if i not in four]
    offsets = _climb(log, truth, offsets, free=others, among=list(range(len(emotions))))
    divisor = np.exp(-offsets)
    return {e.value: round(float(p), 5) for e, p in zip(emotions, divisor / divisor.sum(), strict=True)}


def _climb(
    log: Floats, truth: Ints, begin: npt.NDArray[np.float64], free: Sequence[int], among: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Move the free offsets one at a time, by ever smaller steps, as long as the balanced accuracy among some rises."""
    known = np.isin(truth, among)
    scores, index = log[known][:, among], np.array([among.index(t) for t in truth[known]])
    best, highest = begin, -1.0
    for start in range(STARTS):
        offsets = begin.copy()
        offsets[free] += np.random.default_rng(start).normal(0, 0.4 * (start > 0), len(free))
        value = _balanced(scores + offsets[among], index, len(among))
        for step in STEPS:
            improved = True
            while improved:
                improved = False
                for i in free:
                    for move in (step, -step):
                        moved = offsets.copy()
                        moved[i] += move
                        reached = _balanced(scores + moved[among], index, len(among))
                        if reached > value + 1e-9:
                            offsets, value, improved = moved, reached, True
        if value > highest:
            best, highest = offsets, value
    return best


def _balanced(scores: npt.NDArray[np.floating], truth: Ints, labels: int) -> float:
    right = scores.argmax(axis=1) == truth
    counts = np.maximum(np.bincount(truth, minlength=labels), 1)
    return float((np.bincount(truth, weights=right, minlength=labels) / counts).mean())
