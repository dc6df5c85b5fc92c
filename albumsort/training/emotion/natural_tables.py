"""The figures of natural faces as tables, and a contact sheet of the disagreements with the highest `sure`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from ...types import Emotion
from ..common.arrays import Pixels
from ..common.page import Table
from ..common.scores import Score
from .agreement import NaturalReport, Seen, Viewed
from .natural import EXPRESSIONS
from .natural_scores import disagreements

SHOWN, ACROSS, SIDE, HEAD = 40, 8, 150, 34
"""Faces on the sheet, faces in a row; height in pixels of a face, and of the two lines of text above it."""


def overall(reports: Mapping[str, NaturalReport]) -> Table:
    """Return one line for each set and program: agreement, false anger and sadness, calibration, eyes."""
    rows = []
    for name, r in reports.items():
        eyes = ["-"] * 3
        if r.eyes is not None:
            shut = f"{_number(r.eyes.precision)} at recall {_number(r.eyes.recall)}"
            eyes = [_number(r.eyes.auc), shut, f"{r.eyes.laughing[1]} of {r.eyes.laughing[0]}"]
        false = r.false_negatives
        per_hundred = f"{100 * false.value:.1f} [{100 * false.low:.1f}, {100 * false.high:.1f}]"
        rows.append(
            [
                name,
                f"{r.faces}",
                _interval(r.agreement),
                per_hundred,
                _interval(r.null),
                _number(r.calibration_error),
                *eyes,
            ]
        )
    return Table(
        "Labels against what most viewers say, each face weighted to its natural share; 95 % intervals",
        ("set", "faces", "agreement", "false anger or sad on 100", "without a label", "calibration error",
         "shut eyes: AUC", "precision", "laughing called shut"),
        rows,
    )  # fmt: skip


def by_emotion(name: str, report: NaturalReport) -> Table:
    """Return precision, recall and average precision of every emotion."""
    rows = [
        [
            e.value,
            f"{named.average_precision.n}",
            *map(_interval, (named.precision, named.recall, named.average_precision)),
        ]
        for e, named in report.named.items()
    ]
    return Table(f"{name}, by emotion", ("emotion", "faces", "precision", "recall", "average precision"), rows)


def by_group(name: str, report: NaturalReport) -> Table:
    """Return the agreement of every group, and whether its whole interval is more than .02 or .03 below the mean."""
    mean = report.agreement.value
    rows = []
    for attribute, groups in report.groups.items():
        for value, score in groups.items():
            below = next((f"by more than {gap}" for gap in (0.03, 0.02) if score.high < mean - gap), "")
            rows.append([attribute, value, f"{score.n}", _interval(score), below])
    return Table(f"{name}, by group", ("attribute", "group", "faces", "agreement", "below the mean of all"), rows)


def by_size(reports: Mapping[int, NaturalReport], sure: Mapping[int, float]) -> Table:
    """Return agreement, mean `sure`, calibration error and average precision at each size."""
    rows = [
        [f"{size}", _interval(r.agreement), _number(sure[size]), _number(r.calibration_error),
         *(_number(r.named[e].average_precision.value) for e in (Emotion.HAPPY, Emotion.SAD, Emotion.ANGER))]
        for size, r in reports.items()
    ]  # fmt: skip
    header = ("pixels across", "agreement", "mean sure", "calibration error", "AP happy", "AP sad", "AP anger")
    return Table("The same faces made smaller", header, rows)


def write_sheet(path: Path, tiles: Pixels, seen: Seen, faces: Viewed) -> None:
    """Draw a PNG of the disagreements with the highest `sure`: the program's label, then the viewers' verdicts."""
    rows = disagreements(seen.label, seen.sure, faces.expressions)[:SHOWN]
    down = max(1, -(-len(rows) // ACROSS))
    page = np.full((down * (SIDE + HEAD), ACROSS * SIDE), 255, np.uint8)
    for place, row in enumerate(rows):
        top, left = (place // ACROSS) * (SIDE + HEAD), (place % ACROSS) * SIDE
        face = cv2.resize(tiles[row], (SIDE - 4, SIDE - 4), interpolation=cv2.INTER_CUBIC)
        page[top + HEAD : top + HEAD + SIDE - 4, left + 2 : left + SIDE - 2] = face
        verdicts = " ".join(f"{n:.0f} {EXPRESSIONS[i]}" for i, n in enumerate(faces.expressions[row]) if n)
        _write(page, f"{list(Emotion)[seen.label[row]]} {100 * seen.sure[row]:.0f} %", left, top + 13)
        _write(page, verdicts, left, top + 28)
    cv2.imwrite(str(path), page)


def _write(page: Pixels, text: str, left: int, bottom: int) -> None:
    cv2.putText(page, text, (left + 4, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)


def _interval(score: Score) -> str:
    return f"{_number(score.value)} [{_number(score.low)}, {_number(score.high)}]" if score.n else "-"


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
