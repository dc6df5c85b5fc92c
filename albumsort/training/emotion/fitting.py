"""Fitting an emotion network: recipe, batches, a checkpoint after every epoch, resume."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ...emotions import resized
from ...errors import AlbumsortError, UsageError
from ...networks import weights
from ..common import conversion
from ..common.arrays import Floats, Pixels
from ..common.epochs import AVERAGE, LAST, Checkpoints, adamw, epochs_of, resume
from ..common.recipes import Stored
from . import natural_scores
from .augmentation import augment
from .data import SIDE, Head, LabelledFaces, parts
from .evaluation import evaluate, softmax
from .examples import Examples
from .natural import EYES_HEAD, NATURAL_HEAD, NaturalFaces
from .networks import NETWORKS

MODEL, ENTRY = "emotion.tflite", "entry.json"  # in the folder of a finished run
SHIPPED = "shipped"  # names the network in use, in place of a run
STATISTICS_FACES = 2048


@dataclass(frozen=True)
class Recipe(Stored):
    """All settings of a run; written to its folder and read back when it resumes."""

    network: str = "compact"
    epochs: int = 60
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    mixup: float = 0.2
    averaging: float = 0.999
    seed: int = 0
    precision: str = "float32"  # mixed_bfloat16 halves the time on a processor that supports it
    augmentation: float = 1.0  # factor on how often light, quality and coverings change
    side: int = SIDE  # side in pixels of the network's input
    steps: int = 0  # batches an epoch; 0: enough to show all faces once
    fer2013_weight: float = 0.5  # of that head's loss, relative to the first head's
    natural_weight: float = 1.0  # the same for the viewers' verdicts on natural faces
    eyes_weight: float = 0.3  # the same for the eyes
    natural_share: float = 0.45  # of a batch: judged natural faces; FER2013 fills what the shares leave
    unlabelled_share: float = 0.2  # of a batch: faces that only the teachers label
    nobody_share: float = 0.03  # of a batch: false detections
    evenly: float = 0.5  # 0: expressions are drawn as often as they occur; 1: all equally often
    voted: bool = False  # whether clear FER+ votes also count as verdicts on a natural face
    soft_share: float = 0.7  # of the targets, if there are teachers
    teachers: tuple[str, ...] = ()  # finished runs to distil from, or "shipped"
    start: str = ""  # a finished run of the same network to start from, or "shipped"
    labels: tuple[str, ...] = ()  # a subset of the data's labels; all if empty

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UsageError(f"no network {self.network!r}; choose from {', '.join(sorted(NETWORKS))}")


PRESETS = {
    "compact": Recipe(),
    "deep": Recipe(network="deep"),
    "deeper": Recipe(network="deeper", side=64),
    "wide": Recipe(network="wide", epochs=30, learning_rate=2e-3),
    "plain": Recipe(network="plain", epochs=30, learning_rate=2e-3, seed=1),
    "quick": Recipe(epochs=2),
}


def chosen(name: str, **changes: Any) -> Recipe:
    """Return a preset by its name, or the recipe of a JSON file; changes replace its fields unless None or empty."""
    if name not in PRESETS and not Path(name).is_file():
        raise UsageError(f"no recipe {name!r}: name a JSON file or one of {', '.join(PRESETS)}")
    recipe = PRESETS[name] if name in PRESETS else Recipe.read(Path(name))
    return replace(recipe, **{field: value for field, value in changes.items() if value not in (None, ())})


def weights_of(heads: Sequence[Head], recipe: Recipe) -> list[float]:
    """Return the weight of each head's loss; the first head has 1."""
    named = {
        "fer2013": recipe.fer2013_weight,
        NATURAL_HEAD.name: recipe.natural_weight,
        EYES_HEAD.name: recipe.eyes_weight,
    }
    return [1.0, *(named.get(head.name, recipe.fer2013_weight) for head in heads[1:])]


def heads_loss(heads: Sequence[Head], weights: Sequence[float]) -> Callable[[Any, Any], Any]:
    """Return the weighted cross-entropy of all heads; a head with a row of zeros as targets has no loss."""

    def loss(targets: Any, logits: Any) -> Any:
        log = [w * ops.log_softmax(logits[:, part]) for w, part in zip(weights, parts(heads), strict=True)]
        return -ops.sum(targets * ops.concatenate(log, axis=-1), axis=-1)

    return loss


