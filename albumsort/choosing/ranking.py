"""Rank photos, and sort them into folders.

Ranking and labelling are separate. A list of the best photos is ordered by the calibrated probability over all
expressions, so that a surprised face never tops `happy`. A photo's label is the word that a viewer would give it: of
the faces that matter, given the album.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..types import Emotion, Face, Photo


@dataclass(frozen=True)
class Sorted:
    """Photos by label, and the numbers of photos in no folder.

    without_face: no face detected; unlabelled: no label, or nobody matters; others: labels that were not requested;
    beyond: not among the first n.
    """

    folders: Mapping[Emotion, Sequence[Photo]]
    without_face: int
    unlabelled: int
    others: Mapping[Emotion, int]
    beyond: int


def sort(photos: Iterable[Photo], asked: Sequence[Emotion], n: int | None) -> Sorted:
    """Sort photos into the requested folders by label, highest score first, at most n in each."""
    folders: dict[Emotion, list[Photo]] = {emotion: [] for emotion in asked}
    without_face = unlabelled = beyond = 0
    others = Counter[Emotion]()
    for photo in photos:
        face = photo.deciding_face
        if not photo.faces:
            without_face += 1
        elif face is None or face.label is None:
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


def is_sure(photo: Photo, least: float) -> bool:
    """Return whether a photo has a face whose label has at least this probability; at 0, every photo is sure."""
    return least <= 0 or any(face.label is not None and face.probabilities[face.label] >= least for face in photo.faces)
