"""Measure leaning faces: how many are detected, and labelled right, as they are and turned upright.

usage: python benchmarks/slant.py ALBUM

ALBUM: folders named after the four emotions. Each photo is turned by some degrees, every other one the other way,
inside its frame: corners are cut off, and gaps repeat the border. The largest face is labelled; the figure is the mean
of the four folders' shares of right labels. A photo without a face counts as wrong.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from measuring import require_emotions
from rich.console import Console
from rich.table import Table

from albumsort.choosing.labels import LabelRule
from albumsort.emotions import load_classifier
from albumsort.faces import crop, resize
from albumsort.faces import detector as faces
from albumsort.faces.rows import none
from albumsort.photos import decode, read
from albumsort.photos.walk import Walk, find
from albumsort.training.faces.effects import tilted
from albumsort.types import FOUR, Emotion

ANGLES = 0, 10, 20, 30, 40, 50, 60, 75, 90
LONGEST_SIDE = 1000  # pixels, so that the benchmark takes minutes


def main(album: Path) -> None:
    """Print the table."""
    require_emotions(album)
    detector, classifier = faces.load_detector(), load_classifier()
    rule = LabelRule(classifier.natural, classifier.natural)
    photos_of, found, plain, upright = (Counter[tuple[int, Emotion]]() for _ in range(4))
    for emotion in FOUR:
        for number, file in enumerate(find(album / emotion, (), Walk())):
            pixels = resize.shrunk(decode.decode(read.read(file.path)).pixels, LONGEST_SIDE)
            for angle in ANGLES:
                key = angle, emotion
                photos_of[key] += 1
                turned, _ = tilted(pixels, none(), angle if number % 2 else -angle)
                detections = detector.detect(turned)
                if not detections:
                    continue
                largest = max(detections, key=lambda d: d.box.area)
                crops = np.stack([crop.crop(turned, largest.box), crop.crop(turned, largest.box, largest.lean)])
                expressions = classifier.classify(crops, [largest.score] * len(crops))
                labels = [rule.label(e.probabilities, e.nothing)[0] for e in expressions]
                found[key] += 1
                plain[key] += labels[0] is emotion
                upright[key] += labels[1] is emotion

    def share(counted: Counter[tuple[int, Emotion]], angle: int) -> str:
        return f"{np.mean([counted[angle, e] / photos_of[angle, e] for e in FOUR]):.3f}"

    table = Table("turned by", "a face found", "labelled right as it is", "set upright")
    for angle in ANGLES:
        table.add_row(f"{angle}°", *(share(counted, angle) for counted in (found, plain, upright)))
    console = Console()
    console.print(f"{sum(n for (angle, _), n in photos_of.items() if not angle)} photos")
    console.print(table)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
