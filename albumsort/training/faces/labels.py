"""Where the faces of a photo are, by a teacher that looks several times and by boxes that people drew."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import UsageError
from ...faces.resize import Pixels
from ...faces.rows import LANDMARKS, SCORE, Floats, mirrored, none, overlaps, scaled

VIEWS = ((1.0, False), (1.0, True), (1.5, False), (0.75, False), (0.5, False))  # scale, mirrored
FACE, UNSURE = 0.5, 0.3
"""Scores: from FACE it is one, from UNSURE nobody should learn anything there."""
LOWEST = 0.2
SAME_FACE, SAME_BOX = 0.45, 0.4  # overlaps; drawn boxes differ more
LONE = 0.1  # what a face that only one view shows is averaged with
SMALLEST_VIEW = 32


class Teacher(Protocol):
    """Whatever finds faces in a picture, for another network to learn from."""

    def __call__(self, pixels: Pixels) -> Floats:
        """Return the rows of the faces in (h, w, 3) BGR pixels."""
        ...


class OpenCvTeacher:
    """A model of OpenCV's FaceDetectorYN (YuNet and its kin), as an ONNX file."""

    def __init__(self, model: Path) -> None:
        try:
            self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), LOWEST, SAME_FACE, 5000)
        except cv2.error as e:
            raise UsageError(f"{model} is no model of OpenCV's FaceDetectorYN ({e.err})") from e

    def __call__(self, pixels: Pixels) -> Floats:
        self._detector.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, rows = self._detector.detect(pixels)
        return none() if rows is None else np.asarray(rows, np.float32)


def label(teacher: Teacher, pixels: Pixels) -> Floats:
    """Return the faces that the teacher sees, averaged over several views, best first, from UNSURE up."""
    height, width = pixels.shape[:2]
    seen = [none()]
    for scale, mirror in VIEWS:
        size = max(SMALLEST_VIEW, round(width * scale)), max(SMALLEST_VIEW, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        view = np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
        rows = teacher(np.ascontiguousarray(view[:, ::-1])) if mirror else teacher(view)
        if mirror:
            rows = mirrored(rows, size[0])
        seen.append(scaled(rows, width / size[0], height / size[1]))
    return _agreed(np.concatenate(seen))


def _agreed(rows: Floats) -> Floats:
    """Join what overlaps into one face each; its score is the mean of the best two views'."""
    rows = rows[np.argsort(-rows[:, SCORE], kind="stable")]
    faces = [none()]
    while len(rows):
        same = overlaps(rows[:1], rows)[0] > SAME_FACE
        same[0] = True
        views, rows = rows[same], rows[~same]
        face = np.average(views, axis=0, weights=views[:, SCORE]).astype(np.float32)
        face[SCORE] = (views[0, SCORE] + (views[1, SCORE] if len(views) > 1 else LONE)) / 2
        if face[SCORE] >= UNSURE:
            faces.append(face[None])
    found = np.concatenate(faces)
    return found[np.argsort(-found[:, SCORE], kind="stable")]


def with_boxes(seen: Floats, boxes: Floats) -> Floats:
    """Return the faces of a photo whose boxes (n, 4) people drew, and those that only the teacher sees.

    A drawn face has score 1. Where the teacher sees it, too, its box and landmarks are the teacher's, so that
    all boxes are drawn alike; otherwise its landmarks are unknown (NaN).
    """
    drawn = np.full((len(boxes), seen.shape[1]), np.nan, np.float32)
    drawn[:, :4], drawn[:, SCORE] = boxes, 1
    shared = overlaps(drawn, seen)
    for row, over in zip(drawn, shared, strict=True):
        if over.max(initial=0) > SAME_BOX:
            row[:SCORE] = seen[over.argmax(), :SCORE]
    extra = seen[~(shared > SAME_BOX).any(axis=0)] if len(boxes) else seen
    return np.concatenate([drawn, extra])


def ruled_out(rows: Floats) -> npt.NDArray[np.bool_]:
    """(n,) whether a row is no face for sure: a reviewer gave it the score 0."""
    return np.asarray(rows[:, SCORE] == 0)


def has_landmarks(rows: Floats) -> npt.NDArray[np.bool_]:
    """(n,) whether a row's landmarks are known."""
    return np.asarray(~np.isnan(rows[:, LANDMARKS]).any(axis=1))
