"""Which photo comes first, and in which folder it belongs.

Ranking and labelling are two questions. A list of the best photos is ordered by the calibrated probability over all
expressions, so that a surprised face never tops `happy`. A label is what a viewer would most likely say of the largest
face in its album.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..types import Emotion, Face, Photo


@dataclass(frozen=True)
class Sorted:
    """Photos by label, and how many are in no folder.

    without_face, unlabelled: nothing was found, or nothing read in the largest face; others: labels that were not asked
    for; beyond: not among the first n.
    """

    folders: Mapping[Emotion, Sequence[Photo]]
    without_face: int
    unlabelled: int
    others: Mapping[Emotion, int]
    beyond: int


def sort(photos: Iterable[Photo], asked: Sequence[Emotion], n: int | None) -> Sorted:
    """Sort photos into the folders asked for, by their labels, the most probable first, at most n in each."""
    folders: dict[Emotion, list[Photo]] = {emotion: [] for emotion in asked}
    without_face = unlabelled = beyond = 0
    others = Counter[Emotion]()
    for photo in photos:
        face = photo.main_face
        if face is None:
            without_face += 1
        elif face.label is None:
            unlabelled += 1
        elif face.label in folders:
            folders[face.label].append(scored(photo, face, face.label))
        else:
            others[face.label] += 1
    for label, group in folders.items():
        group.sort(key=lambda p: (-(p.score or 0.0), str(p.path)))
        folders[label] = group[:n]
        beyond += len(group) - len(folders[label])
    return Sorted(folders, without_face, unlabelled, others, beyond)


def scored(photo: Photo, face: Face, emotion: Emotion) -> Photo:
    """Return the photo with its score: the probability of the emotion in that face."""
    return replace(photo, score=face.probabilities[emotion], emotion=emotion)


def sure(photos: Iterable[Photo], least: float) -> Iterator[Photo]:
    """Yield the photos of which some face has its label with at least this probability; all of them at 0."""
    return (p for p in photos if least <= 0 or any(_shows_label(face, least) for face in p.faces))


def _shows_label(face: Face, least: float) -> bool:
    return face.label is not None and face.probabilities[face.label] >= least
