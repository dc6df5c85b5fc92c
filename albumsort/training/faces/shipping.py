"""From unlabelled photos to a face detector that can ship: the stages of a run. Each of them can resume."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...errors import AlbumsortError, UsageError
from ...faces.detector import COARSE_SIDE, FINE_SIDE, CascadeDetector
from ...faces.proposer import proposer_input
from ...faces.resize import shrunk
from ...faces.scores import Calibration
from ...faces.verifier import VERIFIER_SIDE
from ...networks import weights
from ...types import THRESHOLD
from ..common import conversion
from ..common.recipes import claim_inputs, write_json
from . import calibration as face_calibration
from . import canvases as face_canvases
from . import charts, fitting
from . import conversion as face_conversion
from . import photos as face_photos
from . import reviews as face_reviews
from .candidates import ONE_OF, collect, collect_from_canvases
from .fitting import FaceRecipe
from .labels import Teacher
from .networks import NEIGHBOURS
from .photos import Drawn, LabelledPhoto, Split, of_split

PROPOSER, VERIFIER = "face_proposer", "face_verifier"
ENTRIES = "entries.json"
METHOD = "2"  # change it with any code for which a resumed run would mix the results of two versions
OTHER_CANVASES = 1000  # added to the seed of the canvases that check the proposer
SHOWN = 10  # photos that set the integer ranges of the proposer

Watch = Callable[[Iterable[LabelledPhoto]], Iterable[LabelledPhoto]]


@dataclass(frozen=True)
class Start:
    """The networks, as LiteRT files, that a run starts from.

    The verifier is trained further, the proposer only if the recipe has epochs for it. proposed: the proposer's entry
    in the manifest.
    """

    proposer: bytes
    verifier: bytes
    proposed: dict[str, Any]

    @classmethod
    def read(cls, name: str) -> Self:
        """Read the networks of a finished run, or the shipped ones if the name is `shipped`."""
        if name == "shipped":
            proposer, entry = weights.load(PROPOSER)
            return cls(proposer, weights.load(VERIFIER)[0], entry.details)
        return cls(*_networks(Path(name)), _entries(Path(name))[PROPOSER])


@dataclass(frozen=True)
class TrainedDetector:
    """A finished pair of networks. entries: for the manifest, by name; validation, held_out: detections there."""

    proposer: Path
    verifier: Path
    entries: dict[str, Any]
    validation: face_calibration.Survey
    held_out: face_calibration.Survey


def train(
    drawn: Sequence[Drawn],
    make_teacher: Callable[[], Teacher],
    taught_by: str,
    recipe: FaceRecipe,
    run: Path,
    command: str,
    watch: Watch,
    reviewed: Path | None = None,
    start: Start | None = None,
) -> TrainedDetector:
    """Label, draw, fit, convert and calibrate in the folder `run`, or resume there.

    drawn: the photos; make_teacher: pickled, called in every worker process that labels; taught_by: the teacher's
    description for the manifest; reviewed: a CSV of a reviewer's verdicts on the teacher's faces, for `face_reviews`.
    The last stage writes the LiteRT files, their manifest entries and charts to the run's folder. Raises UsageError if
    the recipe has no epochs for a network that needs some.
    """
    if start is None and not recipe.proposer_epochs:
        raise UsageError(
            "the recipe has no epochs for the proposer: add some, or start from a finished proposer (--start)"
        )
    if not recipe.verifier_epochs:
        raise UsageError("the recipe has no round for the verifier: add its epochs")
    verdicts = None
    if reviewed is not None:
        _check_names(face_reviews.read(reviewed), drawn, reviewed)  # before hours of work
        verdicts = reviewed.read_bytes()
    kept = None if recipe.proposer_epochs else start  # its proposer is not trained further
    commit = conversion.commit()
    recipe.claim(run)
    inputs = _claim_inputs(run, drawn, taught_by, verdicts, start)
    labels, proposer, verifier = run / "labels", run / f"{PROPOSER}.tflite", run / f"{VERIFIER}.tflite"
    (labels / face_photos.REVIEWED).unlink(missing_ok=True)
    face_photos.label_all(drawn, make_teacher, labels)
    if verdicts is not None:
        (labels / face_photos.REVIEWED).write_bytes(verdicts)
    canvases = run / "canvases"
    every = ONE_OF if kept is None else 1  # a kept proposer needs no canvases, so only the verifier's are drawn
    face_canvases.draw_all(canvases, recipe.canvases * every // ONE_OF, labels, Split.TRAINING, recipe.seed)
    if kept is not None:
        proposer.write_bytes(kept.proposer)
    else:
        _make_proposer(recipe, run, labels, canvases, None if start is None else start.proposer, proposer)
    collected = [run / "candidates-canvases"]
    collect_from_canvases(collected[0], canvases, proposer, recipe.seed, every)
    before: Path | bytes | None = None if start is None else start.verifier
    for number in range(len(recipe.verifier_epochs)):
        collected.append(run / f"candidates-{number}")
        collect(collected[-1], labels, proposer, recipe.seed + number)
        fitted = run / f"verifier-{number}"
        fitting.fit_verifier(recipe, number, collected, before, fitted)
        before = fitted
    verifier.write_bytes(face_conversion.verifier_to_litert(fitting.averaged("verifier", fitted)))
    labelled = face_photos.read(labels)
    calibration = calibrate(proposer, verifier, labelled, watch)
    validation, held_out = measure(proposer, verifier, calibration, labelled, watch)
    origin = {
        "data": _described(labelled, taught_by if reviewed is None else f"{taught_by}, corrected by a reviewer"),
        "inputs": inputs,
        "score": _score(validation, held_out),
        "commit": commit,
        "command": command,
        "recipe": asdict(recipe),
    }
    entries = {
        PROPOSER: _entry(
            proposer,
            "int8 (1, H, W/4, 12), BGR less 128 of four neighbouring pixels, H and W multiples of 32",
            "float32 (1, H/8, W/8, 5), in three parts: logit of the score, centre and size of every cell",
            origin,
        ),
        VERIFIER: _entry(
            verifier,
            f"float32 (n, {VERIFIER_SIDE}, {VERIFIER_SIDE}, 3), BGR 0-255",
            "float32 (n, 15): score, box, five landmarks",
            {"calibration": list(asdict(calibration).values()), **origin},
        ),
    }
    if kept is not None:
        entries[PROPOSER] = {**kept.proposed, "score": origin["score"]}
    write_json(run / ENTRIES, entries)
    cycles = [f"{name}-{i}" for name, epochs in recipe.epochs.items() for i in range(len(epochs))]
    charts.write(run / "report", [run / cycle for cycle in cycles], validation)
    return TrainedDetector(proposer, verifier, entries, validation, held_out)


def _make_proposer(
    recipe: FaceRecipe, run: Path, labels: Path, canvases: Path, before: Path | bytes | None, proposer: Path
) -> None:
    """Train the proposer on canvases, or resume, and write its LiteRT file to `proposer`."""
    face_canvases.draw_all(run / "checked", recipe.checked, labels, Split.VALIDATION, recipe.seed + OTHER_CANVASES)
    for cycle in range(len(recipe.proposer_epochs)):
        fitted = run / f"proposer-{cycle}"
        fitting.fit_proposer(recipe, cycle, canvases, run / "checked", before, fitted)
        before = fitted
    network = fitting.averaged("proposer", fitted)
    proposer.write_bytes(face_conversion.proposer_to_litert(network, proposer_examples(labels, recipe.seed)))


def _check_names(reviews: Iterable[str], drawn: Sequence[Drawn], path: Path) -> None:
    """Raise UsageError if a review names a photo that does not exist, or a name that several photos have."""
    photos_of = Counter(item.path.name for item in drawn)
    for name in reviews:
        if photos_of[name] != 1:
            raise UsageError(f"{path} names {name}: {photos_of[name] or 'no'} training photos have that name")


def _claim_inputs(
    run: Path, drawn: Sequence[Drawn], taught_by: str, verdicts: bytes | None, start: Start | None
) -> dict[str, Any]:
    """Return what identifies a run's inputs; raises UsageError if the run was started with other inputs."""
    inputs: dict[str, Any] = {
        "method": METHOD,
        "photos": len(drawn),
        "names": sha256("\n".join(item.path.name for item in drawn).encode()),
        "teacher": taught_by,
    }
    if verdicts is not None:
        inputs["reviewed"] = sha256(verdicts)
    if start is not None:
        inputs["start"] = [sha256(start.proposer), sha256(start.verifier)]
    claim_inputs(run, inputs, "photos or another teacher, review or start")
    return inputs


