"""Shared by tests: draw, encode, index and run, with real files and databases."""

from __future__ import annotations

import csv
import functools
import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import xxhash
from PIL import ExifTags, Image
from skimage import data as skimage_data

import albumsort
from albumsort.answers import ANSWERS, Shares
from albumsort.choosing.labels import LabelRule
from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.indexing import executors, report
from albumsort.indexing import plan as indexing_plan
from albumsort.indexing import run as indexing
from albumsort.training.emotion.data import VOTE_COLUMNS
from albumsort.types import Analysis, Box, Emotion, Face, PhotoFile, Settings, Taken

try:
    import pty
    import termios
except ImportError:  # Windows
    pty = None  # type: ignore[assignment]

ASTRONAUT_FACE = Box(179, 62, 92, 113)
"""The box of the face in the portrait of 512 x 512 pixels; measured by eye."""

NO_TENSORFLOW = "needs TensorFlow, which is not installed (albumsort[train]); there is none for Python 3.14 yet"
"""The reason why tests of training are skipped."""

NOW = Settings("found now", "classified now", "dated now")

LANDMARKS = ((1.0, 2.0), (3.0, 2.0), (2.0, 3.0), (1.0, 4.0), (3.0, 4.0))

# how a camera in this orientation stores the picture: the inverse of the EXIF orientation
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


# pictures


@functools.cache
def astronaut(side: int = 512) -> Image.Image:
    """The public-domain portrait of Eileen Collins that ships with scikit-image: one smiling face."""
    return Image.fromarray(skimage_data.astronaut()).resize((side, side), Image.Resampling.LANCZOS)


def landscape(width: int = 480, height: int = 320) -> Image.Image:
    """A sky, a sun and a hill: no face."""
    y, x = np.mgrid[0:height, 0:width] / height
    sky = np.stack([90 + 100 * y, 140 + 80 * y, 230 - 20 * y], axis=2)
    sky[(x - 1) ** 2 + (y - 0.2) ** 2 < 0.005] = (255, 240, 150)
    sky[y > 0.7 - 0.15 * np.sin(3 * x)] = (60, 120, 50)
    return Image.fromarray(sky.astype(np.uint8))


