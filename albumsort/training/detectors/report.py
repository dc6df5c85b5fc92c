"""The report on face detectors: tables, curves, reliability and contact sheets in one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...types import THRESHOLD
from ..common import page
from . import sheets
from . import tables as face_tables
from .figures import BINS, Curve, by_size, curve_of, groups, reliability
from .judging import Result
from .matching import FALSE, FLOOR, IGNORED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .timing import Time

Curves = Mapping[str, Mapping[str, Curve]]
"""The curves by set and detector."""


def write(folder: Path, results: Sequence[Result], measured: Sequence[face_tables.Row], times: Sequence[Time]) -> Path:
    """Write CSVs, charts, contact sheets and the page that shows them to `folder`; return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    curves = _curves(results)
    counts = {name: len(some) for name, some in groups(results[0].judged).items()}
    _write_figures(folder, results, measured)
    _write_curves(folder, curves, counts)
    _write_photos(folder, results)
    charts: list[tuple[str, str, page.Draw]] = [
        ("curve", "Recall against false detections", lambda f: _main(f, results, curves, counts)),
        ("sets", "Recall against false detections, by set", lambda f: _sets(f, results, curves, counts)),
        ("scores", "Recall and false detections by score", lambda f: _scores(f, results, curves, counts)),
        ("sizes", f"Recall by size of the face, at {THRESHOLD}", lambda f: _sizes(f, results)),
        ("reliability", "Share of faces among the detections of a score", lambda f: _reliability(f, results)),
    ]
    tables = [face_tables.of_sizes(results), face_tables.of_times(times)]
    tables += [face_tables.of_landmarks(results)] if len(results) > 1 else []
    for table in tables[1:]:
        page.write_csv(folder / table.file, table.header, table.rows)
    parts: list[page.Picture | page.Table] = [
        face_tables.of_figures(measured),
        *page.draw(folder, charts),
        *tables,
        *_sheets(folder, results),
    ]
    path = folder / "report.html"
    about = (
        f"Curves begin at a score of {FLOOR}; the dots mark the scores of the table. Files beside this page: curve.csv "
        "and reliability.csv; detections.csv and faces.csv list every detection and every face with its result."
    )
    page.write(path, "Face detector", parts, about)
    return path


def _curves(results: Sequence[Result]) -> Curves:
    every = {r.entrant.name: groups(r.judged) for r in results}
    return {
        name: {entrant: curve_of(photos[name]) for entrant, photos in every.items()}
        for name in groups(results[0].judged)
    }


# CSV files


def _write_figures(folder: Path, results: Sequence[Result], measured: Sequence[face_tables.Row]) -> None:
    header = ["set", "detector", "score", "photos", "faces", "found", "recall", "recall_low", "recall_high", "false"]
    header += ["false_per_100_photos", "false_low", "false_high", "mean_overlap"]
    lines = []
    for row in measured:
        f, c = row.figures, row.figures.counts
        line = [row.set, row.name, row.score, c.photos, c.faces, c.found, f.recall.value, f.recall.low, f.recall.high]
        lines.append([*line, c.false, f.false.value, f.false.low, f.false.high, f.overlap])
    page.write_csv(folder / "figures.csv", header, lines)
    sizes = [
        (r.entrant.name, score, low, "" if high == inf else high, faces, found, found / faces)
        for r in results
        for score in r.thresholds
        for low, high, faces, found in by_size(r.judged, score)
    ]
    header = ["detector", "score", "longer_side_from", "longer_side_below", "faces", "found", "recall"]
    page.write_csv(folder / "sizes.csv", header, sizes)
    bins = [
        (r.entrant.name, low, low + 1 / BINS, mean, detections, faces, faces / detections)
        for r in results
        for low, mean, detections, faces in reliability(r.judged)
    ]
    header = ["detector", "score_from", "score_below", "mean_score", "detections", "faces", "share"]
    page.write_csv(folder / "reliability.csv", header, bins)


