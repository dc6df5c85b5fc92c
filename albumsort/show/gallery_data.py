"""What the page of a gallery knows of its photos: as data, without paths."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from ..choosing.best_frame import shot
from ..types import EYES_SHUT, Emotion, Face, Photo
from .listing import rounded

_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MINUTES = len("2024-07-01T22:00")


def readable_name(photo: Photo) -> str:
    """Return the photo's name without its folder, on one line: what is no readable character becomes U+FFFD."""
    name = photo.path.name
    return "".join("\ufffd" if unicodedata.category(c) in _CONTROL or c in _DIRECTION else c for c in name)


def photo_data(photo: Photo, error: str) -> dict[str, Any]:
    """Return what the page knows of a photo; error: why it cannot be read, or an empty text."""
    deciding = photo.deciding_face
    return {
        "hash": photo.digest,
        "name": readable_name(photo),
        "w": photo.width,
        "h": photo.height,
        "taken": (photo.taken_at or "")[:MINUTES].replace("T", " "),
        "faces": [_face_data(face) for face in photo.faces],
        "decides": None if deciding is None else photo.faces.index(deciding),
        "error": error,
    }


def _face_data(face: Face) -> dict[str, Any]:
    box = face.box
    return {
        "box": [round(v, 1) for v in (box.x, box.y, box.w, box.h)],
        "label": face.label,
        "sure": rounded(face.sure),
        "sharpness": rounded(face.sharpness),
        "eyes": "hidden" if face.eyes is None else "open" if face.eyes >= EYES_SHUT else "closed",
        "matters": face.matters,
        "probabilities": [rounded(face.probabilities[emotion]) for emotion in Emotion],
    }


def why_best(photo: Photo, others: Sequence[Photo], emotion: Emotion) -> str:
    """Return what the frame shown for a moment has: "eyes", if all are open; "sharp", if no other is as sharp."""
    mine, *rest = (shot(one.path.name, one.faces, emotion) for one in (photo, *others))
    reasons = {
        "eyes": bool(mine.looks) and mine.open_eyes == len(mine.looks),
        "sharp": bool(rest) and all(mine.sharpness > other.sharpness for other in rest),
    }
    return " ".join(name for name, holds in reasons.items() if holds)
