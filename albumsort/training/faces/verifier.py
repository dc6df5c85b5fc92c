"""Training the verifier: batches of candidates, with the hard ones more often, and the loss."""

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
EASIEST = 0.02  # added to every negative's chance to be drawn as a hard one
SMOOTHING = 0.01
MARGIN = (SIDE - VERIFIER_SIDE) // 2
JITTER = 4  # largest shift, in pixels of a stored crop
ZOOM = 0.12  # largest log of the zoom
WORSE_SHARE, COVERED_SHARE = 0.3, 0.15  # shares of the crops with lower quality, and with a patch
PATCH = 6, 20  # range of a patch's width and height in pixels
ANSWERED_AT_ONCE = 512

_MIRRORED_POINTS = [i - 4 + POINTS.start for i in MIRRORED_LANDMARKS]


class Candidates:
    """The candidates of several collections: crops and rows; the crops stay on disk."""

    def __init__(self, parts: list[shards.Arrays]) -> None:
        self.crops = [part["crops"] for part in parts]
        self._places = np.array([(p, i) for p, crops in enumerate(self.crops) for i in range(len(crops))], np.int64)
        self.rows: Floats = np.concatenate([part["rows"] for part in parts])
        self.sources = np.concatenate([part["sources"] for part in parts])

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, which: npt.NDArray[np.bool_]) -> Candidates:
        """Return the candidates for which `which` (n,) is true."""
        some = copy.copy(self)
        some._places, some.rows, some.sources = self._places[which], self.rows[which], self.sources[which]
        return some

    def crop(self, i: int | np.integer[Any]) -> Pixels:
        """Return the (SIDE, SIDE, 3) crop of a candidate."""
        part, number = self._places[i]
        return np.asarray(self.crops[part][number])

    @property
    def true(self) -> npt.NDArray[np.bool_]:
        """Which candidates are faces, (n,)."""
        return np.asarray(self.rows[:, TRUE] > 0.5)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        """Which candidates are faces or were ruled out by a reviewer, (n,)."""
        return np.asarray(self.true | (self.rows[:, RULED_OUT] > 0.5))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented candidates, faces and negatives; the content of epoch e, batch b depends only on the seed.

    hardness: (n,) relative chance of each negative to be drawn as a hard one.
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
    """Return random numbers, drawn with these cumulative chances."""
    return np.asarray(np.minimum(np.searchsorted(chances, random.random(count) * chances[-1]), len(chances) - 1))


def varied(crop: Pixels, row: Floats, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """Return a crop for the network, augmented in place and quality, and its target."""
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
    interpolation = cv2.INTER_AREA if times > 1 else cv2.INTER_LINEAR
    visible = crop[top : top + 2 * reach, left : left + 2 * reach]
    pixels = np.asarray(cv2.resize(visible, (VERIFIER_SIDE, VERIFIER_SIDE), interpolation=interpolation), np.uint8)
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
    """Return cross-entropy of the score + 2 L1 of the faces' boxes + 12 L1 of their landmarks.

    With 4 L1 of the landmarks, all faces were predicted upright.
    """
    true = wanted[:, TRUE]
    smooth = true * (1 - 2 * SMOOTHING) + SMOOTHING
    total = ops.mean(ops.binary_crossentropy(smooth, answers[:, 0], from_logits=True))
    box = ops.mean(ops.abs(answers[:, 1:5] - wanted[:, CENTRE.start : SIZE.stop]), axis=-1)
    points = ops.mean(ops.abs(answers[:, 5:15] - wanted[:, POINTS]), axis=-1)
    known = true * wanted[:, POINTS_KNOWN]
    total += 2 * ops.sum(true * box) / (ops.sum(true) + 1e-6)
    return total + 12 * ops.sum(known * points) / (ops.sum(known) + 1e-6)


def proposals(candidates: Candidates) -> Floats:
    """Return (n,) the hardness of negatives for a first verifier, from the proposer's score."""
    return np.asarray(candidates.rows[:, PROPOSAL] ** 1.5, np.float32)


def scores(model: keras.Model, candidates: Candidates) -> Floats:
    """Return (n,) a verifier's scores, 0-1, for the candidates without augmentation."""
    answers = []
    for start in range(0, len(candidates), ANSWERED_AT_ONCE):
        crops = middles(candidates, range(start, min(len(candidates), start + ANSWERED_AT_ONCE)))
        answers.append(np.asarray(ops.sigmoid(model(crops.astype(np.float32), training=False)[:, 0])))
    return np.concatenate(answers)


def some(candidates: Candidates, count: int) -> Pixels:
    """Return the crops of `count` evenly spaced candidates as the network sees them, without augmentation."""
    return middles(candidates, np.linspace(0, len(candidates) - 1, count).astype(int))


def middles(candidates: Candidates, numbers: Iterable[int | np.integer[Any]]) -> Pixels:
    """Return the middles of some crops, (n, VERIFIER_SIDE, VERIFIER_SIDE, 3): the part that the network sees."""
    middle = slice(MARGIN, MARGIN + VERIFIER_SIDE)
    return np.stack([candidates.crop(i)[middle, middle] for i in numbers])
