"""From data files to a network that can ship: fit, convert, calibrate, describe, install."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import weights
from ..errors import AlbumsortError
from ..litert import Network
from . import conversion, evaluation, fitting
from .datasets import SIDE, USAGES, Floats, LabelledFaces, vote_shares
from .sources import load

MODEL, ENTRY = "emotion.tflite", "entry.json"
DATA = "FER2013 Training split with the FER+ votes; faces that stand (nearly) the same in a test split removed"


@dataclass(frozen=True)
class Evaluated:
    """A network's figures on one split. milliseconds: median a face, one thread, this machine."""

    split: str
    bytes: int
    temperature: float
    report: evaluation.Report
    milliseconds: float


def train(
    data: Path, votes: Path, unlabelled: LabelledFaces | None, recipe: fitting.Recipe, run: Path, command: str
) -> Path:
    """Fit by the recipe (or go on with it), then leave the LiteRT file and its manifest entry in the run folder.

    unlabelled: further faces that only the recipe's teachers speak for. The temperature is chosen on
    PublicTest; PrivateTest is not looked at. Returns the LiteRT file.
    """
    commit = conversion.commit()
    splits = load(data, votes)
    seen = splits["Training"] if unlabelled is None else splits["Training"] + unlabelled
    fitting.fit(seen, splits["PublicTest"], recipe, run)
    content = conversion.to_litert(fitting.averaged(run))
    public = splits["PublicTest"]
    logits = conversion.run_litert(content, public.pixels)
    temperature = choose_temperature(logits, public)
    prior = conversion.training_prior(vote_shares(splits["Training"].votes))
    made = {
        "data": _described(len(splits["Training"]), 0 if unlabelled is None else len(unlabelled)),
        "score": {"set": "PublicTest", **_short(evaluation.evaluate(logits, public, temperature))},
        "commit": commit,
        "command": command,
        "recipe": asdict(recipe),
    }
    (run / MODEL).write_bytes(content)
    entry = conversion.emotion_entry(MODEL, content, temperature, prior, made)
    (run / ENTRY).write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
    return run / MODEL


def _described(labelled: int, unlabelled: int) -> str:
    extra = f"; {unlabelled} faces of photos without labels, answered by the teachers" if unlabelled else ""
    return f"{DATA} ({labelled} faces){extra}"


def choose_temperature(logits: Floats, faces: LabelledFaces) -> float:
    """Return the temperature that calibrates the FER+ head on these faces."""
    shares = vote_shares(faces.votes)
    voted = shares.sum(axis=1) > 0
    return evaluation.best_temperature(logits[voted, : shares.shape[1]], shares[voted])


def install(run: Path, folder: Path) -> None:
    """Copy a trained run's network into a weights folder and its entry into the manifest there."""
    content, entry = _trained(run)
    (folder / MODEL).write_bytes(content)
    conversion.update_manifest(folder / "manifest.json", "emotion", entry)


def evaluate(data: Path, votes: Path, split: str, run: Path | None, pictures: Path | None = None) -> Evaluated:
    """Score the network that ships, or a run's, on one of the leak-free splits; draw a report into `pictures`."""
    if split not in USAGES:
        raise AlbumsortError(f"no split {split!r}; there are {', '.join(USAGES)}")
    content, details = _network(run)
    faces = load(data, votes)[split]
    logits = conversion.run_litert(content, faces.pixels)
    temperature = float(details["temperature"])
    report = evaluation.evaluate(logits, faces, temperature)
    if pictures is not None:
        from .report import write

        write(pictures, logits, faces, temperature, None if run is None else run / "history.csv")
    return Evaluated(split, len(content), temperature, report, milliseconds_a_face(content))


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


def milliseconds_a_face(content: bytes, runs: int = 300) -> float:
    """Return the median time for one face on one thread."""
    face = np.full((1, SIDE, SIDE, 1), 128, np.uint8)
    network = Network(content)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        network(face)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


def _short(report: evaluation.Report) -> dict[str, float]:
    scores = ("ferplus_8", "ferplus_four", "fer2013_7", "fer2013_four")
    return {name: round(getattr(report, name).value, 4) for name in scores}
