"""Charts of a run of the face detector."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..common.epochs import HISTORY
from .calibration import Survey

BINS = 10


def write(folder: Path, fitted: Sequence[Path], validation: Survey) -> None:
    """Draw the training curves of these folders, and the detector's figures on the validation photos."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"curves": _curves(fitted), "reliability": _reliability(validation), "recall": _recall(validation)}
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=100)


def _figure(width: float = 6) -> Figure:
    return Figure(figsize=(width, 5), layout="constrained")


def _curves(fitted: Sequence[Path]) -> Figure:
    figure = _figure(4.5 * len(fitted))
    for axes, run in zip(figure.subplots(1, len(fitted), squeeze=False)[0], fitted, strict=True):
        with (run / HISTORY).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        epochs = [int(line["epoch"]) for line in lines]
        for column in [column for column in lines[0] if column != "epoch"]:
            axes.plot(epochs, [float(line[column]) for line in lines], label=column.replace("_", " "))
        axes.set_title(run.name)
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.legend()
    return figure


def _reliability(judged: Survey) -> Figure:
    """Plot the score against the share of detections with this score that are faces."""
    figure = _figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="grey", label="perfect")
    which = np.minimum((judged.probability * BINS).astype(int), BINS - 1)
    filled = [b for b in range(BINS) if (which == b).any()]
    middles = [judged.probability[which == b].mean() for b in filled]
    shares = [judged.true[which == b].mean() for b in filled]
    axes.plot(middles, shares, "o-", label="detector")
    for b, x, y in zip(filled, middles, shares, strict=True):
        axes.annotate(str((which == b).sum()), (x, y), textcoords="offset points", xytext=(4, -12), fontsize=8)
    axes.set_xlabel("score")
    axes.set_ylabel("share of faces; number of detections")
    axes.legend()
    return figure


def _recall(judged: Survey) -> Figure:
    figure = _figure()
    axes = figure.subplots()
    order = np.argsort(-judged.probability, kind="stable")
    found, false = judged.true[order].cumsum(), (~judged.true[order]).cumsum()
    axes.plot(100 * false / max(1, judged.photos), found / max(1, judged.faces))
    axes.set_xlim(0, 50)
    axes.set_xlabel("false detections per 100 photos")
    axes.set_ylabel("recall")
    return figure
