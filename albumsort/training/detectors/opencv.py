"""OpenCV's detector with any model file, to compare ours with."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ...errors import AlbumsortError
from ...faces.resize import Pixels
from ...networks.litert import hushed
from ...types import Box, Detection

LONGEST_SIDE = 1280  # limit for the models' input, as for our own detector
OVERLAP, CANDIDATES = 0.3, 5000  # of non-maximum suppression; OpenCV's defaults


class OpenCVDetector:
    """A model for cv2.FaceDetectorYN (YuNet) that takes pictures of any size; it runs on one thread.

    Larger pictures are reduced to LONGEST_SIDE. It returns detections with a score of at least `floor`. Raises
    AlbumsortError if the file cannot be read or is no such model.
    """

    def __init__(self, model: Path, floor: float) -> None:
        try:
            data = model.read_bytes()
        except OSError as e:
            raise AlbumsortError(f"cannot read {model}: {e.strerror or e}") from e
        cv2.setNumThreads(1)
        with hushed():  # the engine prints what it does not support
            try:
                # passed as bytes, because OpenCV cannot open every file name on every system
                self._detector = cv2.FaceDetectorYN.create(
                    "onnx", np.frombuffer(data, np.uint8), np.empty(0, np.uint8), (32, 32), floor, OVERLAP, CANDIDATES
                )
                for width, height in ((96, 64), (64, 128)):
                    self.detect(np.full((height, width, 3), 127, np.uint8))
            except cv2.error as e:
                raise AlbumsortError(
                    f"{model} is no model for OpenCV's FaceDetectorYN that takes pictures of any size ({e.err})"
                ) from e

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find the faces, best first, in upright (h, w, 3) BGR pixels."""
        height, width = pixels.shape[:2]
        shrink = min(1.0, LONGEST_SIDE / max(width, height))
        if shrink < 1:
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._detector.setInputSize((pixels.shape[1], pixels.shape[0]))
        rows = self._detector.detect(pixels)[1]
        if rows is None:
            return []
        return [_detection(row, 1 / shrink) for row in rows[np.argsort(-rows[:, 14], kind="stable")].tolist()]


def _detection(row: list[float], scale: float) -> Detection:
    """Return a detection from a row: x, y, w, h, five landmarks in our order (x, y each), score."""
    x, y, w, h, *points, score = row
    landmarks = tuple((a * scale, b * scale) for a, b in zip(points[::2], points[1::2], strict=True))
    return Detection(Box(x, y, w, h).scaled(scale), landmarks, min(score, 1.0))
