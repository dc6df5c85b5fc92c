"""The values passed between modules. All are immutable; every coordinate names its frame."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .errors import UsageError


class Emotion(StrEnum):
    """An apparent emotion. By default, photos are sorted into the first four."""

    ANGER = "anger"
    HAPPY = "happy"
    SAD = "sad"
    NEUTRAL = "neutral"
    SURPRISE = "surprise"
    FEAR = "fear"
    DISGUST = "disgust"

    @classmethod
    def parse(cls, word: str) -> Emotion:
        """Return the emotion for a word or synonym; raises UsageError, with a list of emotions, for any other word."""
        known = word.strip().lower()
        try:
            return cls(_SYNONYMS.get(known, known))
        except ValueError:
            raise UsageError(f"{word!r} is not an emotion; choose from {', '.join(cls)}") from None


FOUR = (Emotion.ANGER, Emotion.HAPPY, Emotion.SAD, Emotion.NEUTRAL)
_SYNONYMS = {
    "angry": "anger",
    "mad": "anger",
    "happiness": "happy",
    "joy": "happy",
    "smile": "happy",
    "smiling": "happy",
    "sadness": "sad",
    "unhappy": "sad",
    "calm": "neutral",
    "neutrality": "neutral",
    "surprised": "surprise",
    "afraid": "fear",
    "fearful": "fear",
    "scared": "fear",
    "disgusted": "disgust",
}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, width, height, in pixels of the frame that its owner names."""

    x: float
    y: float
    w: float
    h: float

    @property
    def area(self) -> float:
        """Width times height, in square pixels."""
        return self.w * self.h

    @property
    def longer_side(self) -> float:
        """Width or height, in pixels."""
        return max(self.w, self.h)

    def scaled(self, by: float) -> Box:
        """Return the box in a frame that is `by` times as large."""
        return Box(self.x * by, self.y * by, self.w * by, self.h * by)

    def within(self, width: float, height: float) -> Box:
        """Return the part of the box inside a frame of this size; its area is 0 if the box is outside."""
        left, top = (min(max(0.0, v), most) for v, most in ((self.x, width), (self.y, height)))
        right, bottom = min(max(left, self.x + self.w), width), min(max(top, self.y + self.h), height)
        return Box(left, top, right - left, bottom - top)

    def shared(self, other: Box) -> float:
        """Return the area, in square pixels, that two boxes in the same frame share."""
        across = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        down = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return max(0.0, across) * max(0.0, down)

    def overlap(self, other: Box) -> float:
        """Return the intersection over union of two boxes in the same frame, 0-1."""
        shared = self.shared(other)
        return shared / (self.area + other.area - shared) if shared else 0.0


THRESHOLD = 0.5
"""By default, detections with less confidence do not count as faces."""
EYES_SHUT = 0.3
"""Eyes count as closed if the probability that they are open is lower."""
LEAST_VOTE = 1e-9
"""Votes for labels that differ by less are equal, so that rounding errors decide nothing; the first emotion wins."""
Landmarks = tuple[tuple[float, float], ...]
"""(x, y) of the right eye, left eye, nose, right and left corner of the mouth; right and left are the subject's."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A detected face, in pixels of the image passed to the detector; score: the confidence, 0-1."""

    box: Box
    landmarks: Landmarks
    score: float

    @property
    def lean(self) -> float:
        """The clockwise tilt of the face in degrees, from eyes and corners of the mouth: -180 to 180, 0 is upright.

        The longer of its two axes counts more, because the eyes of a face seen from the side are close together.
        """
        right_eye, left_eye, _, right_mouth, left_mouth = (complex(*point) for point in self.landmarks)
        across = left_eye + left_mouth - right_eye - right_mouth
        down = left_mouth + right_mouth - left_eye - right_eye
        return math.degrees(cmath.phase(across - 1j * down))


@dataclass(frozen=True, slots=True)
class Expression:
    """The classifier's result for a face, calibrated for ordinary faces.

    probabilities: one for each emotion, with sum 1. The less readable a face is, the closer they are to those of an
    average face, so rankings by them stay meaningful. nothing: the probability that a viewer would name none of the
    seven. eyes: the probability that they are open, None if they are hidden.
    """

    probabilities: Mapping[Emotion, float]
    nothing: float
    eyes: float | None


