"""Pixels to faces, and a face to the crop the classifier expects. Only this module knows which detector runs.

The detector is a cascade of two small LiteRT networks. A *proposer* looks at the whole photo three
times, finely for small faces and coarsely for large ones, and marks where faces may be; a *verifier* looks
at each proposal in a 48x48 crop, scores it anew and corrects its box and landmarks. Both scores
together make the probability that there is a face. Both networks know faces that are upright or lean,
so a photo without a sure one is looked at again, turned by a quarter either way.
"""

from __future__ import annotations

import cmath
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import cv2
import numpy as np
import numpy.typing as npt

from . import weights
from .errors import WeightsError
from .face_rows import (
    BOX,
    COLUMNS,
    LANDMARKS,
    MIRRORED,
    SCORE,
    Floats,
    centres,
    distinct,
    enlarged,
    longer_side,
    scaled,
    turned_back,
    without_overlaps,
)
from .litert import Network
from .timing import step
from .types import THRESHOLD as THRESHOLD
from .types import Box, Detection

Pixels = npt.NDArray[np.uint8]

FINE_SIDE, COARSE_SIDE, TINY_SIDE = 960, 320, 128
PASSES = (0, 180), (40, math.inf), (60, math.inf)  # sides, in pixels of their own pass, that each answers for
FINE_ENOUGH = 1024  # to shrink a photo of no more to FINE_SIDE takes longer than the proposer does for the difference
SHAPES = 12  # that the proposer is ready for at once: the views of photos of four formats; 13 MB each, the largest
PROPOSAL_THRESHOLD, PROPOSAL_OVERLAP = 0.2, 0.4
SMALLEST = 9.0  # pixels of a face's longer side in the photo: of less the classifier makes little more than chance
SURE = 0.99  # of an upright face: where there is one, none is looked for on its side
LYING_THRESHOLD = 0.97  # of a face on its side; below, patterns pass for faces
MOST_PROPOSALS = 2000  # of a photo: four for each face of a crowd of hundreds
VERIFIER_CONTEXT = 1.9  # the unit of the verifier's corrections, in longer box sides
VERIFIER_VIEW = 48 / 64  # the part of that unit it sees
VERIFIER_SIDE = 48
VERIFIER_SIZES = -4.0, 2.0  # logs of what a face may measure, in the same unit
SECOND_LOOK = 0.2  # of the verifier's score; what it likes less is no face at a second look either
WIDER = 1.2  # how much more than the first look a second one shows, and how much less another
PROPOSER_MULTIPLE = 32  # of the pixels of each side
CUT_OFF = 1 / 80  # of a side, that nobody misses
SIGN = np.uint8(128)  # the bit that makes 0 to 255 -128 to 127
PADDING = 114  # the grey that the networks were trained to see outside a photo

CROP_SIDE = 64
OLDER_SIDES = (48,)
"""Sides that crops had in indexes of before; a network enlarges them."""
CROP_WIDTH, CROP_DOWN = 0.88, 0.03  # of the longer box side; as FER2013 has eyes and mouth, and as labels are best
UPRIGHT = 20.0  # degrees that a face may lean: the networks judge it no better once it is turned
SHARPNESS_SIDE, REBLUR = 96, 11


class FaceDetector(Protocol):
    """Whatever finds faces."""

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces in upright (h, w, 3) BGR pixels, best first, in pixels of that image."""
        ...


def load_detector(floor: float = THRESHOLD, smallest: float = SMALLEST) -> FaceDetector:
    """Return the detector that ships; raises WeightsError if its networks are not what they should be.

    floor, smallest: the least score of what it returns, and pixels, of the picture given, of its longer side.
    """
    proposer, _ = weights.load("face_proposer")
    verifier, network = weights.load("face_verifier")
    try:
        calibration = Calibration(*(float(v) for v in network.details["calibration"]))
    except (KeyError, TypeError, ValueError) as e:
        raise WeightsError(f"the manifest gives no calibration of {network.file} ({e}); install albumsort again") from e
    return CascadeDetector(proposer, verifier, calibration, floor, smallest)


@dataclass(frozen=True)
class Calibration:
    """How the scores of both networks become the probability of a face: weights of their logits, and an offset."""

    proposal: float
    verification: float
    offset: float

    def __call__(self, proposal: Floats, verification: Floats) -> Floats:
        """(n,) probabilities; proposal, verification: (n,) scores, 0-1."""
        log_odds = self.proposal * logit(proposal) + self.verification * logit(verification) + self.offset
        return probability(log_odds)


def logit(p: Floats) -> Floats:
    """Return the log odds of probabilities; 0 and 1 count as nearly so."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)), np.float32)


