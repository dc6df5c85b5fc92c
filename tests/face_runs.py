"""Photos and runs for tests of the detector's training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from helpers import landscape

from albumsort.faces import rows as face_rows
from albumsort.faces.resize import Pixels
from albumsort.training.faces import photos as face_photos

SKIN = (120, 160, 230)


def row(x: float, y: float, w: float, h: float, score: float = 1.0) -> np.ndarray:
    """Return a row with landmarks placed as in the drawn faces."""
    points = [(0.33, 0.38), (0.67, 0.38), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)]
    return np.array([x, y, w, h, *(v for a, b in points for v in (x + a * w, y + b * h)), score], np.float32)


def rows(*each: np.ndarray) -> np.ndarray:
    return np.stack(each) if each else face_rows.none()


def paint_face(pixels: Pixels, x: int, y: int, side: int) -> np.ndarray:
    """Draw a face in skin colour, which nothing else has, and return its row."""
    drawn = row(x, y, side, side)
    centre = (x + side // 2, y + side // 2)
    cv2.ellipse(pixels, centre, (side // 2, side // 2), 0, 0, 360, SKIN, -1)
    for i in range(2):
        cv2.circle(pixels, tuple(int(v) for v in drawn[4 + 2 * i : 6 + 2 * i]), max(1, side // 12), (40, 30, 30), -1)
    mouth = (centre[0], y + round(0.75 * side))
    cv2.ellipse(pixels, mouth, (side // 5, side // 12), 0, 0, 360, (60, 40, 160), -1)
    return drawn


class SkinTeacher:
    """A teacher that detects a face by its colour, at any size, also mirrored."""

    def __call__(self, pixels: Pixels) -> np.ndarray:
        skin = (np.abs(pixels.astype(int) - SKIN).max(axis=2) < 25).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(skin)
        return rows(*(row(x, y, w, h, 0.9) for x, y, w, h, area in found[1:] if area > 12))


def photo(folder: Path, name: str, faces: int, random: np.random.Generator) -> None:
    pixels = np.ascontiguousarray(np.asarray(landscape(320, 240))[:, :, ::-1])
    pixels = np.clip(pixels + random.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
    for _ in range(3):
        x, y = (int(v) for v in random.integers(0, 300, 2))
        cv2.rectangle(pixels, (x, y), (x + 30, y + 20), [int(v) for v in random.integers(0, 110, 3)], -1)
    for i in range(faces):
        paint_face(pixels, 20 + 100 * i + int(random.integers(20)), int(random.integers(10, 140)), 40 + 20 * i)
    cv2.imwrite(str(folder / name), pixels)


def review(folder: Path, *lines: str) -> Path:
    path = folder / face_photos.REVIEWED
    path.write_text("\n".join(["photo,verdict,x,y,w,h", *lines, ""]))
    return path
