"""Fitting an expression network: recipe, batches, checkpoint every epoch, resume."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from .. import weights
from ..errors import AlbumsortError, UsageError
from ..litert import Network
from . import conversion
from .augmentation import augment
from .datasets import Floats, Head, LabelledFaces, shares
from .epochs import AVERAGE, Checkpoints, adamw, go_on
from .evaluation import evaluate, softmax
from .networks import NETWORKS
from .recipes import Stored

SMOOTHING = 0.1
SOFT_TEMPERATURE = 2.0
MODEL, ENTRY = "emotion.tflite", "entry.json"  # in a run's folder once it is done
SHIPPED = "shipped"  # instead of a run: the network in use
STATISTICS_FACES = 2048


@dataclass(frozen=True)
class Recipe(Stored):
    """All that decides a run; written to its folder and read back when it resumes."""

    network: str = "compact"
    epochs: int = 60
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    mixup: float = 0.2
    averaging: float = 0.999
    seed: int = 0
    precision: str = "float32"  # mixed_bfloat16 halves the time where the processor computes with it
    augmentation: float = 1.0  # how often light, quality and coverings change, against the usual
    fer2013_weight: float = 0.5  # of that head's loss, against the other's
    soft_share: float = 0.7  # of the loss, where teachers are given
    teachers: tuple[str, ...] = ()  # finished runs to distil from, or "shipped"
    start: str = ""  # a finished run of the same network to begin from, or "shipped"
    labels: tuple[str, ...] = ()  # which of the data's; all if empty

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UsageError(f"no network {self.network!r}; there are {', '.join(sorted(NETWORKS))}")


PRESETS = {
    "compact": Recipe(),
    "deep": Recipe(network="deep"),
    "wide": Recipe(network="wide", epochs=30, learning_rate=2e-3),
    "plain": Recipe(network="plain", epochs=30, learning_rate=2e-3, seed=1),
    "quick": Recipe(epochs=2),
}


def chosen(name: str, **instead: Any) -> Recipe:
    """Return a preset by its name, or the recipe of a JSON file, with what is not None or empty instead of its own."""
    if name not in PRESETS and not Path(name).is_file():
        raise UsageError(f"no recipe {name!r}: name a JSON file or one of {', '.join(PRESETS)}")
    recipe = PRESETS[name] if name in PRESETS else Recipe.read(Path(name))
    return replace(recipe, **{field: value for field, value in instead.items() if value not in (None, ())})


def targets(faces: LabelledFaces, heads: Sequence[Head], recipe: Recipe) -> Floats:
    """(n, outputs) what each head should answer, times the weight of its loss; zeros where nothing is known."""
    wanted = []
    for head, weight in zip(heads, weights_of(heads, recipe), strict=True):
        known = shares(head, faces)
        if head.name != "ferplus":  # ten taggers' votes are soft already
            known = known * (1 - SMOOTHING) + SMOOTHING / len(head.labels) * known.any(axis=1, keepdims=True)
        wanted.append(weight * known)
    return np.concatenate(wanted, axis=1).astype(np.float32)


def weights_of(heads: Sequence[Head], recipe: Recipe) -> list[float]:
    """Return the weight of each head's loss: the labels' head has the recipe's where it is the second."""
    return [1.0, recipe.fer2013_weight][: len(heads)]


def parts(heads: Sequence[Head]) -> list[slice]:
    """Return where each head's outputs stand among all."""
    ends = np.cumsum([0] + [len(head.labels) for head in heads])
    return [slice(int(start), int(end)) for start, end in pairwise(ends)]


def heads_loss(heads: Sequence[Head]) -> Callable[[Any, Any], Any]:
    """Cross-entropy of all heads; the rows of what is wanted carry the weights."""

    def loss(wanted: Any, logits: Any) -> Any:
        log = ops.concatenate([ops.log_softmax(logits[:, part]) for part in parts(heads)], axis=-1)
        return -ops.sum(wanted * log, axis=-1)

    return loss


