"""Fitting the two networks of the face detector: the recipe, and one training loop for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...errors import UsageError
from ..common import conversion, shards
from ..common.epochs import AVERAGE, Checkpoints, adamw, epochs_of, resume
from ..common.recipes import Stored
from . import networks, proposer, verifier
from .verifier import Candidates

BUILDERS: dict[str, Callable[[], keras.Model]] = {
    "proposer": networks.proposer,
    "verifier": networks.verifier,
}


STATISTICS_CANDIDATES = 2000
LATER = 0.7  # factor on the learning rate of a training that starts from a trained network
OVERLOOKED = 0.97  # a negative with this score is more likely a face that the teacher missed than a mistake


@dataclass(frozen=True)
class FaceRecipe(Stored):
    """All settings of a run except its photos, its teacher, a review and the networks that it starts from."""

    box_sets: tuple[str, ...] = ("mask", "noface")  # sets of the photos with boxes to train on
    canvases: int = 20_000
    checked: int = 500  # canvases of validation photos, for the curve
    steps_an_epoch: int = 400
    proposer_epochs: tuple[int, ...] = (15, 15)  # per cosine cycle; each cycle starts from the one before
    proposer_batch: int = 32
    proposer_learning_rate: float = 3e-3
    verifier_epochs: tuple[int, ...] = (20, 15)  # per round; later rounds show more of the errors of the one before
    verifier_batch: int = 128
    verifier_learning_rate: float = 2e-3
    averaging: float = 0.998
    seed: int = 0

    @property
    def epochs(self) -> dict[str, tuple[int, ...]]:
        """The epochs of each network, in the order of training."""
        return {"proposer": self.proposer_epochs, "verifier": self.verifier_epochs}


PRESETS = {
    "cascade": FaceRecipe(),
    "quick": FaceRecipe(canvases=500, checked=50, steps_an_epoch=40, proposer_epochs=(2,), verifier_epochs=(2, 1)),
}


def chosen(name: str, seed: int | None = None) -> FaceRecipe:
    """Return a preset by its name, or the recipe of a JSON file; seed: replaces the recipe's."""
    if name not in PRESETS and not Path(name).is_file():
        raise UsageError(f"no recipe {name!r}: name a JSON file or one of {', '.join(PRESETS)}")
    recipe = PRESETS[name] if name in PRESETS else FaceRecipe.read(Path(name))
    return recipe if seed is None else replace(recipe, seed=seed)


