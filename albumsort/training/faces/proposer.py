"""Training the proposer: the targets of a canvas' cells, the loss, and the batches."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from ...faces.proposer import side_by_side
from ...faces.resize import Pixels
from ...faces.rows import LANDMARKS, SCORE, Floats, areas, clipped, longer_side, mirrored, shifted
from ..common import shards
from .canvases import IGNORE, SIDE, drawn
from .effects import grey, lit
from .labels import has_landmarks
from .networks import NEIGHBOURS

VIEW = 256  # side in pixels of the part of a canvas that is one example
CELL = 8
CELLS = VIEW // CELL
SMALLEST = 7.0  # pixels: smaller faces are ignored
SHOWN, HINTED = 0.6, 0.05
SPREAD, LEAST_SPREAD = 0.09, 0.4  # of the heat around a centre: in sides, and in cells
FAINT, TAUGHT = 0.05, 0.1  # heat below FAINT is set to 0; from TAUGHT on the cell predicts the box
HEAT, IGNORED, BOX, WEIGHT, POINTS, POINTS_WEIGHT = 0, 1, slice(2, 6), 6, slice(7, 17), 17
TARGETS = 18

_y, _x = np.mgrid[0:CELLS, 0:CELLS].astype(np.float32)


def targets(rows: Floats) -> Floats:
    """Return the cells' targets for the faces of a view, (CELLS, CELLS, TARGETS).

    These are heat (1 at the centre of a face, less around it: CenterNet, Zhou et al., 2019), cells to ignore, centre
    and size of the cell's face, the cell's share of that face's loss, landmarks and their share; all in cells.
    """
    wanted = np.zeros((CELLS, CELLS, TARGETS), np.float32)
    used = (rows[:, SCORE] != IGNORE) & (longer_side(rows) >= SMALLEST)
    for x, y, w, h in rows[~used, :4] / CELL:
        wanted[max(0, int(y)) : int(np.ceil(y + h)), max(0, int(x)) : int(np.ceil(x + w)), IGNORED] = 1
    faces = rows[used]
    faces = faces[np.argsort(-areas(faces), kind="stable")]  # a cell of several faces belongs to the smallest
    if len(faces) == 0:
        return wanted
    boxes = faces[:, :4] / CELL
    boxes[:, :2] += boxes[:, 2:4] / 2
    centre = np.clip(boxes[:, :2].astype(int), 0, CELLS - 1)
    spread = np.maximum(LEAST_SPREAD, SPREAD * boxes[:, 2:4])
    across = ((_x - centre[:, 0, None, None]) / spread[:, 0, None, None]) ** 2
    down = ((_y - centre[:, 1, None, None]) / spread[:, 1, None, None]) ** 2
    heat = np.exp(-(across + down) / 2)
    heat[heat < FAINT] = 0
    wanted[..., HEAT] = heat.max(axis=0)
    wanted[..., IGNORED] *= wanted[..., HEAT] < 1
    claims = heat >= TAUGHT
    owner = len(faces) - 1 - claims[::-1].argmax(axis=0)
    weight = np.where(claims.any(axis=0), np.take_along_axis(heat, owner[None], axis=0)[0], 0)
    weight /= np.maximum(np.bincount(owner.ravel(), weight.ravel(), len(faces))[owner], 1e-6)
    known = has_landmarks(faces)
    wanted[..., BOX], wanted[..., WEIGHT] = boxes[owner], weight
    wanted[..., POINTS] = np.nan_to_num(faces[owner][..., LANDMARKS] / CELL)
    wanted[..., POINTS_WEIGHT] = weight * known[owner]
    return wanted


def view(pixels: Pixels, rows: Floats, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """Return a random part of a canvas (VIEW, VIEW, 3), perhaps mirrored, in another light or grey, and its rows."""
    x, y = (int(v) for v in random.integers(0, SIDE - VIEW + 1, 2))
    pixels, rows = pixels[y : y + VIEW, x : x + VIEW], shifted(rows, -x, -y)
    if random.random() < 0.5:
        pixels, rows = pixels[:, ::-1], mirrored(rows, VIEW)
    pixels = np.ascontiguousarray(pixels)
    if random.random() < 0.6:
        pixels = lit(pixels, random)
    if random.random() < 0.05:
        pixels = grey(pixels)
    cut, share = clipped(rows, 0, 0, VIEW, VIEW)
    cut[share < SHOWN, SCORE] = IGNORE
    return pixels, cut[share > HINTED]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Views of canvases with their targets; the content of epoch e, batch b depends only on the seed."""

    def __init__(self, canvases: list[shards.Arrays], batch: int, steps: int, seed: int) -> None:
        super().__init__(workers=1, max_queue_size=8)
        self.canvases = [canvas for part in canvases for canvas in drawn(part)]
        self.batch, self.steps, self.seed, self.epoch = batch, steps, seed, 0

    def __len__(self) -> int:
        return self.steps

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, batch: int) -> tuple[Pixels, Floats]:
        cv2.setNumThreads(1)
        number = self.epoch * self.steps + batch
        random = np.random.default_rng([self.seed, number])
        views = [view(*self.canvases[i], random) for i in self._chosen(number)]
        pixels = np.stack([pixels for pixels, _ in views])
        return side_by_side(pixels, NEIGHBOURS), np.stack([targets(rows) for _, rows in views])

    def _chosen(self, number: int) -> list[int]:
        """Return the numbers of a batch's canvases: every canvas comes once before any comes again."""
        places = np.arange(number * self.batch, (number + 1) * self.batch)
        turns, within = np.divmod(places, len(self.canvases))
        order = {
            turn: np.random.default_rng([self.seed, 0, turn]).permutation(len(self.canvases)) for turn in set(turns)
        }
        return [int(order[turn][place]) for turn, place in zip(turns, within, strict=True)]


