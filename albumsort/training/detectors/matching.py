"""Matching detections to the faces of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...types import Box, Detection
from .photos import Labelled

OVERLAP = 0.3
"""Least intersection over union at which a detection finds a face."""
FLOOR = 0.05
"""Least score of a detection: curves begin here."""
FALSE, IGNORED = -1, -2
"""Verdicts on detections that found no face: a false detection, or one on an ignored box."""


@dataclass(frozen=True)
class Judged:
    """One detector's detections in one photo, best first, in upright full-size pixels.

    verdicts: for each detection the index of the face that it found, or FALSE or IGNORED.
    """

    photo: Labelled
    detections: tuple[Detection, ...]
    verdicts: tuple[int, ...]

    def at(self, threshold: float) -> Found:
        """Count the detections with at least this score."""
        verdicts = [v for d, v in zip(self.detections, self.verdicts, strict=True) if d.score >= threshold]
        return Found(1, len(self.photo.faces), sum(v >= 0 for v in verdicts), verdicts.count(FALSE))

    def found(self, threshold: float = 0.0) -> dict[int, Detection]:
        """Return the detections that found a face, by the face's index."""
        pairs = zip(self.verdicts, self.detections, strict=True)
        return {face: detection for face, detection in pairs if face >= 0 and detection.score >= threshold}


@dataclass(frozen=True)
class Found:
    """Counts over some photos: photos, faces, found faces, false detections."""

    photos: int = 0
    faces: int = 0
    found: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        """Share of the faces that were found, 0-1; NaN without faces."""
        return self.found / self.faces if self.faces else float("nan")

    def __add__(self, other: Found) -> Found:
        return Found(
            self.photos + other.photos, self.faces + other.faces, self.found + other.found, self.false + other.false
        )


def match(detections: Sequence[Box], faces: Sequence[Box], ignored: Sequence[Box]) -> list[int]:
    """Match each detection, best first, to the free face that it overlaps most; return the verdicts.

    A verdict is the index of a face; without one it is IGNORED for a detection on an ignored box, else FALSE.
    """
    free, verdicts = set(range(len(faces))), []
    for box in detections:
        best = max(free, key=lambda f: box.overlap(faces[f]), default=FALSE)
        if best != FALSE and box.overlap(faces[best]) > OVERLAP:
            free.remove(best)
            verdicts.append(best)
        elif any(box.overlap(i) > OVERLAP or box.shared(i) > 0.5 * box.area for i in ignored):
            verdicts.append(IGNORED)
        else:
            verdicts.append(FALSE)
    return verdicts


def judge(photo: Labelled, detections: Sequence[Detection], scale: float = 1.0) -> Judged:
    """Match detections, best first, to the photo's faces. scale: full-size pixels per pixel of the detections."""
    full = tuple(
        Detection(d.box.scaled(scale), tuple((x * scale, y * scale) for x, y in d.landmarks), d.score)
        for d in detections
    )
    return Judged(photo, full, tuple(match([d.box for d in full], photo.faces, photo.ignored)))
