"""From data files to a network that can ship: fit, convert, calibrate, describe, install."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from ...choosing.labels import telling_answers
from ...emotions import Calibration, LiteRTClassifier, resized
from ...errors import AlbumsortError, UsageError
from ...networks import weights
from ...networks.litert import Network
from ...types import Emotion
from ..common import conversion
from ..common.arrays import Floats
from ..common.epochs import HISTORY
from ..common.recipes import claim_inputs, write_json
from . import calibration as natural_calibration
from . import conversion as emotion_conversion
from . import evaluation, examples, fitting, report
from .data import BOTH_HEADS, USAGES, Head, LabelledFaces, digest, heads_for, parts
from .evaluation import answers, leading
from .examples import Examples
from .fitting import ENTRY, MODEL, Recipe
from .gathering import Further
from .natural import EYES_HEAD, NATURAL_HEAD, OF_FACES, NaturalFaces, Use, agreed
from .sources import load

PROGRAM_HEADS = (*BOTH_HEADS, NATURAL_HEAD, EYES_HEAD)
FER2013_DATA = "FER2013 Training split{votes}; exact and near duplicates of test faces removed"


@dataclass(frozen=True)
class Evaluated:
    """A network's figures on one split. milliseconds: median for one face, on one thread of this machine."""

    split: str
    bytes: int
    temperature: float
    report: evaluation.EvaluationReport
    milliseconds: float


def train(data: Path, votes: Path | None, further: Further, recipe: Recipe, run: Path, command: str) -> Path:
    """Fit by the recipe (or resume), then write the LiteRT file, its manifest entry and a report to the run's folder.

    The temperature is fitted on PublicTest, which the report covers; the calibration for natural faces on those with
    the use valid. No test face is used. Returns the LiteRT file. Raises UsageError if the run was started with
    another recipe or other faces.
    """
    commit = conversion.commit()
    splits = _splits(data, votes, recipe.labels)
    labelled, public = splits["Training"], splits["PublicTest"]
    if not len(labelled):
        raise AlbumsortError(f"{data} holds no training faces")
    heads = heads_for(labelled)
    if further.natural is not None:
        heads = (*heads, NATURAL_HEAD, EYES_HEAD)
    valid = further.natural.of(Use.VALID) if further.natural is not None else None
    if valid is not None and not len(valid):
        raise UsageError("no natural face has the use valid; the calibration needs some")
    recipe.claim(run)
    claim_inputs(run, _inputs(labelled, public, further), "faces, labels or votes")
    fitting.fit(
        _examples(labelled, further, heads, recipe), fitting.check(public, valid, heads, recipe), heads, recipe, run
    )
    content = emotion_conversion.to_litert(fitting.averaged(run, heads))
    logits = conversion.run_litert(content, resized(public.pixels, recipe.side))
    temperature = choose_temperature(logits, public, heads)
    scores = evaluation.evaluate(logits, public, heads, temperature).scores
    origin = {
        "data": _described(data, votes, labelled, further),
        "score": {"set": "PublicTest", **{name: round(score.value, 4) for name, score in scores.items()}},
        "commit": commit,
        "command": command,
        "recipe": asdict(recipe),
    }
    if valid is not None and further.natural is not None:
        origin = {**_natural_entry(content, heads, valid, further.natural, recipe.nobody_share), **origin}
    (run / MODEL).write_bytes(content)
    entry = emotion_conversion.emotion_entry(MODEL, content, heads, temperature, origin)
    write_json(run / ENTRY, entry)
    first = leading(answers(logits, public, heads))
    report.write(run / "report", first, public, "PublicTest", temperature, run / HISTORY)
    return run / MODEL


def _inputs(labelled: LabelledFaces, public: LabelledFaces, further: Further) -> dict[str, Any]:
    """Return the number of training faces and a hash that identifies them."""
    state = xxhash.xxh3_128(digest({"learnt": labelled, "PublicTest": public}, voted=True).encode())
    arrays: list[npt.NDArray[Any]] = [further.unlabelled, further.nobody]
    if further.natural is not None:
        arrays += [further.natural.tiles, further.natural.expressions, further.natural.eyes]
    for array in arrays:
        state.update(np.ascontiguousarray(array).data)
    return {"faces": len(labelled) + sum(map(len, arrays[:3])), "digest": state.hexdigest()}


def _examples(labelled: LabelledFaces, further: Further, heads: Sequence[Head], recipe: Recipe) -> list[Examples]:
    """Return the training examples by source; FER2013 fills the part of a batch that the others leave."""
    natural, others = further.natural, list[Examples]()
    if natural is not None:
        judged = natural.of(Use.TRAIN)
        others.append(examples.of_natural(judged, heads, recipe.natural_share, recipe.evenly))
        if len(further.nobody):
            others.append(examples.of_nobody(further.nobody, heads, recipe.nobody_share))
    if recipe.teachers:
        tiles = further.unlabelled
        if natural is not None:
            tiles = np.concatenate([natural.of(Use.UNLABELLED).tiles, tiles])
        if len(tiles):
            others.append(examples.of_anybody(tiles, heads, recipe.unlabelled_share))
    rest = max(0.0, 1 - sum(source.share for source in others))
    return [*others, examples.of_labelled(labelled, heads, rest, recipe.voted)]


def _splits(data: Path, votes: Path | None, labels: tuple[str, ...]) -> dict[str, LabelledFaces]:
    splits = load(data, votes)
    return {usage: faces.only(labels) for usage, faces in splits.items()} if labels else splits


