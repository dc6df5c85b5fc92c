"""A photo the right way up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..types import Taken

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Upright:
    """A photo the right way up.

    pixels: (h, w, 3) BGR, 0-255, possibly smaller than the photo; width, height: of the full-size upright photo.
    """

    pixels: Pixels
    width: int
    height: int
    taken: Taken | None = None

    @property
    def scale(self) -> float:
        """Full-size pixels per pixel of `pixels`."""
        return float(max(self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]))


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1-8."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
