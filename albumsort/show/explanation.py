"""Sentences that explain the label of a face and the shares of an album."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ..answers import ANSWERS, Answer, Shares
from ..choosing.corrected import Judged
from ..choosing.labels import Album
from ..choosing.matters import Reason
from ..choosing.promise import Promise, interval
from ..types import EYES_SHUT, Emotion, Face, Kind, Taken

LOOKS = {
    Emotion.ANGER: "angry",
    Emotion.HAPPY: "happy",
    Emotion.SAD: "sad",
    Emotion.NEUTRAL: "neutral",
    Emotion.SURPRISE: "surprised",
    Emotion.FEAR: "afraid",
    Emotion.DISGUST: "disgusted",
}
"""The adjective for a face with each label, as in "looks angry"."""
NO_LABEL = "no clear expression"


def of_face(number: int, face: Face, elsewhere: Emotion | None, album: Album | None, natural: Shares) -> str:
    """Explain the label of a face; elsewhere: its label in an ordinary album, which has natural shares."""
    if face.label is None:
        sentence = f"Face {number} shows {NO_LABEL}: perhaps another expression, too blurred to read, or not a face."
    else:
        sentence = f"Face {number} looks {LOOKS[face.label]} ({percent(face.sure or 0)} sure)."
    if album is None or face.label is elsewhere:
        return sentence
    in_album, in_general = percent(album.shares[face.label]), percent(natural[face.label])
    shares = f"{in_album} of the faces {_verb(face.label)}; in an ordinary album {in_general}"
    return f"{sentence} In this album {shares}, and there this face would {_verb(elsewhere)}."


def of_mark(number: int, says: Emotion | Kind, without: Face) -> str:
    """Say what the user marked a face as; without: the face without the mark."""
    if says is Kind.NO_FACE:
        return f"You marked face {number} as no face."
    looks = NO_LABEL if without.label is None else f"{without.label} ({percent(without.sure or 0)} sure)"
    what = "a face" if says is Kind.FACE else says
    return f"You marked face {number} as {what}; its label without marks: {looks}."


def of_time(taken: Taken | None) -> str:
    """Say when a photo was taken, and where that comes from."""
    return "without a date" if taken is None else f"taken {taken.at.replace('T', ' ')} ({taken.source})"


def of_eyes(eyes: float | None) -> str:
    """Return "eyes open", "eyes closed" or "eyes hidden"."""
    return "eyes hidden" if eyes is None else "eyes open" if eyes >= EYES_SHUT else "eyes closed"


def of_matter(reason: Reason | None) -> str:
    """Return whether a face matters in its photo, and why not; reason: as in `choosing.matters.reasons`."""
    return "matters in this photo" if reason is None else f"does not matter in this photo: {reason}"


def of_album(album: Album) -> str:
    """Describe the shares of an album, the most common expression first."""
    ordered = sorted(ANSWERS, key=lambda answer: -album.shares[answer])
    shares = ", ".join(f"{percent(album.shares[answer])} {answer or NO_LABEL}" for answer in ordered)
    return f"In {album.root}, estimated from {album.faces:,} faces: {shares}"


TOO_FEW = 5
"""With fewer photos, an expectation says nothing."""
UNUSUAL = (
    "The expressions in an album are not as common as in ordinary ones, so these numbers are rougher than usual. "
    "To measure how many labels are right, run: albumsort mark --random 50"
)


def of_promises(promises: Mapping[Emotion, Promise]) -> Iterator[str]:
    """Say for each label how many of its photos to expect right, unless they are too few for an expectation."""
    return (of_promise(label, promise) for label, promise in promises.items() if promise.photos >= TOO_FEW)


def of_promise(label: Emotion, promise: Promise) -> str:
    """Say how many of the photos with a label to expect right."""
    right = f"about {promise.right:,.0f} right ({promise.low:,.0f} to {promise.high:,.0f})"
    unsure = f"; {promise.unsure:,} unsure (albumsort list --unsure)" if promise.unsure else ""
    return f"Of {promise.photos:,} {label}: {right}{unsure}"


def of_judged(judged: Iterable[Judged]) -> Iterator[str]:
    """Say how many labels are right by the user's marks, and where marks and labels differ most."""
    marks = list(judged)
    drawn = [one.label == one.says for one in marks if one.drawn]
    if drawn:
        low, high = interval(sum(drawn), len(drawn))
        share = f"{percent(sum(drawn) / len(drawn))} ({percent(low)} to {percent(high)})"
        yield f"Of {len(drawn)} photos drawn at random that you marked, {sum(drawn)} had the right label: {share}"
    wrong = Counter((one.label or NO_LABEL, one.says) for one in marks if one.label != one.says)
    if wrong:
        often = "; ".join(f"{count} labelled {label}, marked {says}" for (label, says), count in wrong.most_common(3))
        yield f"Your marks and the labels differ most here: {often}"


def percent(share: float) -> str:
    """Return a share in percent, with one decimal below 1 %."""
    return f"{100 * share:.{0 if share >= 0.01 else 1}f} %"


def _verb(answer: Answer) -> str:
    return f"show {NO_LABEL}" if answer is None else f"look {LOOKS[answer]}"
