"""Training one of the older systems into a folder; an interrupted run resumes after its last completed epoch.

Only PublicTest decides the learning rate, when to stop and which epoch to keep. PrivateTest is used once, at the end.
"""

from __future__ import annotations

import csv
import json
import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...errors import AlbumsortError, UsageError
from ..common.arrays import Floats, Pixels
from ..common.epochs import Progress
from ..common.recipes import replace_file, write_json
from ..emotion import conversion
from ..emotion.data import SIDE, LabelledFaces, digest
from ..emotion.shipping import milliseconds_a_face
from .batches import SEED, Batches
from .systems import FEATURES, HEAD, TRUNK, System

BATCH = 128  # for predictions
HISTORY, SCORES, RESULT = "history.csv", "scores.npy", "result.json"
Row = dict[str, float]
"""One epoch: epoch, seconds, learning_rate; cross_entropy and accuracy on training faces, public_* on PublicTest."""


class MissingWeightsError(AlbumsortError):
    """A system starts from weights that are not on this machine; nothing is downloaded."""


@dataclass(frozen=True)
class TrainedSystem:
    """The record of a trained system in its folder.

    data: hash of all splits. faces, epochs: number of training faces and epochs. best: the epoch kept. parameters,
    bytes: of the LiteRT network, or of the pickled SVM. milliseconds: median for one face on one thread of this
    machine, in LiteRT or scikit-learn. seconds: training time. epochs and best are 0 for the SVM.
    """

    data: str
    faces: int
    epochs: int
    best: int
    parameters: int
    bytes: int
    milliseconds: float
    seconds: float


def finished(folder: Path) -> tuple[TrainedSystem, Floats] | None:
    """Return a finished folder's record and the scores (n, labels) of all PrivateTest faces, or None."""
    if not (folder / RESULT).is_file():
        return None
    trained = TrainedSystem(**json.loads((folder / RESULT).read_text(encoding="utf-8")))
    return trained, np.load(folder / SCORES)


def history(folder: Path) -> list[Row]:
    """Return the completed epochs of a folder."""
    if not (folder / HISTORY).is_file():
        return []
    with (folder / HISTORY).open(newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def reproduce(
    system: System,
    build: Callable[[int], keras.Model] | None,
    splits: dict[str, LabelledFaces],
    folder: Path,
    epochs: int,
    faces: int | None,
    weights: Path | None,
) -> None:
    """Train a system, or resume, and write its scores on PrivateTest to the folder.

    build: its network or a variant of it. epochs, faces: limits; the faces are drawn by a fixed seed. weights: start of
    a pretrained network, in place of the file in Keras' own folder. Raises MissingWeightsError if there is no such
    file, UsageError if the folder was started with other faces.
    """
    training = _some(splits["Training"].only(system.labels), faces)
    public, private = splits["PublicTest"].only(system.labels), splits["PrivateTest"]
    data = digest(splits)
    begun = {"data": data, "faces": len(training)}
    start = _weights_file(system, weights) if system.pretrained else None
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "begun.json").is_file() and json.loads((folder / "begun.json").read_text()) != begun:
        raise UsageError(f"{folder} was started with other faces; use the same --data and --faces or another --run")
    write_json(folder / "begun.json", begun)
    if build is None:
        trained, scores = _support_vectors(training, private, data)
    else:
        model = _fit(system, build, training, public, folder, epochs, start)
        content = conversion.to_litert(model)
        (folder / "network.tflite").write_bytes(content)
        scores = _predict(model, private.pixels)
        rows = history(folder)
        trained = TrainedSystem(
            data=data,
            faces=len(training),
            epochs=len(rows),
            best=int(max(rows, key=lambda row: row["public_accuracy"])["epoch"]),
            parameters=model.count_params(),
            bytes=len(content),
            milliseconds=round(milliseconds_a_face(content), 3),
            seconds=round(sum(row["seconds"] for row in rows), 1),
        )
    np.save(folder / SCORES, scores)
    write_json(folder / RESULT, asdict(trained))


def _some(faces: LabelledFaces, most: int | None) -> LabelledFaces:
    if most is None or len(faces) <= most:
        return faces
    return faces.where(np.random.default_rng(SEED).permutation(len(faces)) < most)


def _weights_file(system: System, weights: Path | None) -> Path:
    home = Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))
    path = weights or home / "models" / system.pretrained
    if not path.is_file():
        raise MissingWeightsError(
            f"there are no ImageNet weights at {path}, and albumsort downloads nothing: get {system.pretrained} and "
            "name it with --vgg19-weights"
        )
    return path


