"""Measure how sharp a face is."""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Box
from .crop import CROP_WIDTH
from .resize import Pixels, square
from .rows import Floats

SHARPNESS_SIDE, REBLUR = 96, 11


def sharpness(pixels: Pixels, box: Box) -> float:
    """Return how sharp a face is, 0-1: the share of the differences between its pixels that another blur removes.

    This is 1 minus the blur metric of Crete et al., The Blur Effect (2007), on the box at 96 x 96 pixels, so a face of
    few pixels is not sharp. Contrast has no effect. Sharp portraits have about 0.55, soft ones 0.3.
    """
    side, x, y = box.longer_side, box.x + box.w / 2, box.y + box.h / 2
    face = square(pixels, x, y, CROP_WIDTH * side, SHARPNESS_SIDE, cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return min(_lost_by_blurring(grey), _lost_by_blurring(grey.T))


def _lost_by_blurring(grey: Floats) -> float:
    """Return the share of the horizontal differences that a horizontal blur removes."""
    blurred = cv2.blur(grey, (REBLUR, 1), borderType=cv2.BORDER_REFLECT)
    inner = np.s_[2:-2, 2:-2]
    before, after = (np.abs(cv2.Sobel(g, cv2.CV_32F, 1, 0)[inner]) for g in (np.ascontiguousarray(grey), blurred))
    total = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / total if total else 0.0
