"""The comparison as a table (CSV, Markdown, on a terminal) and its charts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from ..common.scores import Score
from ..emotion.data import FER2013_LABELS
from .reproduction import history
from .systems import System

if TYPE_CHECKING:
    from .table import Accuracies, Compared, ComparisonTable

TABLE, PAGE, CHART = "comparison.csv", "comparison.md", "comparison.png"
FILES_ONLY = ("n, votes", "parameters", "MB", "the authors ran")


def write(comparison: ComparisonTable) -> None:
    """Write the table as CSV and Markdown, and the chart of the accuracies, to the run folder."""
    with (comparison.run / TABLE).open("w", newline="", encoding="utf-8") as file:
        lines = [_values(row) for row in comparison.rows]
        writer = csv.DictWriter(file, lines[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    (comparison.run / PAGE).write_text(markdown(comparison), encoding="utf-8")
    figure = Figure(figsize=(11, 6), layout="constrained")
    _bars(figure, comparison.rows)
    figure.savefig(comparison.run / CHART, dpi=100)


def _values(row: Compared) -> dict[str, Any]:
    """Return all values of a line; missing values are empty."""
    values: dict[str, Any] = {
        "system": row.system.name,
        "labels": " ".join(row.system.labels),
        "published": row.system.published,
    }
    for name, answers in (("reproduced", row.reproduced), ("albumsort", row.ours)):
        for rule, score in (("", answers and answers.accuracy), ("_votes", answers and answers.votes)):
            for part in ("value", "low", "high", "n"):
                title = name + rule + ("" if part == "value" else f"_{part}")
                values[title] = round(getattr(score, part), 4) if score else ""
    for part in ("parameters", "bytes", "milliseconds", "faces", "epochs", "best", "seconds"):
        values[part] = getattr(row.trained, part) if row.trained else ""
    values |= {"faces_there_are": row.candidates, "authors_ran": row.system.theirs, "problem": row.problem}
    for name, answers in (("reproduced", row.reproduced), ("albumsort", row.ours)):
        for label in FER2013_LABELS:
            score = answers.recall.get(label) if answers else None
            values[f"{name}_recall_{label}"] = round(score.value, 4) if score else ""
    return values


def caption(comparison: ComparisonTable) -> str:
    """Return the explanation of the table's figures."""
    ours = comparison.shipped
    return (
        f"Accuracy on the faces of PrivateTest in {comparison.data} that have one of the labels, with 95 % bootstrap "
        "interval. No test face is among the training faces, exactly or nearly, and only PublicTest decided when to "
        "stop. "
        "Published: on test faces of the authors' own choice. "
        "albumsort: the shipped network, its FER2013 head restricted to the same labels, on the same faces "
        f"({ours.bytes / 1e6:.2f} MB, {ours.milliseconds:.2f} ms a face). Votes: the same against the FER+ "
        "majority; albumsort with its FER+ head. Time: one face on one thread; networks in LiteRT with weights as "
        "8-bit integers, the SVM in scikit-learn."
    )


def cells(comparison: ComparisonTable) -> tuple[list[str], list[list[str]]]:
    """Return the table's header and lines for people to read."""
    voted = any(row.ours.votes for row in comparison.rows)
    header = ["system", "labels", "published", "reproduced", "albumsort", "n"]
    header += ["reproduced, votes", "albumsort, votes", "n, votes"] if voted else []
    header += ["parameters", "MB", "ms a face", "faces", "epochs (kept)", "the authors ran"]
    return header, [_line(row, voted) for row in comparison.rows]


def _line(row: Compared, voted: bool) -> list[str]:
    trained, theirs = row.trained, row.reproduced
    labels = "all seven" if row.system.labels == FER2013_LABELS else ", ".join(row.system.labels)
    line = [row.system.name, labels, f"{row.system.published:.3f}"]
    line += [_score(theirs.accuracy) if theirs else f"not run: {row.problem}", _score(row.ours.accuracy)]
    line.append(str(row.ours.accuracy.n))
    if voted and row.ours.votes is not None:
        line += [_score(theirs.votes) if theirs and theirs.votes else "", _score(row.ours.votes)]
        line.append(str(row.ours.votes.n))
    if trained is None:
        line += ["", "", "", f"0 of {row.candidates}", ""]
    else:
        line += [f"{trained.parameters:,}", f"{trained.bytes / 1e6:.2f}", f"{trained.milliseconds:.2f}"]
        line += [f"{trained.faces} of {row.candidates}", f"{trained.epochs} ({trained.best})" if trained.epochs else ""]
    return [*line, row.system.theirs or "not stated"]


