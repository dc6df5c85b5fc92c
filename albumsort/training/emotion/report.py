"""The report of a training: charts and grids of faces as PNGs, and one HTML page that shows them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...types import FOUR
from ..common import page
from ..common.arrays import Floats
from .data import LabelledFaces
from .evaluation import Answers, softmax

BINS = 15
GRID_COLUMNS = 10


@dataclass(frozen=True)
class JudgedFaces:
    """The faces with a verdict. truth, answer: index into labels; verdicts: "votes" or "labels"."""

    labels: tuple[str, ...]
    verdicts: str
    faces: LabelledFaces
    truth: Any
    probabilities: Floats

    @property
    def answer(self) -> Any:
        """The network's most probable label, (n,)."""
        return self.probabilities.argmax(axis=1)


def write(
    folder: Path, answers: Answers, faces: LabelledFaces, split: str, temperature: float, history: Path | None
) -> Path:
    """Draw all charts of one head's answers for the faces of a split into `folder` and return the page.

    history: the history.csv of a run, for its training curves.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probabilities = softmax(answers.logits, temperature)
    kept, voted = answers.truth >= 0, answers.shares.sum(axis=1) > 0
    head, verdicts = answers.head, answers.head.verdicts
    judged = JudgedFaces(head.labels, verdicts, faces.where(kept), answers.truth[kept], probabilities[kept])
    charts: list[tuple[str, str, page.Draw]] = [
        ("balance", "Number of faces of each label", lambda f: _balance(f, judged)),
        ("samples", "Samples of each label", lambda f: _samples(f, judged)),
        ("confusion", "Confusion: counts, and shares of each row", lambda f: _confusion(f, judged)),
        (
            "reliability",
            f"Reliability against the {verdicts}",
            lambda f: _reliability(f, probabilities[voted], answers.shares[voted], verdicts),
        ),
        ("precision", "Precision of the first N of each list", lambda f: _precision(f, judged)),
        ("mistakes", f"Most confident mistakes: {verdicts} / network", lambda f: _mistakes(f, judged)),
    ]
    if history is not None and history.is_file():
        charts.append(("curves", "Training, scored on PublicTest after every epoch", lambda f: _curves(f, history)))
    path = folder / "report.html"
    about = f"Head {head.name} on {split}: {kept.sum()} faces with a verdict by their {verdicts}."
    page.write(path, "Emotion network", page.draw(folder, charts), about)
    return path


def _balance(figure: Figure, judged: JudgedFaces) -> None:
    axes = figure.subplots()
    counts = np.bincount(judged.truth, minlength=len(judged.labels))
    axes.bar_label(axes.bar(judged.labels, counts))
    axes.set_ylabel("faces")


def _samples(figure: Figure, judged: JudgedFaces) -> None:
    rows = [np.flatnonzero(judged.truth == label)[:GRID_COLUMNS] for label in range(len(judged.labels))]
    grid = figure.subplots(len(rows), GRID_COLUMNS, squeeze=False)
    for axes, row, name in zip(grid, rows, judged.labels, strict=True):
        axes[0].set_title(name, fontsize=8, loc="left")
        for cell, face in zip(axes, row, strict=False):
            cell.imshow(judged.faces.pixels[face], cmap="gray", vmin=0, vmax=255)
        for cell in axes:
            cell.axis("off")


def _confusion(figure: Figure, judged: JudgedFaces) -> None:
    counts = np.zeros((len(judged.labels),) * 2)
    np.add.at(counts, (judged.truth, judged.answer), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for axes, table, form in zip(figure.subplots(1, 2), (counts, shares), ("{:.0f}", "{:.2f}"), strict=True):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(judged.labels)), judged.labels, rotation=60)
        axes.set_yticks(range(len(judged.labels)), judged.labels)
        axes.set_xlabel("network")
        axes.set_ylabel(judged.verdicts)
        for (row, column), value in np.ndenumerate(table):
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, form.format(value), ha="center", va="center", fontsize=8, color=colour)


def _reliability(figure: Figure, probabilities: Floats, shares: Floats, verdicts: str) -> None:
    """Plot the top answer's probability against its share of the verdicts (Guo et al., 2017)."""
    top, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    agreed = shares[np.arange(len(top)), top]
    which = np.minimum((sure * BINS).astype(int), BINS - 1)
    filled = [b for b in range(BINS) if (which == b).any()]
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color="grey", label="perfect")
    axes.plot(
        [sure[which == b].mean() for b in filled], [agreed[which == b].mean() for b in filled], "o-", label="network"
    )
    axes.bar(
        [(b + 0.5) / BINS for b in filled],
        [(which == b).mean() for b in filled],
        0.9 / BINS,
        alpha=0.3,
        label="share of faces",
    )
    axes.set_xlabel("probability of the top answer")
    axes.set_ylabel(f"share of the {verdicts}")
    axes.legend()


def _precision(figure: Figure, judged: JudgedFaces) -> None:
    axes = figure.subplots()
    for name in [name for name in FOUR if name in judged.labels] or judged.labels:
        label = judged.labels.index(name)
        right = judged.truth[np.argsort(-judged.probabilities[:, label])] == label
        first = np.arange(1, len(right) + 1)
        axes.plot(first, right.cumsum() / first, label=f"{name} ({right.sum()} in all)")
    axes.set_xlim(1, 500)
    axes.set_xlabel("first N")
    axes.set_ylabel(f"precision by the {judged.verdicts}")
    axes.legend()


def _mistakes(figure: Figure, judged: JudgedFaces) -> None:
    wrong = np.flatnonzero(judged.answer != judged.truth)
    first = wrong[np.argsort(-judged.probabilities[wrong].max(axis=1))][: 4 * GRID_COLUMNS]
    for cell in (grid := figure.subplots(4, GRID_COLUMNS)).flat:
        cell.axis("off")
    for cell, face in zip(grid.flat, first, strict=False):
        cell.imshow(judged.faces.pixels[face], cmap="gray", vmin=0, vmax=255)
        actual, named = judged.labels[judged.truth[face]], judged.labels[judged.answer[face]]
        cell.set_title(f"{actual} /\n{named} {judged.probabilities[face].max():.2f}", fontsize=7)


def _curves(figure: Figure, history: Path) -> None:
    with history.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    epochs = [int(line["epoch"]) for line in lines]
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [float(line["loss"]) for line in lines])
    left.set_ylabel("training loss")
    for name in [name for name in lines[0] if name not in ("epoch", "loss")]:
        right.plot(epochs, [float(line[name]) for line in lines], label=name)
    right.set_ylabel("accuracy")
    right.legend()
    for axes in (left, right):
        axes.set_xlabel("epoch")
