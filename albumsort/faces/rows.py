"""Faces as rows of numbers, the form in which the detector's networks return them.

A row is x, y, w, h, five landmarks (x, y each; the subject's right eye first) and a score, in pixels of one picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

COLUMNS = 15
BOX, LANDMARKS, SCORE = slice(0, 4), slice(4, 14), 14
MIRRORED = [2, 3, 0, 1, 4, 5, 8, 9, 6, 7]  # eyes, nose, corners of the mouth: swaps left and right
MIRRORED_LANDMARKS = [LANDMARKS.start + i for i in MIRRORED]
FACE_OVERLAP, FACE_INSIDE = 0.35, 0.7  # inside: share of the smaller box, such as an eye detected as a face


def none() -> Floats:
    """Return an empty array of rows."""
    return np.zeros((0, COLUMNS), np.float32)


def mirrored(rows: Floats, width: float) -> Floats:
    """Return the rows in the mirror image of a picture `width` pixels wide."""
    out = rows.copy()
    out[:, 0] = width - rows[:, 0] - rows[:, 2]
    out[:, LANDMARKS] = rows[:, MIRRORED_LANDMARKS]
    out[:, 4:14:2] = width - 1 - out[:, 4:14:2]
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

    out[:, 0:2] = turn(centres(rows)) - rows[:, 2:4] / 2
    out[:, LANDMARKS] = turn(rows[:, LANDMARKS].reshape(-1, 2)).reshape(-1, 10)
    return out


def clipped(rows: Floats, left: float, top: float, right: float, bottom: float) -> tuple[Floats, Floats]:
    """Return the rows with their boxes cut to a window, and the share of each box inside it, 0-1."""
    out = rows.copy()
    corner = np.maximum(rows[:, 0:2], (left, top))
    size = np.maximum(np.minimum(rows[:, 0:2] + rows[:, 2:4], (right, bottom)) - corner, 0)
    out[:, 0:2], out[:, 2:4] = corner, size
    return out, np.asarray(size.prod(axis=1) / np.maximum(areas(rows), 1e-6), np.float32)


def overlaps(a: Floats, b: Floats) -> Floats:
    """Return the (len(a), len(b)) intersections over unions of boxes, 0-1."""
    return _over_union(_intersections(a, b), a, b)


def _over_union(intersections: Floats, a: Floats, b: Floats) -> Floats:
    unions = areas(a)[:, None] + areas(b) - intersections
    return np.asarray(intersections / np.maximum(unions, 1e-6), np.float32)


def _intersections(a: Floats, b: Floats) -> Floats:
    """Return the (len(a), len(b)) areas of the intersections of boxes."""
    across, down = (
        np.minimum((a[:, i] + a[:, i + 2])[:, None], b[:, i] + b[:, i + 2]) - np.maximum(a[:, None, i], b[:, i])
        for i in (0, 1)
    )
    return np.asarray(np.maximum(across, 0) * np.maximum(down, 0), np.float32)


def scaled(rows: Floats, across: float, down: float | None = None) -> Floats:
    """Return the rows in a picture resized by these factors, or by one factor in both directions."""
    out = rows.copy()
    out[:, 0:SCORE:2] *= across
    out[:, 1:SCORE:2] *= across if down is None else down
    return out


def enlarged(rows: Floats, times: float) -> Floats:
    """Return the rows with boxes `times` as large around the same centres."""
    out = rows.copy()
    out[:, 2:4] *= times
    out[:, 0:2] = centres(rows) - out[:, 2:4] / 2
    return out


def centres(rows: Floats) -> Floats:
    """Return the (n, 2) centres of the boxes."""
    return np.asarray(rows[:, 0:2] + rows[:, 2:4] / 2, np.float32)


def areas(rows: Floats) -> Floats:
    """Return the (n,) areas of the boxes."""
    return np.asarray(rows[:, 2:4].prod(axis=1), np.float32)


def longer_side(rows: Floats) -> Floats:
    """Return the (n,) longer sides of the boxes."""
    return np.asarray(rows[:, 2:4].max(axis=1, initial=0), np.float32)


def without_overlaps(rows: Floats, most: float) -> Floats:
    """Return the rows that overlap no better one by more than `most` (intersection over union), best first."""
    if len(rows) == 0:
        return rows
    kept = cv2.dnn.NMSBoxes(rows[:, BOX].tolist(), rows[:, SCORE].tolist(), 0.0, most)
    return rows[np.asarray(kept, np.intp).ravel()]


def distinct(rows: Floats) -> npt.NDArray[np.intp]:
    """Return the index of the best row of each face, best first; rows of one face overlap or contain each other."""
    inside, smaller = _intersections(rows, rows), np.minimum(areas(rows)[:, None], areas(rows))
    same = (_over_union(inside, rows, rows) > FACE_OVERLAP) | (inside > FACE_INSIDE * smaller)
    kept, free = list[int](), np.ones(len(rows), bool)
    for i in np.argsort(-rows[:, SCORE], kind="stable"):
        if free[i]:
            kept.append(int(i))
            free &= ~same[i]
    return np.array(kept, np.intp)


def turned_back(rows: Floats, turns: int, width: int, height: int) -> Floats:
    """Return rows of a photo turned 0, 1 or 3 quarters anticlockwise in pixels of the unturned photo."""
    back = rows.copy()
    if turns == 0:
        return back
    x, y, w, h = rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3]
    marks_x, marks_y = rows[:, 4:14:2], rows[:, 5:14:2]
    back[:, 2], back[:, 3] = h, w
    if turns == 1:
        back[:, 0], back[:, 1] = width - y - h, x
        back[:, 4:14:2], back[:, 5:14:2] = width - marks_y, marks_x
    else:
        back[:, 0], back[:, 1] = y, height - x - w
        back[:, 4:14:2], back[:, 5:14:2] = marks_y, height - marks_x
    return back
