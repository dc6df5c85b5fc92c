"""Sort photos into folders by their labels.

Ranking and labelling are separate. A list of the best photos is ordered by the calibrated probability over all
expressions, so that a surprised face never tops `happy`. A photo's label is the word that a viewer would give it: of
the faces that matter, given the album.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..query import UNSURE_FOLDER
from ..types import Emotion, Face, Photo
from .frames import one_a_moment
from .promise import UNSURE


@dataclass(frozen=True)
class Sorted:
    """Photos by folder, and the numbers of photos in no folder.

    without_face: no face detected; unlabelled: no label, or nobody matters; others: labels that were not requested.
    """

    folders: Mapping[str, Sequence[Photo]]
    without_face: int
    unlabelled: int
    others: Mapping[Emotion, int]


def sort(
    photos: Iterable[Photo], asked: Sequence[Emotion], unsure_folder: bool = False, moments: bool = False
) -> Sorted:
    """Sort photos into the requested folders by label, highest score first.

    unsure_folder: photos with an unsure label come into a folder of their own. moments: each folder gets one frame of a
    moment.
    """
    names = [*map(str, asked), *([UNSURE_FOLDER] if unsure_folder else [])]
    folders: dict[str, list[Photo]] = {name: [] for name in names}
    without_face = unlabelled = 0
    others = Counter[Emotion]()
    for photo in photos:
        face = photo.deciding_face
        if not photo.faces:
            without_face += 1
        elif face is None or face.label is None:
            unlabelled += 1
        elif face.label not in folders:
            others[face.label] += 1
        else:
            unsure = unsure_folder and (face.sure or 0.0) < UNSURE
            folders[UNSURE_FOLDER if unsure else face.label].append(scored(photo, face, face.label))
    for name, group in folders.items():
        group.sort(key=lambda p: (-(p.score or 0.0), str(p.path)))
        if moments:
            folders[name] = one_a_moment(group, None if name == UNSURE_FOLDER else Emotion(name))
    return Sorted(folders, without_face, unlabelled, others)


def scored(photo: Photo, face: Face, emotion: Emotion) -> Photo:
    """Return the photo with its score: the probability of the emotion in that face."""
    return replace(photo, score=face.probabilities[emotion], emotion=emotion)


def is_sure(photo: Photo, least: float) -> bool:
    """Return whether a photo has a face whose label has at least this probability; at 0, every photo is sure."""
    return least <= 0 or any(face.label is not None and face.probabilities[face.label] >= least for face in photo.faces)