def sha256(content: bytes) -> str:
    """Return the SHA-256 that identifies teachers, verdicts and networks in the records."""
    return hashlib.sha256(content).hexdigest()


def proposer_examples(labels: Path, seed: int) -> list[npt.NDArray[np.int8]]:
    """Return some training photos as the proposer sees them, each at the coarse and at the fine size."""
    photos = of_split(face_photos.read(labels), Split.TRAINING)
    numbers = np.random.default_rng(seed).permutation(len(photos))[:SHOWN]
    views = (shrunk(np.asarray(photos[i].pixels), side) for i in numbers for side in (COARSE_SIDE, FINE_SIDE))
    return [proposer_input(view, NEIGHBOURS) for view in views]


def calibrate(proposer: Path, verifier: Path, labelled: Sequence[LabelledPhoto], watch: Watch) -> Calibration:
    """Fit the calibration of two networks on the validation photos."""
    photos = of_split(labelled, Split.VALIDATION)
    detector = _detector(proposer, verifier, face_calibration.UNCALIBRATED)
    return face_calibration.fit(face_calibration.survey(detector, photos, watch))


def measure(
    proposer: Path, verifier: Path, calibration: Calibration, labelled: Sequence[LabelledPhoto], watch: Watch
) -> tuple[face_calibration.Survey, face_calibration.Survey]:
    """Return the detections in the validation photos, and in the held-out photos without a face."""
    detector = _detector(proposer, verifier, calibration)
    validation, held_out = (
        face_calibration.survey(detector, of_split(labelled, split), watch)
        for split in (Split.VALIDATION, Split.HELD_OUT)
    )
    return validation, held_out


