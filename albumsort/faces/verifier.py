"""The second network of the detector: score, box and landmarks of each candidate."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ..networks.litert import Network
from ..types import Box, Detection
from .crop import to_turn
from .resize import Pixels, square
from .rows import BOX, LANDMARKS, MIRRORED, SCORE, Floats, centres, enlarged, longer_side, turned_back
from .scores import logit, probability

VERIFIER_CONTEXT = 1.9  # unit of the verifier's corrections, in longer box sides
VERIFIER_VIEW = 48 / 64  # side of its input, in that unit
VERIFIER_SIDE = 48
VERIFIER_SIZES = -4.0, 2.0  # range of the log of a face's size, in the same unit
SECOND_LOOK = 0.2  # least score for a second look; below this a second look finds no face either
WIDER = 1.2  # factor by which the second look shows more than the first, and once less


class Verifier:
    """Score, box and landmarks of each candidate, from a square crop around it.

    In: (n, 48, 48, 3) BGR 0-255. Out: (n, 15): score; shift of the centre and log of width and height;
    landmarks from the centre; all in units of VERIFIER_CONTEXT longer sides.
    """

    def __init__(self, model: bytes) -> None:
        self._network = Network(model, shapes=2)  # the last batch may be a single crop

    def __call__(self, pixels: Pixels, rows: Floats, turns: int = 0) -> Floats:
        """Return the candidates with the verifier's values; both are in pixels of the turned photo.

        A likely face gets a second look at its corrected place, turned upright if it leans: wider and narrower, each
        plain and mirrored. The mean of these four separates faces from other things better.
        """
        if len(rows) == 0:
            return rows.copy()
        verified = _placed(rows, self._answers(_crops(pixels, rows, turns)))
        likely = verified[:, SCORE] >= SECOND_LOOK
        if likely.any():
            verified[likely] = self._look_again(pixels, verified[likely], turns)
        return verified

    def _look_again(self, pixels: Pixels, rows: Floats, turns: int) -> Floats:
        leans = [to_turn(detection(row).lean) for row in rows]
        views = enlarged(rows, WIDER), enlarged(rows, 1 / WIDER)
        crops = [crop for view in views for crop in _crops(pixels, view, turns, leans)]
        plain, mirrored = np.split(self._answers(np.stack([*crops, *(cv2.flip(crop, 1) for crop in crops)])), 2)
        answers = (*np.split(plain, 2), *np.split(_unmirrored(mirrored), 2))
        return _mean([_placed(view, _leaning(answer, leans)) for view, answer in zip(views * 2, answers, strict=True)])

    def _answers(self, crops: npt.NDArray[np.integer]) -> Floats:
        return self._network(crops.astype(np.float32))


def _crops(pixels: Pixels, rows: Floats, turns: int, leans: Sequence[float] | None = None) -> Pixels:
    """Return the verifier's crops of candidates, (n, 48, 48, 3), 0-255; rows are in pixels of the turned photo.

    leans: degrees clockwise by which each face leans; its crop is upright.
    """
    height, width = pixels.shape[:2]
    middles = centres(turned_back(rows, turns, width, height))
    sides = longer_side(rows) * VERIFIER_CONTEXT * VERIFIER_VIEW
    crops = [
        np.rot90(square(pixels, x, y, side, VERIFIER_SIDE, cv2.BORDER_CONSTANT, lean), turns)
        for (x, y), side, lean in zip(middles, sides, leans or [0.0] * len(rows), strict=True)
    ]
    return np.stack(crops)


def _leaning(answers: Floats, leans: Sequence[float]) -> Floats:
    """Return the verifier's answers to crops that were turned upright, turned back."""
    out = answers.copy()
    turn = np.exp(1j * np.radians(leans))
    for x in (1, *range(5, 15, 2)):
        moved = (answers[:, x] + 1j * answers[:, x + 1]) * turn
        out[:, x], out[:, x + 1] = moved.real, moved.imag
    return out


def _unmirrored(answers: Floats) -> Floats:
    """Return the verifier's answers to mirrored crops, mirrored back."""
    out = answers.copy()
    out[:, 5:] = answers[:, 5:][:, MIRRORED]
    out[:, [1, *range(5, 15, 2)]] *= -1
    return out


def _mean(looks: Sequence[Floats]) -> Floats:
    """Return the mean of several rows for each face; scores are averaged as logits."""
    rows = np.asarray(np.mean(looks, axis=0), np.float32)
    rows[:, SCORE] = probability(np.mean([logit(look[:, SCORE]) for look in looks], axis=0))
    return rows


def _placed(rows: Floats, answers: Floats) -> Floats:
    """Return candidates with the verifier's scores, boxes and landmarks."""
    centre = centres(rows)
    unit = (longer_side(rows) * VERIFIER_CONTEXT)[:, None]
    placed = np.empty_like(rows)
    size = np.exp(np.clip(answers[:, 3:5], *VERIFIER_SIZES)) * unit
    placed[:, 0:2] = centre + answers[:, 1:3] * unit - size / 2
    placed[:, 2:4] = size
    placed[:, LANDMARKS] = np.tile(centre, 5) + answers[:, 5:15] * unit
    placed[:, SCORE] = answers[:, 0]
    return placed


def detection(row: Floats) -> Detection:
    """Return a row as a detection."""
    x, y, w, h = (float(v) for v in row[BOX])
    points = row[LANDMARKS].reshape(5, 2)
    return Detection(Box(x, y, w, h), tuple((float(a), float(b)) for a, b in points), float(min(row[SCORE], 1.0)))
