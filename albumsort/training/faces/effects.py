"""Effects of light, lenses and hands on a picture: tilt, dimness, haze, blur."""

from __future__ import annotations

import cv2
import numpy as np

from ...faces.resize import Pixels
from ...faces.rows import Floats, turned

DIM, DIM_SHARE = (0.12, 0.5), 0.12  # remaining share of the light, and how often
FADED, FADED_SHARE = (0.15, 0.6), 0.1  # remaining share of the contrast, and how often
TILT, TILTED_SHARE = 22.0, 0.4  # standard deviation in degrees, and share of the photos


def tilt(random: np.random.Generator) -> float:
    """Return the degrees to turn a photo by, mostly 0: heads and cameras are sometimes tilted."""
    return float(random.normal(0, TILT)) if random.random() < TILTED_SHARE else 0.0


def tilted(pixels: Pixels, faces: Floats, angle: float) -> tuple[Pixels, Floats]:
    """Return a photo turned anticlockwise about its centre, in the same size, and its faces."""
    height, width = pixels.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0))
    out = cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8), turned(faces, matrix)


def lit(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Return the picture in another light: gamma, contrast and brightness change, sometimes separately per colour.

    Some pictures become very dark, as in front of a stage, or faded between two greys, as in fog or in old prints: the
    photos show too few of these.
    """
    each = 3 if random.random() < 0.3 else 1
    levels = (np.arange(256)[:, None] / 255) ** np.exp(random.normal(0, 0.3))
    levels = levels * np.exp(random.normal(0, 0.18, each)) * 255
    kind = random.random()
    if kind < DIM_SHARE:
        levels = levels * random.uniform(*DIM)
    elif kind < DIM_SHARE + FADED_SHARE:
        left = random.uniform(*FADED)
        levels = levels * left + random.uniform(0, 255 * (1 - left))
    else:
        levels = levels + random.normal(0, 16)
    table = np.broadcast_to(np.clip(levels, 0, 255).astype(np.uint8), (256, 3))
    return np.asarray(cv2.LUT(pixels, np.ascontiguousarray(table)[:, None]), np.uint8)


def grey(pixels: Pixels) -> Pixels:
    """Return the picture without colours."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def degraded(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Return the picture with some, all or none of these: grey, fewer pixels, blur, noise, JPEG compression."""
    height, width = pixels.shape[:2]
    if random.random() < 0.3:
        pixels = grey(pixels)
    if random.random() < 0.12:
        shrink = random.uniform(0.5, 0.85)
        small = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < 0.15:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.4)), np.uint8)
    if random.random() < 0.2:
        noise = random.standard_normal((height, width, 1), np.float32) * random.uniform(3, 16)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if random.random() < 0.45:
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(20, 90))])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return pixels
