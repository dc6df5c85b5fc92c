"""A competition's two tables: train on one, label the faces of the other."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...emotions import resized
from ...errors import AlbumsortError
from .data import heads_for
from .examples import of_labelled
from .fitting import SHIPPED, Recipe, averaged, check, fit, predict
from .sources import canonical, load_competition

RECIPE = Recipe(
    network="deeper",
    side=64,
    epochs=12,
    learning_rate=1e-3,
    weight_decay=0.01,
    mixup=0.0,
    averaging=0.998,
    augmentation=0.5,
    start=SHIPPED,
)
HELD_OUT = 0.1  # share of the training faces that every epoch is scored on


def fit_predict(train_csv: Path | str, test_csv: Path | str, recipe: Recipe = RECIPE) -> list[str]:
    """Return a label for every row of `test_csv`, in its order, in the words of `train_csv`.

    train_csv: `emotion,pixel_0,...,pixel_2303`, labels as words, pixels 0-255 of 48x48 grey faces; plain or
    compressed. test_csv: the same; its column `emotion` is optional and ignored. The shipped network is trained
    further on these faces, with one output for each of their labels. Raises AlbumsortError if a file has another
    form.
    """
    faces, words = load_competition(Path(train_csv))
    unlabelled, _ = load_competition(Path(test_csv), labelled=False)
    if len(faces) < 2:
        raise AlbumsortError(f"{train_csv} holds only one face; training needs at least two")
    held = np.random.default_rng(recipe.seed).permutation(len(faces)) < max(1, HELD_OUT * len(faces))
    heads = heads_for(faces)
    with tempfile.TemporaryDirectory(prefix="albumsort-") as run:
        training, checked = faces.where(~held), faces.where(held)
        fit([of_labelled(training, heads, 1.0, False)], check(checked, None, heads, recipe), heads, recipe, Path(run))
        network = averaged(Path(run), heads)
    views = resized(unlabelled.pixels, recipe.side)
    answers = (predict(network, views) + predict(network, views[:, :, ::-1])).argmax(axis=1)
    written = _as_written(faces.labels, words)
    return [written[faces.labels[answer]] for answer in answers]


def _as_written(labels: Sequence[str], words: Sequence[str]) -> Mapping[str, str]:
    """Return for each label its most frequent spelling in the table."""
    counts: dict[str, Counter[str]] = {label: Counter() for label in labels}
    for word in words:
        counts[canonical(word)][word] += 1
    return {label: count.most_common(1)[0][0] for label, count in counts.items()}