@dataclass(frozen=True)
class FinishedNetwork:
    """A finished network: its LiteRT file and its heads."""

    content: bytes
    heads: tuple[Head, ...]

    @classmethod
    def read(cls, name: str) -> FinishedNetwork:
        """Return the network in a run's folder, or the one in use if the name is "shipped"."""
        if name == SHIPPED:
            content, network = weights.load("emotion")
            labels = network.details["labels"]
        else:
            try:
                content = (Path(name) / MODEL).read_bytes()
                labels = json.loads((Path(name) / ENTRY).read_text(encoding="utf-8"))["labels"]
            except OSError as e:
                raise AlbumsortError(f"{name} holds no finished network: {Path(e.filename).name} is missing") from e
        return cls(content, tuple(Head(head, tuple(of)) for head, of in labels.items()))


def taught(examples: Sequence[Examples], heads: Sequence[Head], recipe: Recipe) -> list[Examples]:
    """Return the examples with the mean answers of the recipe's teachers mixed in (Hinton et al., 2015).

    Teachers see the original faces, the student augmented copies: it learns to answer the same for both (Xie et al.,
    2020). A teacher contributes only to the heads it has. Raises UsageError for a teacher with none of the heads.
    """
    teachers = [FinishedNetwork.read(name) for name in recipe.teachers]
    for name, teacher in zip(recipe.teachers, teachers, strict=True):
        if not set(teacher.heads) & set(heads):
            raise UsageError(f"{name} cannot teach: it has other labels than these faces")
    return [e.taught(_answers(teachers, e, heads), heads, recipe.soft_share) if teachers else e for e in examples]


