"""Show one frame of each moment."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..types import Emotion, Photo
from .best_frame import best_first, shot


def best_frame(frames: Sequence[Photo], emotion: Emotion) -> Photo:
    """Return the frame of a moment that shows an emotion best; the others are behind it."""
    best = in_order(frames, emotion)[0]
    return replace(best, behind=sum(1 + len(photo.also) for photo in frames) - 1 - len(best.also))


def in_order(frames: Sequence[Photo], emotion: Emotion) -> list[Photo]:
    """Return the frames of a moment, those that show an emotion best first."""
    by_path = {os.fspath(photo.path): photo for photo in frames}
    return [by_path[one.path] for one in best_first(shot(path, p.faces, emotion) for path, p in by_path.items())]


def one_a_moment(photos: Iterable[Photo], emotion: Emotion | None = None) -> list[Photo]:
    """Return the best frame of each moment, in the order of the photos.

    Without an emotion, the most common label of the frames decides what is best.
    """
    listed = list(photos)
    moments = defaultdict[int, list[Photo]](list)
    for photo in listed:
        if photo.moment is not None:
            moments[photo.moment].append(photo)
    best = {}
    for frames in moments.values():
        shown = best_frame(frames, emotion or _common_label(frames))
        best[shown.path] = shown
    return [best.get(photo.path, photo) for photo in listed if photo.moment is None or photo.path in best]


def _common_label(frames: Iterable[Photo]) -> Emotion:
    labels = Counter(photo.label for photo in frames if photo.label is not None)
    return labels.most_common(1)[0][0] if labels else Emotion.NEUTRAL