def fit_proposer(
    recipe: FaceRecipe, cycle: int, canvases: Path, checked: Path, before: Path | bytes | None, run: Path
) -> None:
    """Train the proposer on canvases into a folder, or resume; the curve shows the loss on the canvases of `checked`.

    before: the folder of the previous cycle, whose averaged weights this one starts from with a high learning rate
    (warm restarts: Loshchilov & Hutter, SGDR, 2017), or a proposer's LiteRT file. So a run can be extended without
    starting again.
    """
    seed, epochs = recipe.seed + cycle, recipe.proposer_epochs[cycle]
    if epochs_of(run) >= epochs:
        return
    keras.utils.set_random_seed(seed)  # earlier than in _fit: weights that a LiteRT file lacks are random
    data = proposer.Batches(shards.read(canvases), recipe.proposer_batch, recipe.steps_an_epoch, seed)
    others = shards.read(checked)
    count = sum(len(part["pixels"]) for part in others)
    check = proposer.Batches(others, recipe.proposer_batch, max(1, count // recipe.proposer_batch), recipe.seed)
    batches = [check[i] for i in range(len(check))]

    def scores(average: keras.Model) -> dict[str, float]:
        return {"validation_loss": _mean_loss(average, proposer.loss, batches)}

    _fit(
        "proposer",
        data,
        proposer.loss,
        scores,
        run,
        epochs=epochs,
        optimizer=adamw(rate(recipe.proposer_learning_rate, before), 2e-3, epochs * len(data), clip=10.0),
        averaging=recipe.averaging,
        seed=seed,
        start=_start("proposer", before, lambda: data[0][0]),
    )


def fit_verifier(
    recipe: FaceRecipe, round: int, collected: Sequence[Path], before: Path | bytes | None, run: Path
) -> None:
    """Train the verifier on collections of candidates into a folder, or resume.

    A random twentieth of the candidates is held out for the score: the share of negatives that the verifier accepts
    at the threshold that keeps 95 % of the faces. Most held-out candidates show a face that is also trained on, so the
    score is too good and only serves to watch one training. before: the folder of the previous round, or a verifier's
    LiteRT file; its false detections are shown more often.
    """
    epochs = recipe.verifier_epochs[round]
    if epochs_of(run) >= epochs:
        return
    candidates = Candidates([part for folder in collected for part in shards.read(folder)])
    kept = np.random.default_rng([recipe.seed, round]).random(len(candidates)) < 0.95
    training, checked = candidates.where(kept), candidates.where(~kept)
    start = _start("verifier", before, lambda: verifier.some(training, STATISTICS_CANDIDATES))
    if start is None:
        hardness = verifier.proposals(training)
    else:
        hardness = verifier.scores(start, training)
        trusted = training.settled | (hardness < OVERLOOKED)
        training, hardness = training.where(trusted), hardness[trusted]
    data = verifier.Batches(training, hardness, recipe.verifier_batch, recipe.steps_an_epoch, recipe.seed + round)

    def score(average: keras.Model) -> dict[str, float]:
        scores = verifier.scores(average, checked)
        threshold = np.quantile(scores[checked.true], 0.05)
        return {"false_at_95": float((scores[~checked.true] >= threshold).mean())}

    _fit(
        "verifier",
        data,
        verifier.loss,
        score,
        run,
        epochs=epochs,
        optimizer=adamw(rate(recipe.verifier_learning_rate, before), 5e-3, epochs * len(data)),
        averaging=recipe.averaging,
        seed=recipe.seed,
        start=start,
    )


def _fit(
    network: str,
    data: Any,
    loss: Callable[[Any, Any], Any],
    scores: Callable[[keras.Model], dict[str, float]],
    run: Path,
    epochs: int,
    optimizer: keras.optimizers.Optimizer,
    averaging: float,
    seed: int,
    start: keras.Model | None = None,
) -> None:
    """Train a network into a folder: resume from its checkpoint, or start from `start` or from random weights."""
    run.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("float32")
    model, average = BUILDERS[network](), BUILDERS[network]()
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)  # XLA trains these slower on a processor
    if resume(model, average, run):
        data.epoch = int(model.optimizer.iterations) // len(data)
    else:
        if start is not None:
            model.set_weights(start.get_weights())
        average.set_weights(model.get_weights())
    watch = Scored(run, average, averaging, scores)
    model.fit(data, epochs=epochs, initial_epoch=data.epoch, callbacks=[watch], verbose=0, shuffle=False)


class Scored(Checkpoints):
    """Checkpoints with the scores of a function in every line of history."""

    def __init__(
        self, run: Path, average: keras.Model, decay: float, score: Callable[[keras.Model], dict[str, float]]
    ) -> None:
        super().__init__(run, average, decay)
        self.title, self.score = f"{average.name}, ", score

    def scores(self) -> dict[str, float]:
        return self.score(self.average)


def rate(first: float, before: Path | bytes | None) -> float:
    """Return the highest learning rate of a cycle or round: `first` if it starts from random weights, else less."""
    return first if before is None else first * LATER


def averaged(network: str, run: Path) -> keras.Model:
    """Return the network of a run with its averaged weights."""
    keras.config.set_dtype_policy("float32")
    model = BUILDERS[network]()
    model.load_weights(run / AVERAGE)
    return model


def _start(network: str, before: Path | bytes | None, examples: Callable[[], Any]) -> keras.Model | None:
    """Return the network to start from: with a run's averaged weights, with a LiteRT file's, or None."""
    if before is None:
        return None
    return taken(network, before, examples()) if isinstance(before, bytes) else averaged(network, before)


def taken(network: str, content: bytes, examples: Any) -> keras.Model:
    """Return the network of a LiteRT file, to train it further; raises AlbumsortError if it is another network.

    examples: training inputs to measure the batch normalisation on. Outputs that the file lacks (the proposer's
    landmarks) start with random weights.
    """
    keras.config.set_dtype_policy("float32")
    model = BUILDERS[network]()
    conversion.take_weights(model, content, examples, range(model.output.shape[-1]))
    return model


def _mean_loss(model: keras.Model, loss: Callable[[Any, Any], Any], batches: list[tuple[Any, Any]]) -> float:
    return float(np.mean([float(loss(target, model(x.astype(np.float32), training=False))) for x, target in batches]))
