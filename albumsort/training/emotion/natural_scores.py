"""Scores of the answers for natural faces: weighted shares, average precision, area under the ROC curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...emotions import EYES
from ...types import Emotion
from ..common.arrays import Floats, Ints
from .evaluation import softmax
from .natural import EXPRESSIONS, NOTHING, agreed, majority

Booleans = npt.NDArray[np.bool_]

EMOTION_COLUMNS = [EXPRESSIONS.index(e.value) for e in Emotion]
NOTHING_COLUMNS = [EXPRESSIONS.index(name) for name in NOTHING]


def share(true: Booleans, weight: Floats) -> float:
    """Return the weighted share of true values."""
    return float((true * weight).sum() / weight.sum()) if weight.sum() else float("nan")


def average_precision(scores: Floats, positive: Booleans, weight: Floats) -> float:
    """Return the weighted mean of the precisions at each positive, from the highest score down; ties count as one."""
    if not (positive * weight).sum():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    scores, hit, weight = scores[order], (positive * weight)[order], weight[order]
    last = np.append(scores[1:] != scores[:-1], True)  # marks the last of equal scores
    found, seen = np.cumsum(hit)[last], np.cumsum(weight)[last]
    return float((np.diff(found, prepend=0) * found / seen).sum() / found[-1])


def area_under_roc(scores: Floats, positive: Booleans, weight: Floats) -> float:
    """Return the weighted probability that a positive scores higher than a negative; a tie counts half."""
    values, place = np.unique(scores, return_inverse=True)
    ours = np.bincount(place, weights=weight * positive, minlength=len(values))
    others = np.bincount(place, weights=weight * ~positive, minlength=len(values))
    below = np.cumsum(others) - others / 2
    return float((ours * below).sum() / (ours.sum() * others.sum()))


def with_nothing(probabilities: Floats) -> Floats:
    """Return (n, 8) probabilities in the order of Emotion, then the sum over NOTHING, from (n, 10) over EXPRESSIONS."""
    nothing = probabilities[:, NOTHING_COLUMNS].sum(axis=1, keepdims=True)
    return np.concatenate([probabilities[:, EMOTION_COLUMNS], nothing], axis=1)


def labels_of(probabilities: Floats) -> Ints:
    """Return (n,) the likeliest of (n, 8) probabilities as an index into Emotion, -1 for nothing."""
    best = probabilities.argmax(axis=1)
    return np.where(best < len(Emotion), best, -1).astype(np.int64)


def quick(natural: Floats, eyes: Floats, expressions: Floats, eye_votes: Floats, weight: Floats) -> dict[str, float]:
    """Return the figures of an epoch from the logits of both heads, (n, 10) and (n, 3), and the viewers' verdicts."""
    probabilities = with_nothing(softmax(natural))
    truth = agreed(expressions)
    figures = {"natural": share(labels_of(probabilities) == truth, weight)}
    for emotion in (Emotion.HAPPY, Emotion.NEUTRAL, Emotion.SAD, Emotion.ANGER, Emotion.SURPRISE):
        column = list(Emotion).index(emotion)
        figures[f"ap_{emotion}"] = average_precision(probabilities[:, column], truth == column, weight)
    seen = majority(eye_votes)
    known = (seen == EYES.index("open")) | (seen == EYES.index("closed"))
    shut = (eyes[:, EYES.index("closed")] - eyes[:, EYES.index("open")])[known]
    figures["eyes_auc"] = area_under_roc(shut, seen[known] == EYES.index("closed"), weight[known])
    return figures


def disagreements(label: Ints, sure: Floats, expressions: Floats) -> Ints:
    """Return the labelled rows whose label is not the viewers' majority, highest `sure` first."""
    wrong = np.flatnonzero((label >= 0) & (label != agreed(expressions)))
    return np.asarray(wrong[np.argsort(-sure[wrong], kind="stable")], np.int64)
