"""Epochs: progress bars, averaged weights, a checkpoint and a line of history after each, resuming from them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from .recipes import replace_file

AVERAGE_EVERY = 4  # steps between two updates of the averaged weights
AVERAGE, HISTORY = "average.weights.h5", "history.csv"  # written to the run's folder after every epoch
LAST = "last.keras"


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """A progress bar for every epoch, on a terminal."""

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


class Checkpoints(Progress):
    """A callback that averages the weights and writes a checkpoint and a line of history after every epoch."""

    def __init__(self, run: Path, average: keras.Model, decay: float) -> None:
        super().__init__()
        self.run, self.average, self.decay = run, average, decay

    def scores(self) -> dict[str, float]:
        """Return what the line records besides the loss; called when the epoch's averaged weights are set."""
        return {}

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        if batch % AVERAGE_EVERY == 0:
            step = int(self.model.optimizer.iterations)
            decay = min(self.decay, step / (step + 100.0)) ** AVERAGE_EVERY
            for mean, now in zip(self.average.weights, self.model.weights, strict=True):
                mean.assign(mean * decay + now * (1 - decay))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        scores = {name: round(score, 4) for name, score in self.scores().items()}
        line = {"epoch": epoch + 1, "loss": round((logs or {})["loss"], 4), **scores}
        tqdm.write("  ".join(f"{k} {v}" for k, v in line.items()), file=sys.stderr)
        lines = [*(other for other in _history(self.run) if int(other["epoch"]) <= epoch), line]
        # the checkpoint comes last: it counts the completed epochs, and a resumed run repeats any epoch beyond it;
        # the averaged weights come before the line that epochs_of counts
        replace_file(self.run / AVERAGE, self.average.save_weights)
        replace_file(self.run / HISTORY, lambda draft: _write(draft, lines))
        replace_file(self.run / LAST, self.model.save)


def _history(run: Path) -> list[dict[str, Any]]:
    if not (run / HISTORY).exists():
        return []
    with (run / HISTORY).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(draft: str, lines: Sequence[Mapping[str, Any]]) -> None:
    with Path(draft).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, lines[-1])
        writer.writeheader()
        writer.writerows(lines)


def resume(model: keras.Model, average: keras.Model, run: Path) -> bool:
    """Load the run's last checkpoint into the compiled model and the average; return whether there was one."""
    if not (run / LAST).exists():
        return False
    model.optimizer.build(model.trainable_variables)  # creates the momenta that the checkpoint fills
    model.load_weights(run / LAST)
    average.load_weights(run / AVERAGE)
    return True


def epochs_of(run: Path) -> int:
    """Return how many epochs a run has completed."""
    return len(_history(run))


def adamw(learning_rate: float, weight_decay: float, steps: int, clip: float = 5.0) -> keras.optimizers.Optimizer:
    """Return AdamW with a short warm-up and one cosine over all steps; clip: limit of the global gradient norm."""
    warm_up = min(300, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate / 100,
        decay_steps=max(1, steps - warm_up),
        alpha=0.003,
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay, beta_2=0.99, global_clipnorm=clip)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer
