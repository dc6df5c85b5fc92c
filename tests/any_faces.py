"""Faces that hypothesis draws."""

from __future__ import annotations

from dataclasses import replace

from helpers import EVEN, face
from hypothesis import strategies as st

from albumsort.choosing.labels import LabelRule
from albumsort.types import Emotion, Face


def sized(side: float, *, sharpness: float | None = 0.5, detection: float = 0.99, **named: float) -> Face:
    """Return a square face of this many pixels in a photo whose shorter side has 480."""
    return replace(face((10, 10, side, side), **named), sharpness=sharpness, detection=detection)


ANY_FACE = st.builds(
    lambda side, sharpness, detection, nothing, eyes, parts: LabelRule(EVEN, EVEN).relabelled(
        replace(
            sized(side, sharpness=sharpness, detection=detection, nothing=nothing),
            eyes=eyes,
            probabilities={e: part / sum(parts) for e, part in zip(Emotion, parts, strict=True)},
        )
    ),
    st.floats(9, 480),
    st.none() | st.floats(0, 0.7),
    st.floats(0.3, 1),
    st.floats(0, 1),
    st.none() | st.floats(0, 1),
    st.lists(st.floats(0.001, 1), min_size=len(Emotion), max_size=len(Emotion)),
)
FACES = st.lists(ANY_FACE, max_size=8)
