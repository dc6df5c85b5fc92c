"""Resample pixels: cut out squares, shrink pictures."""

from __future__ import annotations

import cmath
import math

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
PADDING = 114  # the grey that the networks were trained to see outside a photo


def square(pixels: Pixels, x: float, y: float, side: float, size: int, border: int, lean: float = 0.0) -> Pixels:
    """Cut the square of `side` pixels centred at (x, y) and resample it to size x size: by halves, then linearly.

    lean: degrees clockwise by which the square is turned in the image.
    """
    scale = size / side
    if scale < 0.5:  # shrink the neighbourhood first: linear interpolation would skip pixels
        height, width = pixels.shape[:2]
        reach = side * (0.75 if lean else 0.6)  # to its corners, with a margin
        left, top = int(max(0, x - reach)), int(max(0, y - reach))
        right, bottom = int(min(width, x + reach + 1)), int(min(height, y + reach + 1))
        pixels, x, y = pixels[top:bottom, left:right], x - left, y - top
        while scale < 0.5 and min(pixels.shape[:2]) > 1:
            pixels, x, y, scale = halved(pixels), x / 2, y / 2, scale * 2
    if pixels.size == 0:
        return np.full((size, size, 3), PADDING, np.uint8)
    # warpAffine counts from the centre of a pixel, half a pixel from its edge
    turn = cmath.rect(scale, -math.radians(lean))
    first = complex(size, size) / 2 - (0.5 + 0.5j) - turn * complex(x - 0.5, y - 0.5)
    matrix = np.array([[turn.real, -turn.imag, first.real], [turn.imag, turn.real, first.imag]], np.float32)
    grey = (PADDING, PADDING, PADDING)
    out = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=grey)
    return np.asarray(out, np.uint8)


def halved(pixels: Pixels) -> Pixels:
    """Average two by two pixels: any other factor takes ten times as long, longer than decoding a JPEG."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def shrunk(pixels: Pixels, longest: int) -> Pixels:
    """Shrink a picture to at most `longest` pixels: halve it while possible, then interpolate."""
    by = longest / max(pixels.shape[:2])
    if by >= 1:
        return pixels
    size = max(1, round(pixels.shape[1] * by)), max(1, round(pixels.shape[0] * by))
    while pixels.shape[1] >= 2 * size[0] and pixels.shape[0] >= 2 * size[1]:
        pixels = halved(pixels)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
