"""Teaching the verifier: batches of candidates, the hard ones oftener, and the loss."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from ...faces.resize import Pixels
from ...faces.rows import MIRRORED_LANDMARKS, Floats
from ...faces.verifier import VERIFIER_SIDE
from ..common import shards
from .candidates import CENTRE, POINTS, POINTS_KNOWN, PROPOSAL, RULED_OUT, SIDE, SIZE, TRUE
from .effects import degraded, grey, lit

POSITIVE_SHARE, HARD_SHARE = 0.4, 0.5  # of a batch; of its negatives
EASIEST = 0.02  # what every negative has, besides its score, to be drawn as a hard one
SMOOTHING = 0.01
MARGIN = (SIDE - VERIFIER_SIDE) // 2
JITTER = 4  # pixels of a stored crop
ZOOM = 0.12  # log of how much more or less of a crop is shown
WORSE_SHARE, COVERED_SHARE = 0.3, 0.15  # of what is shown
PATCH = 6, 20  # pixels of each side of what covers a crop
ANSWERED_AT_ONCE = 512

_MIRRORED_POINTS = [i - 4 + POINTS.start for i in MIRRORED_LANDMARKS]


class Candidates:
    """Crops and what is known of them, of several collections together; the crops stay in their files."""

    def __init__(self, parts: list[shards.Arrays]) -> None:
        self.crops = [part["crops"] for part in parts]
        self._places = np.array([(p, i) for p, crops in enumerate(self.crops) for i in range(len(crops))], np.int64)
        self.rows: Floats = np.concatenate([part["rows"] for part in parts])
        self.sources = np.concatenate([part["sources"] for part in parts])

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, which: npt.NDArray[np.bool_]) -> Candidates:
        """Return some of the candidates."""
        some = copy.copy(self)
        some._places, some.rows, some.sources = self._places[which], self.rows[which], self.sources[which]
        return some

    def crop(self, i: int | np.integer[Any]) -> Pixels:
        """Return the (SIDE, SIDE, 3) crop of a candidate."""
        part, number = self._places[i]
        return np.asarray(self.crops[part][number])

    @property
    def true(self) -> npt.NDArray[np.bool_]:
        """(n,) which are faces."""
        return np.asarray(self.rows[:, TRUE] > 0.5)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        """(n,) which are faces, or were ruled out by a reviewer."""
        return np.asarray(self.true | (self.rows[:, RULED_OUT] > 0.5))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Varied candidates, faces and others; epoch e, batch b depends on the seed alone.

    hardness: (n,) how likely each negative is drawn among the hard ones.
    """

    def __init__(self, candidates: Candidates, hardness: Floats, batch: int, steps: int, seed: int) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self.candidates, self.batch, self.steps, self.seed, self.epoch = candidates, batch, steps, seed, 0
        self.faces, self.others = np.flatnonzero(candidates.true), np.flatnonzero(~candidates.true)
        names, source = np.unique(candidates.sources[self.faces], return_inverse=True)
        counts = np.bincount(source, minlength=len(names))
        self.face_chances = np.cumsum(
            1 / np.sqrt(counts[source])
        )  # a source four times as large is drawn twice as often
        self.hard_chances = np.cumsum(hardness[self.others] + EASIEST)

    def __len__(self) -> int:
        return self.steps

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, batch: int) -> tuple[Floats, Floats]:
        cv2.setNumThreads(1)
        random = np.random.default_rng([self.seed, self.epoch, batch])
        positive = round(self.batch * POSITIVE_SHARE)
        hard = round((self.batch - positive) * HARD_SHARE)
        chosen = [
            self.faces[_drawn(self.face_chances, positive, random)],
            self.others[_drawn(self.hard_chances, hard, random)],
            random.choice(self.others, self.batch - positive - hard),
        ]
        seen = [varied(self.candidates.crop(i), self.candidates.rows[i], random) for i in np.concatenate(chosen)]
        return np.stack([pixels for pixels, _ in seen]), np.stack([row for _, row in seen])


def _drawn(chances: npt.NDArray[Any], count: int, random: np.random.Generator) -> npt.NDArray[np.intp]:
    """Numbers drawn by their cumulated chances."""
    return np.asarray(np.minimum(np.searchsorted(chances, random.random(count) * chances[-1]), len(chances) - 1))


