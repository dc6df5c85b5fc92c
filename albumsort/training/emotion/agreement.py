"""How well labels of natural faces agree with viewers: the figures of the model card, each with its interval.

The true label of a face is the majority verdict of its viewers. If the majority chose another expression, unclear or
no face, or if there is no majority, only "no label" (None) agrees. Each face is weighted by the number of natural
faces that it represents. All faces of a set are labelled as one album with natural shares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...emotions import EYES
from ...types import Emotion
from ..common.arrays import Floats, Ints
from ..common.scores import RESAMPLES, Score
from .natural import EXPRESSIONS, NaturalFaces, Texts, agreed, majority
from .natural_scores import Booleans, area_under_roc, average_precision, share

BINS = 15
OLD = dict.fromkeys(("60-69", "70+"), "60 and older")
NEGATIVES = (Emotion.ANGER, Emotion.SAD)
CLOSED, OPEN = EYES.index("closed"), EYES.index("open")


@dataclass(frozen=True)
class Seen:
    """The program's answers for n faces.

    probabilities: (n, 7) in the order of Emotion; label: (n,) index into Emotion, -1 for no label; sure: (n,)
    probability that a viewer agrees, NaN without a label; eyes: (n,) probability that the eyes are open, NaN if they
    cannot be seen.
    """

    probabilities: Floats
    label: Ints
    sure: Floats
    eyes: Floats

    def where(self, keep: Booleans) -> Seen:
        """Return the answers for the faces for which `keep` (n,) is true."""
        return Seen(self.probabilities[keep], self.label[keep], self.sure[keep], self.eyes[keep])


@dataclass(frozen=True)
class Viewed:
    """The viewers' verdicts on n faces, as in `NaturalFaces`. groups: (n,) values of each attribute."""

    expressions: Floats
    eyes: Floats
    weight: Floats
    groups: Mapping[str, Texts]

    @classmethod
    def of(cls, faces: NaturalFaces) -> Viewed:
        """Return the verdicts on natural faces, grouped by age (60 and older together), gender and race."""
        age = np.array([OLD.get(age, age) for age in faces.age])
        groups = {"age": age, "gender": faces.gender, "race": faces.race}
        return cls(faces.expressions, faces.eyes, faces.weight, groups)

    def __len__(self) -> int:
        return len(self.weight)


@dataclass(frozen=True)
class Named:
    """The figures of one emotion: precision and recall of its labels, and average precision of its ranking."""

    precision: Score
    recall: Score
    average_precision: Score


@dataclass(frozen=True)
class EyeFigures:
    """How well shut eyes are detected: precision and recall at the program's threshold, AUC over all thresholds.

    laughing: number of happy faces with open eyes, and how many of them are called shut.
    """

    auc: float
    precision: float
    recall: float
    laughing: tuple[int, int]


@dataclass(frozen=True)
class NaturalReport:
    """All figures of one set of natural faces.

    null: weighted share of faces without a label. false_negatives: weighted share of faces wrongly called angry or
    sad. calibration_error: of `sure` against the share of a face's viewers who agree. groups: agreement by attribute
    and value.
    """

    faces: int
    agreement: Score
    null: Score
    false_negatives: Score
    named: Mapping[Emotion, Named]
    calibration_error: float
    groups: Mapping[str, Mapping[str, Score]]
    eyes: EyeFigures | None


def report(seen: Seen, faces: Viewed, shut: float) -> NaturalReport:
    """Compare the program's answers with judged faces. shut: eyes with a lower probability of being open are shut."""
    truth, weight = agreed(faces.expressions), faces.weight
    right = seen.label == truth
    false_negative = np.isin(seen.label, [list(Emotion).index(e) for e in NEGATIVES]) & ~right
    return NaturalReport(
        faces=len(faces),
        agreement=weighted(right, weight),
        null=weighted(seen.label < 0, weight),
        false_negatives=weighted(false_negative, weight),
        named={e: _named(e, seen, truth, weight) for e in Emotion},
        calibration_error=calibration_error(seen, faces.expressions, weight),
        groups={
            attribute: {str(v): weighted(right[values == v], weight[values == v]) for v in np.unique(values)}
            for attribute, values in faces.groups.items()
        },
        eyes=_eyes(seen, faces, truth, shut),
    )


def weighted(true: Booleans, weight: Floats) -> Score:
    """Return a weighted share with its 95 % percentile bootstrap interval (Efron, 1979) over resampled faces."""
    return interval(lambda rows: share(true[rows], weight[rows]), len(true))


def interval(figure: Callable[[Ints], float], n: int) -> Score:
    """Return a figure of n faces and its 95 % percentile bootstrap interval; figure: computes it from row numbers."""
    if not n:
        return Score(float("nan"), float("nan"), float("nan"), 0)
    random = np.random.default_rng(0)
    values = [figure(random.integers(n, size=n)) for _ in range(RESAMPLES)]
    known = [value for value in values if not np.isnan(value)]
    low, high = np.quantile(known, [0.025, 0.975]) if known else (float("nan"), float("nan"))
    return Score(figure(np.arange(n)), float(low), float(high), n)


def _named(emotion: Emotion, seen: Seen, truth: Ints, weight: Floats) -> Named:
    column = list(Emotion).index(emotion)
    labelled, true = seen.label == column, truth == column
    scores = seen.probabilities[:, column]
    precision = weighted(true[labelled], weight[labelled])
    recall = weighted(labelled[true], weight[true])
    ranked = interval(lambda rows: average_precision(scores[rows], true[rows], weight[rows]), len(true))
    return Named(precision, recall, Score(ranked.value, ranked.low, ranked.high, int(true.sum())))


def calibration_error(seen: Seen, expressions: Floats, weight: Floats) -> float:
    """Return the weighted expected calibration error of `sure` over 15 bins (Guo et al., 2017).

    `sure` is compared with the share of each face's viewers who chose the label. Faces without a label are left out.
    """
    labelled = (seen.label >= 0) & (expressions.sum(axis=1) > 0)
    if not labelled.any():
        return float("nan")
    columns = np.array([EXPRESSIONS.index(e.value) for e in Emotion])[seen.label[labelled]]
    votes = expressions[labelled]
    agreed_by = votes[np.arange(len(votes)), columns] / votes.sum(axis=1)
    sure, w = seen.sure[labelled], weight[labelled]
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = np.bincount(which, weights=w * (sure - agreed_by), minlength=BINS)
    return float(np.abs(gaps).sum() / w.sum())


def _eyes(seen: Seen, faces: Viewed, truth: Ints, shut: float) -> EyeFigures | None:
    verdict = majority(faces.eyes)
    known = (verdict == OPEN) | (verdict == CLOSED)
    if not (verdict == CLOSED).any() or not (verdict == OPEN).any() or np.isnan(seen.eyes).all():
        return None
    hidden = np.isnan(seen.eyes)
    closed = np.where(hidden, 0.0, 1 - seen.eyes)  # unseen eyes are never called shut
    called, weight = ~hidden & (seen.eyes < shut), faces.weight
    laughing = (truth == list(Emotion).index(Emotion.HAPPY)) & (verdict == OPEN)
    return EyeFigures(
        auc=area_under_roc(closed[known], verdict[known] == CLOSED, weight[known]),
        precision=share((verdict == CLOSED)[called], weight[called]),
        recall=share(called[verdict == CLOSED], weight[verdict == CLOSED]),
        laughing=(int(laughing.sum()), int((called & laughing).sum())),
    )
