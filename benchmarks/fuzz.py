"""Analyse damaged photos as `albumsort index` does, and count the outcomes.

usage: python benchmarks/fuzz.py [N=10000] [FOLDER of photos to damage] [SEED=0]

Damages drawn pictures in every common format, and the photos of the folder. Each input goes through the worker
processes of a run, with their limits of time, pixels and memory. An input that is neither analysed nor refused with a
reason (a crash, a hang, an unexpected error, an impossible result) is kept in a folder, and the exit code is 1.
"""

from __future__ import annotations

import io
import math
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from albumsort.errors import TransientPhotoError
from albumsort.indexing import executors, outcomes, worker
from albumsort.photos.walk import Walk, find
from albumsort.types import Analysis, PhotoFile

AT_ONCE = 500  # inputs on the disk at a time
EDGES = (0, 1, 0x7F, 0x80, 0xFF)
LARGEST = 300_000  # bytes of a photo to damage: larger ones take longer and show no more


@dataclass
class Tally:
    """The outcomes of the inputs. refused: by reason; wrong: outcomes that should never happen, with the input."""

    analysed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """The number of inputs so far."""
        return self.analysed + self.refused.total() + len(self.wrong)


def drawn() -> list[bytes]:
    """Return one small picture in every common format, with EXIF where the format has it."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    y, x = np.mgrid[0:48, 0:64]
    picture = Image.fromarray(np.stack([4 * x, 5 * y, 255 - 2 * (x + y)], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.DateTime] = "2024:07:01 12:00:00"
    seeds = []
    for format, options in (
        ("JPEG", {"exif": exif}),
        ("JPEG", {"progressive": True, "exif": exif}),
        ("MPO", {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("PNG", {"exif": exif}),
        ("GIF", {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("WEBP", {"exif": exif}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"exif": exif}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("HEIF", {"exif": exif.tobytes()}),
        ("AVIF", {"exif": exif.tobytes()}),
        ("BMP", {}),
        ("JPEG2000", {}),
        ("ICO", {"sizes": [(32, 32), (16, 16)]}),
        ("TGA", {"compression": "tga_rle"}),
        ("PPM", {}),
        ("PCX", {}),
        ("SGI", {}),
        ("DDS", {}),
    ):
        buffer = io.BytesIO()
        picture.save(buffer, format, **options)
        seeds.append(buffer.getvalue())
    for mode, format in (
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("I;16", "PNG"),
        ("CMYK", "JPEG"),
        ("F", "TIFF"),
        ("L", "HEIF"),
    ):
        buffer = io.BytesIO()
        picture.convert("L").convert(mode).save(buffer, format)
        seeds.append(buffer.getvalue())
    return seeds


def photos_in(folder: Path) -> list[bytes]:
    """Return the bytes of a folder's photos up to LARGEST."""
    return [file.path.read_bytes() for file in find(folder, (), Walk()) if 0 < file.size <= LARGEST]


def damaged(seeds: Sequence[bytes], number: int, seed: int) -> bytes:
    """Return one of the photos with one to three kinds of damage; `number` and `seed` determine it."""
    chance = random.Random(f"{seed}-{number}")
    data = bytearray(chance.choice(seeds))
    for damage in chance.choices((_flip, _overwrite, _resize, _cut, _drop, _repeat, _splice), k=chance.randint(1, 3)):
        damage(data, chance, seeds)
    return bytes(data) or b"\0"


def _place(data: bytearray, chance: random.Random) -> int:
    """Return a random position, half of the time among the headers."""
    return chance.randrange(max(1, min(len(data), 512) if chance.random() < 0.5 else len(data)))


