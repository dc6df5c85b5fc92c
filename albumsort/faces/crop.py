"""The crop of a face that the emotion network sees, and crops as the index keeps them."""

from __future__ import annotations

import cmath
import math
import zlib
from collections.abc import Sequence

import cv2
import numpy as np

from ..types import Box
from .resize import Pixels, halved, square

CROP_SIDE = 64
OLDER_SIDES = (48,)
"""Sides that crops had in indexes of before; a network enlarges them."""
CROP_WIDTH, CROP_DOWN = 0.88, 0.03  # of the longer box side; as FER2013 has eyes and mouth, and as labels are best
UPRIGHT = 20.0  # degrees that a face may lean: the networks judge it no better once it is turned


def crop(pixels: Pixels, box: Box, lean: float = 0.0, size: int = CROP_SIDE, wider: float = 1.0) -> Pixels:
    """Return the (size, size) grey square around a face, framed as the classifier's training data is.

    `box` is in pixels of the image given; what lies outside the photo repeats its border. A face that leans
    more than UPRIGHT degrees, clockwise or the other way, is set upright. wider: how many times the square's side
    is shown.
    """
    side = box.longer_side
    lean = to_turn(lean)
    to_chin = CROP_DOWN * side * 1j * cmath.rect(1, math.radians(lean))
    x, y = box.x + box.w / 2 + to_chin.real, box.y + box.h / 2 + to_chin.imag
    # at twice the size first: linear interpolation alone skips pixels of all but half of the sizes of faces
    face = halved(square(pixels, x, y, CROP_WIDTH * wider * side, 2 * size, cv2.BORDER_REPLICATE, lean))
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.uint8)


def to_turn(lean: float) -> float:
    """Return how many degrees a face that leans so far is turned before a network sees it."""
    return lean if abs(lean) > UPRIGHT else 0.0


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
