"""Measure faces of few pixels: how many are detected, and labelled right.

usage: python benchmarks/small_faces.py ALBUM

ALBUM: folders named after the four emotions. Each photo is shrunk until its largest face has the given size. Photos
with a smaller face, and unreadable ones, are left out. "Labelled right" uses the face's box in the full-size photo,
whether it is detected again or not; it is the mean of the four folders' shares. Chance is .25. The detector itself
drops faces of less than `faces.SMALLEST` pixels.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from portraits import portraits
from rich.console import Console
from rich.table import Table

from albumsort.choosing.labels import LabelRule
from albumsort.emotions import load_classifier
from albumsort.faces import crop, resize
from albumsort.faces import detector as faces
from albumsort.training.detectors.matching import FALSE, match
from albumsort.types import FOUR, Detection, Emotion

SIDES = 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32, 48  # pixels of the longer side of the face


def main(album: Path) -> None:
    """Print the table."""
    detector, classifier = faces.load_detector(), load_classifier()
    rule = LabelRule(classifier.natural, classifier.natural)
    photos, found, right = (Counter[tuple[int, Emotion]]() for _ in range(3))
    for emotion, pixels, face in portraits(album):
        for side, small, resized in _smaller(pixels, face):
            photos[side, emotion] += 1
            again = detector.detect(small)
            found[side, emotion] += any(i != FALSE for i in match([d.box for d in again], [resized.box], []))
            [expression] = classifier.classify(crop.crop(small, resized.box, resized.lean)[None], [resized.score])
            label, _ = rule.label(expression.probabilities, expression.nothing)
            right[side, emotion] += label is emotion

    def share(counted: Counter[tuple[int, Emotion]], side: int) -> str:
        if not all(photos[side, e] for e in FOUR):
            return "-"
        return f"{np.mean([counted[side, e] / photos[side, e] for e in FOUR]):.3f}"

    table = Table("pixels of the face", "photos", "found", "labelled right")
    for side in SIDES:
        table.add_row(str(side), str(sum(photos[side, e] for e in FOUR)), share(found, side), share(right, side))
    Console().print(table)


def _smaller(pixels: resize.Pixels, face: Detection) -> Iterator[tuple[int, resize.Pixels, Detection]]:
    """Yield the photo at each size, with its face."""
    height, width = pixels.shape[:2]
    for side in SIDES:
        scale = side / face.box.longer_side
        if scale <= 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
            marks = tuple((x * scale, y * scale) for x, y in face.landmarks)
            yield side, small, Detection(face.box.scaled(scale), marks, face.score)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
