"""Measure whether the memory of an indexing run over N photos stays flat.

usage: python benchmarks/memory.py [N=20000]

Writes N copies of 200 drawn pictures, some with a face, with a few bytes appended that decoders ignore: each file
has its own content hash and is analysed. Needs /proc. Prints the resident memory of the program and of each worker
process every 1,000 photos, and the growth from the first 1,000 photos to the last.
"""

from __future__ import annotations

import io
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data as skimage_data

EVERY = 1000
DRAWN = 200
ALLOWED_GROWTH = 0.15  # of the memory after the first 1,000 photos


def draw(folder: Path, count: int) -> None:
    """Write the photos, 500 per folder."""
    chance = np.random.default_rng(0)
    portrait = Image.fromarray(skimage_data.astronaut()).resize((96, 96))
    pictures = []
    for number in range(DRAWN):
        noise = Image.fromarray(chance.integers(0, 255, (12, 16, 3), np.uint8)).resize((128, 96))
        if number % 3 == 0:
            noise.paste(portrait, (number % 32, 0))
        buffer = io.BytesIO()
        noise.save(buffer, "JPEG", quality=85)
        pictures.append(buffer.getvalue())
    for number in range(count):
        path = folder / f"{number // 500:03}" / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pictures[number % DRAWN] + str(number).encode())


def resident(process: int) -> float:
    """Return a process's resident memory in MiB, 0 if it ended."""
    try:
        pages = int(Path("/proc", str(process), "statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def workers(program: int) -> list[int]:
    """Return the ids of a run's worker processes."""
    children = [int(c) for f in Path("/proc", str(program), "task").glob("*/children") for c in f.read_text().split()]
    return sorted(c for c in children if b"spawn_main" in Path("/proc", str(c), "cmdline").read_bytes())


def stored(database: Path) -> int:
    """Return how many photos the index holds."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as raw:
            return int(raw.execute("SELECT count(*) FROM photos").fetchone()[0])
    except sqlite3.OperationalError:  # not created yet
        return 0


def main(count: int) -> int:
    """Print the table; returns 1 if memory grew."""
    with tempfile.TemporaryDirectory() as folder:
        album, database = Path(folder, "album"), Path(folder, "index.sqlite")
        album.mkdir()
        draw(album, count)
        start, first, last, printed = time.monotonic(), 0.0, 0.0, 0
        process = subprocess.Popen([sys.executable, "-m", "albumsort", "index", album, "--db", database, "--quiet"])
        print(f"{'photos':>7} {'seconds':>8} {'program':>8} {'workers, MiB':>13}")
        while process.poll() is None:
            time.sleep(0.2)
            done = stored(database)
            if done // EVERY == printed:
                continue
            printed = done // EVERY
            program, each = resident(process.pid), [resident(worker) for worker in workers(process.pid)]
            if not each:  # the run is done, and the workers have ended
                break
            last = program + sum(each)
            first = first or last
            columns = " ".join(f"{one:.0f}" for one in each)
            print(f"{done:7} {time.monotonic() - start:8.0f} {program:8.0f} {columns:>13}", flush=True)
        if process.wait() != 0:
            print(f"the run failed: exit code {process.returncode}")
            return 1
    growth = last / first - 1
    verdict = "flat" if growth <= ALLOWED_GROWTH else "GROWS"
    print(f"{verdict}: {first:.0f} MiB in all after the first {EVERY} photos, {last:.0f} at the end ({growth:+.1%})")
    return 0 if growth <= ALLOWED_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