def distillation_loss(heads: Sequence[Head], recipe: Recipe) -> Callable[[Any, Any], Any]:
    """Hinton et al., 2015: a share of the loss follows the teachers' softened answers, the rest votes and labels.

    What is wanted has twice the outputs: what votes and labels say, then the teachers' mean probabilities.
    """
    plain = heads_loss(heads)
    repeated = np.repeat(weights_of(heads, recipe), [len(head.labels) for head in heads])
    weight, outputs = ops.convert_to_tensor(repeated, "float32"), len(repeated)

    def loss(wanted: Any, logits: Any) -> Any:
        followed = plain(wanted[:, outputs:] * weight, logits / SOFT_TEMPERATURE) * SOFT_TEMPERATURE**2
        return recipe.soft_share * followed + (1 - recipe.soft_share) * plain(wanted[:, :outputs], logits)

    return loss


@dataclass(frozen=True)
class Trained:
    """A finished network: its LiteRT file and what its outputs are."""

    content: bytes
    heads: tuple[Head, ...]

    @classmethod
    def read(cls, name: str) -> Trained:
        """Return the network of a run's folder, or the one in use if the name is "shipped"."""
        if name == SHIPPED:
            content, network = weights.load("emotion")
            labels = network.details["labels"]
        else:
            try:
                content = (Path(name) / MODEL).read_bytes()
                labels = json.loads((Path(name) / ENTRY).read_text(encoding="utf-8"))["labels"]
            except OSError as e:
                raise AlbumsortError(f"{name} holds no finished network (no {Path(e.filename).name})") from e
        return cls(content, tuple(Head(head, tuple(of)) for head, of in labels.items()))


