"""Faces without labels, cut from whole photos as the program cuts them, for a student to learn from its teachers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from .. import faces, photos
from ..errors import PhotoError
from ..types import PhotoFile
from ..walk import Walk, find
from .datasets import SIDE, LabelledFaces

SMALLEST = 24
"""Pixels of the decoded photo: smaller faces show no expression to learn from."""


def cut(folder: Path, watch: Callable[[Iterable[PhotoFile]], Iterable[PhotoFile]]) -> LabelledFaces:
    """Return every face of the folder's photos as crops with no label (-1) and no votes.

    A photo that cannot be read is left out. `watch` wraps the iteration, for a progress bar.
    """
    detector = faces.load_detector()
    crops = [np.empty((0, SIDE, SIDE), np.uint8)]
    for file in watch(list(find(folder, (), Walk()))):
        try:
            pixels = photos.decode(photos.read(file.path)).pixels
        except PhotoError:
            continue
        found = [d for d in detector.detect(pixels) if d.box.longer_side >= SMALLEST]
        crops += [faces.crop(pixels, d.box, d.lean)[None] for d in found]
    pixels = np.concatenate(crops)
    n = len(pixels)
    return LabelledFaces.unvoted(pixels, np.full(n, -1))
