"""One photo to its Analysis: the unit of parallel work, pure and picklable."""

from __future__ import annotations

import functools

import numpy as np

from . import faces, photos, weights
from .emotions import EmotionClassifier, load_classifier
from .errors import PassingPhotoError
from .faces import FaceDetector
from .types import Analysis, Face, PhotoFile

METHOD = "1"
"""Changes whenever the same bytes and weights would give another result."""


def settings() -> str:
    """Name what results depend on besides the bytes: the weights and the method."""
    return f"{weights.fingerprint()}-{METHOD}"


def analyse(file: PhotoFile, known: frozenset[str]) -> Analysis | str:
    """Analyse one photo file, or return just its digest if that is among `known`.

    Raises PhotoError with the reason if the file cannot be read or decoded, or changed meanwhile.
    """
    data = photos.read(file.path)
    if len(data) != file.size:
        raise PassingPhotoError("the file changed while it was being indexed; run index again")
    digest = photos.digest(data)
    if digest in known:
        return digest
    return analyse_bytes(data, digest, *load_networks())


def analyse_bytes(data: bytes, digest: str, detector: FaceDetector, classifier: EmotionClassifier) -> Analysis:
    """Find and classify the faces of an encoded photo, all of them in one batch."""
    upright = photos.decode(data)
    found = detector.detect(upright.pixels)
    crops = [faces.crop(upright.pixels, d.box) for d in found]
    answers = classifier.classify(np.stack(crops)) if crops else []
    scale = upright.scale
    seen = tuple(
        Face(
            box=d.box.scaled(scale),
            landmarks=tuple((x * scale, y * scale) for x, y in d.landmarks),
            detection=d.score,
            probabilities=p,
            label=classifier.label(p),
        )
        for d, p in zip(found, answers, strict=True)
    )
    return Analysis(digest, upright.width, upright.height, upright.taken_at, seen)


@functools.cache
def load_networks() -> tuple[FaceDetector, EmotionClassifier]:
    """Return the networks that ship, loaded once in each process; raises WeightsError."""
    return faces.load_detector(), load_classifier()
