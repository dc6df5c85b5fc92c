"""Compare photos per second with decoding alone, which is the bound, and with other systems.

usage: python benchmarks/throughput.py --photos FOLDER [--count 400] [--peer-photos 8] [--results FOLDER]
           [--fer PYTHON] [--deepface PYTHON]

Makes an album of camera JPEGs of 10 MP from the photos of FOLDER. Everything runs on all cores of this machine, one
after the other: compare ratios within one run, because other load affects all figures.

  bound      one process per core reads and decodes, at the scale that albumsort chooses
  albumsort  `albumsort index`, new index, with start-up; alternates with the bound, three times; medians count
  fer        `FER().detect_emotions`, its default detector, in that Python's environment:
             python -m venv fer
             fer/bin/pip install 'fer==25.10' 'opencv-contrib-python<5' 'tensorflow<2.22' 'setuptools<81'
  deepface   `DeepFace.analyze(actions=["emotion"])`, with its weights already downloaded

Writes throughput.csv (a line per run and system) and throughput.png (needs matplotlib) to --results.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from measuring import Measured, albumsort, machine, measure
from PIL import ExifTags, Image

from albumsort.photos import decode, read, upright
from albumsort.photos.walk import Walk, find

WIDTH, HEIGHT = 3872, 2592
GRIDS = ((1, 1), (1, 1), (2, 1), (2, 2), (3, 2))  # columns and rows of photos in a picture
GRAIN = 6.0  # noise of a sensor, which makes a camera's files large
QUALITY = 92
ROUNDS = 3

FER = """
    import sys, time
    import cv2
    start = time.perf_counter()
    from fer.fer import FER
    detector = FER()
    detector.detect_emotions(cv2.imread(sys.argv[1]))
    ready = time.perf_counter()
    for path in sys.argv[2:]:
        detector.detect_emotions(cv2.imread(path))
    print(ready - start, time.perf_counter() - ready)
"""
DEEPFACE = """
    import sys, time
    start = time.perf_counter()
    from deepface import DeepFace
    look = lambda path: DeepFace.analyze(path, actions=["emotion"], enforce_detection=False, silent=True)
    look(sys.argv[1])
    ready = time.perf_counter()
    for path in sys.argv[2:]:
        look(path)
    print(ready - start, time.perf_counter() - ready)
"""


@dataclass(frozen=True)
class Row:
    """One system's figures. startup: seconds before the first photo; peak: MiB."""

    system: str
    photos: int
    seconds: float
    startup: float
    peak: float

    @property
    def rate(self) -> float:
        """Photos per second: with start-up for albumsort, without it for the others, to their advantage."""
        return self.photos / self.seconds


