"""Which photo comes first, and in which folder it belongs.

Ranking and labelling are two questions. A list of the best photos is ordered by the calibrated
probability over all expressions, so that a surprised face never tops `happy`. A label is the most
telling of the emotions asked for, and a photo goes by its largest face.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from .index import By, Filters, Index
from .types import FOUR, Emotion, Face, Photo, label_among


def top(index: Index, emotion: Emotion, n: int, by: By, filters: Filters, least: float) -> list[Photo]:
    """Return the n photos that show an emotion best, the best first."""
    return index.best(emotion, by, filters, least, n)


def labelled(
    photos: Iterable[Photo], asked: Sequence[Emotion], prior: Mapping[Emotion, float], n: int | None
) -> dict[Emotion, list[Photo]]:
    """Sort photos by the label of their largest face, the most telling first, at most n for each asked emotion.

    The label is chosen among the four and whatever else is asked for; photos of other labels, or
    without a face, are left out.
    """
    choices = tuple(dict.fromkeys((*FOUR, *asked)))
    folders: dict[Emotion, list[Photo]] = {emotion: [] for emotion in asked}
    for photo in photos:
        face = photo.main_face
        label = None if face is None else label_among(choices, face.probabilities, prior)
        if face is not None and label in folders:
            folders[label].append(scored(photo, face, label))
    for label, group in folders.items():
        group.sort(key=lambda p: (-(p.score or 0.0), str(p.path)))
        folders[label] = group[:n]
    return folders


def scored(photo: Photo, face: Face, emotion: Emotion) -> Photo:
    """Return the photo with its score: the probability of the emotion in that face."""
    return replace(photo, score=face.probabilities[emotion], emotion=emotion)


def sure(photos: Iterable[Photo], least: float) -> Iterator[Photo]:
    """Yield the photos of which some face has its label with at least this probability; all of them at 0."""
    return (p for p in photos if least <= 0 or any(f.probabilities[f.label] >= least for f in p.faces))