def _score(score: Score) -> str:
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def markdown(comparison: ComparisonTable) -> str:
    """Return the table for a model card, and a table of recalls for each system with published recalls."""
    header, lines = cells(comparison)
    text = f"{caption(comparison)}\n\n{_grid(header, lines)}"
    for row in comparison.rows:
        if row.system.published_recall:
            kinds: list[tuple[str, Accuracies | None]] = [("reproduced", row.reproduced), ("albumsort", row.ours)]
            recalls = [["published", *(f"{v:.2f}" for v in row.system.published_recall.values())]]
            recalls += [[kind, *(f"{s.value:.2f}" for s in a.recall.values())] for kind, a in kinds if a]
            text += f"\nRecall of {row.system.name}'s labels:\n\n{_grid(['', *row.system.published_recall], recalls)}"
    return text


def _grid(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def table(comparison: ComparisonTable) -> Any:
    """Return the table for Rich, without the columns that make it too wide; the files have them."""
    from rich import box
    from rich.table import Table

    header, lines = cells(comparison)
    rich_table = Table(header_style="bold cyan", box=box.SIMPLE, caption=caption(comparison), caption_justify="left")
    columns = [i for i, name in enumerate(header) if name not in FILES_ONLY]
    for i in columns:
        rich_table.add_column(header[i], justify="left" if i < 2 else "right", no_wrap=i == 0, overflow="fold")
    for line in lines:
        rich_table.add_row(*(line[i] for i in columns))
    return rich_table


def _bars(figure: Figure, rows: Sequence[Compared]) -> None:
    """Draw published, reproduced and our accuracy side by side; the latter two with intervals."""
    axes = figure.subplots()
    axes.bar([i - 0.27 for i in range(len(rows))], [r.system.published for r in rows], 0.25, label="published")
    for shift, name, answers in (
        (0.0, "reproduced", [row.reproduced for row in rows]),
        (0.27, "albumsort, same labels", [row.ours for row in rows]),
    ):
        bars = [(i + shift, a.accuracy) for i, a in enumerate(answers) if a is not None]
        below, above = [s.value - s.low for _, s in bars], [s.high - s.value for _, s in bars]
        axes.bar([x for x, _ in bars], [s.value for _, s in bars], 0.25, yerr=[below, above], capsize=2, label=name)
    axes.set_xticks(range(len(rows)), [f"{r.system.name}\n{len(r.system.labels)} labels" for r in rows], rotation=30)
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy on PrivateTest")
    axes.legend()


def write_curves(system: System, folder: Path) -> None:
    """Draw a system's training curves, and a comparison with its variants if it has any, into its folder."""
    runs = {system.setting: history(folder), **{name: history(folder / name) for name in system.variants}}
    if not runs[system.setting]:
        return
    _curves(folder / "curves.png", {"training": runs[system.setting]}, "")
    if system.variants:
        _curves(folder / "variants.png", runs, "public_")


def _curves(path: Path, runs: dict[str, list[dict[str, float]]], prefix: str) -> None:
    """Draw cross-entropy and accuracy of each run by epoch.

    prefix: "public_" for PublicTest only; "" for training faces and PublicTest.
    """
    figure = Figure(figsize=(11, 5), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2), ("cross_entropy", "accuracy"), strict=True):
        for name, rows in runs.items():
            epochs = [row["epoch"] for row in rows]
            axes.plot(epochs, [row[prefix + measure] for row in rows], ".-", label=name)
            if not prefix:
                axes.plot(epochs, [row["public_" + measure] for row in rows], ".-", label="PublicTest")
        axes.set_xlabel("epoch")
        axes.set_ylabel(measure.replace("_", "-") + (" on PublicTest" if prefix else ""))
        axes.legend()
    figure.savefig(path, dpi=100)
