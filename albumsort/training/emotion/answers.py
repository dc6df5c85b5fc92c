"""The answers of this program, or of another one, for judged faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import analysis
from ...choosing.labels import LabelRule, shares_of
from ...disk import contents
from ...emotions import EYES, EmotionClassifier
from ...errors import AlbumsortError, PhotoError
from ...faces.rows import overlaps
from ...photos import read
from ...types import THRESHOLD, Box, Emotion, Expression, Face
from ..common.arrays import Pixels
from .agreement import Seen, Viewed
from .natural import EXPRESSIONS, NaturalFaces, read_rows, votes

PHOTO_COLUMNS = ("file", "box", "source", "weight", "labels")
SAME = 0.3
"""Least overlap (intersection over union) at which a detected face is the judged one."""

Watch = Callable[[Iterable[Path]], Iterable[Path]]


@dataclass(frozen=True)
class JudgedFace:
    """A judged face of a photo.

    box: in upright pixels; weight: number of faces that it represents; labels: the viewers' verdicts.
    """

    photo: Path
    box: Box
    source: str
    weight: float
    labels: str


def of_crops(classifier: EmotionClassifier, crops: Pixels) -> Seen:
    """Return the program's answers for (n, side, side) crops, with natural shares and a detection confidence of 1."""
    rule = LabelRule(classifier.natural, classifier.natural)
    return of_expressions(rule, classifier.classify(crops, [1.0] * len(crops)))


def of_expressions(rule: LabelRule, expressions: Sequence[Expression | None]) -> Seen:
    """Return expressions with their labels; None (a missed face) becomes natural shares without a label."""
    known = [e or Expression(rule.emotions, 1.0, None) for e in expressions]
    labelled = [rule.label(e.probabilities, e.nothing) for e in known]
    return Seen(
        probabilities=np.array([[e.probabilities[emotion] for emotion in Emotion] for e in known]),
        label=np.array([-1 if label is None else list(Emotion).index(label) for label, _ in labelled]),
        sure=np.array([np.nan if sure is None else sure for _, sure in labelled]),
        eyes=np.array([np.nan if e.eyes is None else e.eyes for e in known]),
    )


def of_table(path: Path, faces: NaturalFaces) -> Seen:
    """Read another program's answers for natural faces: a CSV of `file` and a column for each emotion it knows.

    The label is the likeliest emotion; no label if all columns are empty or zero. Raises AlbumsortError if a face is
    missing.
    """
    rows = {row["file"]: row for row in read_rows(path, ("file",))}
    missing = [file for file in faces.file if file not in rows]
    if missing:
        raise AlbumsortError(f"{path} has no row for {missing[0]} and {len(missing) - 1} more")
    try:
        scores = np.array([[float(rows[file].get(e.value) or 0) for e in Emotion] for file in faces.file])
    except ValueError as e:
        raise AlbumsortError(f"{path}: a probability is no number ({e})") from e
    if not scores.any():
        raise AlbumsortError(f"{path} has no column named after an emotion: {', '.join(Emotion)}")
    likeliest = scores.argmax(axis=1)
    labelled = scores.any(axis=1)
    total = np.maximum(scores.sum(axis=1, keepdims=True), 1e-9)
    sure = np.where(labelled, (scores / total)[np.arange(len(scores)), likeliest], np.nan)
    return Seen(scores / total, np.where(labelled, likeliest, -1), sure, np.full(len(scores), np.nan))


def judged_faces(listing: Path, folder: Path) -> list[JudgedFace]:
    """Read a CSV of judged faces of photos in `folder`; raises AlbumsortError if its form is wrong."""
    try:
        return [
            JudgedFace(
                photo=folder / row["file"],
                box=Box(*map(float, row["box"].split())),
                source=row["source"],
                weight=float(row["weight"]),
                labels=row["labels"],
            )
            for row in read_rows(listing, PHOTO_COLUMNS)
        ]
    except (TypeError, ValueError) as e:
        raise AlbumsortError(f"{listing}: {e}") from e


def of_photos(
    classifier: EmotionClassifier, judged: Sequence[JudgedFace], watch: Watch
) -> tuple[Seen, Viewed, list[tuple[Path, str]]]:
    """Analyse the photos as `index` does, as one album; return the answers and the verdicts for each judged face.

    A face that is missed, or detected with less confidence than queries require, has no label. Photos that cannot be
    read are returned with the reasons; their faces are left out.
    """
    detector, _ = analysis.load_networks()
    found: dict[Path, list[Face]] = {}
    failed = list[tuple[Path, str]]()
    for path in watch(sorted({face.photo for face in judged})):
        try:
            data = read.read(path)
            seen = analysis.analyse_bytes(data, contents.digest(data), detector, classifier)
        except PhotoError as e:
            failed.append((path, str(e)))
            continue
        found[path] = [face for face in seen.faces if face.detection >= THRESHOLD]
    kept = [face for face in judged if face.photo in found]
    every = [face for faces in found.values() for face in faces]
    rule = LabelRule(classifier.natural, shares_of(every, classifier.natural, classifier.confusion))
    answers = of_expressions(rule, [_matching(face.box, found[face.photo]) for face in kept])
    viewed = Viewed(
        expressions=votes([face.labels for face in kept], EXPRESSIONS),
        eyes=np.zeros((len(kept), len(EYES)), np.float32),
        weight=np.array([face.weight for face in kept], np.float32),
        groups={"source": np.array([face.source for face in kept])},
    )
    return answers, viewed, failed


def _matching(box: Box, found: Sequence[Face]) -> Expression | None:
    if not found:
        return None
    rows = np.array([[f.box.x, f.box.y, f.box.w, f.box.h] for f in found], np.float32)
    shared = overlaps(np.array([[box.x, box.y, box.w, box.h]], np.float32), rows)[0]
    face = found[int(shared.argmax())]
    return Expression(face.probabilities, face.nothing, face.eyes) if shared.max() >= SAME else None
