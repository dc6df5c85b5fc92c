"""Measure the start-up of albumsort, and `index` of an unchanged album.

usage: python benchmarks/startup.py [N=100000 files]

The files are empty, and the index knows them: only the walk, the stat calls and the comparison take time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from measuring import Measured, albumsort, machine, measure

from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.settings import settings

REPEATS = 5
A_FOLDER = 500


def make_album(album: Path, database: Path, count: int) -> None:
    """Write empty files and an index that contains them."""
    with Database(database, create=True) as index, index.transaction():
        storing.add_root(index, album)
    now = settings()
    with closing(sqlite3.connect(database)) as raw:
        raw.execute(
            "INSERT INTO contents (id, digest, found_with, classified_with, width, height) VALUES (1, 'd', ?, ?, 1, 1)",
            (now.finding, now.classifying),
        )
        for first in range(0, count, A_FOLDER):
            folder = album / f"{first // A_FOLDER:05}"
            folder.mkdir(parents=True)
            rows = []
            for number in range(first, min(count, first + A_FOLDER)):
                path = folder / f"IMG_{number:07}.jpg"
                path.touch()
                rows.append((os.fsencode(path), 0, path.stat().st_mtime_ns))
            raw.executemany("INSERT INTO photos (path, size, mtime_ns, content) VALUES (?, ?, ?, 1)", rows)
        raw.commit()


def show(what: str, runs: list[Measured]) -> None:
    """Print the median seconds and CPU seconds, and the peak memory."""
    seconds, cpu = (statistics.median(getattr(run, name) for run in runs) for name in ("seconds", "cpu"))
    print(f"{seconds:8.2f} {cpu:8.2f} {max(run.peak for run in runs):8.0f}  {what}", flush=True)


def main(count: int) -> int:
    """Print the table; returns 1 if `index` found a change where there is none."""
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print(f"{'seconds':>8} {'of CPU':>8} {'MiB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        album, database = Path(folder, "album"), Path(folder, "index.sqlite")
        for files, repeats in ((1, REPEATS), (count, 3)):
            make_album(album / str(files), database.with_name(f"{files}.sqlite"), files)
            known = {"ALBUMSORT_DB": str(database.with_name(f"{files}.sqlite"))}
            if files == 1:
                show("--version", [measure(albumsort("--version")) for _ in range(repeats)])
                show("top happy", [measure(albumsort("top", "happy"), known) for _ in range(repeats)])
            runs = [measure(albumsort("index", "--json", "--quiet"), known) for _ in range(repeats)]
            show(f"index, {files} unchanged", runs)
            if any(json.loads(run.output)["unchanged"] != files for run in runs):
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
