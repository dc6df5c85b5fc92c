"""Faces as rows of numbers, and what happens to them when the pixels are mirrored, scaled, moved or cut.

A row is what the detector's networks speak of: x, y, w, h, five landmarks (x, y each; the subject's right
eye first), score. All in pixels of one picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..faces import BOX, LANDMARKS, MIRRORED, SCORE

Floats = npt.NDArray[np.float32]

COLUMNS = 15
MIRRORED_LANDMARKS = [LANDMARKS.start + i for i in MIRRORED]


def none() -> Floats:
    """Return no rows."""
    return np.zeros((0, COLUMNS), np.float32)


def mirrored(rows: Floats, width: float) -> Floats:
    """Return the rows as they stand in the mirror image of a picture `width` pixels wide."""
    out = rows.copy()
    out[:, 0] = width - rows[:, 0] - rows[:, 2]
    out[:, LANDMARKS] = rows[:, MIRRORED_LANDMARKS]
    out[:, 4:14:2] = width - 1 - out[:, 4:14:2]
    return out


def scaled(rows: Floats, across: float, down: float) -> Floats:
    """Return the rows as they stand in a picture resized by these factors."""
    out = rows.copy()
    out[:, 0:SCORE:2] *= across
    out[:, 1:SCORE:2] *= down
    return out


def shifted(rows: Floats, x: float, y: float) -> Floats:
    """Return the rows moved by (x, y)."""
    out = rows.copy()
    out[:, [0, *range(4, SCORE, 2)]] += x
    out[:, [1, *range(5, SCORE, 2)]] += y
    return out


def turned(rows: Floats, matrix: npt.NDArray[Any]) -> Floats:
    """Return the rows after a rotation (2, 3): landmarks and centres turn, boxes stay upright."""
    out = rows.copy()

    def turn(points: npt.NDArray[Any]) -> Floats:
        return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)

    out[:, 0:2] = turn(rows[:, 0:2] + rows[:, 2:4] / 2) - rows[:, 2:4] / 2
    out[:, LANDMARKS] = turn(rows[:, LANDMARKS].reshape(-1, 2)).reshape(-1, 10)
    return out


def clipped(rows: Floats, left: float, top: float, right: float, bottom: float) -> tuple[Floats, Floats]:
    """Return the rows with their boxes cut to a window, and the share of each box that lies in it, 0-1."""
    out = rows.copy()
    corner = np.maximum(rows[:, 0:2], (left, top))
    size = np.maximum(np.minimum(rows[:, 0:2] + rows[:, 2:4], (right, bottom)) - corner, 0)
    out[:, 0:2], out[:, 2:4] = corner, size
    return out, np.asarray(size.prod(axis=1) / np.maximum(rows[:, 2:4].prod(axis=1), 1e-6), np.float32)


def overlaps(a: Floats, b: Floats) -> Floats:
    """(len(a), len(b)) intersection over union of the boxes of two sets of rows, 0-1."""
    corner = np.maximum(a[:, None, 0:2], b[None, :, 0:2])
    end = np.minimum((a[:, 0:2] + a[:, 2:4])[:, None], (b[:, 0:2] + b[:, 2:4])[None])
    shared = np.maximum(end - corner, 0).prod(axis=2)
    areas = a[:, 2:4].prod(axis=1)[:, None] + b[:, 2:4].prod(axis=1)[None]
    return np.asarray(shared / np.maximum(areas - shared, 1e-6), np.float32)


def longer_side(rows: Floats) -> Floats:
    """(n,) the longer side of each box."""
    return np.asarray(rows[:, BOX][:, 2:4].max(axis=1, initial=0), np.float32)
