"""The first network of the detector: proposes where faces may be in a picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..networks.litert import Network
from .resize import PADDING, Pixels
from .rows import COLUMNS, SCORE, Floats, scaled, without_overlaps
from .scores import logit, probability

SHAPES = 12  # input shapes kept in memory: the views of photos of four formats; up to 13 MB each
PROPOSAL_THRESHOLD, PROPOSAL_OVERLAP = 0.2, 0.4
PROPOSER_MULTIPLE = 32  # each side of the input is a multiple of this
CUT_OFF = 1 / 80  # of a side; this much may be cut off
SIGN = np.uint8(128)  # flipping this bit maps 0..255 to -128..127


class Proposer:
    """A heat map of faces with a box in each cell of 8 x 8 pixels; the verifier finds the landmarks.

    In: (1, H, W/n, 3 n) int8, BGR of n neighbouring pixels, H and W multiples of 32. Out: (1, H/8, W/8, 5): logit
    of the score; centre from the cell's centre and log of width and height, in cells.
    """

    CELL = 8

    def __init__(self, model: bytes, threshold: float = PROPOSAL_THRESHOLD) -> None:
        self._network, self._threshold = Network(model, SHAPES), float(logit(np.array(threshold, np.float32)))

    def __call__(self, pixels: Pixels) -> Floats:
        """Return candidate rows in pixels of `pixels`, best first; all landmarks are 0."""
        answers = self._network(proposer_input(pixels, self._network.channels // 3))[0]
        return without_overlaps(scaled(self._decode(answers), self.CELL), PROPOSAL_OVERLAP)

    def _decode(self, answers: Floats) -> Floats:
        """Return a row for each cell above the threshold: local maxima alone would miss faces close together."""
        at_y, at_x = np.nonzero(answers[..., 0] >= self._threshold)
        values = answers[at_y, at_x]
        cell = np.stack([at_x, at_y], axis=1).astype(np.float32) + 0.5
        size = np.exp(np.clip(values[:, 3:5], -2, 6))
        rows = np.zeros((len(values), COLUMNS), np.float32)
        rows[:, 0:2] = cell + values[:, 1:3] - size / 2
        rows[:, 2:4] = size
        rows[:, SCORE] = probability(values[:, 0])
        return rows


def proposer_input(pixels: Pixels, neighbours: int) -> npt.NDArray[np.int8]:
    """Return a picture as the proposer's input, with whole cells at all scales.

    The right and lower edges are padded with grey, or cut off if little is too much: most of a face there stays, and
    the verifier sees all of it. Processors multiply signed integers fastest.
    """
    height, width = map(_nearly_whole, pixels.shape[:2])
    below, beside = -height % PROPOSER_MULTIPLE, -width % PROPOSER_MULTIPLE
    pixels = pixels[:height, :width]
    grey = (PADDING, PADDING, PADDING)
    padded = np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=grey), np.uint8)
    return side_by_side(np.bitwise_xor(padded, SIGN, out=padded)[None], neighbours).view(np.int8)


def _nearly_whole(side: int) -> int:
    over = side % PROPOSER_MULTIPLE
    return side - over if over <= CUT_OFF * side else side


def side_by_side(pixels: Pixels, neighbours: int) -> Pixels:
    """Return (n, h, w, 3) pixels as (n, h, w / neighbours, 3 neighbours): nothing moves in memory."""
    count, height, width, channels = pixels.shape
    return pixels.reshape(count, height, width // neighbours, channels * neighbours)
