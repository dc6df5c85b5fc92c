"""Change a picture as the next frame of a burst would: exposure, crop, blur, a turn, a blink, somebody who moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np

from albumsort.photos.upright import Pixels

Change = Callable[[Pixels, np.random.Generator], Pixels]


def exposed(pixels: Pixels, stops: float) -> Pixels:
    """Return the picture with this many stops more light; what is brighter than white is cut."""
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) * 2**stops
    linear = linear.clip(0, 1)
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (curve * 255).round().astype(np.uint8)[pixels]


def cropped(pixels: Pixels, random: np.random.Generator, share: float) -> Pixels:
    """Return the picture with this share of width and of height cut off, anywhere."""
    height, width = pixels.shape[:2]
    top, left = (int(random.uniform(0, share) * side) for side in (height, width))
    return pixels[top : top + round(height * (1 - share)), left : left + round(width * (1 - share))]


def blurred(pixels: Pixels, share: float) -> Pixels:
    """Return the picture blurred by a standard deviation of this share of the longer side."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), share * max(pixels.shape[:2])), np.uint8)


def turned(pixels: Pixels, degrees: float) -> Pixels:
    """Return the picture as a camera held at a slant shows it, without empty corners."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.06)
    return np.asarray(cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def blinking(pixels: Pixels) -> Pixels:
    """Return the picture with two strips of skin where a portrait has its eyes."""
    height, width = pixels.shape[:2]
    painted = pixels.copy()
    for across in (0.42, 0.55):
        eye = (int(across * width), int(0.38 * height))
        cv2.ellipse(painted, eye, (max(1, width // 30), max(1, height // 60)), 0, 0, 360, (90, 110, 160), -1)
    return painted


def compressed(pixels: Pixels, quality: int) -> Pixels:
    """Return the picture after JPEG compression."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def passed(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """Return the picture with its own upside-down middle in front, an eighth of it, as if somebody walked by."""
    height, width = pixels.shape[:2]
    left = int(random.integers(0, width - width // 4))
    somebody = pixels[height // 4 : height // 4 + height // 2, width // 3 : width // 3 + width // 4][::-1]
    painted = pixels.copy()
    painted[height - somebody.shape[0] :, left : left + somebody.shape[1]] = somebody
    return painted


CHANGES: Mapping[str, Change] = {
    "crop 5 %": partial(cropped, share=0.05),
    "crop 10 %": partial(cropped, share=0.10),
    "crop 15 %": partial(cropped, share=0.15),
    "+2 EV": lambda pixels, _: exposed(pixels, 2),
    "-2 EV": lambda pixels, _: exposed(pixels, -2),
    "+1 EV": lambda pixels, _: exposed(pixels, 1),
    "-1 EV": lambda pixels, _: exposed(pixels, -1),
    "blur": lambda pixels, _: blurred(pixels, 0.008),
    "strong blur": lambda pixels, _: blurred(pixels, 0.016),
    "turn up to 3°": lambda pixels, random: turned(pixels, random.uniform(-3, 3)),
    "turn of 3°": lambda pixels, _: turned(pixels, 3),
    "blink": lambda pixels, _: blinking(pixels),
    "JPEG quality 25": lambda pixels, _: compressed(pixels, 25),
    "somebody passes": passed,
    "crop 10 %, +1 EV": lambda pixels, random: exposed(cropped(pixels, random, 0.10), 1),
    "crop 5 %, +2 EV": lambda pixels, random: exposed(cropped(pixels, random, 0.05), 2),
    "crop 5 %, -2 EV": lambda pixels, random: exposed(cropped(pixels, random, 0.05), -2),
    "turn, crop 7 %": lambda pixels, random: cropped(turned(pixels, random.uniform(-3, 3)), random, 0.07),
}
