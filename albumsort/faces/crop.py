"""Cut the crops of faces that the emotion network sees, and pack them for the index."""

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
"""Sides of crops in older indexes; they are enlarged for the network."""
CROP_WIDTH, CROP_DOWN = 0.88, 0.03  # in longer box sides: eyes and mouth as in FER2013; gave the best labels
UPRIGHT = 20.0  # degrees that a face may lean; turning such a face upright gives no better labels


def crop(pixels: Pixels, box: Box, lean: float = 0.0, size: int = CROP_SIDE, wider: float = 1.0) -> Pixels:
    """Return the (size, size) grey square around a face, framed like the classifier's training data.

    `box` is in pixels of `pixels`; outside the photo its border is repeated. A face that leans more than UPRIGHT
    degrees either way is turned upright. wider: factor by which the square's side is larger.
    """
    side = box.longer_side
    lean = to_turn(lean)
    to_chin = CROP_DOWN * side * 1j * cmath.rect(1, math.radians(lean))
    x, y = box.x + box.w / 2 + to_chin.real, box.y + box.h / 2 + to_chin.imag
    # twice the size, then halved: linear interpolation alone would skip pixels of about half of all face sizes
    face = halved(square(pixels, x, y, CROP_WIDTH * wider * side, 2 * size, cv2.BORDER_REPLICATE, lean))
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.uint8)


def to_turn(lean: float) -> float:
    """Return by how many degrees to turn a face that leans so far, before a network sees it."""
    return lean if abs(lean) > UPRIGHT else 0.0


def pack(crops: Sequence[Pixels]) -> bytes:
    """Return (64, 64) crops as bytes, without loss; empty for no crops.

    Differences between rows compress better than the rows themselves.
    """
    if len(crops) == 0:
        return b""
    return zlib.compress(np.diff(np.stack(crops), axis=1, prepend=np.uint8(0)).tobytes())


def unpack(packed: bytes, count: int) -> Pixels:
    """Return the (count, side, side) packed crops; side is 64 pixels, or less in an older index.

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
