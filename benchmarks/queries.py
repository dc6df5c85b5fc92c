"""How long top, list and stats take, start-up included, on an index of N photos.

usage: python benchmarks/queries.py [N=100000]
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from albumsort.index import Index
from albumsort.types import FOUR, Analysis, Box, Emotion, Face, PhotoFile, Settings

COMMANDS = (
    ["--version"],
    ["top", "happy"],
    ["top", "sad", "--by", "mean", "--since", "2024"],
    ["top", "happy", "--min-face", "10", "--min-detection", "0.8"],
    ["stats"],
    ["list"],
    ["list", "--nl"],
)
REPEATS = 5


def fill(path: Path, photos: int) -> None:
    """Write an index of photos with 0 to 4 faces of random expressions."""
    chance = random.Random(0)
    with Index(path, create=True) as index, index.transaction():
        for number in range(photos):
            file = PhotoFile(Path(f"/album/{number % 500:03}/IMG_{number:07}.jpg"), 3_000_000 + number, number)
            faces = tuple(face(chance) for _ in range(chance.choice((0, 1, 1, 2, 4))))
            taken = f"{2000 + number % 25}-0{1 + number % 9}-1{number % 10}T12:00:00Z"
            crops = chance.randbytes(1800 * len(faces))  # as large as real ones, and never read here
            index.save(file, Analysis(f"{number:032x}", 4032, 3024, taken, faces, crops), Settings("some", "some"))


def face(chance: random.Random) -> Face:
    """Return a face somewhere, with random probabilities."""
    weights = [chance.random() ** 4 for _ in Emotion]
    shares = {e: w / sum(weights) for e, w in zip(Emotion, weights, strict=True)}
    box = Box(chance.random() * 3000, chance.random() * 2000, 200 + chance.random() * 500, 300)
    detection, size, sharpness = 0.3 + 0.7 * chance.random(), max(box.w, box.h) / 3024, chance.random()
    return Face(box, ((0.0, 0.0),) * 5, detection, size, sharpness, shares, max(FOUR, key=lambda e: shares[e]))


def main(photos: int) -> None:
    """Print the median seconds of each command."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        start = time.perf_counter()
        fill(path, photos)
        size = path.stat().st_size / photos
        print(f"{photos} photos: filled in {time.perf_counter() - start:.1f} s, {size:.0f} bytes each")
        environment = {**os.environ, "ALBUMSORT_DB": str(path)}
        for command in COMMANDS:
            times = []
            for _ in range(REPEATS):
                start = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "albumsort", *command],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    check=True,
                )
                times.append(time.perf_counter() - start)
            print(f"{statistics.median(times):7.3f} s  albumsort {' '.join(command)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
