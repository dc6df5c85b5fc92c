"""Canvases: training pictures of one square each, with photos and cut-out faces of all sizes, and the faces' rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ...faces.resize import Pixels
from ...faces.rows import SCORE, Floats, clipped, mirrored, none, scaled, shifted
from ..common import shards
from .effects import degraded, lit, tilt, tilted
from .labels import FACE
from .photos import LabelledPhoto, Split, of_split, read

SIDE = 320
CANVASES_A_PART = 250
SMALLEST, LARGEST = 8.0, 290.0  # range of a face's side in pixels
MOST_ENLARGED = 1.8
WHOLE_PHOTO, MOSAIC = 0.53, 0.37  # shares of the canvases; the rest shows no face
TILES, TILE_SHARES = (2, 3, 4, 6, 9, 12, 16), (0.14, 0.16, 0.20, 0.18, 0.14, 0.10, 0.08)
SHOWN, HINTED = 0.6, 0.12
"""Visible share of a face: from SHOWN it is trained on, from HINTED its place is ignored, below that it is no face."""
COVERED, HIDDEN = 1 - SHOWN, 0.8  # covered share of a face: above COVERED it is ignored, above HIDDEN removed
CROWDED, CROWD = 0.35, 4  # how often faces are pasted beside existing ones, and how many at most
LEARN, IGNORE = 1.0, 0.0  # in a canvas' rows, in the column of the score
Place = Callable[[int, int], tuple[int, int]]
"""A function from the width and height of a picture to the place of its top left corner."""


class Album:
    """The photos to draw canvases from: photos with faces by source, and photos without a face."""

    def __init__(self, labelled: Sequence[LabelledPhoto]) -> None:
        by_source: dict[str, list[LabelledPhoto]] = {}
        for photo in labelled:
            if len(photo.sure):
                by_source.setdefault(photo.source, []).append(photo)
        self.sources = [by_source[name] for name in sorted(by_source)]
        self.empty = [photo for photo in labelled if photo.empty]

    def with_face(self, random: np.random.Generator, evenness: float) -> tuple[LabelledPhoto, Floats]:
        """Return a photo and one of its faces; evenness: 0 all photos are equally likely, 1 all sources."""
        counts = np.array([len(source) for source in self.sources]) ** (1 - evenness)
        source = self.sources[random.choice(len(self.sources), p=counts / counts.sum())]
        photo = _perhaps_mirrored(source[random.integers(len(source))], random)
        return photo, photo.sure[random.integers(len(photo.sure))]

    def without_face(self, random: np.random.Generator) -> LabelledPhoto | None:
        """Return a photo without a face, or None if there is none."""
        return _perhaps_mirrored(self.empty[random.integers(len(self.empty))], random) if self.empty else None


def _perhaps_mirrored(photo: LabelledPhoto, random: np.random.Generator) -> LabelledPhoto:
    if random.random() < 0.5:
        return photo
    return replace(photo, pixels=photo.pixels[:, ::-1], faces=mirrored(photo.faces, photo.pixels.shape[1]))


@dataclass(frozen=True)
class Drawing:
    """The work of one part of the canvases; the task is a range: number of the first canvas, number after the last."""

    labels: Path
    split: Split
    seed: int

    def __call__(self, numbers: tuple[int, int]) -> shards.Arrays:
        cv2.setNumThreads(1)
        album = Album(of_split(read(self.labels), self.split))
        canvases = [draw(album, np.random.default_rng([self.seed, i])) for i in range(*numbers)]
        rows = [np.column_stack([np.full(len(faces), i), faces]) for i, (_, faces) in enumerate(canvases)]
        return {
            "pixels": np.stack([pixels for pixels, _ in canvases]),
            "faces": np.concatenate([np.empty((0, 16)), *rows]).astype(np.float32),
        }


def draw_all(folder: Path, count: int, labels: Path, split: Split, seed: int) -> None:
    """Draw canvases from the labelled photos of a split into a folder, or resume."""
    parts = [(i, min(count, i + CANVASES_A_PART)) for i in range(0, count, CANVASES_A_PART)]
    shards.make(folder, parts, Drawing(labels, split, seed), "canvases")


def drawn(part: shards.Arrays) -> Iterator[tuple[Pixels, Floats]]:
    """Yield the canvases of a part, each with its rows; the pixels stay on disk."""
    for i, pixels in enumerate(part["pixels"]):
        yield pixels, np.array(part["faces"][part["faces"][:, 0] == i, 1:])


def draw(album: Album, random: np.random.Generator) -> tuple[Pixels, Floats]:
    """Return one canvas (SIDE, SIDE, 3) and its rows, with LEARN or IGNORE in the score column."""
    canvas = _Canvas(random)
    if random.random() < 0.8:
        canvas.fill(album.without_face(random))
    kind = random.random()
    if kind < WHOLE_PHOTO:
        canvas.show(*album.with_face(random, evenness=0.75))
        if random.random() < 0.3:
            canvas.cut_in(*album.with_face(random, evenness=0.5), LARGEST / 2)
    elif kind < WHOLE_PHOTO + MOSAIC:
        tiles = int(random.choice(TILES, p=TILE_SHARES))
        for _ in range(tiles):
            canvas.cut_in(*album.with_face(random, evenness=0.5), 500 / np.sqrt(tiles))
        if random.random() < 0.3:
            canvas.patch(album.without_face(random), 30, 160)
    else:
        for _ in range(random.integers(5)):
            canvas.patch(album.without_face(random), 60, SIDE)
    if random.random() < CROWDED:
        for _ in range(random.integers(1, CROWD + 1)):
            canvas.crowd(*album.with_face(random, evenness=0.5))
    canvas.cover_faces()
    return degraded(canvas.pixels, random), canvas.faces


class _Canvas:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.pixels: Pixels = np.empty((SIDE, SIDE, 3), np.uint8)
        self.pixels[:] = random.integers(0, 256, 3)
        self.faces = none()

    def fill(self, photo: LabelledPhoto | None) -> None:
        """Fill the canvas with a photo."""
        if photo is not None:
            scale = SIDE / min(photo.pixels.shape[:2]) * self.random.uniform(1, 1.6)
            self._paste(photo, scale, self._somewhere_inside)

    def patch(self, photo: LabelledPhoto | None, smallest: float, largest: float) -> None:
        """Paste a small copy of a photo anywhere, perhaps across the edge."""
        if photo is not None:
            scale = self.random.uniform(smallest, largest) / max(photo.pixels.shape[:2])
            self._paste(photo, scale, self._over_the_edge)

    def show(self, photo: LabelledPhoto, face: Floats) -> None:
        """Paste a whole photo, or enlarge it so that the face has a random size."""
        random = self.random
        if random.random() < 0.6:
            scale = SIDE / max(photo.pixels.shape[:2]) * random.uniform(0.7, 1.5)
        else:
            scale = self._size(12, LARGEST) / max(face[2:4])
        scale = min(scale, MOST_ENLARGED)
        middle = (face[:2] + face[2:4] / 2) * scale

        def place(width: int, height: int) -> tuple[int, int]:
            if max(width, height) <= SIDE:
                return self._somewhere_inside(width, height)
            x, y = (int(v) for v in random.uniform(0.2, 0.8, 2) * SIDE - middle)
            return self._filling(x, width), self._filling(y, height)

        self._paste(photo, scale, place, angle=tilt(random))

    def cut_in(self, photo: LabelledPhoto, face: Floats, largest: float) -> None:
        """Paste a face with some of its surroundings, or its whole photo."""
        random, side = self.random, max(face[2:4])
        scale = min(MOST_ENLARGED, self._size(SMALLEST, min(LARGEST, largest)) / side)
        window = None
        if random.random() < 0.65:
            left, top, right, bottom = random.uniform(0.15, 2.2, 4) * side * (1, 1, 1, 1.4)
            window = (face[0] - left, face[1] - top, face[0] + face[2] + right, face[1] + face[3] + bottom)
        self._paste(photo, scale, self._mostly_inside, window, angle=tilt(random))

    def crowd(self, photo: LabelledPhoto, face: Floats) -> None:
        """Paste a face of similar size beside an existing one, covering some of it, as in rows of people.

        Few photos show this, and the teacher misses faces behind others.
        """
        random, faces = self.random, self.faces[self.faces[:, SCORE] == LEARN]
        if len(faces) == 0:
            return
        x, y, w, h = faces[random.integers(len(faces)), :4]
        side = max(face[2:4])
        scale = min(MOST_ENLARGED, max(SMALLEST, max(w, h) * np.exp(random.normal(0, 0.25))) / side)
        left, top, right, bottom = random.uniform(0.05, 0.5, 4) * side
        window = (face[0] - left, face[1] - top, face[0] + face[2] + right, face[1] + face[3] + bottom)
        beside = x + w / 2 + random.choice([-1, 1]) * random.uniform(0.6, 1.3) * w, y + random.uniform(0, 1) * h
        middle = (face[:2] + face[2:4] / 2 - np.maximum(0, window[:2])) * scale

        def place(width: int, height: int) -> tuple[int, int]:
            return int(beside[0] - middle[0]), int(beside[1] - middle[1])

        self._paste(photo, scale, place, window)

    def cover_faces(self) -> None:
        """Cover parts of some faces with flat patches, like dark glasses, hands and masks."""
        random = self.random
        for x, y, w, h in self.faces[(self.faces[:, SCORE] == LEARN) & (self.faces[:, 2] > 14), :4]:
            if random.random() < 0.06:
                left, top = int(x + random.uniform(-0.2, 0.6) * w), int(y + random.choice([0, 0.1, 0.55, 0.6]) * h)
                right, bottom = int(left + random.uniform(0.3, 1.1) * w), int(top + random.uniform(0.2, 0.45) * h)
                self.pixels[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = random.integers(0, 256, 3)

    def _paste(
        self,
        photo: LabelledPhoto,
        scale: float,
        place: Place,
        window: tuple[float, float, float, float] | None = None,
        angle: float = 0.0,
    ) -> None:
        """Paste a window of a photo, scaled and turned by degrees, perhaps in another light."""
        pixels, faces = photo.pixels, photo.seen
        if window is not None:
            height, width = pixels.shape[:2]
            left, top = (int(max(0, v)) for v in window[:2])
            right, bottom = int(min(width, window[2])), int(min(height, window[3]))
            pixels, faces = pixels[top:bottom, left:right], shifted(faces, -left, -top)
        height, width = pixels.shape[:2]
        size = max(4, round(width * scale)), max(4, round(height * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)
        faces = scaled(faces, size[0] / width, size[1] / height)
        if angle:
            pixels, faces = tilted(pixels, faces, angle)
        x, y = place(*size)
        left, top, right, bottom = max(0, x), max(0, y), min(SIDE, x + size[0]), min(SIDE, y + size[1])
        if right - left < 4 or bottom - top < 4:
            return
        visible = np.ascontiguousarray(pixels[top - y : bottom - y, left - x : right - x])
        self.pixels[top:bottom, left:right] = lit(visible, self.random) if self.random.random() < 0.5 else visible
        self._hide(left, top, right, bottom)
        self._add(shifted(faces, x, y), left, top, right, bottom)

    def _hide(self, left: int, top: int, right: int, bottom: int) -> None:
        _, share = clipped(self.faces, left, top, right, bottom)
        self.faces[share > COVERED, SCORE] = IGNORE
        self.faces = self.faces[share <= HIDDEN]

    def _add(self, faces: Floats, left: int, top: int, right: int, bottom: int) -> None:
        cut, share = clipped(faces, left, top, right, bottom)
        cut[:, SCORE] = np.where((faces[:, SCORE] >= FACE) & (share >= SHOWN), LEARN, IGNORE)
        self.faces = np.concatenate([self.faces, cut[share >= HINTED]])

    def _size(self, smallest: float, largest: float) -> float:
        return float(np.exp(self.random.uniform(np.log(smallest), np.log(largest))))

    def _filling(self, at: int, length: int) -> int:
        """Return a start near `at` for which `length` pixels cover the canvas; a random start inside if shorter."""
        if length <= SIDE:
            return int(self.random.integers(SIDE - length + 1))
        return min(0, max(SIDE - length, at))

    def _somewhere_inside(self, width: int, height: int) -> tuple[int, int]:
        x, y = (int(self.random.integers(min(0, SIDE - v), max(0, SIDE - v) + 1)) for v in (width, height))
        return x, y

    def _mostly_inside(self, width: int, height: int) -> tuple[int, int]:
        x, y = (int(self.random.integers(-v // 6, max(-v // 6, SIDE - v + v // 6) + 1)) for v in (width, height))
        return x, y

    def _over_the_edge(self, width: int, height: int) -> tuple[int, int]:
        x, y = (int(self.random.integers(-v // 2, SIDE - v // 2)) for v in (width, height))
        return x, y
