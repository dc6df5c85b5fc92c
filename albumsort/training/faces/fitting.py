"""Fitting the two networks of the face detector: the recipe, and one loop for both."""

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
LATER = 0.7  # of the learning rate, where there is something to begin with
OVERLOOKED = 0.97  # what a verifier is so sure of is rather a face that the teacher overlooked than a mistake


@dataclass(frozen=True)
class FaceRecipe(Stored):
    """All that decides a run, besides its photos, its teacher, a review and what it begins with."""

    box_sets: tuple[str, ...] = ("mask", "noface")  # of the photos with boxes, those to learn from
    canvases: int = 20_000
    checked: int = 500  # canvases of validation photos, for the curve
    steps_an_epoch: int = 400
    proposer_epochs: tuple[int, ...] = (15, 15)  # of each cosine; the later ones begin with what the one before left
    proposer_batch: int = 32
    proposer_learning_rate: float = 3e-3
    verifier_epochs: tuple[int, ...] = (20, 15)  # of each round; the later ones learn most from its errors
    verifier_batch: int = 128
    verifier_learning_rate: float = 2e-3
    averaging: float = 0.998
    seed: int = 0

    @property
    def epochs(self) -> dict[str, tuple[int, ...]]:
        """Those of each network, in the order they are trained."""
        return {"proposer": self.proposer_epochs, "verifier": self.verifier_epochs}


PRESETS = {
    "cascade": FaceRecipe(),
    "quick": FaceRecipe(canvases=500, checked=50, steps_an_epoch=40, proposer_epochs=(2,), verifier_epochs=(2, 1)),
}


def chosen(name: str, seed: int | None = None) -> FaceRecipe:
    """Return a preset by its name or the recipe of a JSON file, with another seed if one is given."""
    if name not in PRESETS and not Path(name).is_file():
        raise UsageError(f"no recipe {name!r}: name a JSON file or one of {', '.join(PRESETS)}")
    recipe = PRESETS[name] if name in PRESETS else FaceRecipe.read(Path(name))
    return recipe if seed is None else replace(recipe, seed=seed)


def fit_proposer(
    recipe: FaceRecipe, cycle: int, canvases: Path, checked: Path, before: Path | bytes | None, run: Path
) -> None:
    """Train the proposer on drawn canvases into a folder, or go on with it; the curve has the loss on others.

    before: the folder of the cycle before, whose averaged weights this one begins with, at a learning rate that is
    high again (warm restarts: Loshchilov & Hutter, SGDR, 2017), or a proposer's LiteRT file. So a run can be made
    longer without being begun anew.
    """
    seed, epochs = recipe.seed + cycle, recipe.proposer_epochs[cycle]
    if epochs_of(run) >= epochs:
        return
    keras.utils.set_random_seed(seed)  # before _fit does: what a file leaves out begins at random
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
        start=_begun("proposer", before, lambda: data[0][0]),
    )


def fit_verifier(
    recipe: FaceRecipe, round: int, collected: Sequence[Path], before: Path | bytes | None, run: Path
) -> None:
    """Train the verifier on collections of candidates into a folder, or go on with it.

    A twentieth of them only scores it: the share of the others that it keeps with 95 % of the faces. They are drawn
    one by one, so most have candidates of the same face among those learnt from: the score flatters, and serves to
    watch one training alone.
    before: the folder of the round before, or a verifier's LiteRT file; what that one took for faces is shown oftener.
    """
    epochs = recipe.verifier_epochs[round]
    if epochs_of(run) >= epochs:
        return
    candidates = Candidates([part for folder in collected for part in shards.read(folder)])
    kept = np.random.default_rng([recipe.seed, round]).random(len(candidates)) < 0.95
    learnt, checked = candidates.where(kept), candidates.where(~kept)
    start = _begun("verifier", before, lambda: verifier.some(learnt, STATISTICS_CANDIDATES))
    if start is None:
        hardness = verifier.proposals(learnt)
    else:
        hardness = verifier.scores(start, learnt)
        believed = learnt.settled | (hardness < OVERLOOKED)
        learnt, hardness = learnt.where(believed), hardness[believed]
    data = verifier.Batches(learnt, hardness, recipe.verifier_batch, recipe.steps_an_epoch, recipe.seed + round)

    def score(average: keras.Model) -> dict[str, float]:
        given = verifier.scores(average, checked)
        bar = np.quantile(given[checked.true], 0.05)
        return {"false_at_95": float((given[~checked.true] >= bar).mean())}

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
    """Train a network into a folder, from its last whole epoch if it has one, else from `start` or from nothing."""
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
    """Scores the averaged weights by a function after every epoch."""

    def __init__(
        self, run: Path, average: keras.Model, decay: float, score: Callable[[keras.Model], dict[str, float]]
    ) -> None:
        super().__init__(run, average, decay)
        self.title, self.score = f"{average.name}, ", score

    def scores(self) -> dict[str, float]:
        return self.score(self.average)


def rate(first: float, before: Path | bytes | None) -> float:
    """Return the highest learning rate of a cycle or round, `first` of one that begins from nothing."""
    return first if before is None else first * LATER


def averaged(network: str, run: Path) -> keras.Model:
    """Return the network of a run with its averaged weights."""
    keras.config.set_dtype_policy("float32")
    model = BUILDERS[network]()
    model.load_weights(run / AVERAGE)
    return model


def _begun(network: str, before: Path | bytes | None, shown: Callable[[], Any]) -> keras.Model | None:
    """Return what a training begins with: a run's averaged weights, a LiteRT file's, or nothing."""
    if before is None:
        return None
    return taken(network, before, shown()) if isinstance(before, bytes) else averaged(network, before)


def taken(network: str, content: bytes, shown: Any) -> keras.Model:
    """Return the network of a LiteRT file, to be trained further; raises AlbumsortError if it is another one.

    shown: some of what it is going to see, which its normalisation is measured on. What the file leaves out, the
    proposer's landmarks, begins at random.
    """
    keras.config.set_dtype_policy("float32")
    model = BUILDERS[network]()
    conversion.take_weights(model, content, shown, range(model.output.shape[-1]))
    return model


def _mean_loss(model: keras.Model, loss: Callable[[Any, Any], Any], batches: list[tuple[Any, Any]]) -> float:
    return float(np.mean([float(loss(wanted, model(x.astype(np.float32), training=False))) for x, wanted in batches]))
