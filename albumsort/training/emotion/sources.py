"""Sources of labelled faces: FER2013's CSV, image folders, a competition's CSV.

Every source gives the three splits of FER2013: Training to train on, PublicTest to validate, PrivateTest to report.
Synonyms of an emotion become its name.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from ...errors import AlbumsortError, UsageError
from ...types import Emotion
from ..common.arrays import Ints, Pixels
from .data import FER2013_LABELS, SIDE, USAGES, VOTE_COLUMNS, LabelledFaces, without_leaks

PIXEL_COLUMNS = tuple(f"pixel_{i}" for i in range(SIDE * SIDE))
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".tif", ".tiff")
SPLIT_FOLDERS = {
    "train": "Training",
    "training": "Training",
    "val": "PublicTest",
    "valid": "PublicTest",
    "validation": "PublicTest",
    "publictest": "PublicTest",
    "test": "PrivateTest",
    "testing": "PrivateTest",
    "privatetest": "PrivateTest",
}
HELD_OUT = 0.1  # share of the training faces, if a source has no validation split
_PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def load(data: Path, votes: Path | None = None) -> dict[str, LabelledFaces]:
    """Read a source and return its three leak-free splits; a split that the source lacks is empty.

    data: a CSV of FER2013 (`emotion,pixels,Usage`) or of a competition (`emotion,pixel_0,...`), plain or compressed, or
    a folder of `split/class/*.jpg`. votes: the FER+ file, for FER2013 only. Without a validation split, a tenth of the
    training faces, drawn by a fixed seed, becomes PublicTest. Raises AlbumsortError if a file has another form.
    """
    if data.is_dir():
        splits = load_folders(data)
    elif "pixels" in _header(data):
        splits = load_fer2013(data, votes)
    else:
        faces, _ = load_competition(data)
        splits = {"Training": faces, "PublicTest": faces.where(_none(faces)), "PrivateTest": faces.where(_none(faces))}
    if votes is not None and not any(len(s) and s.votes.any() for s in splits.values()):
        raise UsageError(f"{votes} holds votes on FER2013's faces; {data} is another data set")
    if not len(splits["PublicTest"]):
        training = splits["Training"]
        held = np.random.default_rng(0).permutation(len(training)) < HELD_OUT * len(training)
        splits |= {"Training": training.where(~held), "PublicTest": training.where(held)}
    if not len(splits["Training"]) and not len(splits["PrivateTest"]):
        raise AlbumsortError(f"{data} holds no labelled faces")
    return without_leaks(splits)


def _none(faces: LabelledFaces) -> Any:
    return np.zeros(len(faces), np.bool_)


def load_fer2013(faces_csv: Path, votes_csv: Path | None) -> dict[str, LabelledFaces]:
    """Read FER2013, and optionally FER+, and return the splits by usage; blank (constant) images are left out.

    Raises AlbumsortError if a file has another form or the two do not belong together.
    """
    pixels: list[Pixels] = []
    label: list[int] = []
    usage: list[str] = []
    for number, row in enumerate(_rows(faces_csv, ("emotion", "pixels", "Usage")), 1):
        try:
            face, emotion = np.array((row["pixels"] or "").split(), dtype=np.uint8), int(row["emotion"])
        except (OverflowError, TypeError, ValueError) as e:
            raise AlbumsortError(f"{faces_csv}: row {number} has a pixel or a label that is no valid number") from e
        if face.size != SIDE * SIDE:
            raise AlbumsortError(f"{faces_csv}: row {number} has {face.size} pixels, not {SIDE * SIDE}")
        if not 0 <= emotion < len(FER2013_LABELS):
            raise AlbumsortError(
                f"{faces_csv}: row {number} has the label {emotion}, not 0 to {len(FER2013_LABELS) - 1}"
            )
        if row["Usage"] not in USAGES:
            raise AlbumsortError(f"{faces_csv}: row {number} has no split; Usage must be one of {', '.join(USAGES)}")
        pixels.append(face.reshape(SIDE, SIDE))
        label.append(emotion)
        usage.append(row["Usage"])
    if not pixels:
        raise AlbumsortError(f"{faces_csv} holds no faces")
    everything = LabelledFaces.unvoted(np.stack(pixels), np.array(label))
    if votes_csv is not None:
        votes = _votes(votes_csv)
        if len(votes) != len(pixels):
            raise AlbumsortError(
                f"{votes_csv} has {len(votes)} rows, {faces_csv} has {len(pixels)}: not the same data set"
            )
        everything = LabelledFaces(everything.pixels, everything.label, np.array(votes, np.float32))
    blank = everything.pixels.reshape(len(pixels), -1).std(axis=1) == 0
    return {u: everything.where((np.array(usage) == u) & ~blank) for u in USAGES}


def _votes(votes_csv: Path) -> list[list[float]]:
    votes: list[list[float]] = []
    for number, row in enumerate(_rows(votes_csv, VOTE_COLUMNS), 1):
        try:
            votes.append([float(row[c]) for c in VOTE_COLUMNS])
        except (TypeError, ValueError) as e:
            raise AlbumsortError(f"{votes_csv}: row {number} has a vote that is no number") from e
    return votes


def load_folders(folder: Path) -> dict[str, LabelledFaces]:
    """Read `split/class/*.jpg`: images of one face each, of any size; they become 48x48 grey.

    Raises AlbumsortError if there are no such folders, or an image cannot be read.
    """
    found: dict[str, list[tuple[Path, str]]] = {u: [] for u in USAGES}
    for split in sorted(p for p in folder.iterdir() if p.is_dir()):
        usage = SPLIT_FOLDERS.get(split.name.lower())
        if usage is None:
            raise AlbumsortError(f"{split} is not named after a split; use train, validation and test")
        for kind in sorted(p for p in split.iterdir() if p.is_dir()):
            files = sorted(p for p in kind.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
            found[usage] += [(file, canonical(kind.name)) for file in files]
    labels = ordered({name for files in found.values() for _, name in files})
    if not labels:
        raise AlbumsortError(f"{folder} holds no images named split/class/*.jpg, like train/happy/1.jpg")
    return {
        usage: LabelledFaces.unvoted(
            np.array([_grey(file) for file, _ in files], np.uint8).reshape(-1, SIDE, SIDE),
            np.array([labels.index(name) for _, name in files], np.int64),
            labels,
        )
        for usage, files in found.items()
    }


def load_competition(data: Path, labelled: bool = True) -> tuple[LabelledFaces, list[str]]:
    """Read `emotion,pixel_0,...,pixel_2303` with words as labels; return the faces and the words as spelled.

    labelled: whether to read the column `emotion`; if not, the labels are -1 and the list of words is empty. Raises
    AlbumsortError if the file has another form.
    """
    words: list[str] = []
    pixels: list[Pixels] = []
    for row in _rows(data, (("emotion",) if labelled else ()) + PIXEL_COLUMNS):
        try:
            values = np.array([float(row[c]) for c in PIXEL_COLUMNS])
        except (TypeError, ValueError) as e:
            raise AlbumsortError(f"{data}: row {len(pixels) + 1} has a pixel that is no number") from e
        pixels.append(np.clip(np.rint(values), 0, 255).astype(np.uint8).reshape(SIDE, SIDE))
        if labelled:
            words.append(row["emotion"].strip())
    if not pixels:
        raise AlbumsortError(f"{data} holds no faces")
    names = [canonical(word) for word in words]
    labels = ordered(set(names))
    label: Ints = np.array([labels.index(n) for n in names] if labelled else [-1] * len(pixels), np.int64)
    return LabelledFaces.unvoted(np.stack(pixels), label, labels), words


def canonical(label: str) -> str:
    """Return the emotion that a label names, by word or FER2013 number; other words are returned in lower case."""
    word = label.strip().lower()
    if word.isdigit() and int(word) < len(FER2013_LABELS):
        return FER2013_LABELS[int(word)]
    try:
        return Emotion.parse(word).value
    except UsageError:
        return word


def ordered(labels: set[str]) -> tuple[str, ...]:
    """Return the labels of FER2013 in its order, then all others in alphabetical order."""
    known = [name for name in FER2013_LABELS if name in labels]
    return (*known, *sorted(labels - set(known)))


def _grey(file: Path) -> Pixels:
    image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE) if file.stat().st_size else None
    if image is None:
        raise AlbumsortError(f"cannot read {file}: it is no image or is damaged; remove it from the folder")
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        reader = csv.DictReader(_text(path, stack))
        missing = sorted(set(columns) - set(reader.fieldnames or ()))
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise AlbumsortError(f"{path} has no column {', '.join(missing[:3])}{more}")
        try:
            yield from reader
        except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError, csv.Error) as e:
            raise AlbumsortError(f"cannot read {path}: it is damaged or no CSV ({e})") from e


def _header(path: Path) -> list[str]:
    with ExitStack() as stack:
        return list(csv.DictReader(_text(path, stack)).fieldnames or ())


def _text(path: Path, stack: ExitStack) -> IO[str]:
    """Open a CSV as text, plain, compressed or in an archive; an archive must hold one CSV or a fer2013.csv."""
    try:
        if zipfile.is_zipfile(path):
            pack = stack.enter_context(zipfile.ZipFile(path))
            content: IO[bytes] = pack.open(_csv_among(path, pack.namelist()))
        elif tarfile.is_tarfile(path):
            tar = stack.enter_context(tarfile.open(path))  # noqa: SIM115
            member = tar.extractfile(_csv_among(path, tar.getnames()))
            assert member is not None  # its name ends with .csv, so it is a file
            content = member
        elif path.suffix in _PACKED:
            content = _PACKED[path.suffix](path)
        else:
            content = path.open("rb")
        stack.callback(content.close)
        return stack.enter_context(io.TextIOWrapper(content, encoding="utf-8-sig", newline=""))
    except OSError as e:
        raise AlbumsortError(f"cannot read {path}: {e.strerror or e}") from e


def _csv_among(path: Path, names: list[str]) -> str:
    tables = [name for name in names if name.lower().endswith(".csv")]
    chosen = [name for name in tables if name.rpartition("/")[2].lower() == "fer2013.csv"] or tables
    if len(chosen) != 1:
        raise AlbumsortError(f"{path} holds {len(chosen)} CSV files; unpack it and name one of them")
    return chosen[0]
