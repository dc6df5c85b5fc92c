"""The photos to train and measure a face detector on: labelled once, stored as pixels, split by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from ...errors import PhotoError, UsageError
from ...faces.resize import Pixels
from ...faces.rows import SCORE, Floats
from ...photos import decode
from ...photos import read as photo_read
from ...photos.walk import Walk, find
from ..common import shards
from . import reviews as face_reviews
from .labels import FACE, UNSURE, Teacher, label, ruled_out, with_boxes
from .reviews import Review

LONGEST_SIDE = 800
PHOTOS_A_PART = 64
REVIEWED = "reviewed.csv"  # a reviewer's verdicts, in the folder of the labels
VALIDATION, HELD_OUT = 0.08, 0.20  # of the range of hashes: below the first, and between the two
EMPTY_SOURCE = 0.5  # least share of empty photos at which a source's empty photos are trusted
RARE_FACE = 0.7  # least score of a face in such a source: below it, half are cats, lamps and shadows


@dataclass(frozen=True)
class Drawn:
    """A photo to label; boxes: (n, 4) drawn by people, in upright pixels, or None without drawn boxes."""

    path: Path
    boxes: Floats | None = None


class Split(StrEnum):
    """The use of a photo."""

    TRAINING = "training"
    VALIDATION = "validation"
    """For the calibration."""
    HELD_OUT = "held out"
    """Photos without a face, only for the final figures."""
    UNUSED = "unused"
    """Photos in which the teacher may have missed a face."""


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo, at most LONGEST_SIDE pixels long, and the rows of its faces in the same pixels.

    faces: seen by the teacher or a reviewer, and places that a reviewer ruled out, with score 0. source: the first
    letters of the name, which photos of one origin often share.
    """

    name: str
    source: str
    pixels: Pixels
    faces: Floats
    split: Split

    @property
    def sure(self) -> Floats:
        """The certain faces."""
        return self.faces[self.faces[:, SCORE] >= FACE]

    @property
    def seen(self) -> Floats:
        """The certain and the possible faces."""
        return self.faces[~ruled_out(self.faces)]

    @property
    def empty(self) -> bool:
        """Whether it has no certain or possible face."""
        return len(self.seen) == 0


def gather(folders: Sequence[Path], boxes: Path | None, sets: Sequence[str]) -> list[Drawn]:
    """Return the photos of the folders and of these sets of a boxes.json; raises UsageError if there are none."""
    found = [Drawn(file.path) for folder in folders for file in find(folder, (), Walk())]
    if boxes is not None:
        listing = boxes / "boxes.json"
        if not listing.is_file():
            raise UsageError(f"{boxes} has no boxes.json")
        for entry in json.loads(listing.read_text(encoding="utf-8")):
            if entry["set"] in sets:
                drawn = np.array([*entry["boxes"]], np.float32).reshape(-1, 4)
                found.append(Drawn(boxes / entry["file"], drawn))
    if not found:
        raise UsageError("the folders hold no photo to train on")
    return sorted(found, key=lambda d: (d.boxes is None, d.path.name))  # independent of the folders' places


@dataclass(frozen=True)
class Labelling:
    """The work of one part of the photos; make_teacher: pickled, called once per part."""

    make_teacher: Callable[[], Teacher]

    def __call__(self, part: Sequence[Drawn]) -> shards.Arrays:
        cv2.setNumThreads(1)
        teacher = self.make_teacher()
        names: list[str] = []
        sizes, pixels, faces = [], [], []
        for drawn in part:
            try:
                upright = decode.decode(photo_read.read(drawn.path))
            except PhotoError:
                continue
            height, width = upright.pixels.shape[:2]
            shrink = min(1.0, LONGEST_SIDE / max(height, width))
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            small = np.asarray(cv2.resize(upright.pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
            rows = label(teacher, small)
            if drawn.boxes is not None:
                scale = size[0] / upright.width
                rows = with_boxes(rows, drawn.boxes * np.float32(scale))
            faces.append(np.column_stack([np.full(len(rows), len(names)), rows]))
            names.append(drawn.path.name)
            sizes.append(size[::-1])
            pixels.append(small.ravel())
        return {
            "names": np.array(names, np.str_),
            "sizes": np.array(sizes, np.int64).reshape(-1, 2),
            "pixels": np.concatenate([np.empty(0, np.uint8), *pixels]),
            "faces": np.concatenate([np.empty((0, 16)), *faces]).astype(np.float32),
        }


def label_all(drawn: Sequence[Drawn], make_teacher: Callable[[], Teacher], folder: Path) -> None:
    """Label the photos into a folder, or resume; unreadable photos are skipped."""
    parts = [drawn[i : i + PHOTOS_A_PART] for i in range(0, len(drawn), PHOTOS_A_PART)]
    shards.make(folder, parts, Labelling(make_teacher), "labels")


def read(folder: Path) -> list[LabelledPhoto]:
    """Return the labelled photos of a folder, corrected by a review if the folder has one; the pixels stay on disk.

    A review changes the faces, but not which photos are for validation or held out. A photo with a confirmed face, or
    with the verdict "empty", is trained on. If the review rules out all faces of a photo, it is unused: the teacher
    may have missed one. Raises UsageError if the review cannot be read.
    """
    reviews = face_reviews.read(folder / REVIEWED) if (folder / REVIEWED).exists() else {}
    labelled = [item for part in shards.read(folder) for item in _of_part(part)]
    photos_of = Counter(_source(name) for name, _, _ in labelled)
    empty_of = Counter(_source(name) for name, _, faces in labelled if not len(faces))
    trusted = {source for source, n in photos_of.items() if empty_of[source] >= EMPTY_SOURCE * n}
    read = []
    for name, pixels, faces in labelled:
        source = _source(name)
        if source in trusted:
            faces[faces[:, SCORE] < RARE_FACE, SCORE] = UNSURE
        split = _split(name, len(faces) == 0, source in trusted)
        review = reviews.get(name, Review())
        faces = review.correct(faces)
        if source not in trusted and split in (Split.TRAINING, Split.UNUSED):
            known = review.empty or not ruled_out(faces).all()
            split = Split.TRAINING if known else Split.UNUSED
        read.append(LabelledPhoto(name, source, pixels, faces, split))
    return read


def of_split(labelled: Sequence[LabelledPhoto], split: Split) -> list[LabelledPhoto]:
    """Return the photos of one split."""
    return [photo for photo in labelled if photo.split is split]


def _of_part(part: shards.Arrays) -> Iterator[tuple[str, Pixels, Floats]]:
    start = 0
    for i, (name, (height, width)) in enumerate(zip(part["names"], part["sizes"], strict=True)):
        end = start + int(height) * int(width) * 3
        rows = part["faces"]
        yield str(name), part["pixels"][start:end].reshape(height, width, 3), np.array(rows[rows[:, 0] == i, 1:])
        start = end


def _source(name: str) -> str:
    letters = re.match(r"[^\W\d_]*", name)
    return letters.group() if letters else ""


def _split(name: str, empty: bool, trusted: bool) -> Split:
    """Return the split by a hash of the name, so that other photos do not change it."""
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    if empty and not trusted:
        return Split.UNUSED
    if share < VALIDATION:
        return Split.VALIDATION
    return Split.HELD_OUT if empty and share < HELD_OUT else Split.TRAINING
