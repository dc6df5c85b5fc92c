from __future__ import annotations

import json

import numpy as np
import pytest
from helpers import ASTRONAUT_FACE, astronaut
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.answers import ANSWERS
from albumsort.emotions import Calibration, LiteRTClassifier, eyes_open, load_classifier
from albumsort.faces.crop import crop
from albumsort.networks import weights
from albumsort.types import Emotion, Expression

SURE = [1.0]
ANSWERED = ("neutral", "happy", "surprise", "sad", "anger", "disgust", "fear", "other", "unclear", "none")
OF_FACES = ANSWERED[:-1]
NO_FACE_SHARE = 0.05
NATURAL = dict(zip(ANSWERS, (0.05, 0.3, 0.05, 0.3, 0.04, 0.03, 0.03, 0.2), strict=True))


@pytest.fixture(scope="module")
def classifier() -> LiteRTClassifier:
    return load_classifier()


def smile() -> np.ndarray:
    return crop(np.asarray(astronaut())[:, :, ::-1], ASTRONAUT_FACE)


def crops(n: int) -> np.ndarray:
    """Different crops, including a real face."""
    random = np.random.default_rng(n)
    return np.stack([smile(), *random.integers(0, 256, (n - 1, *smile().shape), np.uint8)])


def logits(**values: float) -> np.ndarray:
    return np.array([[values.get(name, 0.0) for name in ANSWERED]])


def joint(
    values: np.ndarray, temperature: float = 1.0, detection: float = 1.0, **bias: float
) -> dict[Emotion | None, float]:
    biases = tuple(bias.get(name, 0.0) for name in OF_FACES)
    made = Calibration(ANSWERED, temperature, biases, NO_FACE_SHARE, NATURAL)
    [row] = made.joint_probabilities(values, np.array([detection]))
    return dict(zip(ANSWERS, map(float, row), strict=True))


def calibration(**changed: object) -> Calibration:
    """A calibration like the shipped network's, with other numbers."""
    details = json.loads(json.dumps(weights.load("emotion")[1].details))
    details["natural"].update(changed)
    return Calibration.of(details)


# the network that ships


def test_the_astronaut_is_happy_and_her_eyes_are_open(classifier: LiteRTClassifier) -> None:
    [seen] = classifier.classify(smile()[None], SURE)
    assert seen.probabilities[Emotion.HAPPY] > 0.9
    assert seen.nothing < 0.1
    assert seen.eyes is not None
    assert seen.eyes > 0.5


def test_her_mirror_image_is_happy_too(classifier: LiteRTClassifier) -> None:
    [seen] = classifier.classify(np.ascontiguousarray(smile()[:, ::-1])[None], SURE)
    assert seen.probabilities[Emotion.HAPPY] > 0.9


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(0, 255), st.integers(0, 255))
def test_every_crop_gets_valid_probabilities(n: int, low: int, high: int) -> None:
    random = np.random.default_rng(n)
    faces = random.integers(min(low, high), max(low, high) + 1, (n, 48, 48)).astype(np.uint8)
    answers = load_classifier().classify(faces, [1.0] * n)
    assert len(answers) == n
    for seen in answers:
        assert list(seen.probabilities) == list(Emotion)
        assert all(0 <= p <= 1 for p in (*seen.probabilities.values(), seen.nothing))
        assert sum(seen.probabilities.values()) == pytest.approx(1, abs=1e-9)
        assert seen.eyes is None or 0 <= seen.eyes <= 1


def test_faces_in_a_batch_are_judged_as_one_by_one(classifier: LiteRTClassifier) -> None:
    batch = crops(5)
    together = classifier.classify(batch, [1.0] * 5)
    alone = [classifier.classify(one[None], SURE)[0] for one in batch]
    for a, b in zip(together, alone, strict=True):
        assert a.probabilities == pytest.approx(b.probabilities, abs=1e-4)
        assert a.nothing == pytest.approx(b.nothing, abs=1e-4)


def test_no_crops_give_no_expressions(classifier: LiteRTClassifier) -> None:
    assert classifier.classify(np.empty((0, 48, 48), np.uint8), []) == []


def test_the_shipped_network_names_its_heads_and_its_natural_shares(classifier: LiteRTClassifier) -> None:
    details = weights.load("emotion")[1].details
    assert details["labels"]["natural"] == list(ANSWERED)
    assert details["labels"]["eyes"] == ["open", "closed", "hidden"]
    assert classifier.natural == weights.natural_shares()


def test_heads_are_found_by_name_in_any_order() -> None:
    content, network = weights.load("emotion")
    labels = network.details["labels"]
    swapped = {"eyes": labels["eyes"], **{name: of for name, of in labels.items() if name != "eyes"}}
    [seen] = LiteRTClassifier(content, network.details).classify(smile()[None], SURE)
    [wrong] = LiteRTClassifier(content, {**network.details, "labels": swapped}).classify(smile()[None], SURE)
    assert wrong.probabilities != pytest.approx(seen.probabilities, abs=0.01)


# from logits to probabilities