def loss(wanted: Any, answers: Any) -> Any:
    """Return focal loss of the heat (Lin et al., 2017) + 2 GIoU + .5 L1 of the boxes + 4 L1 of the landmarks.

    Every face of the batch has the same weight, regardless of its size.
    """
    heat, kept = wanted[..., HEAT], 1 - wanted[..., IGNORED]
    sure = ops.clip(ops.sigmoid(answers[..., 0]), 1e-5, 1 - 1e-5)
    face = ops.cast(heat > 0.9999, "float32")
    hit = -face * (1 - sure) ** 2 * ops.log(sure)
    spared = -(1 - face) * kept * (1 - heat) ** 4 * sure**2 * ops.log(1 - sure)
    total = (ops.sum(hit) + ops.sum(spared)) / ops.maximum(ops.sum(face), 1.0)
    weight, points_weight = wanted[..., WEIGHT], wanted[..., POINTS_WEIGHT]
    cell = ops.convert_to_tensor(np.stack([_x, _y], axis=-1) + 0.5)
    centre, log_size = cell + answers[..., 1:3], ops.clip(answers[..., 3:5], -1.5, 5.0)
    true_centre, true_size = wanted[..., 2:4], ops.maximum(wanted[..., 4:6], 0.3)
    side = ops.sqrt(ops.prod(true_size, axis=-1, keepdims=True))
    box = 2 * (1 - _generalised_iou(centre, ops.exp(log_size), true_centre, true_size))
    box += 0.5 * ops.sum(ops.abs(log_size - ops.log(true_size)) + 2 * ops.abs(centre - true_centre) / side, axis=-1)
    points = (wanted[..., POINTS] - ops.tile(cell, (1, 1, 5))) / side
    far = ops.mean(ops.abs(answers[..., 5:15] - points), axis=-1)
    total += ops.sum(weight * box) / (ops.sum(weight) + 1e-6)
    return total + 4 * ops.sum(points_weight * far) / (ops.sum(points_weight) + 1e-6)


def _generalised_iou(centre: Any, size: Any, true_centre: Any, true_size: Any) -> Any:
    """Return the overlap of boxes, -1 to 1, which also measures their distance (Rezatofighi et al., 2019)."""
    low, high = centre - size / 2, centre + size / 2
    true_low, true_high = true_centre - true_size / 2, true_centre + true_size / 2
    shared = ops.prod(ops.maximum(ops.minimum(high, true_high) - ops.maximum(low, true_low), 0.0), axis=-1)
    either = ops.prod(size, axis=-1) + ops.prod(true_size, axis=-1) - shared + 1e-6
    around = ops.prod(ops.maximum(high, true_high) - ops.minimum(low, true_low), axis=-1) + 1e-6
    return shared / either - (around - either) / around