def _write_curves(folder: Path, curves: Curves, counts: Mapping[str, int]) -> None:
    steps = np.arange(round(100 * FLOOR), 100) / 100  # detections.csv has every score
    lines = []
    for name, by_entrant in curves.items():
        for entrant, curve in by_entrant.items():
            columns = (_at(curve.score, values, steps) for values in (curve.recall, curve.false, curve.precision))
            for score, recall, false, precision in zip(steps.tolist(), *(c.tolist() for c in columns), strict=True):
                lines.append([name, entrant, score, recall, int(false), 100 * false / counts[name], precision])
    header = ["set", "detector", "score", "recall", "false", "false_per_100_photos", "precision"]
    page.write_csv(folder / "curve.csv", header, lines)


def _write_photos(folder: Path, results: Sequence[Result]) -> None:
    header = ["file", "set", "detector", "score", "x", "y", "w", "h", "verdict"]
    page.write_csv(folder / "detections.csv", header, _detections(results))
    names = [result.entrant.name for result in results]
    page.write_csv(folder / "faces.csv", ["file", "set", "face", "x", "y", "w", "h", *names], _faces(results))


def _detections(results: Sequence[Result]) -> Iterator[list[Any]]:
    words = {FALSE: "false", IGNORED: "ignored"}
    for result in results:
        for j in result.judged:
            where = [os.path.abspath(j.photo.path), j.photo.set, result.entrant.name]
            for d, verdict in zip(j.detections, j.verdicts, strict=True):
                yield [*where, d.score, d.box.x, d.box.y, d.box.w, d.box.h, words.get(verdict, f"face {verdict}")]


def _faces(results: Sequence[Result]) -> Iterator[list[Any]]:
    """Yield every true face with the score of each detector that found it, else an empty text."""
    for each in zip(*(result.judged for result in results), strict=True):
        photo, hits = each[0].photo, [j.found() for j in each]
        for face, box in enumerate(photo.faces):
            scores = [hit[face].score if face in hit else "" for hit in hits]
            yield [os.path.abspath(photo.path), photo.set, face, box.x, box.y, box.w, box.h, *scores]


# charts


def _main(figure: Figure, results: Sequence[Result], curves: Curves, counts: Mapping[str, int]) -> None:
    left, right = figure.subplots(1, 2)
    _against(left, results, curves["all"], curves["all"], counts["all"])
    left.set_title(f"all {counts['all']} photos")
    left.set_xlabel("false detections per 100 photos")
    if "with faces" in counts and "without a face" in counts:
        _against(right, results, curves["with faces"], curves["without a face"], counts["without a face"])
        right.set_title(f"{counts['with faces']} photos with faces, {counts['without a face']} without")
        right.set_xlabel("false detections per 100 photos without a face")
    else:
        right.axis("off")
    left.set_ylabel("recall")
    left.legend(loc="lower right")


def _against(
    axes: Any, results: Sequence[Result], recall: Mapping[str, Curve], false: Mapping[str, Curve], photos: int
) -> None:
    """Plot the recall of one set of curves against the false detections of another, at the same scores."""
    for number, result in enumerate(results):
        name = result.entrant.name
        scores = np.union1d(recall[name].score, false[name].score)[::-1]
        axes.plot(
            100 * _at(false[name].score, false[name].false, scores) / photos,
            _at(recall[name].score, recall[name].recall, scores),
            color=f"C{number}",
            label=name,
        )
        for score in result.entrant.thresholds:
            x = 100 * _at(false[name].score, false[name].false, np.array([score]))[0] / photos
            y = _at(recall[name].score, recall[name].recall, np.array([score]))[0]
            axes.plot(x, y, "o", color=f"C{number}")
            axes.annotate(f"{score:g}", (x, y), (4, -10), textcoords="offset points", fontsize=8)
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)


def _at(scores: Any, values: Any, wanted: Any) -> Any:
    """Return a curve's values at the thresholds `wanted`; 0 above its highest score."""
    return np.append(0.0, values)[np.searchsorted(-scores, -wanted, side="right")]


