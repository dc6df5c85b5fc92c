"""Measure how well likeness tells frames of one moment from other photos, and how fast moments are found.

    python benchmarks/moments.py FOLDER...

Variants of each photo are frames of its moment. Photos of other names, at most 30 places apart in the same folder, are
other moments; those of folders by subject are alike, which makes them hard, and some are in fact the same picture. The
thresholds are chosen on one half of the photos, by a hash of the names, and the figures come from the other half.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from measuring import machine
from rich.console import Console
from rich.table import Table
from variants import CHANGES

from albumsort.choosing.likeness import layouts, likenesses
from albumsort.choosing.linking import SAME_VIEW, STRONG, WEAK
from albumsort.choosing.moments import moments
from albumsort.choosing.panning import structure
from albumsort.choosing.timelines import Frame
from albumsort.errors import PhotoError
from albumsort.photos import decode, read
from albumsort.photos.description import describe
from albumsort.photos.upright import Pixels
from albumsort.photos.walk import Walk, find

MOST_SIDE = 480
"""Variants are made from pictures of this size, which is faster and hardly changes a description."""
APART = 30
PERMITTED = {"within seconds": 0.03, "within minutes": 0.005}
"""The share of other photos that may pass each threshold."""
FRAMES = 100_000


@dataclass(frozen=True)
class Described:
    """A photo, the descriptions of the photo and its variants, and their perceptual hashes of 64 bits."""

    path: Path
    descriptions: list[bytes]
    hashes: list[int]

    @property
    def is_for_choosing(self) -> bool:
        """Whether thresholds are chosen on this photo; the others are for the figures."""
        return zlib.crc32(self.path.name.encode()) % 2 == 0


def described(path: Path) -> Described | None:
    """Return the descriptions of a photo and its variants; None for a file that is no photo."""
    try:
        pixels = decode.decode(read.read(path)).pixels
    except PhotoError:
        return None
    scale = min(1.0, MOST_SIDE / max(pixels.shape[:2]))
    small = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    random = np.random.default_rng(zlib.crc32(path.name.encode()))
    pictures = [small, *(change(small, random) for change in CHANGES.values())]
    return Described(path, [describe(picture) for picture in pictures], [hashed(picture) for picture in pictures])


def hashed(pixels: Pixels) -> int:
    """Return the usual perceptual hash (pHash): the signs of 64 low frequencies, for comparison."""
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    return int.from_bytes(np.packbits(low > np.median(low[1:])).tobytes())


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures with their likeness, and the same bits of their hashes; kinds: variants, or "" for others."""

    kinds: npt.NDArray[np.str_]
    alike: npt.NDArray[np.float32]
    same_bits: npt.NDArray[np.int64]


def paired(photos: Sequence[Described]) -> Pairs:
    """Return each photo with its variants, and with near ones in its folder and a variant of each."""
    descriptions = [one for photo in photos for one in photo.descriptions]
    hashes = [one for photo in photos for one in photo.hashes]
    several = 1 + len(CHANGES)
    random = np.random.default_rng(0)
    first, second, kinds = [], [], []
    for at, photo in enumerate(photos):
        for number, name in enumerate(CHANGES, 1):
            first.append(at * several)
            second.append(at * several + number)
            kinds.append(name)
        for other in range(at + 1, min(at + 1 + APART, len(photos))):
            if photos[other].path.parent == photo.path.parent:
                first += [at * several] * 2
                second += [other * several, other * several + int(random.integers(1, several))]
                kinds += ["", ""]
    found, a, b = layouts(descriptions), np.array(first), np.array(second)
    alike = np.where(structure(found, a, b) >= SAME_VIEW, likenesses(found, a, b), 0)
    same = [64 - (hashes[a] ^ hashes[b]).bit_count() for a, b in zip(first, second, strict=True)]
    return Pairs(np.array(kinds), alike, np.array(same))


def thresholds(pairs: Pairs) -> None:
    """Print the thresholds that pass the permitted shares of other photos, and how many variants they lose."""
    others = pairs.kinds == ""
    table = Table("other photos may pass", "likeness", "variants found", "bits of pHash", "variants found")
    for name, permitted in PERMITTED.items():
        least = np.quantile(pairs.alike[others], 1 - permitted)
        bits = int(np.quantile(pairs.same_bits[others], 1 - permitted)) + 1
        found = (pairs.alike[~others] >= least).mean(), (pairs.same_bits[~others] >= bits).mean()
        table.add_row(f"{name}: {permitted:.1%}", f"{least:.2f}", f"{found[0]:.4f}", str(bits), f"{found[1]:.4f}")
    print_table("Chosen on the first half", table)


def figures(pairs: Pairs) -> None:
    """Print what passes the thresholds of albumsort."""
    table = Table("pairs", "number", f"alike >= {WEAK}", f"alike >= {STRONG}")
    for kind in [*CHANGES, ""]:
        alike = pairs.alike[pairs.kinds == kind]
        passing = [int((alike >= least).sum()) for least in (WEAK, STRONG)]
        table.add_row(kind or "other photos", str(len(alike)), *(f"{n} ({n / len(alike):.4f})" for n in passing))
    others = pairs.kinds == ""
    for name, of in (("recall", ~others), ("precision", np.ones(len(others), bool))):
        row = []
        for least in (WEAK, STRONG):
            right = int(((pairs.alike >= least) & ~others).sum())
            all_pairs = int(((pairs.alike >= least) & of).sum()) if name == "precision" else int(of.sum())
            row.append(f"{right / all_pairs:.4f}")
        table.add_row(name, "", *row)
    print_table("Measured on the other half", table)