def make_album(source: Path, album: Path, count: int) -> list[Path]:
    """Compose different camera-sized photos, every fourth in portrait format, stored as by a camera."""
    found = [file.path for file in find(source, (), Walk())]
    if not found:
        sys.exit(f"{source} contains no photos")
    chance = np.random.default_rng(0)
    photos = []
    for number in range(count):
        width, height = (HEIGHT, WIDTH) if number % 4 == 3 else (WIDTH, HEIGHT)
        across, down = GRIDS[number % len(GRIDS)]
        picture = np.empty((height, width, 3), np.uint8)
        for cell in range(across * down):
            x, y = cell % across * width // across, cell // across * height // down
            right, bottom = (cell % across + 1) * width // across, (cell // across + 1) * height // down
            pixels = decode.decode(read.read(found[int(chance.integers(len(found)))])).pixels
            picture[y:bottom, x:right] = _covering(pixels, right - x, bottom - y)
        grain = chance.normal(0, GRAIN, (height // 2, width // 2, 1)).astype(np.float32)
        grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)[:, :, None]
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
        exif = Image.Exif()
        exif[ExifTags.Base.DateTime] = f"2024:07:{1 + number % 28:02} 12:00:00"
        path = album / f"{number // 100:03}" / f"IMG_{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[:, :, ::-1]).save(path, quality=QUALITY, subsampling=2, exif=exif)
        photos.append(path)
    return photos


def _covering(pixels: upright.Pixels, width: int, height: int) -> upright.Pixels:
    """Enlarge a photo until it covers a cell, and cut it to the cell."""
    scale = max(width / pixels.shape[1], height / pixels.shape[0])
    size = max(width, round(pixels.shape[1] * scale)), max(height, round(pixels.shape[0] * scale))
    large = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.asarray(large[top : top + height, left : left + width], np.uint8)


def only_decode(path: Path) -> None:
    """Read and decode a photo at the scale of albumsort, and do nothing else."""
    data = path.read_bytes()
    cv2.imdecode(np.frombuffer(data, np.uint8), decode.scale_flag((WIDTH, HEIGHT)) | cv2.IMREAD_IGNORE_ORIENTATION)


def bound(photos: list[Path], workers: int) -> Row:
    """Decode all photos with `workers` processes."""
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    with context.Pool(workers, cv2.setNumThreads, (1,)) as pool:
        pool.map(only_decode, photos[:workers], chunksize=1)
        ready = time.perf_counter()
        for _ in pool.imap_unordered(only_decode, photos, chunksize=4):
            pass
        seconds = time.perf_counter() - ready
    return Row("decoding alone", len(photos), seconds, ready - start, 0.0)


def ours(album: Path, folder: Path, workers: int, count: int) -> tuple[Row, str]:
    """Index the album into a new index; also returns the profile."""
    one = next(album.rglob("*.jpg"))
    started = measure(albumsort("index", one, "--db", folder / "one.sqlite", "--quiet"))
    done = measure(
        albumsort(
            "index", album, "--db", folder / "index.sqlite", "--workers", str(workers), "--json", "--profile", "--quiet"
        )
    )
    report = json.loads(done.output)
    if report["analysed"] != count:
        sys.exit(f"albumsort analysed {report['analysed']} of {count} photos")
    profile = report["profile"]
    steps = {**profile["steps"], "idle": profile["idle"], "writing": profile["writing"]}
    shares = ", ".join(f"{name} {1000 * s / count:.1f}" for name, s in sorted(steps.items(), key=lambda p: -p[1]))
    return Row("albumsort", count, done.seconds, started.seconds, done.peak), f"ms per photo: {shares}"


def peer(system: str, python: str, program: str, photos: list[Path]) -> Row:
    """Run another system on some photos, in one process with its default number of threads."""
    done: Measured = measure([python, "-c", textwrap.dedent(program), str(photos[0]), *map(str, photos)])
    startup, seconds = map(float, done.output.split()[-2:])
    return Row(system, len(photos), seconds, startup, done.peak)


def write(rows: list[Row], results: Path) -> None:
    """Add the figures to the CSV, and draw them."""
    results.mkdir(parents=True, exist_ok=True)
    path, about = results / "throughput.csv", machine()
    new = not path.exists()
    with path.open("a", newline="") as file:
        lines = csv.writer(file)
        if new:
            lines.writerow(["system", "photos", "photos a second", "seconds to start", "peak MiB", *about])
        for row in rows:
            figures = row.photos, f"{row.rate:.2f}", f"{row.startup:.2f}", f"{row.peak:.0f}"
            lines.writerow([row.system, *figures, *about.values()])
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 0.5 + 0.5 * len(rows)), layout="constrained")
    bars = axes.barh([row.system for row in rows][::-1], [row.rate for row in rows][::-1], color="#4477aa")
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_xlabel(f"photos of 10 MP per second, {about['cores']} cores")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(results / "throughput.png", dpi=150)


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--peer-photos", type=int, default=8)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--fer")
    parser.add_argument("--deepface")
    options = parser.parse_args()
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        album = Path(folder, "album")
        photos = make_album(options.photos, album, options.count)
        size = sum(path.stat().st_size for path in photos) / len(photos)
        print(f"{len(photos)} photos of {WIDTH} x {HEIGHT}, {size / 1e6:.1f} MB each; {workers} processes")
        bounds, runs = list[Row](), list[tuple[Row, str]]()
        for number in range(ROUNDS):  # alternate, because the machine's load may change
            bounds.append(bound(photos, workers))
            place = Path(folder, f"round {number}")
            place.mkdir()
            runs.append(ours(album, place, workers, len(photos)))
        done, profile = sorted(runs, key=lambda run: run[0].rate)[ROUNDS // 2]
        rows = [sorted(bounds, key=lambda row: row.rate)[ROUNDS // 2], done]
        for system, python, program in (("fer", options.fer, FER), ("deepface", options.deepface, DEEPFACE)):
            if python:
                rows.append(peer(system, python, program, photos[: options.peer_photos]))
    for name, rates in (("decoding alone", bounds), ("albumsort", [row for row, _ in runs])):
        print(f"{name}, each round: {', '.join(f'{row.rate:.2f}' for row in rates)} photos per second; medians:")
    print(f"{'':16}{'photos/s':>10}{'of bound':>10}{'of ours':>10}{'MiB':>8}{'start, s':>10}")
    for row in rows:
        ratios = f"{row.rate / rows[0].rate:10.2f}{row.rate / rows[1].rate:10.3f}"
        print(f"{row.system:16}{row.rate:10.2f}{ratios}{row.peak:8.0f}{row.startup:10.2f}")
    print(profile)
    write(rows, options.results)


if __name__ == "__main__":
    main()
