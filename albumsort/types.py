"""The values that travel between the modules. All frozen; every coordinate says its frame."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from .errors import UsageError


class Emotion(StrEnum):
    """An apparent expression. The first four are what photos are sorted into unless others are asked for."""

    ANGER = "anger"
    HAPPY = "happy"
    SAD = "sad"
    NEUTRAL = "neutral"
    SURPRISE = "surprise"
    FEAR = "fear"
    DISGUST = "disgust"

    @classmethod
    def parse(cls, word: str) -> Emotion:
        """Return the emotion a person means by `word`; raises UsageError, with the list, for any other word."""
        known = word.strip().lower()
        try:
            return cls(_SYNONYMS.get(known, known))
        except ValueError:
            raise UsageError(f"no emotion {word!r}; choose from {', '.join(cls)}") from None


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


Answer = Emotion | None
"""What a viewer says of a face: one of the seven, or None: another expression, unreadable, or no face at all."""
ANSWERS: tuple[Answer, ...] = (*Emotion, None)
Shares = Mapping[Answer, float]
"""How common each answer is among some faces; they sum to 1."""
Confusion = Mapping[Answer, Shares]
"""How often each answer is given to the faces that viewers give the first one."""
NOTHING = "nothing"
"""What stands for None where answers need a name."""


def shares_from(named: Mapping[str, float]) -> Shares:
    """Return shares that are given by the emotions' names; raises KeyError if one is missing."""
    return {answer: float(named[answer or NOTHING]) for answer in ANSWERS}


def confusion_from(named: Mapping[str, Mapping[str, float]]) -> Confusion:
    """Return a confusion that is given by the emotions' names; raises KeyError if one is missing."""
    return {answer: shares_from(named[answer or NOTHING]) for answer in ANSWERS}


def named_shares(shares: Shares) -> dict[str, float]:
    """Return shares by the emotions' names."""
    return {str(answer or NOTHING): shares[answer] for answer in ANSWERS}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, width, height in pixels of the frame its owner names."""

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
        """Return the box in a frame `by` times as large."""
        return Box(self.x * by, self.y * by, self.w * by, self.h * by)

    def within(self, width: float, height: float) -> Box:
        """Return the part of the box inside a frame of that size; its area is 0 if there is none."""
        left, top = (min(max(0.0, v), most) for v, most in ((self.x, width), (self.y, height)))
        right, bottom = min(max(left, self.x + self.w), width), min(max(top, self.y + self.h), height)
        return Box(left, top, right - left, bottom - top)


THRESHOLD = 0.5
"""Detections that score less are no faces, unless a query says otherwise."""

READABLE = 32.0
"""Pixels of a face's longer side in the photo, from which it counts for what the faces of its album show."""

EYES_SHUT = 0.3
"""Eyes are called shut where they are open less probably."""

Landmarks = tuple[tuple[float, float], ...]
"""Right eye, left eye, nose, right and left corner of the mouth, as the subject has them: (x, y) each."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face as the detector found it, in pixels of the image it was given; score 0-1."""

    box: Box
    landmarks: Landmarks
    score: float

    @property
    def lean(self) -> float:
        """How many degrees clockwise the face leans, by its eyes and the corners of its mouth: -180 to 180, 0 upright.

        Of its two axes the longer one counts more: eyes that are seen from the side say little.
        """
        right_eye, left_eye, _, right_mouth, left_mouth = (complex(*point) for point in self.landmarks)
        across = left_eye + left_mouth - right_eye - right_mouth
        down = left_mouth + right_mouth - left_eye - right_eye
        return math.degrees(cmath.phase(across - 1j * down))


@dataclass(frozen=True, slots=True)
class Expression:
    """What the classifier says of a face, calibrated for ordinary faces.

    probabilities: one for each emotion, summing to 1. As far as a face cannot be read, they are those of any face, so
    rankings by them stay meaningful. nothing: the probability that a viewer would name none of the seven. eyes: the
    probability that they are open, None where they are not to be seen.
    """

    probabilities: Mapping[Emotion, float]
    nothing: float
    eyes: float | None


@dataclass(frozen=True, slots=True)
class Face:
    """A face of a photo, in upright full-size pixels.

    detection: how sure the detector is, 0-1; size: the box's longer side as a share of the photo's shorter one;
    sharpness: 0-1 as `faces.sharpness` measures it, None in results from before it was measured.
    probabilities, nothing, eyes: as in `Expression`; in results from before they were asked nothing is 0, eyes None.
    label: what a viewer would most likely say of the face in its album, None for nothing; sure: the probability that a
    viewer agrees, None without a label.
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


@dataclass(frozen=True, slots=True)
class Settings:
    """What a result depends on besides the photo's bytes: hashes of the networks and the methods of both steps.

    finding: from the bytes to the crops of the faces. classifying: from the crops to what the faces express.
    """

    finding: str
    classifying: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one photo's bytes show. digest: hex hash of those bytes; taken_at: UTC ISO 8601 or None.

    crops: what the classifier saw of the faces, in their order, as `faces.pack` packs it; empty without a face.
    """

    digest: str
    width: int
    height: int
    taken_at: str | None
    faces: tuple[Face, ...]
    crops: bytes = b""


@dataclass(frozen=True, slots=True)
class Known:
    """A photo file with bytes that were analysed before, by their content hash."""

    digest: str


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file as the walk met it: enough to tell whether it changed."""

    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Photo:
    """An indexed photo, as queries return it. score and emotion are None where none was asked for."""

    path: Path
    width: int
    height: int
    taken_at: str | None
    digest: str
    faces: tuple[Face, ...]
    score: float | None = None
    emotion: Emotion | None = None

    @property
    def main_face(self) -> Face | None:
        """The largest face, taken as whom the photo is of."""
        return max(self.faces, key=lambda f: f.box.area, default=None)

    @property
    def label(self) -> Emotion | None:
        """The label of the largest face; None without a face, too."""
        return None if self.main_face is None else self.main_face.label

    @property
    def sure(self) -> float | None:
        """The probability that a viewer agrees with the label; None without one."""
        return None if self.main_face is None else self.main_face.sure


class Link(StrEnum):
    """What stands in the destination of an export for a photo."""

    COPY = "copy"
    HARD = "hard"
    SOFT = "soft"


class Action(StrEnum):
    """What is to be done, or was done, with a photo. SKIP: the destination holds these bytes already."""

    WRITE = "write"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Item:
    """One photo of an export. digest: the indexed hash of the source; destination of a SKIP: the file that holds it."""

    source: Path
    destination: Path
    digest: str
    action: Action
    reason: str = ""


def utc_text(time: datetime) -> str:
    """Return a time that has a zone in UTC as ISO 8601, the year with four digits so that texts compare as times do."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