def _answers(teachers: Sequence[FinishedNetwork], examples: Examples, heads: Sequence[Head]) -> Floats:
    """Return (n, outputs) mean probabilities, per head, of the teachers that have it; zeros for a head without any."""
    answers = np.zeros_like(examples.targets)
    known = np.zeros(answers.shape[1], np.float32)
    for teacher in teachers:
        logits = conversion.mirrored_litert(teacher.content, examples.faces(conversion.side_of(teacher.content)))
        theirs = dict(zip(teacher.heads, parts(teacher.heads), strict=True))
        for head, part in zip(heads, parts(heads), strict=True):
            if head in theirs:
                answers[:, part] += softmax(logits[:, theirs[head]])
                known[part] += 1
    return np.asarray(answers / np.maximum(known, 1), np.float32)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented batches with mixup; the content of epoch e, batch b depends only on the seed."""

    def __init__(self, examples: Sequence[Examples], recipe: Recipe, epoch: int = 0) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.examples, self.recipe, self.epoch = [e for e in examples if len(e)], recipe, epoch
        shares = np.array([e.share for e in self.examples])
        ends = np.rint(np.cumsum(shares) / shares.sum() * recipe.batch).astype(int)
        self.counts = np.diff(ends, prepend=0)

    def __len__(self) -> int:
        return self.recipe.steps or max(1, sum(map(len, self.examples)) // self.recipe.batch)

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, batch: int) -> tuple[Floats, Floats]:
        random = np.random.default_rng([self.recipe.seed, self.epoch, batch])
        faces, targets = list[Pixels](), list[Floats]()
        for source, count in zip(self.examples, self.counts, strict=True):
            rows = source.draw(random, int(count))
            faces += [
                augment(source.images[i], random, self.recipe.augmentation, source.square, self.recipe.side)
                for i in rows
            ]
            targets.append(source.targets[rows])
        x, y = np.stack(faces).astype(np.float32)[..., None], np.concatenate(targets)
        if self.recipe.mixup and self.epoch < 0.9 * self.recipe.epochs:  # no mixup in the last tenth of the epochs
            share, other = np.float32(random.beta(self.recipe.mixup, self.recipe.mixup)), random.permutation(len(x))
            x, y = share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]
        return x, y


Check = Callable[[keras.Model], dict[str, float]]
"""A function that scores a network; called after every epoch with the averaged weights."""


def check(public: LabelledFaces, valid: NaturalFaces | None, heads: Sequence[Head], recipe: Recipe) -> Check:
    """Return a function that scores a network on labelled faces, and on natural ones if there are any."""
    crops = resized(public.pixels, recipe.side)

    def scores(model: keras.Model) -> dict[str, float]:
        scored = evaluate(predict(model, crops), public, heads)
        figures = {name: score.value for name, score in scored.scores.items()}
        if valid is not None and len(valid):
            logits = predict(model, valid.squares(recipe.side))
            of_head = dict(zip(heads, (logits[:, part] for part in parts(heads)), strict=True))
            figures |= natural_scores.quick(
                of_head[NATURAL_HEAD], of_head[EYES_HEAD], valid.expressions, valid.eyes, valid.weight
            )
        return figures

    return scores


class Epochs(Checkpoints):
    """Checkpoints with the scores of `check` in every line of history."""

    def __init__(self, run: Path, average: keras.Model, check: Check, decay: float) -> None:
        super().__init__(run, average, decay)
        self.check = check

    def scores(self) -> dict[str, float]:
        return self.check(self.average)


def predict(model: keras.Model, faces: Pixels) -> Floats:
    """Return (n, outputs) logits of the network for (n, side, side) faces, without augmentation."""
    x = faces.astype(np.float32)[..., None]
    return np.concatenate([np.asarray(model(x[i : i + 512], training=False)) for i in range(0, len(x), 512)])


def averaged(run: Path, heads: Sequence[Head]) -> keras.Model:
    """Return the network of a run with its averaged weights."""
    weights_file = run / AVERAGE
    if not weights_file.exists():
        raise AlbumsortError(f"{run} holds no trained network: {weights_file.name} is missing; train it first")
    keras.config.set_dtype_policy("float32")
    model = _network(Recipe.read(run / "recipe.json"), heads)
    model.load_weights(weights_file)
    return model


def _network(recipe: Recipe, heads: Sequence[Head]) -> keras.Model:
    return NETWORKS[recipe.network](parts(heads)[-1].stop, recipe.side)


def fit(examples: Sequence[Examples], check: Check, heads: Sequence[Head], recipe: Recipe, run: Path) -> None:
    """Train by `recipe` into the folder `run`; an interrupted run resumes after its last completed epoch.

    Raises UsageError if the run was started with another recipe.
    """
    recipe.claim(run)
    if epochs_of(run) >= recipe.epochs and (run / LAST).exists():
        return
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(recipe.precision)
    model, average = _network(recipe, heads), _network(recipe, heads)
    data = Batches(taught(examples, heads, recipe), recipe)
    steps = len(data)
    loss = heads_loss(heads, weights_of(heads, recipe))
    model.compile(optimizer=adamw(recipe.learning_rate, recipe.weight_decay, recipe.epochs * steps), loss=loss)
    if resume(model, average, run):
        data.epoch = int(model.optimizer.iterations) // steps
    else:
        if recipe.start:
            faces = np.concatenate([e.faces(recipe.side, STATISTICS_FACES // len(examples)) for e in examples])
            _start_from(model, recipe.start, heads, faces)
        average.set_weights(model.get_weights())
    watch = Epochs(run, average, check, recipe.averaging)
    model.fit(data, epochs=recipe.epochs, initial_epoch=data.epoch, callbacks=[watch], verbose=0, shuffle=False)


def _start_from(model: keras.Model, start: str, heads: Sequence[Head], faces: Pixels) -> None:
    """Load the trunk of a trained network, and its outputs for the same or equivalent labels."""
    trained = FinishedNetwork.read(start)
    known = {(head.name, name): i for i, (head, name) in enumerate(_outputs(trained.heads))}

    def first(head: Head, name: str) -> int | None:
        alike = (known.get((other, name)) for other in (head.name, "ferplus", "fer2013"))
        return next((output for output in alike if output is not None), None)

    try:
        outputs = [first(head, name) for head, name in _outputs(heads)]
        conversion.take_weights(model, trained.content, faces[..., None], outputs)
    except AlbumsortError as e:
        raise AlbumsortError(f"cannot start from {start}: {e}") from e


def _outputs(heads: Sequence[Head]) -> list[tuple[Head, str]]:
    return [(head, name) for head in heads for name in head.labels]
