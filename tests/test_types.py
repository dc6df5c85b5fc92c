from __future__ import annotations

import cmath
import json
import math
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import face
from hypothesis import given
from hypothesis import strategies as st

from albumsort.answers import ANSWERS, named_shares, shares_from
from albumsort.errors import UsageError
from albumsort.types import FOUR, Box, Detection, Emotion, Photo


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


def test_shares_can_be_read_back_by_name() -> None:
    shares = {answer: (number + 1) / 36 for number, answer in enumerate(ANSWERS)}
    named = named_shares(shares)
    assert named == {"anger": 1 / 36, "happy": 2 / 36, "sad": 3 / 36, "neutral": 4 / 36} | {
        "surprise": 5 / 36,
        "fear": 6 / 36,
        "disgust": 7 / 36,
        "nothing": 8 / 36,
    }
    assert shares_from(json.loads(json.dumps(named))) == shares
    with pytest.raises(KeyError):
        shares_from({name: share for name, share in named.items() if name != "nothing"})


def test_a_photo_has_the_label_of_its_largest_face_and_none_without_a_label() -> None:
    pair = Photo(Path("a"), 9, 9, None, None, "", (face((0, 0, 9, 9), sad=0.9), face((0, 0, 20, 20), happy=0.8)))
    assert (pair.label, pair.sure) == (Emotion.HAPPY, pytest.approx(0.8))
    unread = replace(pair, faces=(face((0, 0, 9, 9), sad=0.9), face((0, 0, 20, 20), happy=0.2, nothing=0.7)))
    assert (unread.label, unread.sure) == (Emotion.SAD, pytest.approx(0.9))
    none = replace(pair, faces=(face((0, 0, 20, 20), happy=0.2, nothing=0.7),))
    assert (none.label, none.sure) == (None, None)
    assert (replace(pair, faces=()).label, replace(pair, faces=()).sure) == (None, None)


def test_a_box_scales_with_its_frame() -> None:
    assert Box(1, 2, 3, 4).scaled(2.5) == Box(2.5, 5, 7.5, 10)
    assert Box(1, 2, 3, 4).area == 12


def photo(*boxes: tuple[float, float, float, float]) -> Photo:
    return Photo(Path("a.jpg"), 640, 480, None, None, "00", tuple(face(box) for box in boxes))


def test_the_part_of_a_box_inside_a_frame() -> None:
    assert Box(-10, 20, 30, 90).within(100, 80) == Box(0, 20, 20, 60)
    assert Box(5, 6, 7, 8).within(100, 80) == Box(5, 6, 7, 8)
    assert Box(-30, 20, 20, 20).within(100, 80).area == 0
    assert Box(200, 200, 20, 20).within(100, 80).area == 0


FRONT = (-10 - 12j, 10 - 12j, 0, -8 + 12j, 8 + 12j)  # eyes, nose and mouth around the centre of a face, y down
SIDE = (-2 - 12j, 2 - 12j, -9, -3 + 12j, 0 + 12j)


@pytest.mark.parametrize("marks", [FRONT, SIDE])
@given(lean=st.floats(-179, 179))
def test_the_lean_of_a_face_is_computed_from_eyes_and_mouth(marks: tuple[complex, ...], lean: float) -> None:
    turned = [point * cmath.rect(3, math.radians(lean)) + (50 + 70j) for point in marks]
    found = Detection(Box(0, 0, 100, 140), tuple((p.real, p.imag) for p in turned), 0.9)
    assert abs((found.lean - lean + 180) % 360 - 180) < (1e-6 if marks is FRONT else 4)


def test_of_equal_labels_the_largest_face_decides_in_any_order() -> None:
    decides = photo((0, 0, 30, 30), (5, 5, 50, 60), (100, 0, 100, 10)).deciding_face
    assert decides is not None
    assert decides.box == Box(5, 5, 50, 60)


def test_a_face_that_does_not_matter_decides_nothing() -> None:
    one = photo((0, 0, 30, 30))
    silent = replace(one, faces=(replace(one.faces[0], matters=False),))
    assert (silent.deciding_face, silent.label, silent.sure) == (None, None, None)


def test_a_photo_without_a_face_has_no_deciding_face() -> None:
    assert photo().deciding_face is None


def test_values_cannot_be_changed_and_survive_pickling() -> None:
    taken = photo((0, 0, 30, 30))
    with pytest.raises(AttributeError):
        taken.width = 1  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(taken)) == taken
