"""Making a training face look like what a detector cuts out of a real photo.

FER2013's faces are aligned, evenly cropped and 48 pixels wide. Faces in albums are tilted, cropped a
little off, covered by hands, dim, blurred, tiny or badly compressed; each is drawn here at random.
"""

from __future__ import annotations

import cv2
import numpy as np

from .datasets import SIDE, Pixels


def augment(face: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Return a changed copy of one (48, 48) grey face; strength: how often light, quality and coverings change."""
    face = _place(face, random)
    if random.random() < 0.6 * strength:
        face = _light(face, random)
    if random.random() < 0.3 * strength:
        face = _degrade(face, random)
    if random.random() < 0.3 * strength:
        face = _cover(face, random)
    return face


def _place(face: Pixels, random: np.random.Generator) -> Pixels:
    """Mirror, turn, zoom, stretch and shift, as crops of a detector vary."""
    angle = random.normal(0, 8)
    zoom = np.exp(random.uniform(np.log(0.8), np.log(1.2)))
    stretch = np.exp(random.normal(0, 0.05))
    shift = random.uniform(-0.08, 0.08, 2) * SIDE
    matrix = np.asarray(cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), angle, zoom), np.float64)
    matrix[:, 0] *= stretch
    matrix[0, 2] += (1 - stretch) * SIDE / 2
    if random.random() < 0.5:
        matrix[:, 2] += matrix[:, 0] * (SIDE - 1)
        matrix[:, 0] *= -1
    matrix[:, 2] += shift
    return cv2.warpAffine(face, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _light(face: Pixels, random: np.random.Generator) -> Pixels:
    """Gamma, contrast, brightness; sometimes a light from one side."""
    levels = np.linspace(0, 1, 256) ** np.exp(random.normal(0, 0.3))
    levels = (levels - 0.5) * np.exp(random.normal(0, 0.25)) + 0.5 + random.normal(0, 0.06)
    face = cv2.LUT(face, np.clip(levels * 255, 0, 255).astype(np.uint8))  # type: ignore[assignment]
    if random.random() < 0.25:
        side = random.uniform(-0.5, 0.5) * np.linspace(-1, 1, SIDE)
        axis = side[None, :] if random.random() < 0.7 else side[:, None]
        face = np.clip(face * (1 + axis), 0, 255).astype(np.uint8)
    return face


def _degrade(face: Pixels, random: np.random.Generator) -> Pixels:
    """Low resolution, blur, noise or JPEG: one of them."""
    kind = random.integers(4)
    if kind == 0:
        small = int(random.integers(14, 40))
        face = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
    if kind == 1:
        return cv2.GaussianBlur(face, (0, 0), random.uniform(0.4, 1.4))  # type: ignore[return-value]
    if kind == 2:
        noise = random.normal(0, random.uniform(2, 12), face.shape)
        return np.clip(face + noise, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 70))])
    return cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]


def _cover(face: Pixels, random: np.random.Generator) -> Pixels:
    """Lay a flat or noisy patch over a part, as a hand, a mask or dark glasses would."""
    height, width = (int(v) for v in random.integers(6, 24, 2))
    top, left = int(random.integers(-4, SIDE - 6)), int(random.integers(-4, SIDE - 6))
    rows, columns = slice(max(0, top), top + height), slice(max(0, left), left + width)
    face = face.copy()
    area = face[rows, columns]
    if random.random() < 0.5:
        area[:] = random.integers(0, 256)
    else:
        area[:] = random.integers(0, 256, area.shape)
    return face