def _sets(figure: Figure, results: Sequence[Result], curves: Curves, counts: Mapping[str, int]) -> None:
    names = [name for name in curves if any(j.photo.faces for j in groups(results[0].judged)[name])]
    columns = min(4, max(1, len(names)))
    grid = figure.subplots(max(1, ceil(len(names) / columns)), columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, name in zip(grid.flat, names, strict=False):
        axes.axis("on")
        _against(axes, results, curves[name], curves[name], counts[name])
        axes.set_title(f"{name} ({counts[name]} photos)", fontsize=9)
    figure.supxlabel("false detections per 100 photos")
    figure.supylabel("recall")


def _scores(figure: Figure, results: Sequence[Result], curves: Curves, counts: Mapping[str, int]) -> None:
    left, right = figure.subplots(1, 2)
    for number, result in enumerate(results):
        name = result.entrant.name
        curve = curves["all"][name]
        left.plot(curve.score, curve.recall, color=f"C{number}", label=f"{name}, recall")
        left.plot(curve.score, curve.precision, ":", color=f"C{number}", label=f"{name}, precision")
        for kind, style in (("all", "-"), ("without a face", "--")):
            if kind in counts:
                curve, label = curves[kind][name], f"{name}, {kind}"
                right.plot(curve.score, 100 * curve.false / counts[kind], style, color=f"C{number}", label=label)
    left.set_ylim(0, 1)
    right.set_yscale("symlog", linthresh=1)
    right.yaxis.set_major_formatter("{x:g}")
    right.set_ylim(bottom=0)
    right.set_ylabel("false detections per 100 photos")
    for axes, corner in ((left, "lower left"), (right, "upper right")):
        axes.set_xlabel("threshold of the score")
        axes.set_xlim(0, 1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc=corner)


def _sizes(figure: Figure, results: Sequence[Result]) -> None:
    axes, width = figure.subplots(), 0.8 / len(results)
    for number, result in enumerate(results):
        sizes = by_size(result.judged, THRESHOLD)
        at = [i + (number - (len(results) - 1) / 2) * width for i in range(len(sizes))]
        bars = axes.bar(at, [found / faces for _, _, faces, found in sizes], 0.95 * width, label=result.entrant.name)
        axes.bar_label(bars, fmt="{:.2f}", fontsize=7)
    names = [f"{face_tables.size_name(low, high)}\nn={faces}" for low, high, faces, _ in sizes]
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("longer side in upright full-size pixels")
    axes.set_ylabel("recall")
    figure.legend(loc="outside upper right", ncols=len(results))


def _reliability(figure: Figure, results: Sequence[Result]) -> None:
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], "--", color="grey", label="perfect")
    for number, result in enumerate(results):
        bins, name = reliability(result.judged), result.entrant.name
        means, shares = [mean for _, mean, _, _ in bins], [faces / detections for _, _, detections, faces in bins]
        above.plot(means, shares, "o-", color=f"C{number}", label=name)
        width = 0.9 / BINS / len(results)
        at = [low + 0.05 / BINS + number * width for low, _, _, _ in bins]
        below.bar(at, [detections for _, _, detections, _ in bins], width, align="edge", color=f"C{number}")
    above.set_ylabel("share of faces")
    above.set_ylim(0, 1.02)
    above.legend(loc="upper left")
    below.set_ylabel("detections")
    below.set_yscale("symlog", linthresh=1)  # not "log": counts may be 0
    below.set_ylim(bottom=0)
    below.yaxis.set_major_formatter("{x:g}")
    below.set_xlim(0, 1)
    below.set_xlabel("score")


# contact sheets


def _sheets(folder: Path, results: Sequence[Result]) -> list[page.Picture]:
    pictures = []
    for number, result in enumerate(results, start=1):
        name = result.entrant.name
        for kind, title, tiles in (
            ("missed", f"missed by {name}, largest first", sheets.misses(result.judged, THRESHOLD)),
            (
                "false",
                f"false detections by {name}, highest score first",
                sheets.false_faces(result.judged, THRESHOLD),
            ),
        ):
            files = sheets.write(folder, f"{kind}-{number}", tiles)
            count = min(len(tiles), len(files) * sheets.TILES)
            pictures += [page.Picture(f"{count} of {len(tiles)} {title}: sheet {i}", f) for i, f in enumerate(files, 1)]
    return pictures
