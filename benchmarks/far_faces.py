"""Measure detection and labels of small faces in large JPEGs, which are decoded at a fraction of their size.

usage: python benchmarks/far_faces.py ALBUM

ALBUM: folders named after the four emotions. The largest face of each photo is pasted with others into JPEGs of 12 MP,
at each size, and analysed in three ways: as `index` does; only from the pixels that detection used; and from the same
picture without loss, decoded at full size. "Labelled right" counts the faces found in all three ways; it is the mean
of the four folders' shares. Chance is .25.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from portraits import portraits
from rich.console import Console
from rich.table import Table

from albumsort import analysis, types
from albumsort.faces import resize
from albumsort.training.detectors.matching import FALSE, match
from albumsort.types import FOUR, Box, Emotion, Face

WIDTH, HEIGHT = 4000, 3000
SIDES = 24, 32, 40, 48, 64, 80, 96, 128, 160  # pixels of the longer side of the face
CONTEXT = 3.0  # side of each pasted square, in longer sides of the face
COLUMNS, ROWS = 8, 6  # grid of faces in a photo
Pasted = tuple[resize.Pixels, list[tuple[Emotion, Box]]]


def main(album: Path) -> None:
    """Print the table."""
    networks = analysis.load_networks()
    sources = [(emotion, pixels, face.box) for emotion, pixels, face in portraits(album)]
    times = "ms per photo", "ms as found"
    table = Table("pixels of the face", "faces", "found", "labelled right", "as found", "whole", *times)
    for side in SIDES:
        count, found, right = Counter[Emotion](), Counter[Emotion](), [Counter[Emotion]() for _ in range(3)]
        taken, pictures = [0.0] * 3, 0
        for pixels, pasted in _photos(sources, side):
            pictures += 1
            jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
            whole = cv2.imencode(".ppm", pixels)[1].tobytes()
            results = []
            for way, (data, enough) in enumerate(((jpeg, analysis.ENOUGH), (jpeg, 0.0), (whole, 0.0))):
                with patch.object(analysis, "ENOUGH", enough):
                    start = time.process_time()
                    faces = analysis.analyse_bytes(data, "", *networks).faces
                    results.append(_at(faces, [box for _, box in pasted]))
                    taken[way] += time.process_time() - start
            for (emotion, _), *matched in zip(pasted, *results, strict=True):
                found[emotion] += matched[0] is not None
                if all(matched):
                    count[emotion] += 1
                    for way, face in enumerate(matched):
                        right[way][emotion] += face is not None and face.label is emotion
        shares = [np.mean([some[e] / max(1, count[e]) for e in FOUR]) for some in right]
        table.add_row(
            str(side),
            str(len(sources)),
            f"{found.total() / len(sources):.3f}",
            *(f"{share:.3f}" for share in shares),
            *(f"{1000 * t / pictures:.0f}" for t in taken[:2]),
        )
    Console().print(table)


def _at(faces: tuple[Face, ...], boxes: list[Box]) -> list[Face | None]:
    """Return the face detected at each box."""
    confident = [face for face in faces if face.detection >= types.THRESHOLD]
    matches = match([face.box for face in confident], boxes, [])
    by_box = {number: face for face, number in zip(confident, matches, strict=True) if number != FALSE}
    return [by_box.get(i) for i in range(len(boxes))]


def _photos(sources: list[tuple[Emotion, resize.Pixels, Box]], side: int) -> Iterator[Pasted]:
    """Yield photos of 12 MP full of faces of that size, with the emotions and boxes of the faces."""
    width = round(CONTEXT * side)
    for first in range(0, len(sources), COLUMNS * ROWS):
        pixels = np.full((HEIGHT, WIDTH, 3), resize.PADDING, np.uint8)
        pasted = []
        for i, (emotion, photo, box) in enumerate(sources[first : first + COLUMNS * ROWS]):
            x, y = i % COLUMNS * (WIDTH // COLUMNS), i // COLUMNS * (HEIGHT // ROWS)
            scale = side / box.longer_side
            centre = box.x + box.w / 2, box.y + box.h / 2
            square = resize.square(photo, *centre, width / scale, width, cv2.BORDER_CONSTANT)
            pixels[y : y + width, x : x + width] = square
            w, h = box.w * scale, box.h * scale
            pasted.append((emotion, Box(x + (width - w) / 2, y + (width - h) / 2, w, h)))
        yield pixels, pasted


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
