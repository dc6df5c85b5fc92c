"""From data files to a network that can ship: fit, convert, calibrate, describe, install."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import weights
from ..emotions import LiteRTClassifier, mirrored_logits
from ..errors import AlbumsortError, UsageError
from ..litert import Network
from ..types import Emotion
from . import conversion, evaluation, fitting, report
from .datasets import (
    BOTH_HEADS,
    FER2013_LABELS,
    FERPLUS_LABELS,
    SIDE,
    USAGES,
    Floats,
    Head,
    LabelledFaces,
    digest,
    heads_for,
    shares,
)
from .epochs import HISTORY
from .evaluation import answers, leading
from .fitting import ENTRY, MODEL, Recipe
from .label_rule import label_prior
from .recipes import claim_inputs, write_json
from .sources import load

FER2013_DATA = "FER2013 Training split{votes}; faces that stand (nearly) the same in a test split removed"


@dataclass(frozen=True)
class Evaluated:
    """A network's figures on one split. milliseconds: median a face, one thread, this machine."""

    split: str
    bytes: int
    temperature: float
    report: evaluation.Report
    milliseconds: float


def train(
    data: Path,
    votes: Path | None,
    unlabelled: LabelledFaces | None,
    recipe: Recipe,
    run: Path,
    command: str,
) -> Path:
    """Fit by the recipe (or go on with it), then leave the LiteRT file, its manifest entry and a report in the run.

    unlabelled: further faces that only the recipe's teachers speak for. The temperature is chosen on
    PublicTest, which the report is about; PrivateTest is not looked at. Returns the LiteRT file. Raises UsageError
    if the folder belongs to another recipe or other faces.
    """
    commit = conversion.commit()
    splits = _splits(data, votes, recipe.labels)
    labelled, public = splits["Training"], splits["PublicTest"]
    if not len(labelled):
        raise AlbumsortError(f"{data} holds no faces to learn from")
    heads = heads_for(labelled)
    seen = labelled
    if unlabelled is not None:
        seen = labelled + replace(unlabelled, labels=labelled.labels)
    recipe.claim(run)
    inputs = {"faces": len(seen), "digest": digest({"learnt": seen, "PublicTest": public}, voted=True)}
    claim_inputs(run, inputs, "faces, labels or votes")
    fitting.fit(seen, public, heads, recipe, run)
    content = conversion.to_litert(fitting.averaged(run, heads))
    logits = conversion.run_litert(content, public.pixels)
    temperature = choose_temperature(logits, public, heads)
    prior = conversion.training_prior(heads[0], shares(heads[0], labelled))
    scores = evaluation.evaluate(logits, public, heads, temperature).scores
    made = {
        "data": _described(data, votes, len(labelled), 0 if unlabelled is None else len(unlabelled)),
        "score": {"set": "PublicTest", **{name: round(score.value, 4) for name, score in scores.items()}},
        "commit": commit,
        "command": command,
        "recipe": asdict(recipe),
    }
    (run / MODEL).write_bytes(content)
    if heads == BOTH_HEADS:
        made = {"label_prior": _label_prior(logits, public, temperature), **made}
    entry = conversion.emotion_entry(MODEL, content, heads, temperature, prior, made)
    write_json(run / ENTRY, entry)
    first = leading(answers(logits, public, heads))
    report.write(run / "report", first, public, "PublicTest", temperature, run / HISTORY)
    return run / MODEL


def _splits(data: Path, votes: Path | None, labels: tuple[str, ...]) -> dict[str, LabelledFaces]:
    splits = load(data, votes)
    return {usage: faces.only(labels) for usage, faces in splits.items()} if labels else splits


def _described(data: Path, votes: Path | None, labelled: int, unlabelled: int) -> str:
    source = FER2013_DATA.format(votes=" with the FER+ votes") if votes is not None else data.name
    extra = f"; {unlabelled} faces of photos without labels, answered by the teachers" if unlabelled else ""
    return f"{source} ({labelled} faces){extra}"


