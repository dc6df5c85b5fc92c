"""One photo to its Analysis: the unit of parallel work, pure and picklable."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from . import faces, photos
from .emotions import EmotionClassifier, load_classifier
from .errors import PassingPhotoError
from .faces import FaceDetector
from .photos import Upright
from .timing import step
from .types import Analysis, Box, Detection, Emotion, Face, PhotoFile

FLOOR = 0.3
"""Detections that score less are not kept; which of the others count is each query's own question."""
Verdict = tuple[dict[Emotion, float], Emotion]
"""A face's probabilities and its label."""


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
    """Find and classify the faces of an encoded photo."""
    return analyse_upright(photos.decode(data), digest, detector, classifier)


def analyse_upright(upright: Upright, digest: str, detector: FaceDetector, classifier: EmotionClassifier) -> Analysis:
    """Find and classify the faces of a decoded photo, all of them in one batch."""
    boxed = ((d, _stored(d, upright)) for d in detector.detect(upright.pixels))
    found = [(d, box) for d, box in boxed if box.area > 0]
    with step("crop"):
        crops = [faces.crop(upright.pixels, d.box, d.lean) for d, _ in found]
    with step("classify"):
        verdicts = classify(np.stack(crops), classifier) if crops else []
    with step("describe"):
        seen = tuple(_face(d, box, upright, verdict) for (d, box), verdict in zip(found, verdicts, strict=True))
        packed = faces.pack(crops)
    return Analysis(digest, upright.width, upright.height, upright.taken_at, seen, packed)


def _stored(found: Detection, upright: Upright) -> Box:
    """Return the part of a box inside the photo; only the crop needs what the detector guessed beyond its border."""
    return found.box.scaled(upright.scale).within(upright.width, upright.height)


def _face(found: Detection, box: Box, upright: Upright, verdict: Verdict) -> Face:
    probabilities, label = verdict
    return Face(
        box=box,
        landmarks=tuple((x * upright.scale, y * upright.scale) for x, y in found.landmarks),
        detection=found.score,
        size=max(box.w, box.h) / min(upright.width, upright.height),
        sharpness=faces.sharpness(upright.pixels, found.box),
        probabilities=probabilities,
        label=label,
    )


def classify(crops: npt.NDArray[np.uint8], classifier: EmotionClassifier) -> list[Verdict]:
    """Judge all faces of one photo, given their (n, 48, 48) crops.

    A photo's faces go through together whenever they are judged, so that the answers are the same to the last bit.
    """
    return [(p, classifier.label(p)) for p in classifier.classify(crops)]


@functools.cache
def load_networks() -> tuple[FaceDetector, EmotionClassifier]:
    """Return the networks that ship, loaded once in each process; raises WeightsError."""
    return faces.load_detector(FLOOR), load_classifier()