class Teachers:
    """The mean softened answers of trained networks, which run in LiteRT: quicker than in the training graph."""

    def __init__(self, names: Sequence[str], heads: Sequence[Head]) -> None:
        self.networks = [Trained.read(name) for name in names]
        self.parts = parts(heads)
        for name, trained in zip(names, self.networks, strict=True):
            if trained.heads != tuple(heads):
                raise UsageError(f"{name} answers other labels than these faces have; it cannot teach them")
        self.local = threading.local()  # an interpreter serves one thread

    def __call__(self, faces: Floats) -> Floats:
        """(n, outputs) probabilities of all heads at the soft temperature; faces: (n, 48, 48, 1), 0-255."""
        if not hasattr(self.local, "interpreters"):
            self.local.interpreters = [Network(trained.content) for trained in self.networks]
        pixels = np.rint(faces).astype(np.uint8)
        logits = [interpreter(pixels) for interpreter in self.local.interpreters]
        soft = [np.concatenate([softmax(z[:, part], SOFT_TEMPERATURE) for part in self.parts], axis=1) for z in logits]
        return np.asarray(np.mean(soft, axis=0), np.float32)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented, mixed-up batches; what epoch e, batch b holds depends on the seed alone."""

    def __init__(self, faces: LabelledFaces, heads: Sequence[Head], recipe: Recipe, epoch: int = 0) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.pixels, self.targets, self.epoch = faces.pixels, targets(faces, heads, recipe), epoch
        self.recipe, self.size = recipe, min(recipe.batch, len(faces))
        self.teachers = Teachers(recipe.teachers, heads) if recipe.teachers else None

    def __len__(self) -> int:
        return len(self.pixels) // self.size

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, batch: int) -> tuple[Floats, Floats]:
        order = np.random.default_rng([self.recipe.seed, self.epoch]).permutation(len(self.pixels))
        random = np.random.default_rng([self.recipe.seed, self.epoch, batch])
        rows = order[batch * self.size : (batch + 1) * self.size]
        x = np.stack([augment(self.pixels[i], random, self.recipe.augmentation) for i in rows]).astype(np.float32)[
            ..., None
        ]
        y = self.targets[rows]
        if self.recipe.mixup and self.epoch < 0.9 * self.recipe.epochs:  # the last tenth sees clean faces
            share = np.float32(random.beta(self.recipe.mixup, self.recipe.mixup))
            x, y = share * x + (1 - share) * x[::-1], share * y + (1 - share) * y[::-1]
        return (x, y) if self.teachers is None else (x, np.concatenate([y, self.teachers(x)], axis=1))


class Epochs(Checkpoints):
    """Scores the averaged weights on PublicTest after every epoch."""

    def __init__(
        self, run: Path, average: keras.Model, public: LabelledFaces, heads: Sequence[Head], decay: float
    ) -> None:
        super().__init__(run, average, decay)
        self.public, self.heads = public, heads

    def scores(self) -> dict[str, float]:
        report = evaluate(predict(self.average, self.public), self.public, self.heads)
        return {name: score.value for name, score in report.scores.items()}


def predict(model: keras.Model, faces: LabelledFaces) -> Floats:
    """(n, outputs) logits of the network for the faces as they are."""
    x = faces.pixels.astype(np.float32)[..., None]
    return np.concatenate([np.asarray(model(x[i : i + 512], training=False)) for i in range(0, len(x), 512)])


def averaged(run: Path, heads: Sequence[Head]) -> keras.Model:
    """Return the network of a run with its averaged weights."""
    weights_file = run / AVERAGE
    if not weights_file.exists():
        raise AlbumsortError(f"{run} holds no trained network (no {weights_file.name}); train it first")
    keras.config.set_dtype_policy("float32")
    model = _network(Recipe.read(run / "recipe.json"), heads)
    model.load_weights(weights_file)
    return model


def _network(recipe: Recipe, heads: Sequence[Head]) -> keras.Model:
    return NETWORKS[recipe.network](sum(len(head.labels) for head in heads))


def fit(faces: LabelledFaces, public: LabelledFaces, heads: Sequence[Head], recipe: Recipe, run: Path) -> None:
    """Train by `recipe` into the folder `run`; a run that was interrupted goes on after its last whole epoch.

    faces: what is learnt from; public: what every epoch is scored on. Raises UsageError if the folder
    belongs to another recipe.
    """
    recipe.claim(run)
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(recipe.precision)
    model, average = _network(recipe, heads), _network(recipe, heads)
    data = Batches(faces, heads, recipe)
    steps = len(data)
    loss = distillation_loss(heads, recipe) if recipe.teachers else heads_loss(heads)
    model.compile(optimizer=adamw(recipe.learning_rate, recipe.weight_decay, recipe.epochs * steps), loss=loss)
    if go_on(model, average, run):
        data.epoch = int(model.optimizer.iterations) // steps
    else:
        if recipe.start:
            _begin(model, recipe.start, heads, faces)
        average.set_weights(model.get_weights())
    watch = Epochs(run, average, public, heads, recipe.averaging)
    model.fit(data, epochs=recipe.epochs, initial_epoch=data.epoch, callbacks=[watch], verbose=0, shuffle=False)


def _begin(model: keras.Model, start: str, heads: Sequence[Head], faces: LabelledFaces) -> None:
    """Start from a trained network: its trunk, and of its outputs those that are asked for."""
    trained = Trained.read(start)
    known = {(head.name, name): i for i, (head, name) in enumerate(_outputs(trained.heads))}
    outputs = [known.get((head.name, name), known.get(("fer2013", name))) for head, name in _outputs(heads)]
    try:
        conversion.take_weights(model, trained.content, faces.pixels[:STATISTICS_FACES, ..., None], outputs)
    except AlbumsortError as e:
        raise AlbumsortError(f"cannot begin from {start}: {e}") from e


def _outputs(heads: Sequence[Head]) -> list[tuple[Head, str]]:
    return [(head, name) for head in heads for name in head.labels]
