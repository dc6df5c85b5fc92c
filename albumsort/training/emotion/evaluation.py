"""How good a network is: accuracy by each data set's own rule, intervals, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import AlbumsortError
from ...types import FOUR
from ..common.arrays import Floats, Ints
from ..common.scores import Score, accuracy
from .data import Head, LabelledFaces, parts, shares, truth

SUBSETS: tuple[tuple[str, ...], ...] = (FOUR, ("happy", "sad", "neutral"), ("fear", "happy", "sad"))


@dataclass(frozen=True)
class EvaluationReport:
    """Every figure of a card. scores: by head and label set, like ferplus_8; the rest is about one head.

    head: the first that has a verdict. calibration_error: of the top answer against what the faces' shares
    give it. confusion: counts, rows are the verdict, columns the answer, both over `labels`.
    """

    scores: Mapping[str, Score]
    head: str
    labels: tuple[str, ...]
    calibration_error: float
    confusion: Ints


@dataclass(frozen=True)
class Answers:
    """What one head said to some faces, and what it should have said.

    logits, shares: (n, labels); truth: (n,) index into the head's labels, -1 where there is no verdict.
    """

    head: Head
    logits: Floats
    shares: Floats
    truth: Ints

    def right(self, subset: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Whether each face with a verdict in `subset` is named right when only `subset` may be answered."""
        return restricted(self.logits, self.head.labels, self.truth, subset)


def answers(logits: Floats, faces: LabelledFaces, heads: Sequence[Head]) -> list[Answers]:
    """Take apart the logits of all heads side by side, (n, labels of all heads), head by head.

    Heads that answer about natural faces are left out.
    """
    return [
        Answers(head, logits[:, part], shares(head, faces), truth(head, faces))
        for head, part in zip(heads, parts(heads), strict=True)
        if not head.natural
    ]


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Rows of probabilities from rows of logits."""
    z = logits / temperature
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)


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


def leading(every: Sequence[Answers]) -> Answers:
    """Return the first head that the faces have a verdict for; raises AlbumsortError if there is none."""
    for given in every:
        if (given.truth >= 0).any():
            return given
    raise AlbumsortError("none of these faces has a label that the network knows")


def evaluate(
    logits: Floats,
    faces: LabelledFaces,
    heads: Sequence[Head],
    temperature: float = 1.0,
    asked: Sequence[str] = (),
) -> EvaluationReport:
    """Score the logits of all heads on the faces they were computed from.

    asked: a label set to report beside the usual ones.
    """
    scores = {}
    every = answers(logits, faces, heads)
    for given in every:
        for subset in (given.head.labels, *SUBSETS, tuple(asked)):
            if subset and set(subset) <= set(given.head.labels) and len(right := given.right(subset)):
                scores[score_name(given.head, subset)] = accuracy(right)
    first = leading(every)
    judged, voted = first.truth >= 0, first.shares.sum(axis=1) > 0
    size = len(first.head.labels)
    confusion = np.zeros((size, size), np.int64)
    np.add.at(confusion, (first.truth[judged], first.logits[judged].argmax(axis=1)), 1)
    error = calibration_error(softmax(first.logits[voted], temperature), first.shares[voted])
    return EvaluationReport(scores, first.head.name, first.head.labels, error, confusion)


def score_name(head: Head, subset: Sequence[str]) -> str:
    """Return a score's short name: ferplus_8, fer2013_four, fer2013_fear_happy_sad."""
    if tuple(subset) == head.labels:
        return f"{head.name}_{len(subset)}"
    return f"{head.name}_four" if set(subset) == set(FOUR) else f"{head.name}_{'_'.join(subset)}"


def best_temperature(logits: Floats, shares: Floats) -> float:
    """Return the one temperature that gives the votes the highest likelihood (Guo et al., 2017).

    logits, shares: (n, labels), only faces that have a share.
    """
    candidates = np.exp(np.linspace(np.log(0.4), np.log(2.5), 181))
    losses = [-(shares * np.log(softmax(logits, float(t)) + 1e-9)).sum(axis=1).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])
