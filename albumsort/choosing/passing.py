"""The filters that need a photo's labels and marks."""

from __future__ import annotations

from ..query import Filters
from ..types import Emotion, Photo
from .best_frame import are_open
from .promise import UNSURE


def needs_faces(filters: Filters) -> bool:
    """Return whether a filter needs the faces of a photo."""
    return bool(filters.sure or filters.unsure or filters.open_eyes or filters.faces is not None)


def passes(photo: Photo, filters: Filters) -> bool:
    """Return whether a photo passes the filters that need its faces."""
    if filters.faces is not None and not filters.faces[0] <= len(photo.faces) <= filters.faces[1]:
        return False
    if filters.open_eyes and not has_open_eyes(photo):
        return False
    if not (filters.sure or filters.unsure):
        return True
    sure = photo.sure or 0.0
    return sure >= filters.sure and not (filters.unsure and not is_unsure(photo))


def is_unsure(photo: Photo) -> bool:
    """Return whether a photo has a label that is unsure."""
    decides = photo.deciding_face
    return decides is not None and decides.label is not None and (decides.sure or 0.0) < UNSURE


def has_open_eyes(photo: Photo) -> bool:
    """Return whether nobody who matters has closed eyes; hidden eyes are not closed, nor are laughing slits."""
    return all(are_open(face.eyes, face.probabilities[Emotion.HAPPY]) for face in photo.faces if face.matters)
