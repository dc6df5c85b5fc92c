"""Evaluation of a network: accuracy by each data set's own rule, intervals, calibration."""

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
    """The figures of a model card. scores: by head and label set, like ferplus_8; the rest is about `head`.

    head: the first one that the faces have a verdict for. calibration_error: of the top answer's probability against
    its share of the votes. confusion: counts over `labels`; rows are verdicts, columns answers.
    """

    scores: Mapping[str, Score]
    head: str
    labels: tuple[str, ...]
    calibration_error: float
    confusion: Ints


@dataclass(frozen=True)
class Answers:
    """One head's answers for some faces, and the targets.

    logits, shares: (n, labels); truth: (n,) index into the head's labels, -1 without a verdict.
    """

    head: Head
    logits: Floats
    shares: Floats
    truth: Ints

    def right(self, subset: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return, for each face with a verdict in `subset`, whether the best answer from `subset` is right."""
        return restricted(self.logits, self.head.labels, self.truth, subset)


def answers(logits: Floats, faces: LabelledFaces, heads: Sequence[Head]) -> list[Answers]:
    """Split the logits of all heads, (n, labels of all heads), into one Answers per head.

    Heads for natural faces are left out.
    """
    return [
        Answers(head, logits[:, part], shares(head, faces), truth(head, faces))
        for head, part in zip(heads, parts(heads), strict=True)
        if not head.natural
    ]


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return rows of probabilities from rows of logits."""
    z = logits / temperature
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)


def restricted(scores: Floats, labels: Sequence[str], truth: Ints, subset: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return, for each face whose true label is in `subset`, whether the best answer from `subset` is right.

    scores: (n, len(labels)); truth: (n,) index into labels, -1 for none.
    """
    chosen = np.array([labels.index(name) for name in subset])
    member = np.isin(truth, chosen)
    named = chosen[scores[member][:, chosen].argmax(axis=1)]
    return np.asarray(named == truth[member])


def calibration_error(probabilities: Floats, shares: Floats, bins: int = 15) -> float:
    """Return the expected calibration error (Guo et al., 2017) of the top answer against its share of the votes."""
    top = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    agreed = shares[np.arange(len(top)), top]
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs((confidence[which == b] - agreed[which == b]).sum()) for b in range(bins)]
    return float(sum(gaps) / len(top))


def leading(every: Sequence[Answers]) -> Answers:
    """Return the first head that the faces have a verdict for; raises AlbumsortError if there is none."""
    for each in every:
        if (each.truth >= 0).any():
            return each
    raise AlbumsortError("none of these faces has a label that the network knows")


def evaluate(
    logits: Floats,
    faces: LabelledFaces,
    heads: Sequence[Head],
    temperature: float = 1.0,
    asked: Sequence[str] = (),
) -> EvaluationReport:
    """Score the logits of all heads for these faces.

    asked: one more label set to report.
    """
    scores = {}
    every = answers(logits, faces, heads)
    for each in every:
        for subset in (each.head.labels, *SUBSETS, tuple(asked)):
            if subset and set(subset) <= set(each.head.labels) and len(right := each.right(subset)):
                scores[score_name(each.head, subset)] = accuracy(right)
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
    """Return the temperature with the highest likelihood of the votes (Guo et al., 2017).

    logits, shares: (n, labels), of faces with votes only.
    """
    candidates = np.exp(np.linspace(np.log(0.4), np.log(2.5), 181))
    losses = [-(shares * np.log(softmax(logits, float(t)) + 1e-9)).sum(axis=1).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])
