"""Natural faces: ordinary people in ordinary photos, and what viewers say of their expressions and eyes.

The folder holds `faces.csv` and contact sheets `sheets/NNN.webp` of grey tiles, 20 a row, 96 pixels each. A tile shows
1.5 times the classifier's square around the same middle. The faces are FairFace's (Karkkainen and Joo, 2021), with
age, gender and race as that set gives them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ...emotions import EYES, NO_FACE, resized
from ...errors import AlbumsortError
from ...types import Emotion
from ..common.arrays import Floats, Ints, Pixels
from .data import Head

EXPRESSIONS = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "other", "unclear", NO_FACE)
"""What a viewer can say of a face: one of the seven emotions, or one of NOTHING."""
OF_FACES = EXPRESSIONS[:-1]
"""All but what is no face."""
NOTHING = ("other", "unclear", NO_FACE)
"""Another expression, a face that cannot be read, no human face."""
NATURAL_HEAD, EYES_HEAD = Head("natural", EXPRESSIONS), Head("eyes", EYES)
TILE, ACROSS = 96, 20  # pixels of a tile's side; tiles in a row of a sheet
SQUARE = 64  # pixels of a tile's middle that are the classifier's square
COLUMNS = ("sheet", "tile", "file", "use", "weight", "labels", "eyes", "age", "gender", "race")
JUDGED_COLUMNS = ("file", "label", "eyes")

Texts = npt.NDArray[np.str_]


class Use(StrEnum):
    """What a face is there for: learning, choosing, reporting, or learning without a label."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class NaturalFaces:
    """Tiles and what is known of them, row by row.

    tiles: (n, 96, 96) grey, 0-255. expressions: (n, 10) how many viewers said each of EXPRESSIONS; eyes: (n, 3) the
    same of EYES; zeros where nobody looked. weight: (n,) how many faces of the natural population one stands for, 0
    where unknown. file, use, age, gender, race: (n,) words.
    """

    tiles: Pixels
    expressions: Floats
    eyes: Floats
    weight: Floats
    file: Texts
    use: Texts
    age: Texts
    gender: Texts
    race: Texts

    def __len__(self) -> int:
        return len(self.tiles)

    def where(self, keep: npt.NDArray[np.bool_]) -> NaturalFaces:
        """Only the faces for which `keep` (n,) is true."""
        return NaturalFaces(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})

    def of(self, *uses: Use) -> NaturalFaces:
        """Only the faces with one of these uses."""
        return self.where(np.isin(self.use, uses))

    def squares(self, side: int) -> Pixels:
        """(n, side, side): the classifier's square of each tile."""
        return squares(self.tiles, SQUARE, side)


def squares(images: Pixels, square: int, side: int) -> Pixels:
    """Cut the middle `square` pixels of (n, s, s) images and resize them to (n, side, side)."""
    edge = (images.shape[1] - square) // 2
    return resized(np.ascontiguousarray(images[:, edge : edge + square, edge : edge + square]), side)


def no_tiles() -> Pixels:
    """(0, 96, 96)."""
    return np.empty((0, TILE, TILE), np.uint8)


def majority(votes: Floats) -> Ints:
    """(n,) the column with more than half of the votes, -1 where there is none."""
    winner = votes.argmax(axis=1)
    return np.where(votes.max(axis=1) * 2 > votes.sum(axis=1), winner, -1).astype(np.int64)


def agreed(expressions: Floats) -> Ints:
    """(n,) index into Emotion of what most viewers said, -1 where that is one of NOTHING or nothing.

    expressions: (n, 10) votes over EXPRESSIONS.
    """
    emotions = list(Emotion)
    index = [emotions.index(Emotion(name)) if name not in NOTHING else -1 for name in EXPRESSIONS]
    return np.array([*index, -1])[majority(expressions)].astype(np.int64)


def load(folder: Path, judged: Sequence[Path] = ()) -> NaturalFaces:
    """Read the folder; judged: CSVs `file,label,eyes` of further viewers' verdicts, several on a face if need be.

    Faces that had none become faces to learn from. Raises AlbumsortError if a file is not of the expected form, or a
    verdict is about a face to choose by or to report on.
    """
    rows = read_rows(folder / "faces.csv", COLUMNS)
    try:
        tiles = _tiles(folder / "sheets", rows, folder / "faces.csv")
    except ValueError as e:
        raise AlbumsortError(f"{folder / 'faces.csv'}: {e}") from e
    learnt = {row["file"]: row for row in rows if row["use"] in (Use.TRAIN, Use.UNLABELLED)}
    for listing in judged:
        for verdict in read_rows(listing, JUDGED_COLUMNS):
            if verdict["file"] not in learnt:
                raise AlbumsortError(f"{listing} judges {verdict['file']}, which is not among the faces to learn from")
            row = learnt[verdict["file"]]
            labels, eyes = f"{row['labels']} {verdict['label']}", f"{row['eyes']} {verdict['eyes']}"
            row |= {"use": Use.TRAIN.value, "labels": labels, "eyes": eyes}
    try:
        return NaturalFaces(
            tiles=tiles,
            expressions=votes([row["labels"] for row in rows], EXPRESSIONS),
            eyes=votes([row["eyes"] for row in rows], EYES),
            weight=np.array([float(row["weight"] or 0) for row in rows], np.float32),
            **{name: np.array([row[name] for row in rows]) for name in ("file", "use", "age", "gender", "race")},
        )
    except ValueError as e:
        raise AlbumsortError(f"{folder / 'faces.csv'} or what was judged besides: {e}") from e


def join(parts: Sequence[NaturalFaces]) -> NaturalFaces:
    """Return the faces of all parts, one after the other."""
    names = parts[0].__dataclass_fields__
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV; raises AlbumsortError if it cannot be read or lacks a column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise AlbumsortError(f"cannot read {path}: {e}") from e
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        raise AlbumsortError(f"{path} has no column {', '.join(missing)}")
    short = next((number for number, row in enumerate(rows, 1) if any(row[name] is None for name in columns)), None)
    if short is not None:
        raise AlbumsortError(f"{path}: row {short} is too short")
    return rows


def _tiles(sheets: Path, rows: Sequence[dict[str, str]], listing: Path) -> Pixels:
    opened: dict[str, Pixels] = {}
    tiles = np.empty((len(rows), TILE, TILE), np.uint8)
    for number, row in enumerate(rows):
        if row["sheet"] not in opened:
            path = sheets / f"{int(row['sheet']):03d}.webp"
            data = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
            sheet = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None
            if sheet is None:
                raise AlbumsortError(f"cannot read {path}, which {listing} names")
            opened[row["sheet"]] = np.asarray(sheet, np.uint8)
        y, x = (TILE * v for v in divmod(int(row["tile"]), ACROSS))
        tile = opened[row["sheet"]][y : y + TILE, x : x + TILE]
        if tile.shape != (TILE, TILE):
            raise AlbumsortError(f"{listing}: row {number + 1} names a tile outside of its sheet")
        tiles[number] = tile
    return tiles


def votes(said: Sequence[str], labels: Sequence[str]) -> Floats:
    """(n, labels) how often each label stands in each text of words; raises ValueError for any other word."""
    counts = np.zeros((len(said), len(labels)), np.float32)
    for row, text in zip(counts, said, strict=True):
        for word in text.split():
            if word not in labels:
                raise ValueError(f"a viewer said {word!r}; choose from {', '.join(labels)}")
            row[labels.index(word)] += 1
    return counts
