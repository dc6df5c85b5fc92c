"""Pixels to faces, and a face to the crop the classifier expects. Only this module knows which detector runs.

The detector is a cascade of two small LiteRT networks. A *proposer* looks at the whole photo twice,
coarsely for large faces and finely for small ones, and marks where faces may be; a *verifier* looks
at each proposal in a 48x48 crop, scores it anew and corrects its box and landmarks. Both scores
together make the probability that there is a face.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from . import weights
from .errors import WeightsError
from .litert import Network
from .types import Box, Detection

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

THRESHOLD = 0.5
"""Detections that score less are not faces."""
LONGEST_SIDE = 1280
COARSE_SIDE, FINE_SIDE = 320, 960
COARSE_SMALLEST, FINE_LARGEST = 40, 180  # sides, in pixels of their own pass, that each pass answers for
PROPOSAL_THRESHOLD, PROPOSAL_OVERLAP, FACE_OVERLAP = 0.2, 0.4, 0.35
MOST_PROPOSALS = 250  # a lower cap costs recall in crowds
VERIFIER_CONTEXT = 1.9  # the unit of the verifier's corrections, in longer box sides
VERIFIER_VIEW = 48 / 64  # the part of that unit it sees
VERIFIER_SIDE = 48
PADDING = 114  # the grey that the networks were trained to see outside a photo

CROP_SIDE = 48
CROP_WIDTH, CROP_DOWN = 0.9, 0.03  # of the longer box side; puts eyes and mouth where FER2013 has them

# A row of candidates: x, y, w, h, five landmarks (x, y each), score.
BOX, LANDMARKS, SCORE = slice(0, 4), slice(4, 14), 14


class FaceDetector(Protocol):
    """Whatever finds faces."""

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces in upright (h, w, 3) BGR pixels, best first, in pixels of that image."""
        ...


def load_detector(floor: float = THRESHOLD) -> FaceDetector:
    """Return the detector that ships; raises WeightsError if its networks are not what they should be.

    floor: the least score of what it returns.
    """
    proposer, _ = weights.load("face_proposer")
    verifier, network = weights.load("face_verifier")
    try:
        calibration = Calibration(*(float(v) for v in network.details["calibration"]))
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"the manifest gives no calibration of {network.file} ({e}); install albumsort again") from e
    return CascadeDetector(proposer, verifier, calibration, floor)


@dataclass(frozen=True)
class Calibration:
    """How the scores of both networks become the probability of a face: weights of their logits, and an offset."""

    proposal: float
    verification: float
    offset: float

    def __call__(self, proposal: Floats, verification: Floats) -> Floats:
        """(n,) probabilities; proposal, verification: (n,) scores, 0-1."""
        log_odds = self.proposal * logit(proposal) + self.verification * logit(verification) + self.offset
        return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)


