"""Time that detectors take for a decoded photo, at several sizes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import cv2
import numpy as np

from ...faces.resize import Pixels
from ...photos import decode, read
from .judging import Entrant

MEGAPIXELS = (1, 4, 10)
PHOTOS = 12


@dataclass(frozen=True)
class Time:
    """Processor milliseconds for a decoded JPEG of this size, on one thread: median and p90 over n photos."""

    name: str
    megapixels: int
    median: float
    p90: float
    n: int


def measure(chosen: Sequence[Entrant], paths: Sequence[Path]) -> list[Time]:
    """Time every detector on evenly spaced photos of `paths`, each as a JPEG of each of MEGAPIXELS.

    The detectors get the decoded JPEG, which is no larger than detection needs. The second run on a photo counts: most
    photos of an album have the same format as one before them. Processor time is measured, so that other processes on
    the machine have no effect.
    """
    spread = [paths[i] for i in sorted({int(i) for i in np.linspace(0, len(paths) - 1, PHOTOS)})]
    taken: dict[tuple[str, int], list[float]] = {(e.name, size): [] for e in chosen for size in MEGAPIXELS}
    for size, pixels in _decoded(spread):
        for entrant in chosen:
            entrant.detector.detect(pixels)
            start = time.process_time()
            entrant.detector.detect(pixels)
            taken[entrant.name, size].append(1000 * (time.process_time() - start))
    return [
        Time(name, size, float(np.median(some)), float(np.quantile(some, 0.9)), len(some))
        for (name, size), some in taken.items()
    ]


def _decoded(paths: Sequence[Path]) -> Iterator[tuple[int, Pixels]]:
    for path in paths:
        pixels = decode.decode(read.read(path)).pixels
        for size in MEGAPIXELS:
            by = sqrt(size * 1e6 / (pixels.shape[0] * pixels.shape[1]))
            interpolation = cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR
            _, file = cv2.imencode(".jpg", cv2.resize(pixels, None, fx=by, fy=by, interpolation=interpolation))
            yield size, decode.decode(file.tobytes()).pixels