def probability(log_odds: npt.NDArray[np.floating]) -> Floats:
    """Return the probabilities of log odds, the inverse of `logit`."""
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)


class CascadeDetector:
    """Proposer and verifier, given as LiteRT models; one thread.

    Faces that score less than `floor`, or whose longer side has less than `smallest` pixels, are left out.
    """

    def __init__(
        self,
        proposer: bytes,
        verifier: bytes,
        calibration: Calibration,
        floor: float = THRESHOLD,
        smallest: float = SMALLEST,
    ) -> None:
        self._floor, self._smallest = floor, smallest
        self._proposer = Proposer(proposer)
        self._verifier = _Verifier(verifier)
        self._calibration = calibration

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces in upright (h, w, 3) BGR pixels, best first; a lower floor adds some and changes none."""
        views = _Views.of(pixels)
        rows, _ = self._survey(views)
        if rows[:, SCORE].max(initial=0) < SURE:
            with step("turn"):
                rows = np.concatenate([rows, self._lying(views, 1), self._lying(views, 3)])
                rows = rows[distinct(rows)]
        return [_detection(row) for row in rows[self._large(rows) & (rows[:, SCORE] >= self._floor)]]

    def survey(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Return the rows of all candidates for upright faces, each face once, and what speaks for them.

        The latter are the scores (n, 2) of proposer and verifier.
        """
        rows, scores = self._survey(_Views.of(pixels))
        large = self._large(rows)
        return rows[large], scores[large]

    def _survey(self, views: _Views) -> tuple[Floats, Floats]:
        with step("propose"):
            proposed = self._propose(views)
        rows, scores = self._judge(views.whole, proposed)
        kept = distinct(rows)
        return rows[kept], scores[kept]

    def _judge(self, pixels: Pixels, proposed: Floats, turns: int = 0) -> tuple[Floats, Floats]:
        """Return the proposals with the verifier's boxes and the probability of a face, and both networks' scores."""
        with step("verify"):
            rows = self._verifier(pixels, proposed, turns)
        scores = np.column_stack([proposed[:, SCORE], rows[:, SCORE]])
        rows[:, SCORE] = self._calibration(*scores.T)
        return rows, scores

    def _lying(self, views: _Views, turns: int) -> Floats:
        """Find the large faces that `turns` quarter turns anticlockwise, 1 or 3, set upright."""
        proposed = self._proposer(np.rot90(views.coarse, turns))
        proposed = scaled(proposed, views.times(views.coarse))
        rows, _ = self._judge(views.whole, proposed, turns)
        height, width = views.whole.shape[:2]
        return turned_back(rows[rows[:, SCORE] >= LYING_THRESHOLD], turns, width, height)

    def _propose(self, views: _Views) -> Floats:
        found = []
        for view, (smallest, largest) in zip(views.pyramid, PASSES[-len(views.pyramid) :], strict=True):
            rows = self._proposer(view)
            sides = longer_side(rows)
            answered = (sides <= largest) & ((sides >= smallest) | (view is views.pyramid[0]))
            found.append(scaled(rows[answered], views.times(view)))
        rows = without_overlaps(np.concatenate(found), PROPOSAL_OVERLAP)
        return rows[np.argsort(-rows[:, SCORE])][:MOST_PROPOSALS]

    def _large(self, rows: Floats) -> npt.NDArray[np.bool_]:
        """Which rows are large enough; asked last, or a worse row of a small face would stand in for it."""
        return np.asarray(longer_side(rows) >= self._smallest)


