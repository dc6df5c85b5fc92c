"""Batches of faces, moved and mirrored as the system's authors describe."""

from __future__ import annotations

import cv2
import keras
import numpy as np

from ..common.arrays import Floats, Ints, Pixels
from ..emotion.data import SIDE
from .systems import Jitter, System

SEED = 0


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled batches, with the jitter of the system; the content of an epoch depends only on the seed.

    seen: (n, 48, 48, 1) faces, or n faces' features; label: (n,).
    """

    def __init__(self, seen: Pixels | Floats, label: Ints, system: System) -> None:
        super().__init__()
        self.seen, self.label, self.system = seen, label, system
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.seen) // self.system.batch)

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, batch: int) -> tuple[Floats, Ints]:
        order = np.random.default_rng([SEED, self.epoch]).permutation(len(self.seen))
        rows = order[batch * self.system.batch : (batch + 1) * self.system.batch]
        x = self.seen[rows]
        if self.system.jitter is not None:
            random = np.random.default_rng([SEED, self.epoch, batch])
            x = np.stack([jittered(face[..., 0], self.system.jitter, random) for face in x])[..., None]
        return x.astype(np.float32), self.label[rows]


def jittered(face: Pixels, jitter: Jitter, random: np.random.Generator) -> Pixels:
    """Return a (48, 48) face, turned, shifted, zoomed and perhaps mirrored; edge pixels are repeated outwards."""
    angle, zoom = random.uniform(-jitter.rotation, jitter.rotation), 1 + random.uniform(-jitter.zoom, jitter.zoom)
    matrix = np.asarray(cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), angle, zoom), np.float64)
    matrix[:, 2] += random.uniform(-jitter.shift, jitter.shift, 2) * SIDE
    if random.random() < 0.5:
        face = face[:, ::-1]
    return cv2.warpAffine(face, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]
