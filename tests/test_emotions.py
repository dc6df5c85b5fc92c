from __future__ import annotations

import numpy as np
import pytest
from helpers import ASTRONAUT_FACE, astronaut, face
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort import weights
from albumsort.emotions import LiteRTClassifier, load_classifier
from albumsort.faces import crop
from albumsort.types import FOUR, Emotion


@pytest.fixture(scope="module")
def classifier() -> LiteRTClassifier:
    return load_classifier()


def smile() -> np.ndarray:
    return crop(np.asarray(astronaut())[:, :, ::-1], ASTRONAUT_FACE)


def crops(n: int) -> np.ndarray:
    """Different pictures, among them a real face."""
    random = np.random.default_rng(n)
    return np.stack([smile(), *random.integers(0, 256, (n - 1, 48, 48), np.uint8)])


def test_the_astronaut_is_happy(classifier: LiteRTClassifier) -> None:
    [probabilities] = classifier.classify(smile()[None])
    assert probabilities[Emotion.HAPPY] > 0.9
    assert classifier.label(probabilities) is Emotion.HAPPY


def test_her_mirror_image_is_happy_too(classifier: LiteRTClassifier) -> None:
    [probabilities] = classifier.classify(np.ascontiguousarray(smile()[:, ::-1])[None])
    assert probabilities[Emotion.HAPPY] > 0.9


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(0, 255), st.integers(0, 255))
def test_probabilities_of_any_crop_sum_to_one(n: int, low: int, high: int) -> None:
    random = np.random.default_rng(n)
    faces = random.integers(min(low, high), max(low, high) + 1, (n, 48, 48)).astype(np.uint8)
    answers = load_classifier().classify(faces)
    assert len(answers) == n
    for probabilities in answers:
        assert list(probabilities) == list(Emotion)
        assert all(0 <= p <= 1 for p in probabilities.values())
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_faces_together_are_judged_as_they_are_one_by_one(classifier: LiteRTClassifier) -> None:
    batch = crops(5)
    together = classifier.classify(batch)
    alone = [classifier.classify(one[None])[0] for one in batch]
    for a, b in zip(together, alone, strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def test_no_face_is_no_answer(classifier: LiteRTClassifier) -> None:
    assert classifier.classify(np.empty((0, 48, 48), np.uint8)) == []


def test_a_higher_temperature_is_less_sure_of_the_same_order() -> None:
    content, network = weights.load("emotion")
    answers = [
        LiteRTClassifier(content, {**network.details, "temperature": t}, weights.label_prior()).classify(crops(3))
        for t in (1.0, 4.0)
    ]
    for sharp, soft in zip(*answers, strict=True):
        assert max(soft.values()) < max(sharp.values())
        assert max(soft, key=soft.__getitem__) is max(sharp, key=sharp.__getitem__)


def test_the_label_divides_by_the_training_prior() -> None:
    content, network = weights.load("emotion")
    probabilities = face(neutral=0.5, sad=0.3).probabilities
    even = dict.fromkeys(Emotion, 1 / len(Emotion))
    lopsided = {**even, Emotion.NEUTRAL: 0.6, Emotion.SAD: 0.1}
    labels = [LiteRTClassifier(content, network.details, prior).label(probabilities) for prior in (even, lopsided)]
    assert labels == [Emotion.NEUTRAL, Emotion.SAD]


def test_the_label_is_one_of_the_four_even_of_a_surprised_face(classifier: LiteRTClassifier) -> None:
    assert classifier.label(face(surprise=0.98).probabilities) in FOUR


def test_the_shipped_network_is_calibrated_and_names_its_labels() -> None:
    details = weights.load("emotion")[1].details
    assert {e.value for e in Emotion} <= set(details["labels"]["ferplus"])
    assert float(details["temperature"]) > 0