def _described(data: Path, votes: Path | None, labelled: LabelledFaces, further: Further) -> str:
    source = FER2013_DATA.format(votes=" with the FER+ votes") if votes is not None else data.name
    texts = [f"{source} ({len(labelled)} faces)"]
    natural = further.natural
    if natural is not None:
        texts.append(f"{len(natural.of(Use.TRAIN))} natural faces with viewers' verdicts")
        texts.append(f"{len(natural.of(Use.UNLABELLED))} without")
    if len(further.unlabelled):
        texts.append(f"{len(further.unlabelled)} unlabelled faces of photos, labelled by the teachers")
    if len(further.nobody):
        texts.append(f"{len(further.nobody)} false detections")
    return "; ".join(texts)


def choose_temperature(logits: Floats, faces: LabelledFaces, heads: Sequence[Head]) -> float:
    """Return the temperature that calibrates the first head on these faces."""
    first = answers(logits, faces, heads)[0]
    known = first.shares.sum(axis=1) > 0
    return evaluation.best_temperature(first.logits[known], first.shares[known])


def _natural_entry(
    content: bytes, heads: Sequence[Head], valid: NaturalFaces, known: NaturalFaces, no_face_share: float
) -> dict[str, Any]:
    """Return the manifest's fields for natural faces: the scaling of the logits, the natural shares, the confusion.

    valid: the faces for the scaling, fitted at several sizes, and for the confusion; known: the faces for the shares,
    by their weights. no_face_share: the part of every batch that showed no face.
    """
    part = dict(zip((head.name for head in heads), parts(heads), strict=True))
    sizes = natural_calibration.at_sizes(valid.squares(conversion.side_of(content)))
    logits = [conversion.run_litert(content, faces) for faces in sizes]
    natural = np.concatenate([each[:, part[NATURAL_HEAD.name]] for each in logits])
    repeated = np.tile(valid.expressions, (len(sizes), 1))
    scaling = natural_calibration.fit(natural, repeated, np.tile(valid.weight, len(sizes)))
    weighted = known.of(Use.TRAIN, Use.VALID)
    entry: dict[str, Any] = {
        "natural": {
            "labels": list(OF_FACES),
            "temperature": scaling.temperature,
            "bias": list(scaling.offsets),
            "no_face_share": no_face_share,
        },
        "shares": natural_calibration.natural_shares(weighted.expressions, weighted.weight),
    }
    calibration = Calibration.of({"labels": {head.name: list(head.labels) for head in heads}, **entry})
    first = logits[0]
    detected = np.ones(len(valid))
    expressions = calibration.expressions(first[:, part[NATURAL_HEAD.name]], first[:, part[EYES_HEAD.name]], detected)
    answered = telling_answers([(*e.probabilities.values(), e.nothing) for e in expressions], calibration.shares)
    truth = agreed(valid.expressions)
    kinds = np.where(truth < 0, len(Emotion), truth)
    return {**entry, "confusion": natural_calibration.confusion(np.array(answered), kinds, valid.weight)}


def install(run: Path, folder: Path) -> None:
    """Copy a finished run's network into a weights folder, and its entry into the manifest there.

    Raises UsageError unless the network has all four heads that the program needs.
    """
    content, entry = _for_program(run)
    (folder / MODEL).write_bytes(content)
    conversion.update_manifest(folder / "manifest.json", "emotion", entry)


def classifier(run: Path) -> LiteRTClassifier:
    """Return the program's classifier with the network of a finished run.

    Raises UsageError unless the network has all four heads.
    """
    content, entry = _for_program(run)
    return LiteRTClassifier(content, entry)


def _for_program(run: Path) -> tuple[bytes, dict[str, Any]]:
    content, entry = _trained(run)
    if entry["labels"] != {head.name: list(head.labels) for head in PROGRAM_HEADS}:
        heads = ", ".join(entry["labels"])
        raise UsageError(f"{run} was trained for {heads}; the program needs FER2013, FER+ and natural faces")
    return content, entry


def evaluate(
    data: Path,
    votes: Path | None,
    split: str,
    run: Path | None,
    labels: tuple[str, ...] = (),
    pictures: Path | None = None,
) -> Evaluated:
    """Score the shipped network, or a run's, on one of the leak-free splits; draw a report into `pictures`.

    labels: allow only these answers, and count only faces with one of these labels; raises UsageError unless one head
    has all of them.
    """
    if split not in USAGES:
        raise UsageError(f"no split {split!r}; choose from {', '.join(USAGES)}")
    content, details = _network(run)
    faces = load(data, votes)[split]
    if not len(faces):
        raise AlbumsortError(f"{data} has no split {split}; choose another with --split")
    heads = tuple(Head(name, tuple(of)) for name, of in details["labels"].items())
    if not any(set(labels) <= set(head.labels) for head in heads):
        known = "; ".join(", ".join(head.labels) for head in heads)
        raise UsageError(f"no head of the network has the labels {', '.join(labels)}; its labels are {known}")
    logits = conversion.run_litert(content, resized(faces.pixels, conversion.side_of(content)))
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
        raise AlbumsortError(f"{run} holds no finished network; first train it to its last epoch")
    return (run / MODEL).read_bytes(), json.loads((run / ENTRY).read_text(encoding="utf-8"))


def milliseconds_a_face(content: bytes, runs: int = 300) -> float:
    """Return the median time for one face on one thread."""
    network = Network(content)
    face = np.full((1, *network.sides, 1), 128, np.uint8)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        network(face)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)
