"""What becomes of small faces in large JPEGs, which are decoded at a fraction of their size to find the faces.

usage: python benchmarks/far_faces.py ALBUM

ALBUM: folders named after the four emotions. The largest face of each photo is put among others into JPEGs of 12 MP, so
large, and analysed as `index` does; once more from the pixels that were enough to find it, as if `analysis` took no
closer look; and once more from the same picture without loss, which is decoded whole. "Labelled right" is asked of the
faces that were found all three times and is the mean of the four folders' shares: chance would be .25.
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
CONTEXT = 3.0  # longer sides of the face that are shown of a photo
COLUMNS, ROWS = 8, 6  # of faces in a photo
Shown = tuple[resize.Pixels, list[tuple[Emotion, Box]]]


def main(album: Path) -> None:
    """Print the table."""
    networks = analysis.load_networks()
    shown = [(emotion, pixels, face.box) for emotion, pixels, face in portraits(album)]
    times = "ms a photo", "ms as found"
    table = Table("pixels of the face", "faces", "found", "labelled right", "as found", "whole", *times)
    for side in SIDES:
        count, found, right = Counter[Emotion](), Counter[Emotion](), [Counter[Emotion]() for _ in range(3)]
        taken, pictures = [0.0] * 3, 0
        for pixels, there in _photos(shown, side):
            pictures += 1
            jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
            whole = cv2.imencode(".ppm", pixels)[1].tobytes()
            looks = []
            for way, (data, enough) in enumerate(((jpeg, analysis.ENOUGH), (jpeg, 0.0), (whole, 0.0))):
                with patch.object(analysis, "ENOUGH", enough):
                    start = time.process_time()
                    looks.append(_at(analysis.analyse_bytes(data, "", *networks).faces, [box for _, box in there]))
                    taken[way] += time.process_time() - start
            for (emotion, _), *seen in zip(there, *looks, strict=True):
                found[emotion] += seen[0] is not None
                if all(seen):
                    count[emotion] += 1
                    for way, face in enumerate(seen):
                        right[way][emotion] += face is not None and face.label is emotion
        shares = [np.mean([some[e] / max(1, count[e]) for e in FOUR]) for some in right]
        table.add_row(
            str(side),
            str(len(shown)),
            f"{found.total() / len(shown):.3f}",
            *(f"{share:.3f}" for share in shares),
            *(f"{1000 * t / pictures:.0f}" for t in taken[:2]),
        )
    Console().print(table)


def _at(seen: tuple[Face, ...], there: list[Box]) -> list[Face | None]:
    """Return the face that was seen at each place."""
    sure = [face for face in seen if face.detection >= types.THRESHOLD]
    by = {
        given: face for face, given in zip(sure, match([f.box for f in sure], there, []), strict=True) if given != FALSE
    }
    return [by.get(i) for i in range(len(there))]


def _photos(all_shown: list[tuple[Emotion, resize.Pixels, Box]], side: int) -> Iterator[Shown]:
    """Photos of 12 MP full of faces of that size, and where they are."""
    shown = round(CONTEXT * side)
    for first in range(0, len(all_shown), COLUMNS * ROWS):
        pixels = np.full((HEIGHT, WIDTH, 3), resize.PADDING, np.uint8)
        there = []
        for i, (emotion, photo, box) in enumerate(all_shown[first : first + COLUMNS * ROWS]):
            x, y = i % COLUMNS * (WIDTH // COLUMNS), i // COLUMNS * (HEIGHT // ROWS)
            scale = side / box.longer_side
            middle = box.x + box.w / 2, box.y + box.h / 2
            cut = resize.square(photo, *middle, shown / scale, shown, cv2.BORDER_CONSTANT)
            pixels[y : y + shown, x : x + shown] = cut
            w, h = box.w * scale, box.h * scale
            there.append((emotion, Box(x + (shown - w) / 2, y + (shown - h) / 2, w, h)))
        yield pixels, there


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