def varied(crop: Pixels, row: Floats, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """Return what the network sees of a crop, varied in place and quality, and what it should answer."""
    x, y = (int(v) for v in random.integers(-JITTER, JITTER + 1, 2))
    reach = round(VERIFIER_SIDE / 2 * np.exp(random.uniform(-ZOOM, ZOOM)))
    row = row.copy()
    row[[CENTRE.start, *range(POINTS.start, POINTS.stop, 2)]] -= x / SIDE
    row[[CENTRE.start + 1, *range(POINTS.start + 1, POINTS.stop, 2)]] -= y / SIDE
    times = 2 * reach / VERIFIER_SIDE
    row[CENTRE] /= times
    row[POINTS] /= times
    row[SIZE] -= np.log(times)
    left, top = SIDE // 2 + x - reach, SIDE // 2 + y - reach
    how = cv2.INTER_AREA if times > 1 else cv2.INTER_LINEAR
    shown = crop[top : top + 2 * reach, left : left + 2 * reach]
    pixels = np.asarray(cv2.resize(shown, (VERIFIER_SIDE, VERIFIER_SIDE), interpolation=how), np.uint8)
    if random.random() < 0.5:
        pixels = pixels[:, ::-1]
        row[CENTRE.start] *= -1
        row[POINTS] = row[_MIRRORED_POINTS]
        row[POINTS.start : POINTS.stop : 2] *= -1
    pixels = np.ascontiguousarray(pixels)
    if random.random() < 0.6:
        pixels = lit(pixels, random)
    if random.random() < 0.3:
        pixels = grey(pixels)
    if random.random() < 0.15:
        small = int(random.integers(10, 32))
        shrunk = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(shrunk, (VERIFIER_SIDE, VERIFIER_SIDE)), np.uint8)
    if random.random() < WORSE_SHARE:
        pixels = degraded(pixels, random)
    if random.random() < COVERED_SHARE:
        (x, y), (w, h) = random.integers(0, VERIFIER_SIDE, 2), random.integers(*PATCH, 2)
        pixels[y : y + h, x : x + w] = random.integers(0, 256, 3)
    return pixels, row


def loss(wanted: Any, answers: Any) -> Any:
    """Cross-entropy of the score, 2 L1 of the faces' boxes, 12 L1 of their landmarks: with 4 they were all upright."""
    true = wanted[:, TRUE]
    smooth = true * (1 - 2 * SMOOTHING) + SMOOTHING
    total = ops.mean(ops.binary_crossentropy(smooth, answers[:, 0], from_logits=True))
    box = ops.mean(ops.abs(answers[:, 1:5] - wanted[:, CENTRE.start : SIZE.stop]), axis=-1)
    points = ops.mean(ops.abs(answers[:, 5:15] - wanted[:, POINTS]), axis=-1)
    known = true * wanted[:, POINTS_KNOWN]
    total += 2 * ops.sum(true * box) / (ops.sum(true) + 1e-6)
    return total + 12 * ops.sum(known * points) / (ops.sum(known) + 1e-6)


def proposals(candidates: Candidates) -> Floats:
    """(n,) how hard negatives are before any verifier has seen them: what the proposer made of them."""
    return np.asarray(candidates.rows[:, PROPOSAL] ** 1.5, np.float32)


def scores(model: keras.Model, candidates: Candidates) -> Floats:
    """(n,) what a verifier makes of the candidates as they are, 0-1."""
    answers = []
    for start in range(0, len(candidates), ANSWERED_AT_ONCE):
        crops = middles(candidates, range(start, min(len(candidates), start + ANSWERED_AT_ONCE)))
        answers.append(np.asarray(ops.sigmoid(model(crops.astype(np.float32), training=False)[:, 0])))
    return np.concatenate(answers)


def some(candidates: Candidates, count: int) -> Pixels:
    """Return what the network sees of so many candidates, evenly chosen, as they are."""
    return middles(candidates, np.linspace(0, len(candidates) - 1, count).astype(int))


def middles(candidates: Candidates, numbers: Iterable[int | np.integer[Any]]) -> Pixels:
    """(n, VERIFIER_SIDE, VERIFIER_SIDE, 3) what the network sees of some candidates as they are."""
    middle = slice(MARGIN, MARGIN + VERIFIER_SIDE)
    return np.stack([candidates.crop(i)[middle, middle] for i in numbers])
