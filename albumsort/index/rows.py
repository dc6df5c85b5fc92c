"""Convert rows of the index to photos and faces, and faces to rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from ..choosing.labels import LabelRule
from ..types import THRESHOLD, Box, Emotion, Expression, Face, Kind, Photo


class PhotoRow(NamedTuple):
    """The selected columns of a photo, in the order of OF_PHOTO."""

    path: bytes
    width: int
    height: int
    taken_at: str | None
    taken_from: str | None
    digest: str
    content: int
    moment: int | None


class FaceRow(NamedTuple):
    """The columns of a face, without its content and number."""

    x: float
    y: float
    w: float
    h: float
    landmarks: str
    detection: float
    size: float
    sharpness: float | None
    anger: float
    happy: float
    sad: float
    neutral: float
    surprise: float
    fear: float
    disgust: float
    nothing: float | None
    eyes: float | None
    matters: bool


_OF_FILE = "path", "content", "taken_at", "taken_from", "moment"
OF_PHOTO = ", ".join(f"{'p' if column in _OF_FILE else 'c'}.{column}" for column in PhotoRow._fields)
OF_FACE = ", ".join(f'f."{column}"' for column in FaceRow._fields)
path_of_row = itemgetter(PhotoRow._fields.index("path"))
"""Return the path of a row that begins with OF_PHOTO."""
probabilities_of_row = attrgetter(*Emotion)


def row_of_face(face: Face) -> FaceRow:
    """Return the row of a face."""
    box = face.box
    return FaceRow(
        x=box.x,
        y=box.y,
        w=box.w,
        h=box.h,
        landmarks=json.dumps([[round(x, 2), round(y, 2)] for x, y in face.landmarks]),
        detection=face.detection,
        size=face.size,
        sharpness=face.sharpness,
        **{e.value: face.probabilities[e] for e in Emotion},
        nothing=face.nothing,
        eyes=face.eyes,
        matters=face.matters,
    )


def values_of_expression(content: int, number: int, shown: Expression) -> dict[str, Any]:
    """Return the values for updating the expression of a stored face."""
    values: dict[str, Any] = {e.value: shown.probabilities[e] for e in Emotion}
    return {**values, "nothing": shown.nothing, "eyes": shown.eyes, "content": content, "number": number}


def face_of_row(row: FaceRow, rule: LabelRule) -> Face:
    """Return a face, labelled by a rule."""
    landmarks = tuple((float(x), float(y)) for x, y in json.loads(row.landmarks))
    box = Box(row.x, row.y, row.w, row.h)
    probabilities, nothing = dict(zip(Emotion, probabilities_of_row(row), strict=True)), row.nothing or 0.0
    label, sure = rule.label(probabilities, nothing)
    quality = row.detection, row.size, row.sharpness
    matters = bool(row.matters) or row.detection < THRESHOLD  # as `conditions.PEOPLE`
    return Face(box, landmarks, *quality, probabilities, nothing, row.eyes, label, sure, matters)


def photo_and_faces(lines: Sequence[tuple[Any, ...]]) -> tuple[PhotoRow, list[FaceRow]]:
    """Return a photo and its faces from rows selected as OF_PHOTO and OF_FACE (NULL if it has no face)."""
    end = len(PhotoRow._fields)
    faces = [FaceRow._make(line[end:]) for line in lines]
    return PhotoRow._make(lines[0][:end]), [face for face in faces if face.landmarks is not None]


def photo_of_row(
    path: Path,
    row: PhotoRow,
    faces: tuple[Face, ...],
    score: float | None = None,
    emotion: Emotion | None = None,
    also: tuple[Path, ...] = (),
    marked: Emotion | Kind | None = None,
) -> Photo:
    """Return a photo."""
    time = row.taken_at, row.taken_from
    return Photo(path, row.width, row.height, *time, row.digest, faces, score, emotion, also, row.moment, marked)
