"""Comparison of the older systems with the shipped network, on the same faces with the same labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import UsageError
from ...networks import weights
from ..common import conversion
from ..common.arrays import Floats, Ints
from ..common.scores import accuracy
from ..emotion.data import FER2013_LABELS, FERPLUS_LABELS, LabelledFaces, digest, ferplus_majority
from ..emotion.evaluation import restricted
from ..emotion.shipping import milliseconds_a_face
from ..emotion.sources import load
from . import report, reproduction
from .reproduction import MissingWeightsError, finished
from .systems import System, chosen
from .table import Accuracies, Compared, ComparisonTable, Shipped


def compare(
    data: Path,
    votes: Path | None,
    systems: Sequence[System],
    run: Path,
    epochs: int | None,
    faces: int | None,
    vgg19_weights: Path | None,
    tell: Callable[[str], None],
) -> ComparisonTable:
    """Train the systems that are not finished in the run folder, and write table, curves and chart there.

    The table has every finished system in the folder, also from earlier calls. epochs, faces: limits per system, below
    its own epochs and all faces. tell: called with a line for each system that is trained, kept or skipped. Raises
    UsageError for data that lack a label of a system or have no PrivateTest, and for a run folder of other data.
    """
    splits = load(data, votes)
    asked = {system.name: system for system in systems}
    every = {s.name: s for s in chosen([])} | asked
    listed = [s for s in every.values() if s.name in asked or finished(run / s.name)]
    data_hash = digest(splits)
    for system in listed:
        _check_kept(system, run / system.name, data_hash)
        _check(system, splits, data)
    content, _ = weights.load("emotion")
    logits = conversion.run_litert(content, splits["PrivateTest"].pixels)
    problems = {
        system.name: _train(system, splits, run / system.name, epochs, faces, vgg19_weights, tell) for system in systems
    }
    rows = [_compared(system, splits, logits, run / system.name, problems.get(system.name, "")) for system in listed]
    comparison = ComparisonTable(data.resolve().name, rows, Shipped(len(content), milliseconds_a_face(content)), run)
    report.write(comparison)
    return comparison


def _check(system: System, splits: dict[str, LabelledFaces], data: Path) -> None:
    for split, faces in splits.items():
        own = faces.only(system.labels)
        missing = [name for i, name in enumerate(system.labels) if not (own.label == i).any()]
        if missing:
            raise UsageError(f"{system.name} needs faces of {', '.join(missing)}; {data} has none in {split}")


def _check_kept(system: System, folder: Path, data: str) -> None:
    for where in (folder, *(folder / name for name in system.variants)):
        done = finished(where)
        if done is not None and done[0].data != data:
            raise UsageError(f"{where} was trained on other data; use the same --data or another --run")


def _train(
    system: System,
    splits: dict[str, LabelledFaces],
    folder: Path,
    epochs: int | None,
    faces: int | None,
    vgg19_weights: Path | None,
    tell: Callable[[str], None],
) -> str:
    """Train a system and its variants unless they are finished; return the reason if it cannot be trained, or ""."""
    most = system.epochs if epochs is None else min(epochs, system.epochs)
    try:
        for where, build in [(folder, system.build), *((folder / name, b) for name, b in system.variants.items())]:
            done = finished(where)
            if done is None:
                tell(f"{where}: training")
                reproduction.reproduce(system, build, splits, where, most, faces, vgg19_weights)
            else:
                tell(f"{where}: kept, {done[0].faces} faces, {done[0].epochs} epochs; delete it to train it again")
    except MissingWeightsError as e:
        tell(f"{system.name}: not run: {e}")
        return "no ImageNet weights"
    report.write_curves(system, folder)
    return ""


def _compared(system: System, splits: dict[str, LabelledFaces], logits: Floats, folder: Path, problem: str) -> Compared:
    """Return the line of a system: its accuracies, if it is finished, and the shipped network's."""
    private = splits["PrivateTest"]
    ferplus, fer2013 = np.split(logits, [len(FERPLUS_LABELS)], axis=1)
    ours = _judged(fer2013, FER2013_LABELS, ferplus, FERPLUS_LABELS, private, system.labels)
    candidates = len(splits["Training"].only(system.labels))
    found = finished(folder)
    if found is None:
        return Compared(system, candidates, ours, None, None, problem)
    trained, scores = found
    reproduced = _judged(scores, system.labels, scores, system.labels, private, system.labels)
    return Compared(system, candidates, ours, trained, reproduced, "")


def _judged(
    scores: Floats,
    names: Sequence[str],
    votes_scores: Floats,
    votes_names: Sequence[str],
    faces: LabelledFaces,
    subset: Sequence[str],
) -> Accuracies:
    """Return the accuracies of scores (n, names) by the labels, and of votes_scores (n, votes_names) by the votes."""
    right = _right(scores, names, faces.label, faces.labels, subset)
    truth = faces.label[np.isin(faces.label, [faces.labels.index(name) for name in subset])]
    recall = {name: accuracy(right[truth == faces.labels.index(name)]) for name in subset}
    votes = None
    if faces.votes.any():
        votes = accuracy(_right(votes_scores, votes_names, ferplus_majority(faces.votes), FERPLUS_LABELS, subset))
    return Accuracies(accuracy(right), recall, votes)


def _right(
    scores: Floats, names: Sequence[str], truth: Ints, truth_names: Sequence[str], subset: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Return whether each face of the subset gets the right label; truth: (n,) index into truth_names, or -1."""
    index = np.array([names.index(name) if name in names else -1 for name in (*truth_names, "")])  # the last is for -1
    return restricted(scores, names, index[truth], subset)
