"""Augmentation: make a training face look like a crop from a real photo.

Faces in albums are tilted, cropped a little off centre, covered by hands, dim, blurred, tiny or badly compressed. Each
of these effects is applied at random.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..common.arrays import Pixels

SMALLEST, LARGEST_SHRUNK = 8.0, 40.0  # range of a shrunk face's side in pixels, like faces far away
UNIT = 48.0  # side in pixels of the square for which the sizes below are chosen


def augment(
    image: Pixels,
    random: np.random.Generator,
    strength: float = 1.0,
    square: int | None = None,
    side: int | None = None,
) -> Pixels:
    """Return a changed copy, (side, side), of the middle of one (s, s) grey image.

    strength: factor on how often light, quality and coverings change. square: side of the middle part that the
    classifier would see, by default the whole image; the pixels around it fill the edges of a shifted or turned face.
    side: side of the copy, by default `square`.
    """
    square = image.shape[0] if square is None else square
    face = _place(image, random, square, square if side is None else side)
    if random.random() < 0.6 * strength:
        face = _light(face, random)
    if random.random() < 0.25 * strength:
        face = _shrink(face, random)
    if random.random() < 0.25 * strength:
        face = _degrade(face, random)
    if random.random() < 0.3 * strength:
        face = _cover(face, random)
    return face


def _place(image: Pixels, random: np.random.Generator, square: int, side: int) -> Pixels:
    """Mirror, turn, zoom, stretch and shift the face, as a detector's crops vary."""
    angle = random.normal(0, 8)
    zoom = np.exp(random.uniform(np.log(0.8), np.log(1.2))) * side / square
    stretch = np.exp(random.normal(0, 0.05))
    shift = random.uniform(-0.08, 0.08, 2) * side
    middle = image.shape[0] / 2 - 0.5
    matrix = np.asarray(cv2.getRotationMatrix2D((middle, middle), angle, zoom), np.float64)
    matrix[:, 2] -= middle - (side / 2 - 0.5)
    matrix[:, 0] *= stretch
    matrix[0, 2] += (1 - stretch) * side / 2
    if random.random() < 0.5:
        matrix[:, 2] += matrix[:, 0] * (image.shape[0] - 1)
        matrix[:, 0] *= -1
    matrix[:, 2] += shift
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _light(face: Pixels, random: np.random.Generator) -> Pixels:
    """Change gamma, contrast and brightness; sometimes add light from one side."""
    levels = np.linspace(0, 1, 256) ** np.exp(random.normal(0, 0.3))
    levels = (levels - 0.5) * np.exp(random.normal(0, 0.25)) + 0.5 + random.normal(0, 0.06)
    face = cv2.LUT(face, np.clip(levels * 255, 0, 255).astype(np.uint8))  # type: ignore[assignment]
    if random.random() < 0.25:
        side = random.uniform(-0.5, 0.5) * np.linspace(-1, 1, len(face))
        axis = side[None, :] if random.random() < 0.7 else side[:, None]
        face = np.clip(face * (1 + axis), 0, 255).astype(np.uint8)
    return face


def _shrink(face: Pixels, random: np.random.Generator) -> Pixels:
    """Shrink the face to a random size of distant faces, log-uniformly distributed."""
    return shrunk(face, round(float(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST_SHRUNK))))))


def shrunk(face: Pixels, pixels: int) -> Pixels:
    """Return the face as it looks in a photo where it is this many pixels wide."""
    if pixels >= len(face):
        return face
    small = cv2.resize(face, (pixels, pixels), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (len(face), len(face)), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _degrade(face: Pixels, random: np.random.Generator) -> Pixels:
    """Apply one of blur, noise and JPEG compression."""
    kind = random.integers(3)
    if kind == 0:
        blur = random.uniform(0.4, 1.4) * len(face) / UNIT
        return cv2.GaussianBlur(face, (0, 0), blur)  # type: ignore[return-value]
    if kind == 1:
        noise = random.normal(0, random.uniform(2, 12), face.shape)
        return np.clip(face + noise, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 70))])
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]


def _cover(face: Pixels, random: np.random.Generator) -> Pixels:
    """Cover a part of the face with a flat or noisy patch, like a hand, a mask or dark glasses."""
    unit, side = len(face) / UNIT, len(face)
    height, width = (int(v * unit) for v in random.integers(6, 24, 2))
    top, left = (int(v) for v in random.integers(int(-4 * unit), side - int(6 * unit), 2))
    rows, columns = slice(max(0, top), top + height), slice(max(0, left), left + width)
    face = face.copy()
    area = face[rows, columns]
    if random.random() < 0.5:
        area[:] = random.integers(0, 256)
    else:
        area[:] = random.integers(0, 256, area.shape)
    return face
