"""Natural faces: ordinary people in ordinary photos, with viewers' verdicts on their expressions and eyes.

The folder holds `faces.csv` and contact sheets `sheets/NNN.webp` of grey tiles, 20 a row, 96 pixels each. A tile shows
1.5 times the classifier's square around the same centre. The faces come from FairFace (Karkkainen and Joo, 2021), with
that set's age, gender and race.
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
"""The possible verdicts of a viewer: one of the seven emotions, or one of NOTHING."""
OF_FACES = EXPRESSIONS[:-1]
"""All verdicts except "no face"."""
NOTHING = ("other", "unclear", NO_FACE)
"""Another expression, no readable expression, no human face."""
NATURAL_HEAD, EYES_HEAD = Head("natural", EXPRESSIONS), Head("eyes", EYES)
TILE, ACROSS = 96, 20  # pixels of a tile's side; tiles in a row of a sheet
SQUARE = 64  # side in pixels of the middle of a tile that is the classifier's square
COLUMNS = ("sheet", "tile", "file", "use", "weight", "labels", "eyes", "age", "gender", "race")
JUDGED_COLUMNS = ("file", "label", "eyes")

Texts = npt.NDArray[np.str_]


class Use(StrEnum):
    """The use of a face: training, validation, test, or training without a label."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class NaturalFaces:
    """Tiles with their verdicts and attributes, row by row.

    tiles: (n, 96, 96) grey, 0-255. expressions: (n, 10) number of viewers for each of EXPRESSIONS; eyes: (n, 3) the
    same for EYES; zeros without verdicts. weight: (n,) number of faces of the natural population that each represents,
    0 if unknown. file, use, age, gender, race: (n,) texts.
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
        """Return the faces for which `keep` (n,) is true."""
        return NaturalFaces(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})

    def of(self, *uses: Use) -> NaturalFaces:
        """Return the faces with one of these uses."""
        return self.where(np.isin(self.use, uses))

    def squares(self, side: int) -> Pixels:
        """Return (n, side, side): the classifier's square of each tile."""
        return squares(self.tiles, SQUARE, side)


def squares(images: Pixels, square: int, side: int) -> Pixels:
    """Cut the middle `square` pixels of (n, s, s) images and resize them to (n, side, side)."""
    edge = (images.shape[1] - square) // 2
    return resized(np.ascontiguousarray(images[:, edge : edge + square, edge : edge + square]), side)


def no_tiles() -> Pixels:
    """Return an empty array of tiles, (0, 96, 96)."""
    return np.empty((0, TILE, TILE), np.uint8)


def majority(votes: Floats) -> Ints:
    """Return (n,) the column with more than half of the votes, -1 without one."""
    winner = votes.argmax(axis=1)
    return np.where(votes.max(axis=1) * 2 > votes.sum(axis=1), winner, -1).astype(np.int64)


def agreed(expressions: Floats) -> Ints:
    """Return (n,) the viewers' majority as an index into Emotion, -1 if it is one of NOTHING or there is none.

    expressions: (n, 10) votes over EXPRESSIONS.
    """
    emotions = list(Emotion)
    index = [emotions.index(Emotion(name)) if name not in NOTHING else -1 for name in EXPRESSIONS]
    return np.array([*index, -1])[majority(expressions)].astype(np.int64)


def load(folder: Path, judged: Sequence[Path] = ()) -> NaturalFaces:
    """Read the folder; judged: CSVs `file,label,eyes` of more verdicts, with any number of rows per face.

    Unlabelled faces with a verdict become training faces. Raises AlbumsortError if a file has another form, or if a
    verdict is about a validation or test face.
    """
    rows = read_rows(folder / "faces.csv", COLUMNS)
    try:
        tiles = _tiles(folder / "sheets", rows, folder / "faces.csv")
    except ValueError as e:
        raise AlbumsortError(f"{folder / 'faces.csv'}: {e}") from e
    trainable = {row["file"]: row for row in rows if row["use"] in (Use.TRAIN, Use.UNLABELLED)}
    for listing in judged:
        for verdict in read_rows(listing, JUDGED_COLUMNS):
            if verdict["file"] not in trainable:
                raise AlbumsortError(f"{listing} judges {verdict['file']}, which is not a training face")
            row = trainable[verdict["file"]]
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
        raise AlbumsortError(f"{folder / 'faces.csv'} or a CSV of --judged: {e}") from e


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
                raise AlbumsortError(f"cannot read {path}, a sheet that {listing} needs")
            opened[row["sheet"]] = np.asarray(sheet, np.uint8)
        y, x = (TILE * v for v in divmod(int(row["tile"]), ACROSS))
        tile = opened[row["sheet"]][y : y + TILE, x : x + TILE]
        if tile.shape != (TILE, TILE):
            raise AlbumsortError(f"{listing}: row {number + 1} names a tile outside its sheet")
        tiles[number] = tile
    return tiles


def votes(texts: Sequence[str], labels: Sequence[str]) -> Floats:
    """Return (n, labels) counts of each label in each text; raises ValueError for any other word."""
    counts = np.zeros((len(texts), len(labels)), np.float32)
    for row, text in zip(counts, texts, strict=True):
        for word in text.split():
            if word not in labels:
                raise ValueError(f"{word!r} is no verdict; choose from {', '.join(labels)}")
            row[labels.index(word)] += 1
    return counts
