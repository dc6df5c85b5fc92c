"""What becomes of faces of few pixels: how many are found, and labelled right.

usage: python benchmarks/small_faces.py ALBUM

ALBUM: folders named after the four emotions. Each photo is made so small that its largest face has so many pixels; one
whose face is smaller to begin with is left out, and so is one that cannot be read. "Labelled right" is asked where the
face was in the whole photo, found again or not, and is the mean of the four folders' shares: chance would be .25. What
is found of less than `faces.SMALLEST` pixels is left out by the detector itself.
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
    shown, found, right = (Counter[tuple[int, Emotion]]() for _ in range(3))
    for emotion, pixels, face in portraits(album):
        for side, small, there in _smaller(pixels, face):
            shown[side, emotion] += 1
            again = detector.detect(small)
            found[side, emotion] += any(given != FALSE for given in match([d.box for d in again], [there.box], []))
            [seen] = classifier.classify(crop.crop(small, there.box, there.lean)[None], [there.score])
            label, _ = rule.label(seen.probabilities, seen.nothing)
            right[side, emotion] += label is emotion

    def share(counted: Counter[tuple[int, Emotion]], side: int) -> str:
        if not all(shown[side, e] for e in FOUR):
            return "-"
        return f"{np.mean([counted[side, e] / shown[side, e] for e in FOUR]):.3f}"

    table = Table("pixels of the face", "photos", "found", "labelled right")
    for side in SIDES:
        table.add_row(str(side), str(sum(shown[side, e] for e in FOUR)), share(found, side), share(right, side))
    Console().print(table)


def _smaller(pixels: resize.Pixels, face: Detection) -> Iterator[tuple[int, resize.Pixels, Detection]]:
    """The photo at each size, and where its face is."""
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