def _flip(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(chance.choice((1, 1, 2, 5, 20)) if data else 0):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(chance.choice((1, 2, 8)) if data else 0):
        data[_place(data, chance)] = chance.choice(EDGES)


def _resize(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Overwrite a possible length, width or offset with an extreme value."""
    size = chance.choice((2, 4))
    at = _place(data, chance)
    value = chance.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)) & (256**size - 1)
    data[at : at + size] = value.to_bytes(size, chance.choice(("big", "little")))


def _cut(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    del data[_place(data, chance) :]


def _drop(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 4, 64, 1024))]


def _repeat(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, chance)
    data[at:at] = data[at : at + chance.choice((1, 12, 200, 4000))] * chance.choice((1, 3, 50))


def _splice(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """Insert the start of another photo before this one, or overwrite this one's start with it."""
    other = chance.choice(seeds)
    start = other[: _place(bytearray(other), chance)]
    data[0 : chance.choice((0, len(start)))] = start


def analysed(inputs: Iterator[bytes], workers: int, tally: Tally) -> Iterator[int]:
    """Count the outcomes of the inputs in `tally`; yields the number done after every few hundred."""
    with tempfile.TemporaryDirectory() as folder:
        while files := _written(Path(folder), inputs):
            run = outcomes.outcomes(files, lambda size: frozenset(), executors.Local(workers), threading.Event())
            for file, outcome, _ in run:
                count(file, outcome, tally)
                file.path.unlink()
            yield tally.inputs


def _written(folder: Path, inputs: Iterator[bytes]) -> list[PhotoFile]:
    files = []
    for number, data in zip(range(AT_ONCE), inputs, strict=False):
        path = folder / f"{number}.jpg"
        path.write_bytes(data)
        files.append(PhotoFile(path, len(data), 0))
    return files


def count(file: PhotoFile, outcome: worker.Outcome, tally: Tally) -> None:
    """Add one outcome to the tally."""
    wrong = _wrong(outcome)
    if wrong:
        tally.wrong.append((wrong, file.path.read_bytes()))
    elif isinstance(outcome, Analysis):
        tally.analysed += 1
    else:
        tally.refused[re.sub(r"\d+ x \d+", "W x H", str(outcome))] += 1


def _wrong(outcome: worker.Outcome) -> str | None:
    """Return what is wrong with an outcome, if anything."""
    if isinstance(outcome, TransientPhotoError):
        return str(outcome)
    if not isinstance(outcome, Analysis):
        return str(outcome) if "longer than" in str(outcome) else why_not_understandable(str(outcome))
    for face in outcome.faces:
        box = (face.box.x, face.box.y, face.box.w, face.box.h)
        if not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
            return f"a face at {box}"
        if abs(sum(face.probabilities.values()) - 1) > 1e-3:
            return f"probabilities that sum to {sum(face.probabilities.values())}"
        if not all(p is None or 0 <= p <= 1 for p in (face.nothing, face.eyes, face.sure)):
            return f"not probabilities: nothing {face.nothing}, eyes {face.eyes}, sure {face.sure}"
    return None if min(outcome.width, outcome.height) > 0 else f"a photo of {outcome.width} x {outcome.height}"


def why_not_understandable(reason: str) -> str | None:
    """Return a description of a reason that is meant for programmers and not for users, if it is."""
    for pattern in (
        r"^.{0,14}$",
        r"\n",
        r"error -?\d|-\d+:",
        r"[A-Z]\w+(Error|Exception)\b",
        r"\bb['\"]|\\x",
        r"0x[0-9a-f]",
    ):
        if re.search(pattern, reason):
            return f"a reason for programmers: {reason!r}"
    return None


def peak_memory() -> int:
    """Return the peak memory of the workers so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(inputs: int, folder: Path | None, seed: int) -> int:
    """Print the tally; returns the exit code."""
    seeds = drawn() + (photos_in(folder) if folder else [])
    tally, start = Tally(), time.monotonic()
    for done in analysed((damaged(seeds, n, seed) for n in range(inputs)), os.cpu_count() or 1, tally):
        print(f"{done} of {inputs}, {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"{tally.inputs} inputs from {len(seeds)} photos, seed {seed}: {tally.analysed} analysed")
    for reason, times in tally.refused.most_common():
        print(f"{times:6} refused: {reason}")
    print(f"{len(tally.wrong):6} crashes, hangs, unexpected errors and impossible results")
    print(f"{peak_memory() / 2**20:6.0f} MiB peak memory of a worker")
    if tally.wrong:
        kept = Path(tempfile.mkdtemp(prefix="albumsort-fuzz-"))
        for number, (what, data) in enumerate(tally.wrong):
            (kept / f"{number}").write_bytes(data)
            print(f"{kept / str(number)}: {what}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 10_000,
            Path(sys.argv[2]) if len(sys.argv) > 2 else None,
            int(sys.argv[3]) if len(sys.argv) > 3 else 0,
        )
    )