def choose_temperature(logits: Floats, faces: LabelledFaces, heads: Sequence[Head]) -> float:
    """Return the temperature that calibrates the first head on these faces."""
    first = answers(logits, faces, heads)[0]
    known = first.shares.sum(axis=1) > 0
    return evaluation.best_temperature(first.logits[known], first.shares[known])


def _label_prior(logits: Floats, faces: LabelledFaces, temperature: float) -> dict[str, float]:
    """Choose what the program divides its probabilities by for a label, on FER2013's labels."""
    columns = [FERPLUS_LABELS.index(e.value) for e in Emotion]
    probabilities = evaluation.softmax(logits[:, columns], temperature)
    order = np.array([list(Emotion).index(Emotion(name)) for name in FER2013_LABELS] + [-1])
    return label_prior(probabilities, order[faces.label])


def install(run: Path, folder: Path) -> None:
    """Copy a trained run's network into a weights folder and its entry into the manifest there.

    Raises UsageError unless it has both heads, which the program needs.
    """
    content, entry = _for_program(run)
    (folder / MODEL).write_bytes(content)
    conversion.update_manifest(folder / "manifest.json", "emotion", entry)


def classifier(run: Path) -> LiteRTClassifier:
    """Return what judges faces in the program, with a trained run's network and its own label prior.

    Raises UsageError unless it has both heads.
    """
    content, entry = _for_program(run)
    return LiteRTClassifier(content, entry, {e: float(entry["label_prior"][e.value]) for e in Emotion})


def _for_program(run: Path) -> tuple[bytes, dict[str, Any]]:
    content, entry = _trained(run)
    if entry["labels"] != {head.name: list(head.labels) for head in BOTH_HEADS}:
        answered = ", ".join(entry["labels"])
        raise UsageError(f"{run} answers {answered}; the program needs a network for FER2013 with FER+")
    return content, entry


def evaluate(
    data: Path,
    votes: Path | None,
    split: str,
    run: Path | None,
    labels: tuple[str, ...] = (),
    pictures: Path | None = None,
) -> Evaluated:
    """Score the network that ships, or a run's, on one of the leak-free splits; draw a report into `pictures`.

    labels: answer only these, and count only the faces that have one of them; raises UsageError unless a head
    has all of them.
    """
    if split not in USAGES:
        raise UsageError(f"no split {split!r}; there are {', '.join(USAGES)}")
    content, details = _network(run)
    faces = load(data, votes)[split]
    if not len(faces):
        raise AlbumsortError(f"{data} has no split {split}; choose another with --split")
    heads = tuple(Head(name, tuple(of)) for name, of in details["labels"].items())
    if not any(set(labels) <= set(head.labels) for head in heads):
        known = "; ".join(", ".join(head.labels) for head in heads)
        raise UsageError(f"the network does not tell {', '.join(labels)} apart; its labels are {known}")
    logits = conversion.run_litert(content, faces.pixels)
    temperature = float(details["temperature"])
    scored = evaluation.evaluate(logits, faces, heads, temperature, labels)
    if pictures is not None:
        first = leading(answers(logits, faces, heads))
        report.write(pictures, first, faces, split, temperature, None if run is None else run / HISTORY)
    return Evaluated(split, len(content), temperature, scored, milliseconds_a_face(content))


def _network(run: Path | None) -> tuple[bytes, dict[str, Any]]:
    if run is not None:
        return _trained(run)
    content, network = weights.load("emotion")
    return content, network.details


def _trained(run: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the LiteRT file and manifest entry of a finished run."""
    if not (run / ENTRY).is_file():
        raise AlbumsortError(f"{run} holds no finished network; train it to its last epoch first")
    return (run / MODEL).read_bytes(), json.loads((run / ENTRY).read_text(encoding="utf-8"))


def milliseconds_a_face(content: bytes, mirrored: bool = True, runs: int = 300) -> float:
    """Return the median time for one face on one thread; mirrored: for both views of it, as in the program."""
    face = np.full((1, SIDE, SIDE), 128, np.uint8)
    network = Network(content)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        if mirrored:
            mirrored_logits(network, face)
        else:
            network(face[..., None])
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)