def bursts(photos: Sequence[Described]) -> None:
    """Print how many photos with all their variants are one moment, by clock and by numbers."""
    random = np.random.default_rng(0)
    for has_clock in (True, False):
        frames: list[Frame] = []
        photo_of: list[int] = []
        for number, photo in enumerate(photos):
            start = datetime(2024, 1, 1) + timedelta(seconds=number * 40)
            for at, variant in enumerate(random.permutation(len(photo.descriptions))):
                taken = (start + timedelta(seconds=at)).isoformat() if has_clock else None
                name = f"IMG_{len(frames):06}.jpg"
                frames.append(Frame(len(frames), "a", name, taken, "a", photo.descriptions[variant], name))
                photo_of.append(number)
        found = moments(frames)
        parts = Counter(photo_of[group[0]] for group in found if len({photo_of[one] for one in group}) == 1)
        mixed = sum(len({photo_of[one] for one in group}) > 1 for group in found)
        whole = sum(parts[number] == 1 for number in range(len(photos)))
        print(
            f"{'clock' if has_clock else 'numbers'}: of {len(photos)} bursts of {len(photos[0].descriptions)} frames,"
            f" {whole} are one moment of their own; {mixed} moments have frames of several"
        )


def panoramas(files: Sequence[Path]) -> None:
    """Print how many panoramas of four views stay, cut from photos without a face, two seconds apart."""
    for step in (0.2, 0.3, 0.4, 0.5):
        kept = 0
        for path in files:
            pixels = decode.decode(read.read(path)).pixels
            width = int(pixels.shape[1] / (1 + 3 * step))
            views = [describe(pixels[:, int(at * step * width) :][:, :width]) for at in range(4)]
            taken = [f"2024-01-01T10:00:0{2 * at}" for at in range(4)]
            frames = [Frame(at, "a", f"{at}.jpg", taken[at], "a", view, str(at)) for at, view in enumerate(views)]
            kept += len(moments(frames)) == 4
        print(f"panoramas with steps of {step:.0%} of a view: {kept} of {len(files)} stay")


def print_table(title: str, table: Table) -> None:
    """Print a table wide enough for a file."""
    table.title = title
    Console(width=110).print(table)


def album(photos: Sequence[Described], pause: float) -> list[Frame]:
    """Return frames of bursts of 1-8 variants, a second apart, with pauses of up to `pause` seconds between bursts."""
    random = np.random.default_rng(0)
    frames: list[Frame] = []
    time_taken = datetime(2024, 1, 1)
    while len(frames) < FRAMES:
        photo = photos[random.integers(len(photos))]
        for _ in range(random.integers(1, 9)):
            description = photo.descriptions[random.integers(len(photo.descriptions))]
            number = len(frames)
            taken = time_taken.isoformat()
            frames.append(Frame(number, "album", f"IMG_{number:06}.jpg", taken, "a", description, str(number)))
            time_taken += timedelta(seconds=1)
        time_taken += timedelta(seconds=float(random.uniform(0, pause)))
    return frames[:FRAMES]


def speed(photos: Sequence[Described]) -> None:
    """Print the time for describing a photo, and for finding the moments of many."""
    for side in (960, 1920):
        pixels = np.random.default_rng(0).integers(0, 256, (side * 2 // 3, side, 3), np.uint8)
        describe(pixels)
        start = time.process_time()
        for _ in range(200):
            describe(pixels)
        print(f"describing {side} x {side * 2 // 3} pixels: {(time.process_time() - start) / 200 * 1000:.2f} ms")
    for pause in (3600.0, 60.0, 5.0):
        frames = album(photos, pause)
        start, before = time.perf_counter(), time.process_time()
        found = moments(frames)
        seconds, processor = time.perf_counter() - start, time.process_time() - before
        print(
            f"{len(frames)} frames, pauses of up to {pause:.0f} s: {seconds:.2f} s,"
            f" {processor:.2f} s of processor, {len(found)} moments"
        )


def main(folders: Sequence[Path]) -> None:
    """Measure on the photos of the folders."""
    cv2.setNumThreads(1)
    files = [file.path for folder in folders for file in find(folder, (), Walk())]
    with ProcessPoolExecutor() as pool:
        photos = [photo for photo in pool.map(described, sorted(files), chunksize=16) if photo]
    print(machine())
    size = len(photos[0].descriptions[0])
    print(f"{len(photos)} photos of {len(files)} files; a description has {size} bytes")
    thresholds(paired([photo for photo in photos if photo.is_for_choosing]))
    others = [photo for photo in photos if not photo.is_for_choosing]
    figures(paired(others))
    bursts(others)
    panoramas([file for file in sorted(files) if file.name.startswith("noface")])
    speed(photos)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main([Path(folder) for folder in sys.argv[1:]])
