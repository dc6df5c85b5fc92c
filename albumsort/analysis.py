"""Analyse one photo: the unit of parallel work; pure, with picklable results."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .choosing.labels import LabelRule
from .choosing.matters import judged
from .disk import contents
from .emotions import EmotionClassifier, load_classifier
from .errors import TransientPhotoError
from .faces import crop
from .faces import sharpness as face_sharpness
from .faces.detector import SMALLEST, FaceDetector, load_detector
from .networks.litert import hushed
from .photos import decode, description, read
from .photos.upright import Upright
from .timing import step
from .types import Analysis, Box, Detection, Expression, Face, Known, PhotoFile

FLOOR = 0.3
"""Detections below this confidence are not stored; each query chooses its own, higher threshold."""
ENOUGH = 32.0
"""Pixels of a face's longer side; more give no better labels (`benchmarks/small_faces.py`)."""
CLOSEST = 4500
"""Most pixels of the longer side requested for small faces; a JPEG gets less than twice as many."""


def analyse(file: PhotoFile, known: frozenset[str]) -> Analysis | Known:
    """Analyse one photo file, unless its content hash is in `known`.

    Raises PhotoError with the reason if the file cannot be read or decoded, or changed since the walk.
    """
    with step("read"):
        data = read.read(file.path)
    if len(data) != file.size:
        raise TransientPhotoError("the file changed while it was being indexed; run index again")
    with step("hash"):
        digest = contents.digest(data)
    if digest in known:
        return Known(digest)
    with step("load networks"):
        networks = load_networks()
    return analyse_bytes(data, digest, *networks)


def analyse_file(path: Path) -> tuple[Upright, Analysis]:
    """Analyse one photo file without an index; returns the decoded photo as well. Raises PhotoError."""
    networks = load_networks()
    data = read.read(path)
    with hushed():  # libraries inside OpenCV and Pillow print warnings, sometimes even if the photo opens
        upright = decode.decode(data)
        return upright, analyse_upright(upright, data, contents.digest(data), *networks)


def analyse_bytes(data: bytes, digest: str, detector: FaceDetector, classifier: EmotionClassifier) -> Analysis:
    """Detect and classify the faces of an encoded photo."""
    return analyse_upright(decode.decode(data), data, digest, detector, classifier)


def analyse_upright(
    upright: Upright, data: bytes, digest: str, detector: FaceDetector, classifier: EmotionClassifier
) -> Analysis:
    """Detect and classify the faces of a decoded photo; data: the bytes it was decoded from.

    Labels assume an ordinary album: the photo's own album is not known here.
    """
    found = [_enlarged(d, upright.scale) for d in detector.detect(upright.pixels)]
    found = [d for d in found if d.box.longer_side >= SMALLEST and _stored(d, upright).area > 0]
    close = _close(upright, data, found)
    boxes = [d.box.scaled(1 / close.scale) for d in found]
    with step("crop"):
        crops = [crop.crop(close.pixels, box, d.lean) for d, box in zip(found, boxes, strict=True)]
    with step("classify"):
        expressions = classifier.classify(np.stack(crops), [d.score for d in found]) if crops else []
    with step("describe"):
        rule = LabelRule(classifier.natural, classifier.natural)
        described = judged(
            [
                rule.relabelled(_face(d, upright, face_sharpness.sharpness(close.pixels, box), expression))
                for d, box, expression in zip(found, boxes, expressions, strict=True)
            ]
        )
        packed = crop.pack(crops)
        looks = description.describe(upright.pixels)
    return Analysis(digest, upright.width, upright.height, upright.taken, described, packed, looks)


def _enlarged(found: Detection, by: float) -> Detection:
    """Return a detection in a picture `by` times as large."""
    return Detection(found.box.scaled(by), tuple((x * by, y * by) for x, y in found.landmarks), found.score)


def _close(upright: Upright, data: bytes, found: Sequence[Detection]) -> Upright:
    """Return the photo decoded with enough pixels to classify its smallest face, if it has them.

    Detection needs fewer pixels than classification: in a JPEG of 12 MP decoded at a quarter, a face of 60 pixels has
    15. The scale depends on the photo alone, so that results can be repeated.
    """
    smallest = min((d.box.longer_side for d in found), default=ENOUGH * upright.scale)
    if upright.scale == 1 or smallest >= ENOUGH * upright.scale:
        return upright
    return decode.decode(data, min(max(upright.width, upright.height) * min(1.0, ENOUGH / smallest), CLOSEST))


def _stored(found: Detection, upright: Upright) -> Box:
    """Return the part of a box inside the photo; only the crop uses the part beyond the border."""
    return found.box.within(upright.width, upright.height)


def _face(found: Detection, upright: Upright, sharpness: float, expression: Expression) -> Face:
    box = _stored(found, upright)
    return Face(
        box=box,
        landmarks=found.landmarks,
        detection=found.score,
        size=box.longer_side / min(upright.width, upright.height),
        sharpness=sharpness,
        probabilities=expression.probabilities,
        nothing=expression.nothing,
        eyes=expression.eyes,
        label=None,
        sure=None,
    )


@functools.cache
def load_networks() -> tuple[FaceDetector, EmotionClassifier]:
    """Return the networks that ship, loaded once in each process; raises WeightsError."""
    return load_detector(FLOOR, smallest=0), load_classifier()  # small faces are dropped by their full size
