"""One photo to its Analysis: the unit of parallel work, pure and picklable."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from . import faces, photos, weights
from .emotions import EmotionClassifier, load_classifier
from .errors import PassingPhotoError
from .faces import FaceDetector
from .timing import step
from .types import Analysis, Emotion, Face, PhotoFile, Settings

FINDING_METHOD = "2"
"""Changes whenever the same bytes and weights would give other faces, crops or dates."""
CLASSIFYING_METHOD = "2"
"""Changes whenever the same crops and weights would give other probabilities or labels."""

Verdict = tuple[dict[Emotion, float], Emotion]
"""A face's probabilities and its label."""


def settings() -> Settings:
    """Name what results depend on besides the bytes: the weights and the methods."""
    return Settings(
        finding=f"{weights.fingerprint('face_proposer', 'face_verifier')}-{FINDING_METHOD}",
        classifying=f"{weights.fingerprint('emotion')}-{CLASSIFYING_METHOD}",
    )


def analyse(file: PhotoFile, known: frozenset[str]) -> Analysis | str:
    """Analyse one photo file, or return just its digest if that is among `known`.

    Raises PhotoError with the reason if the file cannot be read or decoded, or changed meanwhile.
    """
    with step("read"):
        data = photos.read(file.path)
    if len(data) != file.size:
        raise PassingPhotoError("the file changed while it was being indexed; run index again")
    with step("hash"):
        digest = photos.digest(data)
    if digest in known:
        return digest
    with step("load networks"):
        networks = load_networks()
    return analyse_bytes(data, digest, *networks)


def analyse_bytes(data: bytes, digest: str, detector: FaceDetector, classifier: EmotionClassifier) -> Analysis:
    """Find and classify the faces of an encoded photo, all of them in one batch."""
    upright = photos.decode(data)
    found = detector.detect(upright.pixels)
    with step("crop"):
        crops = [faces.crop(upright.pixels, d.box) for d in found]
    with step("classify"):
        verdicts = classify(np.stack(crops), classifier) if crops else []
    scale = upright.scale
    seen = tuple(
        Face(
            box=d.box.scaled(scale),
            landmarks=tuple((x * scale, y * scale) for x, y in d.landmarks),
            detection=d.score,
            probabilities=probabilities,
            label=label,
        )
        for d, (probabilities, label) in zip(found, verdicts, strict=True)
    )
    with step("pack"):
        packed = faces.pack(crops)
    return Analysis(digest, upright.width, upright.height, upright.taken_at, seen, packed)


def classify(crops: npt.NDArray[np.uint8], classifier: EmotionClassifier) -> list[Verdict]:
    """Judge all faces of one photo, given their (n, 48, 48) crops.

    A photo's faces go through together whenever they are judged, so that the answers are the same to the last bit.
    """
    return [(p, classifier.label(p)) for p in classifier.classify(crops)]


@functools.cache
def load_networks() -> tuple[FaceDetector, EmotionClassifier]:
    """Return the networks that ship, loaded once in each process; raises WeightsError."""
    return faces.load_detector(), load_classifier()
