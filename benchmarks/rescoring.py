"""Measure how long `index` takes to judge N stored faces again with a new emotion network; no photo is read.

usage: python benchmarks/rescoring.py [N=100000]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from albumsort import settings
from albumsort.faces import crop
from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.indexing import executors, run
from albumsort.indexing import plan as indexing_plan
from albumsort.types import Analysis, Box, Emotion, Face, PhotoFile, Settings

FACES_A_PHOTO = (1, 1, 2, 4, 2)


def fill(path: Path, count: int) -> int:
    """Write an index of faces that another network classified; returns the number of faces."""
    chance = np.random.default_rng(0)
    earlier = Settings(settings.settings().finding, "another network", settings.settings().dating)
    shares = {e: 1 / len(Emotion) for e in Emotion}
    face = Face(Box(0, 0, 100, 100), ((0.0, 0.0),) * 5, 0.9, 0.03, 0.5, shares, 0.0, None, Emotion.ANGER, 1 / 7)
    written = number = 0
    with Database(path, create=True) as index, index.transaction():
        while written < count:
            faces = FACES_A_PHOTO[number % len(FACES_A_PHOTO)]
            noise = chance.integers(0, 256, (faces, crop.CROP_SIDE, crop.CROP_SIDE))
            crops = noise.cumsum(axis=1) // np.arange(1, crop.CROP_SIDE + 1)[:, None]
            packed = crop.pack(list(crops.astype(np.uint8)))
            result = Analysis(f"{number:032x}", 4032, 3024, None, (face,) * faces, packed)
            storing.save(index, PhotoFile(Path(f"/album/{number:07}.jpg"), 3_000_000, number), result, earlier)
            written, number = written + faces, number + 1
    return written


def main(count: int) -> None:
    """Print the seconds and the size of the database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        faces = fill(path, count)
        print(f"{faces} faces, {path.stat().st_size / faces:.0f} bytes each")
        with Database(path) as index:
            plan = indexing_plan.make_plan(index, (), [], (), rescan=False)
            report = run.run(index, plan, executors.Local(1), lambda: None)
        print(f"{report.seconds:.1f} s for {report.rescored} photos, {faces / report.seconds:.0f} faces per second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
