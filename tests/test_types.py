from __future__ import annotations

import cmath
import math
import pickle
from pathlib import Path

import pytest
from helpers import face
from hypothesis import given
from hypothesis import strategies as st

from albumsort.errors import UsageError
from albumsort.types import FOUR, Box, Detection, Emotion, Photo, label_among


@pytest.mark.parametrize("emotion", list(Emotion))
def test_every_emotion_is_known_by_its_own_name(emotion: Emotion) -> None:
    assert Emotion.parse(emotion.value) is emotion


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("angry", "anger"),
        ("happiness", "happy"),
        ("joy", "happy"),
        ("sadness", "sad"),
        ("calm", "neutral"),
        ("surprised", "surprise"),
        ("scared", "fear"),
        ("disgusted", "disgust"),
        (" Happy\n", "happy"),
        ("ANGRY", "anger"),
    ],
)
def test_usual_synonyms_and_any_case_are_understood(word: str, emotion: str) -> None:
    assert Emotion.parse(word) == emotion


@pytest.mark.parametrize("word", ["", "contempt", "hap", "happy sad", "0"])
def test_any_other_word_is_refused_with_the_list(word: str) -> None:
    with pytest.raises(UsageError) as refused:
        Emotion.parse(word)
    assert all(emotion.value in str(refused.value) for emotion in Emotion)


def test_the_four_are_the_first_four() -> None:
    assert list(FOUR) == list(Emotion)[:4] == ["anger", "happy", "sad", "neutral"]


def test_a_label_is_the_most_probable_once_the_prior_is_divided_out() -> None:
    probabilities = face(neutral=0.5, sad=0.3).probabilities
    even = dict.fromkeys(Emotion, 1 / len(Emotion))
    assert label_among(FOUR, probabilities, even) is Emotion.NEUTRAL
    assert label_among(FOUR, probabilities, {**even, Emotion.NEUTRAL: 0.6, Emotion.SAD: 0.1}) is Emotion.SAD


def test_a_label_is_never_an_emotion_that_was_not_asked_for() -> None:
    probabilities = face(surprise=0.9, happy=0.05).probabilities
    even = dict.fromkeys(Emotion, 1.0)
    assert label_among(FOUR, probabilities, even) is Emotion.HAPPY
    assert label_among((*FOUR, Emotion.SURPRISE), probabilities, even) is Emotion.SURPRISE


@given(
    st.lists(st.floats(0.001, 1), min_size=len(Emotion), max_size=len(Emotion)),
    st.floats(0.1, 10),
)
def test_a_label_does_not_depend_on_the_scale_of_the_prior(shares: list[float], factor: float) -> None:
    prior = dict(zip(Emotion, shares, strict=True))
    probabilities = face(happy=0.3, sad=0.25, neutral=0.2).probabilities
    scaled = {emotion: share * factor for emotion, share in prior.items()}
    best, other = label_among(FOUR, probabilities, prior), label_among(FOUR, probabilities, scaled)
    assert probabilities[best] / prior[best] == pytest.approx(probabilities[other] / prior[other])


def test_a_box_scales_with_its_frame() -> None:
    assert Box(1, 2, 3, 4).scaled(2.5) == Box(2.5, 5, 7.5, 10)
    assert Box(1, 2, 3, 4).area == 12


def photo(*boxes: tuple[float, float, float, float]) -> Photo:
    return Photo(Path("a.jpg"), 640, 480, None, "00", tuple(face(box) for box in boxes))


def test_the_part_of_a_box_inside_a_frame() -> None:
    assert Box(-10, 20, 30, 90).within(100, 80) == Box(0, 20, 20, 60)
    assert Box(5, 6, 7, 8).within(100, 80) == Box(5, 6, 7, 8)
    assert Box(-30, 20, 20, 20).within(100, 80).area == 0
    assert Box(200, 200, 20, 20).within(100, 80).area == 0


FRONT = (-10 - 12j, 10 - 12j, 0, -8 + 12j, 8 + 12j)  # eyes, nose and mouth about the middle of a face, y downwards
SIDE = (-2 - 12j, 2 - 12j, -9, -3 + 12j, 0 + 12j)


@pytest.mark.parametrize("marks", [FRONT, SIDE])
@given(lean=st.floats(-179, 179))
def test_eyes_and_mouth_say_how_a_face_leans(marks: tuple[complex, ...], lean: float) -> None:
    turned = [point * cmath.rect(3, math.radians(lean)) + (50 + 70j) for point in marks]
    found = Detection(Box(0, 0, 100, 140), tuple((p.real, p.imag) for p in turned), 0.9)
    assert abs((found.lean - lean + 180) % 360 - 180) < (1e-6 if marks is FRONT else 4)


def test_the_main_face_is_the_largest_wherever_it_stands() -> None:
    main = photo((0, 0, 30, 30), (5, 5, 50, 60), (100, 0, 100, 10)).main_face
    assert main is not None
    assert main.box == Box(5, 5, 50, 60)


def test_a_photo_without_a_face_has_no_main_face() -> None:
    assert photo().main_face is None


def test_values_cannot_be_changed_and_survive_pickling() -> None:
    taken = photo((0, 0, 30, 30))
    with pytest.raises(AttributeError):
        taken.width = 1  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(taken)) == taken
