"""Labels for photos: faces found by a teacher in several views, and boxes that people drew."""

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
"""Least scores: from FACE it is a face, from UNSURE its place is ignored in training."""
LOWEST = 0.2
SAME_FACE, SAME_BOX = 0.45, 0.4  # overlaps; drawn boxes differ more
LONE = 0.1  # score of the missing second view, if only one view shows the face
SMALLEST_VIEW = 32


class Teacher(Protocol):
    """A face detector that labels pictures for another network."""

    def __call__(self, pixels: Pixels) -> Floats:
        """Return the rows of the faces in (h, w, 3) BGR pixels."""
        ...


class OpenCvTeacher:
    """A model for OpenCV's FaceDetectorYN (YuNet and similar), as an ONNX file."""

    def __init__(self, model: Path) -> None:
        try:
            self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), LOWEST, SAME_FACE, 5000)
        except cv2.error as e:
            raise UsageError(f"{model} is no model for OpenCV's FaceDetectorYN ({e.err})") from e

    def __call__(self, pixels: Pixels) -> Floats:
        self._detector.setInputSize((pixels.shape[1], pixels.shape[0]))
        _, rows = self._detector.detect(pixels)
        return none() if rows is None else np.asarray(rows, np.float32)


def label(teacher: Teacher, pixels: Pixels) -> Floats:
    """Return the teacher's faces, averaged over several views, with a score of at least UNSURE, best first."""
    height, width = pixels.shape[:2]
    seen = [none()]
    for scale, mirror in VIEWS:
        size = max(SMALLEST_VIEW, round(width * scale)), max(SMALLEST_VIEW, round(height * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        view = np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)
        rows = teacher(np.ascontiguousarray(view[:, ::-1])) if mirror else teacher(view)
        if mirror:
            rows = mirrored(rows, size[0])
        seen.append(scaled(rows, width / size[0], height / size[1]))
    return _agreed(np.concatenate(seen))


def _agreed(rows: Floats) -> Floats:
    """Merge overlapping rows into one face each; its score is the mean of the two best views."""
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
    """Return the faces of a photo with drawn boxes (n, 4), then the faces that only the teacher sees.

    A drawn face has score 1. If the teacher sees it too, it has the teacher's box and landmarks, so that all boxes
    follow one convention; otherwise its landmarks are unknown (NaN).
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
    """Return (n,) whether a reviewer ruled the row out as a face (score 0)."""
    return np.asarray(rows[:, SCORE] == 0)


def has_landmarks(rows: Floats) -> npt.NDArray[np.bool_]:
    """Return (n,) whether the row's landmarks are known."""
    return np.asarray(~np.isnan(rows[:, LANDMARKS]).any(axis=1))