@dataclass(frozen=True, slots=True)
class Face:
    """A face of a photo, in upright full-size pixels.

    detection: the confidence, 0-1; size: the box's longer side as a share of the photo's shorter side; sharpness: 0-1
    as `faces.sharpness` measures it, None in results older than this measure. probabilities, nothing, eyes: as in
    `Expression`; in older results without them, nothing is 0 and eyes is None. label: the most likely answer of a
    viewer, given its album, None for none of the seven; sure: the probability that a viewer agrees, None without a
    label. matters: whether the face is one of the people in its photo (see `choosing.matters`).
    """

    box: Box
    landmarks: Landmarks
    detection: float
    size: float
    sharpness: float | None
    probabilities: Mapping[Emotion, float]
    nothing: float
    eyes: float | None
    label: Emotion | None
    sure: float | None
    matters: bool = True


class Kind(StrEnum):
    """What a user says of a detection besides an emotion: it is a face, or it is none."""

    FACE = "face"
    NO_FACE = "no-face"


@dataclass(frozen=True, slots=True)
class Settings:
    """The networks (hashes) and methods that a result depends on, apart from the content.

    finding: the step from the content to the crops of the faces. classifying: the step from the crops to expressions.
    dating: the step from the content to the time when it was taken.
    """

    finding: str
    classifying: str
    dating: str


@dataclass(frozen=True, slots=True)
class Taken:
    """When a photo was taken, by the photographer's watch.

    at: local time in ISO 8601, with its offset from UTC if the camera recorded one, or a day alone:
    "2024-07-01T22:00:00+09:00", "2024-07-01T22:00:00" or "2024-07-01". So texts sort like local times.
    source: where it comes from: the name of the tag, "XMP", "IPTC", "GPS" or "file name".
    """

    at: str
    source: str


FILE_NAME = "file name"
"""The source of a date that only the file's name tells."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The result for one photo's content. digest: the content hash, hex; taken: None if its bytes tell no date.

    crops: the crops of all faces in order, packed by `faces.crop.pack`; empty without a face. description: what the
    picture looks like, from `photos.description.describe`.
    """

    digest: str
    width: int
    height: int
    taken: Taken | None
    faces: tuple[Face, ...]
    crops: bytes = b""
    description: bytes = b""


@dataclass(frozen=True, slots=True)
class Known:
    """A photo whose content was analysed before. digest: the content hash."""

    digest: str


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file found by the walk, with size and time, which show whether it changed."""

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Photo:
    """An indexed photo, as queries return it.

    width, height: full-size pixels, upright. taken_at, taken_from: as `Taken.at` and `Taken.source`, or None; only
    taken_from is None if an older version read the date. digest: content hash, hex. score: 0-1, of the emotion; both
    are None unless the query ranks by an emotion. also: the other files of the query's result with the same bytes, by
    path; the query returns no photo for them. moment: the same number for all frames of a moment, None for a photo on
    its own. marked: what the user says of the face that decides, or else of another. behind: the number of files
    of the moment's other frames, for which this photo is shown.
    """

    path: Path
    width: int
    height: int
    taken_at: str | None
    taken_from: str | None
    digest: str
    faces: tuple[Face, ...]
    score: float | None = None
    emotion: Emotion | None = None
    also: tuple[Path, ...] = ()
    moment: int | None = None
    marked: Emotion | Kind | None = None
    behind: int = 0

    @property
    def deciding_face(self) -> Face | None:
        """The face that gives the photo its label; None if nobody matters.

        Each face that matters votes for its label with its size times the probability that a viewer agrees. The largest
        face with the winning label decides; without any label, the largest that matters.
        """
        people = [face for face in self.faces if face.matters]
        votes = {e: _votes(f.size * (f.sure or 0) for f in people if f.label is e) for e in Emotion}
        winner = max(votes, key=votes.__getitem__)
        label = winner if votes[winner] else None
        # the rest of the key breaks ties, so that the order of faces has no effect
        return max(
            (face for face in people if face.label is label),
            key=lambda face: (face.box.area, face.sure or 0.0, face.detection),
            default=None,
        )

    @property
    def label(self) -> Emotion | None:
        """The label of the deciding face; None without a label or without a face that matters."""
        decides = self.deciding_face
        return None if decides is None else decides.label

    @property
    def sure(self) -> float | None:
        """The probability that a viewer agrees with the label; None without a label."""
        decides = self.deciding_face
        return None if decides is None else decides.sure


def _votes(parts: Iterable[float]) -> int:
    """Return a sum of votes, in units of LEAST_VOTE."""
    return int(math.fsum(parts) / LEAST_VOTE + 0.5)