def test_all_answers_that_are_not_emotions_add_up_to_nothing() -> None:
    shown = joint(logits(happy=np.log(4), other=np.log(2), none=-50))  # 4, 2, and seven times 1
    assert shown[Emotion.HAPPY] == pytest.approx(4 / 13)
    assert shown[Emotion.SAD] == pytest.approx(1 / 13)
    assert shown[None] == pytest.approx(3 / 13)
    assert sum(shown.values()) == pytest.approx(1)


def test_no_face_combines_the_networks_odds_and_the_detectors_doubt() -> None:
    even = logits(happy=50, none=50)  # one in twenty training examples had no face: the odds favour none
    doubtful = joint(even, detection=0.6)[None]
    assert doubtful == pytest.approx(1 / (1 + (0.05 / 0.95) * (0.6 / 0.4)))
    assert joint(even, detection=0.9)[None] < doubtful
    assert joint(even, detection=1.0)[None] == pytest.approx(
        joint(even, detection=0.99)[None]
    )  # no detection is more confident
    assert joint(logits(happy=50, none=45), detection=0.6)[Emotion.HAPPY] > 0.8


@pytest.mark.parametrize("emotion", list(Emotion))
def test_every_emotion_has_its_own_logit(emotion: Emotion) -> None:
    shown = joint(logits(**{emotion.value: 3.0}))
    assert max(shown, key=shown.__getitem__) is emotion


def test_a_higher_temperature_flattens_probabilities_and_keeps_their_order() -> None:
    sharp, soft = (joint(logits(happy=2, sad=1), temperature) for temperature in (1.0, 4.0))
    assert sharp[Emotion.HAPPY] > soft[Emotion.HAPPY] > soft[Emotion.SAD] > sharp[Emotion.FEAR]


def test_a_bias_favours_its_answer_at_any_temperature() -> None:
    plain, biased = joint(logits(happy=2), 4.0), joint(logits(happy=2), 4.0, sad=np.log(3))
    odds = biased[Emotion.SAD] / biased[Emotion.HAPPY] / (plain[Emotion.SAD] / plain[Emotion.HAPPY])
    assert odds == pytest.approx(3)


def test_the_calibration_of_the_manifest_is_applied() -> None:
    eyes = np.zeros((1, 3))
    plain, soft, biased = (
        calibration(**changed).expressions(logits(happy=3.0, sad=1.0), eyes, np.ones(1))[0]
        for changed in (
            {"bias": [0.0] * 9},
            {"bias": [0.0] * 9, "temperature": 3.0},
            {"bias": [0, 0, 0, 5] + [0] * 5},
        )
    )
    assert plain.probabilities[Emotion.HAPPY] > soft.probabilities[Emotion.HAPPY]
    assert biased.probabilities[Emotion.SAD] > biased.probabilities[Emotion.HAPPY]


def test_biases_are_matched_by_answer_name() -> None:
    labels = list(reversed(OF_FACES))
    bias = [5.0 if name == "sad" else 0.0 for name in labels]
    [seen] = calibration(labels=labels, bias=bias).expressions(logits(), np.zeros((1, 3)), np.ones(1))
    assert max(seen.probabilities, key=seen.probabilities.__getitem__) is Emotion.SAD


def expressed(values: np.ndarray) -> Expression:
    [seen] = Calibration(ANSWERED, 1.0, (0.0,) * 9, NO_FACE_SHARE, NATURAL).expressions(
        values, np.zeros((1, 3)), np.ones(1)
    )
    return seen


def test_an_unreadable_face_gets_the_natural_shares() -> None:
    seen = expressed(logits(unclear=50))
    assert seen.nothing == pytest.approx(1)
    assert seen.probabilities == pytest.approx({e: NATURAL[e] / 0.8 for e in Emotion})


def test_probabilities_are_mixed_with_natural_shares_as_far_as_a_face_is_unreadable() -> None:
    values = logits(happy=2.0, none=1.5)
    shown, seen = joint(values), expressed(values)
    assert seen.nothing == pytest.approx(shown[None])
    for emotion in Emotion:
        assert seen.probabilities[emotion] - seen.nothing * NATURAL[emotion] / 0.8 == pytest.approx(shown[emotion])


# eyes


def test_visible_eyes_compare_open_with_closed() -> None:
    opened = eyes_open(np.log([[3.0, 1.0, 1.0], [1.0, 3.0, 2.9], [3.0, 1.0, 2.0]]))
    assert opened.tolist() == pytest.approx([0.75, 0.25, 0.75])


def test_eyes_that_are_probably_hidden_get_no_answer() -> None:
    eyes = np.log([[1.0, 1.0, 1.1], [1.1, 1.0, 1.0]])
    hidden, seen = Calibration(ANSWERED, 1.0, (0.0,) * 9, NO_FACE_SHARE, NATURAL).expressions(
        np.zeros((2, 10)), eyes, np.ones(2)
    )
    assert hidden.eyes is None
    assert seen.eyes == pytest.approx(1.1 / 2.1)
