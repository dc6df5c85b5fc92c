"""The figures of detectors as tables for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from ...types import THRESHOLD
from ..common.page import Table
from ..common.scores import Score
from .figures import Figures, by_size, figures, groups, landmark_errors
from .judging import OURS, Result
from .matching import OVERLAP
from .timing import Time


@dataclass(frozen=True)
class Row:
    """The figures of one set, detector and score. level: whether the score was chosen for as many false detections."""

    set: str
    name: str
    score: float
    level: bool
    figures: Figures


def rows(results: Sequence[Result]) -> list[Row]:
    """Return the figures of every set and detector at every score to report."""
    every = [groups(result.judged) for result in results]
    return [
        Row(name, r.entrant.name, score, score == r.level, figures(photos[name], score))
        for name in every[0]
        for r, photos in zip(results, every, strict=True)
        for score in r.thresholds
    ]


def of_figures(measured: Sequence[Row]) -> Table:
    """Return recall and false detections by set, detector and score."""
    note = (
        f"A detection finds a face at an overlap (intersection over union) above {OVERLAP}. In brackets: 95 % "
        "intervals from resampled photos. Overlap: mean of the found faces."
    )
    if any(row.level for row in measured):
        note += f" *: the score with no more false detections, over all photos, than {OURS} at {THRESHOLD}."
    header = ("set", "detector", "score", "photos", "faces", "recall", "false", "false a 100 photos", "overlap")
    cells = [
        (
            row.set,
            row.name,
            _quoted(row.score, row.level),
            str(row.figures.counts.photos),
            str(row.figures.counts.faces),
            _interval(row.figures.recall, 3),
            str(row.figures.counts.false),
            _interval(row.figures.false, 1),
            _number(row.figures.overlap, 2),
        )
        for row in measured
    ]
    return Table("Faces found and false detections", header, cells, note, "figures.csv")


def _quoted(score: float, level: bool) -> str:
    return f"{score:.3f}*" if level else f"{score:.2f}"


def _interval(score: Score, digits: int) -> str:
    return f"{score.value:.{digits}f} [{score.low:.{digits}f}, {score.high:.{digits}f}]" if _is(score.value) else "-"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if _is(value) else "-"


def _is(value: float) -> bool:
    return value == value


def of_sizes(results: Sequence[Result]) -> Table:
    """Return recall by the size of the face: a row for each size, a column for each detector and score."""
    header, columns = ["longer side in pixels", "faces"], []
    for result in results:
        for score in result.thresholds:
            header.append(f"{result.entrant.name} {_quoted(score, score == result.level)}")
            columns.append([f"{found / faces:.3f}" for _, _, faces, found in by_size(result.judged, score)])
    sizes = [(size_name(low, high), str(faces)) for low, high, faces, _ in by_size(results[0].judged, 0.0)]
    cells = [(*size, *values) for size, *values in zip(sizes, *columns, strict=True)]
    return Table("Recall by size", header, cells, "", "sizes.csv")


def size_name(low: float, high: float) -> str:
    """Return the name of a bin of sizes."""
    return f"{low:.0f} and more" if high == inf else f"{low:.0f} to {high:.0f}"


def of_landmarks(results: Sequence[Result]) -> Table:
    """Return the distance between our landmarks and the others'."""
    note = (
        "Mean distance of the five landmarks from the other detector's, in longer sides of the true box, on the faces "
        f"that both found with a score of at least {THRESHOLD}."
    )
    cells = []
    for result in results[1:]:
        errors = landmark_errors(results[0].judged, result.judged, THRESHOLD)
        values = (f"{v:.3f}" for v in (errors.mean(), *np.quantile(errors, [0.5, 0.9]))) if len(errors) else "---"
        cells.append((result.entrant.name, str(len(errors)), *values))
    return Table(
        f"Landmarks of {OURS} against others'",
        ("against", "faces", "mean", "median", "90 %"),
        cells,
        note,
        "landmarks.csv",
    )


def of_times(times: Sequence[Time]) -> Table:
    """Return milliseconds per photo by detector and size."""
    note = (
        "Processor milliseconds per decoded photo, on one thread: median and 90th percentile. The photos are a sample "
        "of the evaluated ones, enlarged or reduced to this size."
    )
    cells = [(t.name, str(t.megapixels), str(t.n), f"{t.median:.1f}", f"{t.p90:.1f}") for t in times]
    return Table("Time", ("detector", "megapixels", "photos", "median", "90 %"), cells, note, "times.csv")
