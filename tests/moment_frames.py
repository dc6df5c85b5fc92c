"""Shared by the tests of moments: different pictures, and frames of them."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import cv2
import numpy as np
from skimage import data
from variants import CHANGES

from albumsort.choosing.timelines import Frame
from albumsort.photos.description import describe
from albumsort.photos.upright import Pixels

START = datetime(2024, 7, 1, 12)
BURST = [
    *("+2 EV", "blink", "crop 10 %", "blur", "-2 EV", "crop 5 %", "crop 5 %, -2 EV", "strong blur"),
    *("crop 10 %, +1 EV", "-1 EV", "turn, crop 7 %", "blink", "crop 5 %, +2 EV", "+1 EV"),
]
SOURCES = "astronaut camera chelsea coffee coins horse hubble_deep_field immunohistochemistry moon page retina rocket"


@functools.cache
def pictures() -> list[Pixels]:
    """Return 48 pictures without common parts: four of each photo that ships with scikit-image."""
    found = []
    for name in SOURCES.split():
        photo = np.asarray(getattr(data, name)())
        photo = photo.astype(np.uint8) * 255 if photo.dtype == bool else photo
        colour = photo[..., ::-1] if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=2)
        height, width = (side // 2 for side in photo.shape[:2])
        for top, left in ((0, 0), (0, width), (height, 0), (height, width)):
            part = np.ascontiguousarray(colour[top : top + height, left : left + width])
            found.append(np.asarray(cv2.resize(part, (360, 270), interpolation=cv2.INTER_AREA), np.uint8))
    return found


@functools.cache
def burst_descriptions(number: int) -> list[bytes]:
    """Return the descriptions of 15 frames of one of the pictures."""
    return burst_of(pictures()[number])


def burst_of(pixels: Pixels) -> list[bytes]:
    random = np.random.default_rng(zlib.crc32(pixels.tobytes()))
    changed = [np.ascontiguousarray(CHANGES[name](pixels, random)) for name in BURST]
    return [describe(each) for each in (pixels, *changed)]


def frame(number: int, description: bytes | None, seconds: float, **other: object) -> Frame:
    """Return a frame of one camera, that many seconds after the first."""
    taken = (START + timedelta(seconds=seconds)).isoformat(timespec="seconds")
    usual = Frame(number, "album", f"IMG_{number:04}.jpg", taken, "camera", description, f"content {number}")
    return replace(usual, **other)  # type: ignore[arg-type]


def party(bursts: Sequence[Sequence[bytes]], others: Sequence[bytes]) -> list[Frame]:
    """Return frames a second apart of each burst, single photos between them, and the first burst a month later."""
    frames: list[Frame] = []
    seconds = 0.0
    rest = list(others)
    for burst in [*bursts, None]:
        for description in burst or rest:
            frames.append(frame(len(frames), description, seconds))
            seconds += 1 if burst else 20
        for _ in range(2 if burst else 0):
            seconds += 20
            frames.append(frame(len(frames), rest.pop(), seconds))
            seconds += 20
    month_later = [frame(len(frames) + at, one, 30 * 86400.0 + at) for at, one in enumerate(bursts[0])]
    return [*frames, *month_later]
