"""Describe a picture in a few bytes, so that frames of one moment can be found without opening the photos again.

The description holds the layout of edges, not colours or brightness: exposure, blur and JPEG compression hardly change
it, and `choosing.likeness` compares it over small shifts and scales, so that crops do not hide a likeness either.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .upright import Pixels

SIDE = 15
"""The layout has 15 x 15 cells; `choosing.likeness` and `choosing.exposure` read the same format."""
TONES = (5, 20, 35, 50, 65, 80, 95)
"""Percentiles of the grey values."""
SAMPLED_SIDE = 240
"""Rows and columns are skipped down to about this many pixels of the longer side; cells average the rest."""
SMOOTHING = 0.5
SURROUNDINGS = 2.5
"""Cells: the standard deviation of the neighbourhood to which an edge's strength is relative."""
FLAT = 0.04
"""Edges across two cells weaker than this share of the grey values fade, because they may be noise."""
STEPS = 3.5
"""Steps of a stored gradient for each standard deviation of its neighbourhood, at most 7 in each direction."""

Floats = npt.NDArray[np.float32]


def describe(pixels: Pixels) -> bytes:
    """Return the description of an upright BGR picture of any size: 232 bytes.

    The first 225 bytes are cells by rows, each with the gradient to the right (high four bits) and down (low four
    bits) plus 8. The other 7 are percentiles of the grey values, 0-255, from which differences in exposure are read.
    """
    skipped = max(1, max(pixels.shape[:2]) // SAMPLED_SIDE)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[::skipped, ::skipped]), cv2.COLOR_BGR2GRAY)
    cells = cv2.resize(grey, (SIDE + 2, SIDE + 2), interpolation=cv2.INTER_AREA)
    right, down = _gradients(_ranks(np.asarray(cells, np.uint8)))
    layout = (_stored(right) << 4) | _stored(down)
    return layout.tobytes() + _tones(np.asarray(grey, np.uint8))


def _tones(grey: Pixels) -> bytes:
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    return np.searchsorted(below, np.multiply(TONES, grey.size / 100)).astype(np.uint8).tobytes()


def _ranks(cells: Pixels) -> Floats:
    """Return each cell's rank among all, 0-1: no monotonous change of brightness alters it; equal cells share one."""
    counts = np.bincount(cells.ravel(), minlength=256)
    middle = (np.cumsum(counts) - counts / 2) / cells.size
    return middle.astype(np.float32)[cells]


def _gradients(ranks: Floats) -> tuple[Floats, Floats]:
    """Return the gradients to the right and down of the inner cells, relative to those nearby."""
    smooth = _blurred(ranks, SMOOTHING)
    right = smooth[1:-1, 2:] - smooth[1:-1, :-2]
    down = smooth[2:, 1:-1] - smooth[:-2, 1:-1]
    strength = np.sqrt(_blurred(right * right + down * down, SURROUNDINGS)) + np.float32(FLAT)
    return right / strength, down / strength


def _blurred(values: Floats, cells: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), cells, borderType=cv2.BORDER_REFLECT), np.float32)


def _stored(gradient: Floats) -> Pixels:
    return (np.clip(np.round(gradient * STEPS), -7, 7) + 8).astype(np.uint8)
