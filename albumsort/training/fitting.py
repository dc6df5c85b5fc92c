"""Fitting an expression network: recipe, batches, checkpoint every epoch, resume."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from ..errors import AlbumsortError, UsageError
from . import conversion
from .augmentation import augment
from .datasets import FER2013_LABELS, FERPLUS_LABELS, Floats, LabelledFaces, vote_shares
from .evaluation import evaluate
from .networks import HEADS, NETWORKS

AVERAGE_EVERY = 4  # steps between two updates of the averaged weights
SMOOTHING = 0.1
SOFT_TEMPERATURE = 2.0
SPLIT = len(FERPLUS_LABELS)
STATISTICS_FACES = 2048


@dataclass(frozen=True)
class Recipe:
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
    teachers: tuple[str, ...] = ()
    start: str = ""  # a LiteRT file of the same network to begin from

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise UsageError(f"no network {self.network!r}; there are {', '.join(sorted(NETWORKS))}")

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe from a JSON file; fields it lacks keep their defaults."""
        values = json.loads(path.read_text())
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise UsageError(f"{path}: unknown field {', '.join(sorted(unknown))}")
        return cls(**{**values, "teachers": tuple(values.get("teachers", ()))})

    def write(self, path: Path) -> None:
        """Write the recipe as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


PRESETS = {
    "compact": Recipe(),
    "wide": Recipe(network="wide", epochs=30, learning_rate=2e-3),
    "plain": Recipe(network="plain", epochs=30, learning_rate=2e-3, seed=1),
    "quick": Recipe(epochs=2),
}


def chosen(name: str, epochs: int | None, seed: int | None, teachers: Sequence[Path]) -> Recipe:
    """Return a preset by its name, or the recipe of a JSON file, with what is given instead of its own."""
    if name not in PRESETS and not Path(name).is_file():
        raise UsageError(f"no recipe {name!r}: name a JSON file or one of {', '.join(PRESETS)}")
    recipe = PRESETS[name] if name in PRESETS else Recipe.read(Path(name))
    return replace(
        recipe,
        epochs=recipe.epochs if epochs is None else epochs,
        seed=recipe.seed if seed is None else seed,
        teachers=tuple(str(t) for t in teachers) or recipe.teachers,
    )


def targets(faces: LabelledFaces, fer2013_weight: float) -> Floats:
    """(n, 15) what each head should answer, scaled by the weight of its loss (no verdict, no label: 0)."""
    label = np.eye(len(FER2013_LABELS), dtype=np.float32)[faces.label]
    smooth = label * (1 - SMOOTHING) + SMOOTHING / len(FER2013_LABELS)
    smooth[faces.label < 0] = 0
    return np.concatenate([vote_shares(faces.votes), fer2013_weight * smooth], axis=1).astype(np.float32)


def two_head_loss(wanted: Any, logits: Any) -> Any:
    """Cross-entropy of both heads; the rows of `wanted` carry the weights."""
    heads = ops.concatenate([ops.log_softmax(logits[:, :SPLIT]), ops.log_softmax(logits[:, SPLIT:HEADS])], axis=-1)
    return -ops.sum(wanted * heads, axis=-1)


def distillation_loss(recipe: Recipe) -> Callable[[Any, Any], Any]:
    """Hinton et al., 2015: a share of the loss follows the teachers' softened answers, the rest votes and labels.

    The loss takes (n, 30) answers: the student's logits, then the teachers' mean probabilities at the
    same temperature.
    """
    weight = ops.convert_to_tensor([1.0] * SPLIT + [recipe.fer2013_weight] * (HEADS - SPLIT))

    def loss(wanted: Any, answers: Any) -> Any:
        logits, soft = answers[:, :HEADS], answers[:, HEADS:]
        followed = two_head_loss(soft * weight, logits / SOFT_TEMPERATURE) * SOFT_TEMPERATURE**2
        return recipe.soft_share * followed + (1 - recipe.soft_share) * two_head_loss(wanted, logits)

    return loss


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented, mixed-up batches; what epoch e, batch b holds depends on the seed alone."""

    def __init__(self, faces: LabelledFaces, recipe: Recipe, epoch: int) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.pixels, self.recipe, self.epoch = faces.pixels, recipe, epoch
        self.targets = targets(faces, recipe.fer2013_weight)

    def __len__(self) -> int:
        return len(self.pixels) // self.recipe.batch

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, batch: int) -> tuple[Floats, Floats]:
        order = np.random.default_rng([self.recipe.seed, self.epoch]).permutation(len(self.pixels))
        random = np.random.default_rng([self.recipe.seed, self.epoch, batch])
        rows = order[batch * self.recipe.batch : (batch + 1) * self.recipe.batch]
        x = np.stack([augment(self.pixels[i], random, self.recipe.augmentation) for i in rows]).astype(np.float32)[
            ..., None
        ]
        y = self.targets[rows]
        if self.recipe.mixup and self.epoch < 0.9 * self.recipe.epochs:  # the last tenth sees clean faces
            share = np.float32(random.beta(self.recipe.mixup, self.recipe.mixup))
            x, y = share * x + (1 - share) * x[::-1], share * y + (1 - share) * y[::-1]
        return x, y


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows a bar for every epoch, on a terminal."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.title = title
        self.bar: tqdm[Any] | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        title = f"{self.title}epoch {epoch + 1}/{self.params['epochs']}"
        self.bar = tqdm(total=self.params["steps"], desc=title, unit="batch", disable=not sys.stderr.isatty())

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        assert self.bar is not None
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert self.bar is not None
        self.bar.close()