def logit(p: Floats) -> Floats:
    """Return the log odds of probabilities; 0 and 1 count as nearly so."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)), np.float32)


class CascadeDetector:
    """Proposer and verifier, given as LiteRT models; one thread."""

    def __init__(self, proposer: bytes, verifier: bytes, calibration: Calibration, floor: float = THRESHOLD) -> None:
        self._floor = floor
        self._coarse = Proposer(proposer, COARSE_SIDE)
        self._fine = Proposer(proposer, FINE_SIDE)
        self._verifier = _Verifier(verifier)
        self._calibration = calibration

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces that score at least the floor."""
        rows, _ = self.survey(pixels)
        return [_detection(row) for row in rows[rows[:, SCORE] >= self._floor]]

    def survey(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Return the rows of all candidates that no better one overlaps, best first, and what speaks for them.

        The latter are the scores (n, 2) of proposer and verifier.
        """
        shrink = min(1.0, LONGEST_SIDE / max(pixels.shape[:2]))
        if shrink < 1:
            pixels = _resized(pixels, shrink)
        proposed = self._propose(pixels)
        rows = self._verifier(pixels, proposed)
        scores = np.column_stack([proposed[:, SCORE], rows[:, SCORE]])
        rows[:, SCORE] = self._calibration(*scores.T)
        kept = _apart(rows, FACE_OVERLAP)
        rows, scores = rows[kept], scores[kept]
        rows[:, :SCORE] /= shrink
        return rows, scores

    def _propose(self, pixels: Pixels) -> Floats:
        longest = max(pixels.shape[:2])
        rows = self._coarse(pixels)
        if longest > COARSE_SIDE:
            rows = rows[_longer_side(rows) * COARSE_SIDE / longest >= COARSE_SMALLEST]
            fine = self._fine(pixels)
            fine = fine[_longer_side(fine) * min(1, FINE_SIDE / longest) <= FINE_LARGEST]
            rows = np.concatenate([rows, fine])
        rows = _without_overlaps(rows, PROPOSAL_OVERLAP)
        return rows[np.argsort(-rows[:, SCORE])][:MOST_PROPOSALS]


class Proposer:
    """A heat map of faces, with box and landmarks at each of its cells of 8 x 8 pixels.

    In: (1, H, W, 3) BGR 0-255, H and W multiples of 32. Out: (1, H/8, W/8, 15): score; centre from the
    cell's centre and log of width and height, in cells; landmarks from the cell's centre, over sqrt(w h).
    """

    CELL, MULTIPLE = 8, 32

    def __init__(self, model: bytes, side: int, threshold: float = PROPOSAL_THRESHOLD) -> None:
        self._network, self._side, self._threshold = Network(model), side, threshold

    def __call__(self, pixels: Pixels) -> Floats:
        """Return candidate rows in pixels of the image given."""
        shrink = min(1.0, self._side / max(pixels.shape[:2]))
        small = _resized(pixels, shrink) if shrink < 1 else pixels
        height, width = small.shape[:2]
        padded = np.full((1, -(-height // 32) * 32, -(-width // 32) * 32, 3), PADDING, np.float32)
        padded[0, :height, :width] = small
        answers = self._network(padded)[0]
        rows = self._decode(answers)
        rows[:, :SCORE] *= self.CELL / shrink
        return _without_overlaps(rows, PROPOSAL_OVERLAP)

    def _decode(self, answers: Floats) -> Floats:
        """Rows, in cells, at the local maxima of the heat map."""
        heat = np.ascontiguousarray(answers[..., 0])
        peaks = (cv2.dilate(heat, np.ones((3, 3), np.uint8)) == heat) & (heat >= self._threshold)
        at_y, at_x = np.nonzero(peaks)
        values = answers[at_y, at_x]
        cell = np.stack([at_x, at_y], axis=1).astype(np.float32) + 0.5
        size = np.exp(np.clip(values[:, 3:5], -2, 6))
        rows = np.empty((len(values), 15), np.float32)
        rows[:, 0:2] = cell + values[:, 1:3] - size / 2
        rows[:, 2:4] = size
        rows[:, LANDMARKS] = values[:, 5:15] * np.sqrt(size.prod(axis=1))[:, None] + np.tile(cell, 5)
        rows[:, SCORE] = values[:, 0]
        return rows


class _Verifier:
    """Score, box and landmarks of each candidate, from a square crop around it.

    In: (n, 48, 48, 3) BGR 0-255. Out: (n, 15): score; shift of the centre and log of width and height;
    landmarks from the centre; all in units of VERIFIER_CONTEXT longer sides.
    """

    def __init__(self, model: bytes) -> None:
        self._network = Network(model)

    def __call__(self, pixels: Pixels, rows: Floats) -> Floats:
        if len(rows) == 0:
            return rows.copy()
        centre = rows[:, 0:2] + rows[:, 2:4] / 2
        unit = _longer_side(rows) * VERIFIER_CONTEXT
        crops = [
            square(pixels, float(x), float(y), float(side) * VERIFIER_VIEW, VERIFIER_SIDE, cv2.BORDER_CONSTANT)
            for (x, y), side in zip(centre, unit, strict=True)
        ]
        answers = self._network(np.stack(crops).astype(np.float32))
        verified = np.empty_like(rows)
        size = np.exp(answers[:, 3:5]) * unit[:, None]
        verified[:, 0:2] = centre + answers[:, 1:3] * unit[:, None] - size / 2
        verified[:, 2:4] = size
        verified[:, LANDMARKS] = np.tile(centre, 5) + answers[:, 5:15] * unit[:, None]
        verified[:, SCORE] = answers[:, 0]
        return verified


def crop(pixels: Pixels, box: Box) -> Pixels:
    """Return the (48, 48) grey square around a face, framed as the classifier's training data is.

    `box` is in pixels of the image given; what lies outside the photo repeats its border.
    """
    side = max(box.w, box.h)
    middle, centre = box.x + box.w / 2, box.y + box.h / 2 + CROP_DOWN * side
    face = square(pixels, middle, centre, CROP_WIDTH * side, CROP_SIDE, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.uint8)


def pack(crops: Sequence[Pixels]) -> bytes:
    """Return (48, 48) crops as bytes that `unpack` gives back exactly; no crops are no bytes.

    Differences between rows compress better than the rows: 1.8 kB a face instead of 2.3.
    """
    if len(crops) == 0:
        return b""
    return zlib.compress(np.diff(np.stack(crops), axis=1, prepend=np.uint8(0)).tobytes())


def unpack(packed: bytes, count: int) -> Pixels:
    """Return the (count, 48, 48) crops that were packed; raises ValueError if the bytes are damaged."""
    try:
        data = zlib.decompress(packed) if packed else b""
    except zlib.error as e:
        raise ValueError(f"damaged crops ({e})") from e
    if len(data) != count * CROP_SIDE**2:
        raise ValueError(f"damaged crops ({len(data)} bytes for {count} faces)")
    rows = np.frombuffer(data, np.uint8).reshape(count, CROP_SIDE, CROP_SIDE)
    return np.cumsum(rows, axis=1, dtype=np.uint8)


def square(pixels: Pixels, x: float, y: float, side: float, size: int, border: int) -> Pixels:
    """Cut the square of `side` pixels centred at (x, y) and resample it to size x size without aliasing."""
    scale = size / side
    if scale < 0.5:  # average the neighbourhood down first: linear interpolation would skip pixels
        height, width = pixels.shape[:2]
        left, top = int(max(0, x - side * 0.6)), int(max(0, y - side * 0.6))
        right, bottom = int(min(width, x + side * 0.6 + 1)), int(min(height, y + side * 0.6 + 1))
        if right - left < 2 or bottom - top < 2:
            return np.full((size, size, 3), PADDING, np.uint8)
        shrink = 2 * scale
        target = max(1, round((right - left) * shrink)), max(1, round((bottom - top) * shrink))
        pixels = np.asarray(cv2.resize(pixels[top:bottom, left:right], target, interpolation=cv2.INTER_AREA), np.uint8)
        x, y = x - left, y - top
        across, down = scale * (right - left) / target[0], scale * (bottom - top) / target[1]
    else:
        across = down = scale
    matrix = np.array([[across, 0, size / 2 - 0.5 - x * scale], [0, down, size / 2 - 0.5 - y * scale]], np.float32)
    grey = (PADDING, PADDING, PADDING)
    out = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=grey)
    return np.asarray(out, np.uint8)


def _resized(pixels: Pixels, by: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = max(1, round(width * by)), max(1, round(height * by))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _longer_side(rows: Floats) -> Floats:
    return np.asarray(rows[:, 2:4].max(axis=1, initial=0), np.float32)


def _without_overlaps(rows: Floats, most: float) -> Floats:
    return rows[_apart(rows, most)]


def _apart(rows: Floats, most: float) -> npt.NDArray[np.intp]:
    """Which rows to keep, best first: the best of those that overlap by more than `most` (intersection over union)."""
    if len(rows) == 0:
        return np.empty(0, np.intp)
    return np.asarray(cv2.dnn.NMSBoxes(rows[:, BOX].tolist(), rows[:, SCORE].tolist(), 0.0, most), np.intp).ravel()


def _detection(row: Floats) -> Detection:
    x, y, w, h = (float(v) for v in row[BOX])
    points = row[LANDMARKS].reshape(5, 2)
    return Detection(Box(x, y, w, h), tuple((float(a), float(b)) for a, b in points), float(min(row[SCORE], 1.0)))