def quarters(width: int, height: int) -> Image.Image:
    """Four colours, so that every turn and every mirror image looks different."""
    picture = Image.new("RGB", (width, height), (250, 250, 250))
    picture.paste((200, 30, 30), (0, 0, width // 2, height // 2))
    picture.paste((30, 180, 60), (width // 2, 0, width, height // 2))
    picture.paste((40, 60, 210), (0, height // 2, width // 2, height))
    return picture


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as stored in a file with this EXIF orientation."""
    return upright.transpose(_STORED[orientation]) if orientation in _STORED else upright


def exif(orientation: int | None = None, taken: str | None = None, offset: str | None = None) -> Image.Exif:
    block = Image.Exif()
    block[ExifTags.Base.Make] = "albumsort"  # some encoders drop a block that has no tag in its first directory
    if orientation is not None:
        block[ExifTags.Base.Orientation] = orientation
    details = block.get_ifd(ExifTags.IFD.Exif)
    if taken is not None:
        details[ExifTags.Base.DateTimeOriginal] = taken
    if offset is not None:
        details[ExifTags.Base.OffsetTimeOriginal] = offset
    return block


def encoded(picture: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    if format == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
        if "exif" in options:  # from bytes, the encoder stores the orientation where its format has it
            options["exif"] = options["exif"].tobytes()
    if format == "JPEG":
        options = {"quality": 95, "subsampling": 0, **options}
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    across = max(0.0, min(a.x + a.w, b.x + b.w) - max(a.x, b.x))
    down = max(0.0, min(a.y + a.h, b.y + b.h) - max(a.y, b.y))
    return across * down / (a.area + b.area - across * down)


# training data


def drawn_face(random: np.random.Generator, smile: bool) -> Any:
    """A disc with eyes and a mouth that curves up or down."""
    face = np.full((48, 48), int(random.integers(20, 90)), np.uint8)
    skin = int(random.integers(140, 230))
    cv2.ellipse(face, (24, 24), (18, 22), 0, 0, 360, skin, -1)
    for x in (16, 32):
        cv2.circle(face, (x, 18), 3, 20, -1)
    start, end, y = (20, 160, 30) if smile else (200, 340, 40)
    cv2.ellipse(face, (24, y), (9, 6), 0, start, end, 20, 2)
    return np.clip(face + random.normal(0, 8, face.shape), 0, 255).astype(np.uint8)


def write_csvs(folder: Path, counts: dict[str, int]) -> tuple[Path, Path]:
    """FER2013 and FER+ files of drawn faces: happy ones and sad ones."""
    random = np.random.default_rng(0)
    data, votes = folder / "fer2013.csv", folder / "votes.csv"
    with data.open("w", newline="") as d, votes.open("w", newline="") as v:
        data_rows, vote_rows = csv.writer(d), csv.writer(v)
        data_rows.writerow(["emotion", "pixels", "Usage"])
        vote_rows.writerow(["Usage", "Image name", *VOTE_COLUMNS])
        for usage, n in counts.items():
            for i in range(n):
                smile = i % 2 == 0
                pixels = " ".join(map(str, drawn_face(random, smile).ravel()))
                data_rows.writerow([3 if smile else 4, pixels, usage])
                vote_rows.writerow([usage, f"{i}.png", 1, 9 if smile else 0, 0, 0 if smile else 9, 0, 0, 0, 0, 0, 0])
    return data, votes


def need_tensorflow() -> None:
    """Skip a test that trains or converts a network if TensorFlow is missing."""
    pytest.importorskip("tensorflow", reason=NO_TENSORFLOW)


# invented results


EVEN: Shares = {answer: 1 / len(ANSWERS) for answer in ANSWERS}


def face(
    box: tuple[float, float, float, float] = (10, 10, 40, 40),
    *,
    nothing: float = 0.0,
    eyes: float | None = 0.9,
    **probabilities: float,
) -> Face:
    """Return a face with these probabilities; the other emotions share the rest up to 1.

    Its label is the one in an index without album shares.
    """
    given = {Emotion(name): p for name, p in probabilities.items()}
    rest = [e for e in Emotion if e not in given]
    shares = {e: given.get(e, (1 - sum(given.values())) / max(1, len(rest))) for e in Emotion}
    size = max(box[2:]) / 480  # of the photos that `save` invents
    made = Face(Box(*box), LANDMARKS, 0.9, size, 0.5, shares, nothing, eyes, None, None)
    return LabelRule(EVEN, EVEN).relabelled(made)


def save(
    index: Database,
    path: Path | str,
    faces: Sequence[Face] = (),
    taken_at: str | None = None,
    digest: str | None = None,
    settings: Settings = NOW,
    crops: bytes = b"",
) -> PhotoFile:
    """Store an invented result for a file that need not exist."""
    file = PhotoFile(Path(path), 1000, 2000)
    digest = digest or xxhash.xxh3_128_hexdigest(os.fsencode(path))
    with index.transaction():
        storing.save(
            index,
            file,
            Analysis(
                digest, 640, 480, None if taken_at is None else Taken(taken_at, "DateTimeOriginal"), tuple(faces), crops
            ),
            settings,
        )
    return file


def index_album(
    database: Path,
    *paths: Path,
    listed: Sequence[Path] | None = None,
    exclude: Sequence[str] = (),
    rescan: bool = False,
    executor: executors.Executor | None = None,
) -> report.Report:
    """Run `index` as the command does, with one real worker process unless another executor is passed."""
    with closing(Database(database, create=True)) as index:
        plan = indexing_plan.make_plan(index, paths, listed, exclude, rescan)
        return indexing.run(index, plan, executor or executors.Local(1), lambda: None)


# the program


def environment(**more: str) -> dict[str, str]:
    """Return an environment without user settings, in which Python imports the albumsort under test."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ALBUMSORT_") and k != "NO_COLOR"}
    found = str(Path(albumsort.__file__).parent.parent)
    return {**kept, "PYTHONPATH": found, "ALBUMSORT_WORKERS": "1", **more}  # one worker starts sooner than two


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "albumsort", *map(str, arguments)]


def run(
    *arguments: str | Path, env: dict[str, str] | None = None, stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would; names that are not UTF-8 come back as surrogates."""
    return subprocess.run(
        command(*arguments),
        env=environment(**env or {}),
        input=stdin,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=120,
    )


def start(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the program in its own session, as a terminal does, so that its whole group can be signalled."""
    return subprocess.Popen(
        command(*arguments),
        env=environment(**env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    """Kill a started program with its whole group, so that nothing outlives its test."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def on_a_terminal(*arguments: str | Path, env: dict[str, str] | None = None, typed: str = "") -> tuple[int, str]:
    """Run the program on a terminal of 100 columns; returns the exit code and all output."""
    if pty is None:
        pytest.skip("this system has no pseudo-terminals")
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (40, 100))  # a new terminal has 0 columns
    settings = environment(**{"TERM": "xterm-256color", "COLUMNS": "100", **(env or {})})
    process = subprocess.Popen(
        command(*arguments), env=settings, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    os.write(ours, typed.encode())
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # on Linux: no process has the terminal open any longer
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=60), shown.decode()


def natural_row(tile: int, file: str, use: str, **more: str) -> dict[str, str]:
    """Return a row of a table of natural faces; fields not passed are empty."""
    known = {"sheet": "0", "tile": str(tile), "file": file, "use": use, "draw": "random", "weight": "1"}
    unknown = dict.fromkeys(("labels", "eyes"), "") | {"age": "30-39", "gender": "female", "race": "White"}
    return known | unknown | more


def write_natural(folder: Path, tiles: Sequence[np.ndarray], rows: Sequence[dict[str, str]]) -> Path:
    """Write a folder of natural faces with one sheet of tiles, 20 per row."""
    (folder / "sheets").mkdir(parents=True)
    sheet = np.zeros((96 * (1 + (len(tiles) - 1) // 20), 96 * 20), np.uint8)
    for number, tile in enumerate(tiles):
        y, x = (96 * v for v in divmod(number, 20))
        sheet[y : y + 96, x : x + 96] = tile
    cv2.imwrite(str(folder / "sheets" / "000.webp"), sheet, [cv2.IMWRITE_WEBP_QUALITY, 101])
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def drawn_natural(folder: Path, uses: dict[str, int]) -> Path:
    """Write drawn faces of each use, every other one smiling with closed eyes; `unlabelled` ones are unjudged."""
    random = np.random.default_rng(3)
    tiles, rows = [], []
    for use, count in uses.items():
        for number in range(count):
            smile = number % 2 == 0
            tiles.append(cv2.resize(np.pad(drawn_face(random, smile=smile), 12, "edge"), (96, 96)))
            said = (
                {}
                if use == "unlabelled"
                else {"labels": "happy" if smile else "sad", "eyes": "closed" if smile else "open"}
            )
            age = {"age": "60-69" if number % 3 else "70+"}
            rows.append(natural_row(len(rows), f"{use}-{number}", use, **said, **age))
    return write_natural(folder / "natural", tiles, rows)
