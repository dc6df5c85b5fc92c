from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from helpers import EVEN, face

from albumsort.answers import ANSWERS
from albumsort.choosing.labels import Album
from albumsort.show import explanation
from albumsort.show.explanation import LOOKS
from albumsort.types import EYES_SHUT, Emotion

HAPPY, SAD, NEUTRAL = Emotion.HAPPY, Emotion.SAD, Emotion.NEUTRAL
SHARES = {**dict.fromkeys(ANSWERS, 0.002), NEUTRAL: 0.55, HAPPY: 0.3, SAD: 0.12, None: 0.022}
SHARES_OUTSIDE = {**SHARES, NEUTRAL: 0.66, SAD: 0.01}
FUNERAL = Album(Path("/funeral"), SHARES, 12345)
UNREAD = "Face 2 shows no clear expression: perhaps another expression, too blurred to read, or not a face."


def test_a_face_looks_like_its_label() -> None:
    assert (
        explanation.of_face(1, replace(face(happy=0.9), sure=0.974), HAPPY, None, SHARES_OUTSIDE)
        == "Face 1 looks happy (97 % sure)."
    )


@pytest.mark.parametrize("emotion", list(Emotion))
def test_every_label_has_a_word_for_how_a_face_looks(emotion: Emotion) -> None:
    said = explanation.of_face(3, face(**{emotion.value: 0.8}), emotion, FUNERAL, SHARES_OUTSIDE)
    assert said == f"Face 3 looks {LOOKS[emotion]} (80 % sure)."
    assert len(set(LOOKS.values())) == 7


def test_a_face_without_a_label_shows_nothing_clear() -> None:
    assert explanation.of_face(2, face(nothing=0.9), None, FUNERAL, SHARES_OUTSIDE) == UNREAD


def test_only_a_label_changed_by_the_album_is_explained() -> None:
    moved = replace(face(neutral=0.6, sad=0.3), label=SAD, sure=0.71)
    assert explanation.of_face(1, moved, NEUTRAL, FUNERAL, SHARES_OUTSIDE) == (
        "Face 1 looks sad (71 % sure). In this album 12 % of the faces look sad; in an ordinary album 1 %, "
        "and there this face would look neutral."
    )
    assert "album" not in explanation.of_face(1, moved, SAD, FUNERAL, SHARES_OUTSIDE)


def test_the_album_may_give_a_label_or_take_it_away() -> None:
    blurred = replace(face(nothing=0.6), label=None, sure=None)
    assert explanation.of_face(2, blurred, SAD, FUNERAL, SHARES_OUTSIDE) == (
        f"{UNREAD} In this album 2 % of the faces show no clear expression; in an ordinary album 2 %, "
        "and there this face would look sad."
    )
    assert explanation.of_face(1, face(sad=0.8), None, FUNERAL, SHARES_OUTSIDE).endswith(
        "there this face would show no clear expression."
    )


@pytest.mark.parametrize(
    ("eyes", "said"),
    [
        (0.9, "eyes open"),
        (EYES_SHUT, "eyes open"),
        (EYES_SHUT - 0.01, "eyes closed"),
        (0.0, "eyes closed"),
        (None, "eyes hidden"),
    ],
)
def test_eyes_are_open_closed_or_not_to_be_seen(eyes: float | None, said: str) -> None:
    assert explanation.of_eyes(eyes) == said


def test_the_shares_of_an_album_are_listed_most_common_first() -> None:
    assert explanation.of_album(FUNERAL) == (
        "In /funeral, estimated from 12,345 faces: 55 % neutral, 30 % happy, 12 % sad, 2 % no clear expression, "
        "0.2 % anger, 0.2 % surprise, 0.2 % fear, 0.2 % disgust"
    )


@pytest.mark.parametrize(
    ("share", "said"),
    [(1, "100 %"), (0.974, "97 %"), (0.014, "1 %"), (0.01, "1 %"), (0.0099, "1.0 %"), (0.0042, "0.4 %"), (0, "0.0 %")],
)
def test_a_share_below_one_percent_is_shown_with_a_decimal(share: float, said: str) -> None:
    assert explanation.percent(share) == said


def test_all_answers_of_an_album_are_shown() -> None:
    said = explanation.of_album(Album(Path("/a"), EVEN, 0))
    assert said.count("12 %") == 8
    assert all(emotion in said for emotion in Emotion)
