"""Choose the best frame of a moment: frames are compared with each other, not by scores that saturate.

First come the frames in which most of the people who matter have their eyes open. Among those, the requested emotion
counts by its logits, relative to how much the frames differ, and sharpness relative to the sharpest frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..types import EYES_SHUT, Emotion, Face

SPREAD = 0.5
"""Logits: frames that differ by less hardly show a different expression, so smaller spreads count as this one."""
SHARP = 4.0
"""A frame half as sharp as the sharpest loses as much as one whose emotion is two standard deviations weaker."""
LOGITS = 10.0
"""Logits are cut here; a probability of 0 or 1 has none."""


def are_open(eyes: float | None, happy: float) -> bool:
    """Whether eyes are open, hidden, or narrow from laughing; both are probabilities, eyes None if hidden."""
    return eyes is None or 1 - (1 - eyes) * (1 - happy) >= EYES_SHUT


@dataclass(frozen=True, slots=True)
class Look:
    """How a person who matters looks in a frame.

    emotion, happy: probabilities of the requested emotion and of happy. sharpness: as in `types.Face`. eyes: the
    probability that they are open; None if hidden.
    """

    emotion: float
    happy: float
    sharpness: float | None
    eyes: float | None

    @property
    def is_open(self) -> bool:
        """Whether the eyes are open, hidden, or narrow from laughing."""
        return are_open(self.eyes, self.happy)


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame of a moment, and the people who matter in it."""

    path: str
    looks: tuple[Look, ...]

    @property
    def open_eyes(self) -> int:
        """How many people do not have their eyes shut; somebody who is not seen is not among them."""
        return sum(look.is_open for look in self.looks)

    @property
    def emotion(self) -> float:
        """The mean logit of the requested emotion."""
        return _mean([_logit(look.emotion) for look in self.looks]) if self.looks else -LOGITS

    @property
    def sharpness(self) -> float:
        """The mean sharpness of the faces, 0-1; an unknown one counts as 0."""
        return _mean([look.sharpness or 0.0 for look in self.looks]) if self.looks else 0.0


def shot(path: str, faces: Sequence[Face], emotion: Emotion) -> Shot:
    """Return a frame with the people who matter in it."""
    people = [face for face in faces if face.matters]
    looks = (Look(f.probabilities[emotion], f.probabilities[Emotion.HAPPY], f.sharpness, f.eyes) for f in people)
    return Shot(path, tuple(looks))


def best_first(shots: Iterable[Shot]) -> list[Shot]:
    """Return the frames of a moment, best first; equal ones by sharpness, then by path."""
    return [shot for equal in tiers(shots) for shot in equal]


def tiers(shots: Iterable[Shot]) -> list[list[Shot]]:
    """Return the frames of a moment, best first, each with the frames that only the path puts behind it.

    A frame that is worse than another in every respect changes nothing for the others: spread and sharpest frame are
    those of the rest.
    """
    ordered = sorted(shots, key=lambda shot: shot.path)
    rest = [shot for shot in ordered if not any(_is_worse(shot, other) for other in ordered)]
    most = max((shot.open_eyes for shot in rest), default=0)
    rivals = [shot for shot in rest if shot.open_eyes == most]
    spread = _spread([shot.emotion for shot in rivals])
    sharpest = max((shot.sharpness for shot in rivals), default=0.0) or 1.0

    def rank(shot: Shot) -> tuple[float, ...]:
        return -shot.open_eyes, -(shot.emotion / spread + SHARP * shot.sharpness / sharpest), -shot.sharpness

    return [list(equal) for _, equal in groupby(sorted(ordered, key=rank), key=rank)]


def _is_worse(shot: Shot, other: Shot) -> bool:
    """Whether a frame is worse than the other in a respect, and better in none."""
    mine, others = ((one.open_eyes, one.emotion, one.sharpness) for one in (shot, other))
    return mine != others and all(a <= b for a, b in zip(mine, others, strict=True))


def _spread(logits: Sequence[float]) -> float:
    from statistics import pstdev  # here, because few lists need it, and importing it takes a while

    return max(pstdev(logits), SPREAD) if logits else SPREAD


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _logit(probability: float) -> float:
    if not 0 < probability < 1:
        return -LOGITS if probability <= 0 else LOGITS
    return max(-LOGITS, min(LOGITS, math.log(probability / (1 - probability))))