def _detector(proposer: Path, verifier: Path, calibration: Calibration) -> CascadeDetector:
    return CascadeDetector(proposer.read_bytes(), verifier.read_bytes(), calibration)


def detector(run: Path, floor: float) -> CascadeDetector:
    """Return the detector of a finished run; raises AlbumsortError if the run is not finished.

    floor: least score of the detections that it returns.
    """
    return CascadeDetector(*_networks(run), Calibration(*_entries(run)[VERIFIER]["calibration"]), floor)


def _networks(run: Path) -> tuple[bytes, bytes]:
    """Return proposer and verifier of a finished run."""
    entries = _entries(run)
    return (run / entries[PROPOSER]["file"]).read_bytes(), (run / entries[VERIFIER]["file"]).read_bytes()


def _described(labelled: Sequence[LabelledPhoto], taught_by: str) -> str:
    training = of_split(labelled, Split.TRAINING)
    empty = sum(photo.empty for photo in training)
    faces = sum(len(photo.sure) for photo in training)
    return f"{len(training)} photos with {faces} faces, {empty} without any; boxes and landmarks by {taught_by}"


def _score(validation: face_calibration.Survey, held_out: face_calibration.Survey) -> dict[str, Any]:
    found, false = validation.at(THRESHOLD)
    return {
        "set": f"validation photos, score {THRESHOLD}",
        "photos": validation.photos,
        "faces": validation.faces,
        "recall": round(found / max(1, validation.faces), 4),
        "false": false,
        "held_out_photos_without_a_face": held_out.photos,
        "false_there": held_out.at(THRESHOLD)[1],
    }


def _entry(file: Path, input_form: str, output_form: str, origin: dict[str, Any]) -> dict[str, Any]:
    return {
        "file": file.name,
        "sha256": sha256(file.read_bytes()),
        "input": input_form,
        "output": output_form,
        "labels": ["face"],
        **origin,
    }


def install(run: Path, folder: Path) -> None:
    """Copy a finished run's networks into a weights folder, and their entries into the manifest there."""
    for name, entry in _entries(run).items():
        (folder / entry["file"]).write_bytes((run / entry["file"]).read_bytes())
        conversion.update_manifest(folder / "manifest.json", name, entry)


def _entries(run: Path) -> dict[str, Any]:
    """Return the manifest entries of a finished run."""
    if not (run / ENTRIES).is_file():
        raise AlbumsortError(f"{run} holds no finished face detector; first finish its training")
    return dict(json.loads((run / ENTRIES).read_text(encoding="utf-8")))
