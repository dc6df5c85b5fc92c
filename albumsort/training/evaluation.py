"""How good a network is: accuracy by each data set's own rule, intervals, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import FOUR
from .datasets import FER2013_LABELS, FERPLUS_LABELS, Floats, Ints, LabelledFaces, ferplus_majority, vote_shares

RESAMPLES = 2000


@dataclass(frozen=True)
class Score:
    """An accuracy (0-1) with its 95 % bootstrap interval, over n faces."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n={self.n}"


@dataclass(frozen=True)
class Report:
    """Every figure the model card quotes; the names say data set, label set and rule."""

    ferplus_8: Score
    ferplus_four: Score
    fer2013_7: Score
    fer2013_four: Score
    ferplus_calibration_error: float
    ferplus_confusion: Ints


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Rows of probabilities from rows of logits."""
    z = logits / temperature
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)


def accuracy(answers: npt.ArrayLike) -> Score:
    """Share of true values with a percentile bootstrap interval (Efron, 1979), seeded."""
    right = np.asarray(answers, np.bool_)
    n = len(right)
    if n == 0:
        return Score(float("nan"), float("nan"), float("nan"), 0)
    # resampling n zeros and ones with replacement is drawing their sum from a binomial
    shares = np.random.default_rng(0).binomial(n, right.mean(), RESAMPLES) / n
    low, high = np.quantile(shares, [0.025, 0.975])
    return Score(float(right.mean()), float(low), float(high), n)


def restricted(scores: Floats, labels: Sequence[str], truth: Ints, subset: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether each face that belongs to `subset` is named right when only `subset` may be answered.

    scores: (n, len(labels)); truth: (n,) index into labels, -1 for none.
    """
    chosen = np.array([labels.index(name) for name in subset])
    member = np.isin(truth, chosen)
    named = chosen[scores[member][:, chosen].argmax(axis=1)]
    return np.asarray(named == truth[member])


def calibration_error(probabilities: Floats, shares: Floats, bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017) of the top answer against the share of votes it got."""
    top = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    agreed = shares[np.arange(len(top)), top]
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs((confidence[which == b] - agreed[which == b]).sum()) for b in range(bins)]
    return float(sum(gaps) / len(top))


def evaluate(logits: Floats, faces: LabelledFaces, temperature: float = 1.0) -> Report:
    """Score the (n, 15) logits of both heads on the faces they were computed from."""
    split = len(FERPLUS_LABELS)
    ferplus, fer2013 = logits[:, :split], logits[:, split:]
    majority, shares = ferplus_majority(faces.votes), vote_shares(faces.votes)
    judged, voted = majority >= 0, shares.sum(axis=1) > 0
    confusion = np.zeros((split, split), np.int64)
    np.add.at(confusion, (majority[judged], ferplus[judged].argmax(axis=1)), 1)
    return Report(
        ferplus_8=accuracy(restricted(ferplus, FERPLUS_LABELS, majority, FERPLUS_LABELS)),
        ferplus_four=accuracy(restricted(ferplus, FERPLUS_LABELS, majority, FOUR)),
        fer2013_7=accuracy(restricted(fer2013, FER2013_LABELS, faces.label, FER2013_LABELS)),
        fer2013_four=accuracy(restricted(fer2013, FER2013_LABELS, faces.label, FOUR)),
        ferplus_calibration_error=calibration_error(softmax(ferplus[voted], temperature), shares[voted]),
        ferplus_confusion=confusion,
    )


def best_temperature(logits: Floats, shares: Floats) -> float:
    """Return the one temperature that gives the votes the highest likelihood (Guo et al., 2017).

    logits, shares: (n, 8), only faces that have a verdict.
    """
    candidates = np.exp(np.linspace(np.log(0.4), np.log(2.5), 181))
    losses = [-(shares * np.log(softmax(logits, float(t)) + 1e-9)).sum(axis=1).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])