def _fit(
    system: System,
    build: Callable[[int], keras.Model],
    training: LabelledFaces,
    public: LabelledFaces,
    folder: Path,
    epochs: int,
    weights: Path | None,
) -> keras.Model:
    """Return the network with the weights of its best epoch on PublicTest."""
    keras.utils.set_random_seed(SEED)
    keras.config.set_dtype_policy("float32")
    model = build(len(system.labels))
    network = model
    seen: Pixels | Floats = training.pixels[..., None]
    validation = public.pixels[..., None].astype(np.float32)
    if weights is not None:
        features, network = model.get_layer(FEATURES), model.get_layer(HEAD)
        _load(features.get_layer(TRUNK), weights)
        seen, validation = _predict(features, training.pixels), _predict(features, public.pixels)
    batches = Batches(seen, training.label, system)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    cross_entropy = keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy", from_logits=True)
    network.compile(keras.optimizers.Adam(system.learning_rate), loss=loss, metrics=[cross_entropy, "accuracy"])
    if (folder / "last.keras").exists():
        network.optimizer.build(network.trainable_variables)  # creates the momenta that the checkpoint fills
        network.load_weights(folder / "last.keras")
        batches.epoch = int(network.optimizer.iterations) // len(batches)
    watch = Watch(system, folder, history(folder)[: batches.epoch])
    if not watch.finished:
        network.fit(
            batches,
            validation_data=(validation, public.label),
            validation_batch_size=BATCH,
            epochs=max(epochs, batches.epoch),
            initial_epoch=batches.epoch,
            callbacks=[watch],
            verbose=0,
            shuffle=False,
        )
    network.load_weights(folder / "best.weights.h5")
    return model


def _load(trunk: keras.Model, weights: Path) -> None:
    try:
        trunk.load_weights(weights)
    except (OSError, ValueError, KeyError) as e:
        raise AlbumsortError(f"{weights} does not hold the weights of VGG19 without its top layers ({e})") from e


def _predict(model: keras.Model, pixels: Pixels) -> Floats:
    return np.asarray(model.predict(pixels[..., None].astype(np.float32), batch_size=BATCH, verbose=0))


class Watch(Progress):
    """A callback that writes the best epoch on PublicTest, a checkpoint and the history.

    All its decisions follow from the history, so a resumed run makes the same ones.
    """

    def __init__(self, system: System, folder: Path, rows: list[Row]) -> None:
        super().__init__(f"{folder.name} ")
        self.system, self.folder, self.rows = system, folder, rows
        self.started = 0.0

    @property
    def finished(self) -> bool:
        """Whether the accuracy on PublicTest has not improved for the system's `patience` epochs."""
        accuracies = [row["public_accuracy"] for row in self.rows]
        return bool(accuracies) and len(accuracies) - 1 - int(np.argmax(accuracies)) >= self.system.patience

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self.started = time.perf_counter()
        self.model.optimizer.learning_rate = learning_rate(self.system, [r["public_accuracy"] for r in self.rows])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        values = logs or {}
        row = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - self.started, 2),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "cross_entropy": round(values["cross_entropy"], 4),
            "accuracy": round(values["accuracy"], 4),
            "public_cross_entropy": round(values["val_cross_entropy"], 4),
            "public_accuracy": round(values["val_accuracy"], 4),
        }
        if all(row["public_accuracy"] > other["public_accuracy"] for other in self.rows):
            replace_file(self.folder / "best.weights.h5", self.model.save_weights)
        self.rows.append(row)
        # the checkpoint comes last: it counts the completed epochs, and a resumed run repeats any epoch beyond it
        replace_file(self.folder / HISTORY, self._write)
        replace_file(self.folder / "last.keras", self.model.save)
        self.model.stop_training = self.finished

    def _write(self, draft: str) -> None:
        with Path(draft).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.rows[0])
            writer.writeheader()
            writer.writerows(self.rows)


def learning_rate(system: System, accuracies: Sequence[float]) -> float:
    """Return the learning rate of the next epoch, from the accuracies on PublicTest so far."""
    rate, best, waited = system.learning_rate, -1.0, 0
    for accuracy in accuracies:
        waited = 0 if accuracy > best else waited + 1
        best = max(best, accuracy)
        if system.plateau is not None and waited == system.plateau.patience:
            rate, waited = rate * system.plateau.factor, 0
    return rate


def _support_vectors(training: LabelledFaces, private: LabelledFaces, data: str) -> tuple[TrainedSystem, Floats]:
    """Fit a support vector machine with a radial kernel and scikit-learn's defaults, on pixels scaled to 0-1 each."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler
    from sklearn.svm import SVC

    def flat(pixels: Pixels) -> Any:
        return pixels.reshape(len(pixels), SIDE * SIDE).astype(np.float64)

    start = time.perf_counter()
    machine = SVC(kernel="rbf", cache_size=2000)
    model = make_pipeline(MinMaxScaler(), machine).fit(flat(training.pixels), training.label)
    seconds = time.perf_counter() - start
    scores = np.asarray(model.decision_function(flat(private.pixels)), np.float32)
    if scores.ndim == 1:  # for two labels, scikit-learn scores only the second
        scores = np.stack([-scores, scores], axis=1)
    times = []
    for face in flat(private.pixels[:50]):  # libsvm predicts on one thread
        start = time.perf_counter()
        model.predict(face[None])
        times.append(time.perf_counter() - start)
    return TrainedSystem(
        data=data,
        faces=len(training),
        epochs=0,
        best=0,
        parameters=machine.support_vectors_.size + machine.dual_coef_.size + machine.intercept_.size,
        bytes=len(pickle.dumps(model)),
        milliseconds=round(float(np.median(times)) * 1000, 3),
        seconds=round(seconds, 1),
    ), scores
