"""Score a photo for an emotion: the highest score is the best photo."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..query import By
from ..types import Emotion, Face
from .everyone import everyone


def score(faces: Sequence[Face], emotion: Emotion, by: By) -> tuple[float, ...] | None:
    """Return the score of one photo, 0-1, and what breaks ties; None if nobody matters. Only who matters counts."""
    if by is By.EVERYONE:
        return everyone(faces, emotion)
    shown = [face.probabilities[emotion] for face in faces if face.matters]
    if not shown:
        return None
    return ({By.MAX: max(shown), By.MEAN: math.fsum(shown) / len(shown), By.MIN: min(shown)}[by],)