class Epochs(Progress):
    """Averages the weights, scores them on PublicTest, and leaves a checkpoint and a line after every epoch."""

    def __init__(
        self, run: Path, student: keras.Model, average: keras.Model, public: LabelledFaces, decay: float
    ) -> None:
        super().__init__()
        self.run, self.student, self.average, self.public, self.decay = run, student, average, public, decay

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if batch % AVERAGE_EVERY == 0:
            step = int(self.model.optimizer.iterations)
            decay = min(self.decay, step / (step + 100.0)) ** AVERAGE_EVERY
            for mean, now in zip(self.average.weights, self.student.weights, strict=True):
                mean.assign(mean * decay + now * (1 - decay))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        replace_file(self.run / "average.weights.h5", self.average.save_weights)
        replace_file(self.run / "last.keras", self.model.save)
        report = evaluate(predict(self.average, self.public), self.public)
        line = {
            "epoch": epoch + 1,
            "loss": round((logs or {})["loss"], 4),
            "ferplus_8": round(report.ferplus_8.value, 4),
            "ferplus_four": round(report.ferplus_four.value, 4),
            "fer2013_7": round(report.fer2013_7.value, 4),
            "fer2013_four": round(report.fer2013_four.value, 4),
        }
        tqdm.write("  ".join(f"{k} {v}" for k, v in line.items()), file=sys.stderr)
        with (self.run / "history.csv").open("a", newline="") as file:
            writer = csv.DictWriter(file, line)
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(line)


def replace_file(path: Path, write: Callable[[str], Any]) -> None:
    """Write beside `path`, then put it in place: a kill leaves the old checkpoint or the new one."""
    draft = path.with_name("draft-" + path.name)
    write(str(draft))
    os.replace(draft, path)


def predict(model: keras.Model, faces: LabelledFaces) -> Floats:
    """(n, 15) logits of the network for the faces as they are."""
    x = faces.pixels.astype(np.float32)[..., None]
    return np.concatenate([np.asarray(model(x[i : i + 512], training=False)) for i in range(0, len(x), 512)])


def averaged(run: Path, precision: str = "float32") -> keras.Model:
    """Return the network of a run with its averaged weights."""
    weights = run / "average.weights.h5"
    if not weights.exists():
        raise AlbumsortError(f"{run} holds no trained network (no {weights.name}); train it first")
    keras.config.set_dtype_policy(precision)
    model = NETWORKS[Recipe.read(run / "recipe.json").network]()
    model.load_weights(weights)
    return model


def _with_teachers(student: keras.Model, teachers: list[keras.Model]) -> keras.Model:
    """Put the teachers' mean softened answers beside the student's logits, on the same augmented face."""
    face = student.input
    answers = []
    for number, teacher in enumerate(teachers):
        teacher.trainable = False
        teacher.name = f"teacher_{number}"
        z = teacher(face, training=False) / SOFT_TEMPERATURE
        answers.append(ops.concatenate([ops.softmax(z[:, :SPLIT]), ops.softmax(z[:, SPLIT:])], axis=-1))
    soft = sum(answers[1:], answers[0]) / len(answers)
    return keras.Model(face, ops.concatenate([student.output, soft], axis=-1))


def fit(faces: LabelledFaces, public: LabelledFaces, recipe: Recipe, run: Path) -> None:
    """Train by `recipe` into the folder `run`; a run that was interrupted goes on after its last whole epoch.

    faces: what is learnt from; public: what every epoch is scored on. Raises UsageError if the folder
    belongs to another recipe.
    """
    run.mkdir(parents=True, exist_ok=True)
    written = run / "recipe.json"
    if written.exists() and Recipe.read(written) != recipe:
        raise UsageError(f"{run} was started with another recipe; choose another folder or the same settings")
    recipe.write(written)
    keras.utils.set_random_seed(recipe.seed)
    teachers = [averaged(Path(t), recipe.precision) for t in recipe.teachers]
    keras.config.set_dtype_policy(recipe.precision)
    student, average = NETWORKS[recipe.network](), NETWORKS[recipe.network]()
    model = _with_teachers(student, teachers) if teachers else student
    data = Batches(faces, recipe, epoch=0)
    steps = len(data)
    model.compile(optimizer=_optimizer(recipe, steps), loss=distillation_loss(recipe) if teachers else two_head_loss)
    if recipe.start:
        conversion.take_weights(student, Path(recipe.start).read_bytes(), faces.pixels[:STATISTICS_FACES])
    average.set_weights(student.get_weights())
    if (run / "last.keras").exists():
        model.optimizer.build(model.trainable_variables)  # or its momenta have nowhere to go
        model.load_weights(run / "last.keras")
        average.load_weights(run / "average.weights.h5")
        data.epoch = int(model.optimizer.iterations) // steps
    watch = Epochs(run, student, average, public, recipe.averaging)
    model.fit(data, epochs=recipe.epochs, initial_epoch=data.epoch, callbacks=[watch], verbose=0, shuffle=False)


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """AdamW with a short warm-up and one cosine over the whole run."""
    total = recipe.epochs * steps
    warm_up = min(300, total // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 100,
        decay_steps=max(1, total - warm_up),
        alpha=0.003,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, beta_2=0.99, global_clipnorm=5.0)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
