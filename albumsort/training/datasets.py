"""FER2013 with its FER+ votes: reading, and a split without leaks.

FER2013 (Goodfellow et al., 2013) is a CSV of 35,887 grey 48x48 faces with one of seven labels each.
FER+ (Barsoum et al., 2016) gives, row by row for the same file, ten taggers' votes over eight
expressions, "unknown" and "not a face".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import AlbumsortError

FER2013_LABELS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FERPLUS_LABELS = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "contempt")
VOTE_COLUMNS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
USAGES = ("Training", "PublicTest", "PrivateTest")
SIDE = 48
NEAR_DUPLICATE = 0.95

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelledFaces:
    """Faces of one split.

    pixels: (n, 48, 48) grey, 0-255. label: (n,) index into FER2013_LABELS, -1 where there is none.
    votes: (n, 10) FER+ vote counts in the order of VOTE_COLUMNS, all zero where there are none.
    """

    pixels: Pixels
    label: Ints
    votes: Floats

    def __len__(self) -> int:
        return len(self.pixels)

    def __add__(self, other: LabelledFaces) -> LabelledFaces:
        return LabelledFaces(
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.votes, other.votes]),
        )

    def where(self, keep: npt.NDArray[np.bool_]) -> LabelledFaces:
        """Only the faces for which `keep` (n,) is true."""
        return LabelledFaces(self.pixels[keep], self.label[keep], self.votes[keep])


def load_fer2013(faces_csv: Path, votes_csv: Path) -> dict[str, LabelledFaces]:
    """Read both files and return the splits by their usage name, constant (blank) images left out.

    Raises AlbumsortError if a file is not of the expected form or the two do not belong together.
    """
    pixels: list[Pixels] = []
    label: list[int] = []
    usage: list[str] = []
    for row in _rows(faces_csv, ("emotion", "pixels", "Usage")):
        face = np.array(row["pixels"].split(), dtype=np.uint8)
        if face.size != SIDE * SIDE:
            raise AlbumsortError(f"{faces_csv}: row {len(pixels) + 1} has {face.size} pixels, not {SIDE * SIDE}")
        pixels.append(face.reshape(SIDE, SIDE))
        label.append(int(row["emotion"]))
        usage.append(row["Usage"])
    votes = [[float(row[c]) for c in VOTE_COLUMNS] for row in _rows(votes_csv, VOTE_COLUMNS)]
    if len(votes) != len(pixels):
        raise AlbumsortError(f"{votes_csv} has {len(votes)} rows, {faces_csv} has {len(pixels)}: not the same data set")
    everything = LabelledFaces(np.stack(pixels), np.array(label), np.array(votes, np.float32))
    blank = everything.pixels.reshape(len(pixels), -1).std(axis=1) == 0
    return {u: everything.where((np.array(usage) == u) & ~blank) for u in USAGES}


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise AlbumsortError(f"{path} has no column {', '.join(sorted(missing))}")
            yield from reader
    except OSError as e:
        raise AlbumsortError(f"cannot read {path}: {e.strerror}") from e


def without_leaks(splits: dict[str, LabelledFaces]) -> dict[str, LabelledFaces]:
    """The same splits, with no face of an earlier one standing (nearly) the same in a later one.

    Training loses what is in PublicTest or PrivateTest, PublicTest what is in PrivateTest, so that
    neither fitting nor choosing ever sees a reported face; PrivateTest stays whole.
    """
    train, public, private = (splits[u] for u in USAGES)
    public_clean = public.where(~near_duplicates(public.pixels, private.pixels))
    leaked = near_duplicates(train.pixels, np.concatenate([public.pixels, private.pixels]))
    return {"Training": train.where(~leaked), "PublicTest": public_clean, "PrivateTest": private}


def near_duplicates(faces: Pixels, others: Pixels) -> npt.NDArray[np.bool_]:
    """(n,) true where a face, or its mirror image, correlates by more than .95 with one of `others`."""
    target = _normalised(others)
    found = np.zeros(len(faces), np.bool_)
    for start in range(0, len(faces), 2048):
        part = faces[start : start + 2048]
        for view in (part, part[:, :, ::-1]):
            found[start : start + 2048] |= (_normalised(view) @ target.T).max(axis=1, initial=-1.0) > NEAR_DUPLICATE
    return found


def _normalised(faces: Pixels) -> Floats:
    """Rows of zero mean and unit length, from the faces at half size: a quarter of the work."""
    small = np.stack([cv2.resize(f, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA) for f in faces])
    rows: Floats = small.reshape(len(faces), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def vote_shares(votes: Floats) -> Floats:
    """(n, 8) shares of the votes over FERPLUS_LABELS; zeros where a face has no verdict to learn from.

    Single votes are dropped as noise, as FER+'s authors do. A face whose winner is "unknown" or
    "not a face" has no verdict.
    """
    kept = np.where(votes > 1, votes, 0)
    expressions = kept[:, : len(FERPLUS_LABELS)]
    valid = (expressions.max(axis=1) > 0) & (kept[:, len(FERPLUS_LABELS) :].max(axis=1) < expressions.max(axis=1))
    total = np.maximum(expressions.sum(axis=1, keepdims=True), 1)
    shares: Floats = np.where(valid[:, None], expressions / total, 0).astype(np.float32)
    return shares


def ferplus_majority(votes: Floats) -> Ints:
    """(n,) index into FERPLUS_LABELS by the rule of FER+'s authors, -1 where a face is left out of the test.

    Single votes are dropped; the winner must hold more than half of what is left and be an expression.
    """
    kept = np.where(votes > 1, votes, 0)
    winner = kept.argmax(axis=1)
    clear = kept.max(axis=1) > 0.5 * np.maximum(kept.sum(axis=1), 1)
    return np.where(clear & (winner < len(FERPLUS_LABELS)), winner, -1).astype(np.int64)