@dataclass(frozen=True)
class _Views:
    """A photo, and what the proposer sees of it: the finest first, and none twice if the photo is small."""

    whole: Pixels
    pyramid: tuple[Pixels, ...]

    @classmethod
    def of(cls, pixels: Pixels) -> Self:
        with step("resize"):
            fine = pixels if max(pixels.shape[:2]) <= FINE_ENOUGH else shrunk(pixels, FINE_SIDE)
            coarse = shrunk(fine, COARSE_SIDE)
            tiny = shrunk(coarse, TINY_SIDE)
        views = fine, coarse, tiny
        return cls(pixels, tuple(v for v, coarser in zip(views, (coarse, tiny, None), strict=True) if v is not coarser))

    @property
    def coarse(self) -> Pixels:
        """What shows large faces well."""
        return self.pyramid[max(0, len(self.pyramid) - 2)]

    def times(self, view: Pixels) -> float:
        """Return how many times as large as this view the photo is."""
        return float(max(self.whole.shape[:2]) / max(view.shape[:2]))


class Proposer:
    """A heat map of faces, with a box at each of its cells of 8 x 8 pixels; landmarks are the verifier's to find.

    In: (1, H, W/n, 3 n) int8, BGR of n neighbouring pixels, H and W multiples of 32. Out: (1, H/8, W/8, 5): logit
    of the score; centre from the cell's centre and log of width and height, in cells.
    """

    CELL = 8

    def __init__(self, model: bytes, threshold: float = PROPOSAL_THRESHOLD) -> None:
        self._network, self._threshold = Network(model, SHAPES), float(logit(np.array(threshold, np.float32)))

    def __call__(self, pixels: Pixels) -> Floats:
        """Return candidate rows in pixels of the image given, best first, their landmarks all 0."""
        answers = self._network(proposer_input(pixels, self._network.channels // 3))[0]
        return without_overlaps(scaled(self._decode(answers), self.CELL), PROPOSAL_OVERLAP)

    def _decode(self, answers: Floats) -> Floats:
        """Rows, in cells, wherever the heat is enough: its local maxima alone miss faces that stand close to others."""
        at_y, at_x = np.nonzero(answers[..., 0] >= self._threshold)
        values = answers[at_y, at_x]
        cell = np.stack([at_x, at_y], axis=1).astype(np.float32) + 0.5
        size = np.exp(np.clip(values[:, 3:5], -2, 6))
        rows = np.zeros((len(values), COLUMNS), np.float32)
        rows[:, 0:2] = cell + values[:, 1:3] - size / 2
        rows[:, 2:4] = size
        rows[:, SCORE] = probability(values[:, 0])
        return rows


class _Verifier:
    """Score, box and landmarks of each candidate, from a square crop around it.

    In: (n, 48, 48, 3) BGR 0-255. Out: (n, 15): score; shift of the centre and log of width and height;
    landmarks from the centre; all in units of VERIFIER_CONTEXT longer sides.
    """

    def __init__(self, model: bytes) -> None:
        self._network = Network(model, shapes=2)  # a last crop may be left alone

    def __call__(self, pixels: Pixels, rows: Floats, turns: int = 0) -> Floats:
        """Return the candidates as the network sees them; they and the answers are in pixels of the turned photo.

        What may be a face is looked at again from where the first look puts it, set upright if it leans, from farther
        away and from nearer, as it is and mirrored: the mean of the four is surer of faces and less so of the rest.
        """
        if len(rows) == 0:
            return rows.copy()
        verified = _placed(rows, self._answers(_crops(pixels, rows, turns)))
        likely = verified[:, SCORE] >= SECOND_LOOK
        if likely.any():
            verified[likely] = self._look_again(pixels, verified[likely], turns)
        return verified

    def _look_again(self, pixels: Pixels, rows: Floats, turns: int) -> Floats:
        leans = [_to_turn(_detection(row).lean) for row in rows]
        views = enlarged(rows, WIDER), enlarged(rows, 1 / WIDER)
        crops = [crop for view in views for crop in _crops(pixels, view, turns, leans)]
        seen, mirrored = np.split(self._answers(np.stack([*crops, *(cv2.flip(crop, 1) for crop in crops)])), 2)
        answers = (*np.split(seen, 2), *np.split(_unmirrored(mirrored), 2))
        return _mean([_placed(view, _leaning(answer, leans)) for view, answer in zip(views * 2, answers, strict=True)])

    def _answers(self, crops: npt.NDArray[np.integer]) -> Floats:
        return self._network(crops.astype(np.float32))


def _crops(pixels: Pixels, rows: Floats, turns: int, leans: Sequence[float] | None = None) -> Pixels:
    """Return what the verifier sees of candidates, (n, 48, 48, 3), 0-255; rows are in pixels of the turned photo.

    leans: how many degrees clockwise each lies there; it is seen upright.
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
    """Return the verifier's answers to crops that were set upright as they would be to the crops as they are."""
    out = answers.copy()
    turn = np.exp(1j * np.radians(leans))
    for x in (1, *range(5, 15, 2)):
        moved = (answers[:, x] + 1j * answers[:, x + 1]) * turn
        out[:, x], out[:, x + 1] = moved.real, moved.imag
    return out


def _unmirrored(answers: Floats) -> Floats:
    """Return the verifier's answers to mirror images as they would be to the crops themselves."""
    out = answers.copy()
    out[:, 5:] = answers[:, 5:][:, MIRRORED]
    out[:, [1, *range(5, 15, 2)]] *= -1
    return out


def _mean(looks: Sequence[Floats]) -> Floats:
    """Return the mean of several rows for each face; that of the scores is one of their logits."""
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


def proposer_input(pixels: Pixels, neighbours: int) -> npt.NDArray[np.int8]:
    """Return a picture as the proposer takes it, of whole cells at all its scales.

    What is missing at the right and lower edge is grey, what is a little too much is cut off: a face there shows
    most of itself, and the verifier sees all. Integers with a sign are what the processor multiplies quickest.
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


def crop(pixels: Pixels, box: Box, lean: float = 0.0, size: int = CROP_SIDE, wider: float = 1.0) -> Pixels:
    """Return the (size, size) grey square around a face, framed as the classifier's training data is.

    `box` is in pixels of the image given; what lies outside the photo repeats its border. A face that leans
    more than UPRIGHT degrees, clockwise or the other way, is set upright. wider: how many times the square's side
    is shown.
    """
    side = box.longer_side
    lean = _to_turn(lean)
    to_chin = CROP_DOWN * side * 1j * cmath.rect(1, math.radians(lean))
    x, y = box.x + box.w / 2 + to_chin.real, box.y + box.h / 2 + to_chin.imag
    # at twice the size first: linear interpolation alone skips pixels of all but half of the sizes of faces
    face = _halved(square(pixels, x, y, CROP_WIDTH * wider * side, 2 * size, cv2.BORDER_REPLICATE, lean))
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.uint8)


def _to_turn(lean: float) -> float:
    """Return how many degrees a face that leans so far is turned before a network sees it."""
    return lean if abs(lean) > UPRIGHT else 0.0


def sharpness(pixels: Pixels, box: Box) -> float:
    """Return how sharp a face is, 0-1: what blurring it once more takes away of the differences between its pixels.

    1 less the blur metric of Crete et al., The Blur Effect (2007), on the box at 96 x 96 pixels, so that a face
    of few pixels is not sharp. Contrast plays no part. Sharp portraits have about 0.55, soft ones 0.3.
    """
    side, x, y = box.longer_side, box.x + box.w / 2, box.y + box.h / 2
    face = square(pixels, x, y, CROP_WIDTH * side, SHARPNESS_SIDE, cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return min(_lost_by_blurring(grey), _lost_by_blurring(grey.T))


def _lost_by_blurring(grey: Floats) -> float:
    """Return the share of the horizontal differences that a horizontal blur takes away."""
    blurred = cv2.blur(grey, (REBLUR, 1), borderType=cv2.BORDER_REFLECT)
    inner = np.s_[2:-2, 2:-2]
    before, after = (np.abs(cv2.Sobel(g, cv2.CV_32F, 1, 0)[inner]) for g in (np.ascontiguousarray(grey), blurred))
    total = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / total if total else 0.0


def pack(crops: Sequence[Pixels]) -> bytes:
    """Return (64, 64) crops as bytes that `unpack` gives back exactly; no crops are no bytes.

    Differences between rows compress better than the rows.
    """
    if len(crops) == 0:
        return b""
    return zlib.compress(np.diff(np.stack(crops), axis=1, prepend=np.uint8(0)).tobytes())


def unpack(packed: bytes, count: int) -> Pixels:
    """Return the (count, side, side) crops that were packed, of 64 pixels or, in an older index, fewer.

    Raises ValueError if the bytes are damaged.
    """
    try:
        data = zlib.decompress(packed) if packed else b""
    except zlib.error as e:
        raise ValueError(f"damaged crops ({e})") from e
    side = next((side for side in (CROP_SIDE, *OLDER_SIDES) if len(data) == count * side**2), None)
    if side is None:
        raise ValueError(f"damaged crops ({len(data)} bytes for {count} faces)")
    rows = np.frombuffer(data, np.uint8).reshape(count, side, side)
    return np.cumsum(rows, axis=1, dtype=np.uint8)


def square(pixels: Pixels, x: float, y: float, side: float, size: int, border: int, lean: float = 0.0) -> Pixels:
    """Cut the square of `side` pixels centred at (x, y) and resample it to size x size: by halves, then linearly.

    lean: how many degrees clockwise it lies in the image.
    """
    scale = size / side
    if scale < 0.5:  # make its neighbourhood smaller first: linear interpolation would skip pixels
        height, width = pixels.shape[:2]
        reach = side * (0.75 if lean else 0.6)  # to its corners, and a little more
        left, top = int(max(0, x - reach)), int(max(0, y - reach))
        right, bottom = int(min(width, x + reach + 1)), int(min(height, y + reach + 1))
        pixels, x, y = pixels[top:bottom, left:right], x - left, y - top
        while scale < 0.5 and min(pixels.shape[:2]) > 1:
            pixels, x, y, scale = _halved(pixels), x / 2, y / 2, scale * 2
    if pixels.size == 0:
        return np.full((size, size, 3), PADDING, np.uint8)
    # pixels are named by their middles here, half a pixel from where they begin
    turn = cmath.rect(scale, -math.radians(lean))
    first = complex(size, size) / 2 - (0.5 + 0.5j) - turn * complex(x - 0.5, y - 0.5)
    matrix = np.array([[turn.real, -turn.imag, first.real], [turn.imag, turn.real, first.imag]], np.float32)
    grey = (PADDING, PADDING, PADDING)
    out = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=grey)
    return np.asarray(out, np.uint8)


def _halved(pixels: Pixels) -> Pixels:
    """Average two by two pixels: any other factor takes ten times as long, longer than a JPEG's decoding."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def shrunk(pixels: Pixels, longest: int) -> Pixels:
    """Make a picture at most so long: halve it while it stays longer, then interpolate."""
    by = longest / max(pixels.shape[:2])
    if by >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * by)), max(1, round(pixels.shape[0] * by))
    while pixels.shape[1] >= 2 * size[0] and pixels.shape[0] >= 2 * size[1]:
        pixels = _halved(pixels)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _detection(row: Floats) -> Detection:
    x, y, w, h = (float(v) for v in row[BOX])
    points = row[LANDMARKS].reshape(5, 2)
    return Detection(Box(x, y, w, h), tuple((float(a), float(b)) for a, b in points), float(min(row[SCORE], 1.0)))
