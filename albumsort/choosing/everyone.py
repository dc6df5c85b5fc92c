"""The score of a photo for `--by everyone`: the person who shows the emotion least decides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..types import Emotion, Face


class Everyone(NamedTuple):
    """How clearly everyone who matters shows an emotion; a sort key, the highest is the best photo.

    least: the score of the photo, the least probability of the emotion. The others break ties: mean: the mean of the
    probabilities; sharpness: of the least sharp face, 0 if unknown; eyes: the least probability of open eyes, 1 if no
    eyes can be seen.
    """

    least: float
    mean: float
    sharpness: float
    eyes: float


def everyone(faces: Sequence[Face], emotion: Emotion) -> Everyone | None:
    """Return how clearly everyone who matters in one photo shows an emotion; None if nobody matters.

    In SQL, `least` is min(emotion) over the faces that matter.
    """
    counted = [face for face in faces if face.matters]
    if not counted:
        return None
    shown = [face.probabilities[emotion] for face in counted]
    eyes = (face.eyes for face in counted if face.eyes is not None)
    return Everyone(
        min(shown),
        math.fsum(shown) / len(shown),
        min(face.sharpness or 0.0 for face in counted),
        min(eyes, default=1.0),
    )
