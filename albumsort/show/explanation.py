"""What is seen in a face, and what is expected of an album, in sentences."""

from __future__ import annotations

from ..choosing.labels import Album
from ..types import ANSWERS, EYES_SHUT, Answer, Emotion, Face, Shares
from .listing import LOOKS

NO_LABEL = "no clear expression"


def of_face(number: int, face: Face, elsewhere: Emotion | None, album: Album | None, natural: Shares) -> str:
    """Say what a face looks like; elsewhere: the label it would have in an ordinary album, whose shares are natural."""
    if face.label is None:
        said = f"Face {number} shows {NO_LABEL}: it may show another one, be too blurred to read, or be no face."
    else:
        said = f"Face {number} looks {LOOKS[face.label]} ({percent(face.sure or 0)} sure)."
    if album is None or face.label is elsewhere:
        return said
    here, there = percent(album.shares[face.label]), percent(natural[face.label])
    shares = f"{here} of the faces {_verb(face.label)}, in an ordinary one {there}"
    return f"{said} In this album {shares}; there this face would {_verb(elsewhere)}."


def of_eyes(eyes: float | None) -> str:
    """Say whether eyes are open."""
    return "eyes hidden" if eyes is None else "eyes open" if eyes >= EYES_SHUT else "eyes closed"


def of_album(album: Album) -> str:
    """Say what the faces of an album are expected to show, the most common first."""
    ordered = sorted(ANSWERS, key=lambda answer: -album.shares[answer])
    shares = ", ".join(f"{percent(album.shares[answer])} {answer or NO_LABEL}" for answer in ordered)
    return f"In {album.root}, estimated from {album.faces:,} faces: {shares}"


def percent(share: float) -> str:
    """Return a share in percent, those below 1 % with a decimal."""
    return f"{100 * share:.{0 if share >= 0.01 else 1}f} %"


def _verb(answer: Answer) -> str:
    return f"show {NO_LABEL}" if answer is None else f"look {LOOKS[answer]}"
