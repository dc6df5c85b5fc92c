"""Figures from the counts of found and missed faces: recall, false detections, curves, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..common.arrays import Floats
from ..common.scores import Score
from .matching import IGNORED, Found, Judged

SIZES = (0, 16, 24, 32, 48, 64, 96, 128, 256, float("inf"))
"""Edges of the bins of a face's longer side, in upright full-size pixels."""
BINS = 20
RESAMPLES = 1000


@dataclass(frozen=True)
class Figures:
    """The figures of some photos at a threshold.

    recall: over the faces; false: false detections per 100 photos; both with an interval from resampled photos, because
    the faces of one photo are alike. overlap: mean intersection over union of the found faces.
    """

    counts: Found
    recall: Score
    false: Score
    overlap: float


@dataclass(frozen=True)
class Curve:
    """Recall (0-1), false detections and precision (0-1) at each threshold `score`, highest first."""

    score: Floats
    recall: Floats
    false: Floats
    precision: Floats


def level(judged: Sequence[Judged], most: int) -> float:
    """Return the lowest threshold, of the detections' scores, with at most `most` false detections."""
    curve = curve_of(judged)
    allowed = curve.score[curve.false <= most]
    return float(allowed[-1]) if len(allowed) else 1.0


def groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Return the photos by set, then those with faces, those without a face, and all."""
    named = {name: [j for j in judged if j.photo.set == name] for name in dict.fromkeys(j.photo.set for j in judged)}
    named["with faces"] = [j for j in judged if not j.photo.faceless]
    named["without a face"] = [j for j in judged if j.photo.faceless]
    named["all"] = list(judged)
    return {name: members for name, members in named.items() if members}


def figures(judged: Sequence[Judged], threshold: float) -> Figures:
    """Return the figures of some photos, at least one."""
    each = [j.at(threshold) for j in judged]
    total = sum(each, Found())
    counts = np.array([(c.faces, c.found, c.false) for c in each], np.float64)
    random, n = np.random.default_rng(0), len(each)
    drawn = np.array([counts[random.integers(0, n, n)].mean(axis=0) for _ in range(RESAMPLES)])
    some = drawn[drawn[:, 0] > 0]
    shared = [d.box.overlap(j.photo.faces[face]) for j in judged for face, d in j.found(threshold).items()]
    return Figures(
        total,
        _score(total.recall, some[:, 1] / some[:, 0], total.faces),
        _score(100 * total.false / n, 100 * drawn[:, 2], n),
        float(np.mean(shared)) if shared else float("nan"),
    )


def _score(value: float, drawn: Any, n: int) -> Score:
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (float("nan"),) * 2
    return Score(value, float(low), float(high), n)


def curve_of(judged: Sequence[Judged]) -> Curve:
    """Return the curve, with a point for every score of a detection."""
    scores, right = _verdicts(judged)
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)[: len(scores)])
    found, false = right.cumsum()[last], (~right).cumsum()[last]
    faces = sum(len(j.photo.faces) for j in judged)
    recall = found / faces if faces else np.full(len(last), np.nan)
    return Curve(scores[last], recall, false.astype(np.float64), found / np.maximum(found + false, 1))


def _verdicts(judged: Sequence[Judged]) -> tuple[Any, Any]:
    """Return the scores of all detections that count, (n,), and whether each found a face."""
    pairs = [(d.score, v >= 0) for j in judged for d, v in zip(j.detections, j.verdicts, strict=True) if v != IGNORED]
    return np.array([s for s, _ in pairs], np.float64), np.array([r for _, r in pairs], np.bool_)


def by_size(judged: Sequence[Judged], threshold: float) -> list[tuple[float, float, int, int]]:
    """Return each bin of SIZES that has faces: lower edge, upper edge, faces, found faces."""
    faces, found = np.zeros(len(SIZES) - 1, int), np.zeros(len(SIZES) - 1, int)
    for j in judged:
        hits = j.found(threshold)
        for face, box in enumerate(j.photo.faces):
            size = int(np.searchsorted(SIZES, box.longer_side, side="right")) - 1
            faces[size] += 1
            found[size] += face in hits
    return [(SIZES[i], SIZES[i + 1], int(faces[i]), int(found[i])) for i in range(len(faces)) if faces[i]]


def reliability(judged: Sequence[Judged]) -> list[tuple[float, float, int, int]]:
    """Return each bin of the score that has detections: lower edge, mean score, detections, faces among them."""
    scores, right = _verdicts(judged)
    which = np.minimum((scores * BINS).astype(int), BINS - 1)
    return [
        (b / BINS, float(scores[which == b].mean()), int((which == b).sum()), int(right[which == b].sum()))
        for b in range(BINS)
        if (which == b).any()
    ]


def landmark_errors(ours: Sequence[Judged], theirs: Sequence[Judged], threshold: float) -> Floats:
    """Return (n,) the landmarks' mean distance on the faces that both found, in longer sides of the true box."""
    errors = []
    for one, other in zip(ours, theirs, strict=True):
        hits, references = one.found(threshold), other.found(threshold)
        for face in sorted(hits.keys() & references.keys()):
            box = one.photo.faces[face]
            difference = np.subtract(hits[face].landmarks, references[face].landmarks)
            errors.append(np.hypot(difference[:, 0], difference[:, 1]).mean() / box.longer_side)
    return np.array(errors, np.float32)
