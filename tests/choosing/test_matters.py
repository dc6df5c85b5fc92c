"""Who matters in a photo, and whose label it gets: invented faces, and hypothesis draws photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from any_faces import ANY_FACE, FACES, sized
from hypothesis import given
from hypothesis import strategies as st

from albumsort.choosing.matters import SMALL, Reason, judged, reasons
from albumsort.types import Emotion, Face, Photo

HAPPY, SAD, NEUTRAL = Emotion.HAPPY, Emotion.SAD, Emotion.NEUTRAL


def matters(faces: Sequence[Face]) -> tuple[bool, ...]:
    return tuple(one.matters for one in judged(faces))


def those_that_matter(faces: Sequence[Face]) -> list[Face]:
    return [one for one in judged(faces) if one.matters]


def deciding_face(faces: Sequence[Face]) -> Face | None:
    return Photo(Path("a.jpg"), 640, 480, None, None, "", judged(faces)).deciding_face


# who matters


def test_in_a_picture_of_forty_all_matter() -> None:
    crowd = [sized(14 + number % 8, sharpness=0.2 + number % 7 / 50) for number in range(40)]
    assert matters(crowd) == (True,) * 40


def test_a_parent_and_the_child_in_the_arm_both_matter() -> None:
    assert matters([sized(220, sharpness=0.55), sized(110, sharpness=0.4)]) == (True, True)


def test_a_face_much_smaller_than_the_main_face_does_not_matter() -> None:
    assert reasons([sized(200), sized(SMALL * 200 - 1), sized(SMALL * 200 + 1)]) == (None, Reason.SMALL, None)


@pytest.mark.parametrize("side", [60, 100, 140])
def test_a_blurred_passer_by_does_not_matter_even_if_larger(side: float) -> None:
    blurred = sized(side, sharpness=0.2)
    assert reasons([blurred, sized(100, sharpness=0.55)]) == (Reason.BLURRED, None)


def test_a_blurred_passer_by_in_front_silences_nobody() -> None:
    person, friend = sized(100, sharpness=0.58), sized(50, sharpness=0.45)
    assert reasons([sized(130, sharpness=0.25), person, friend]) == (Reason.BLURRED, None, None)


def test_where_all_are_blurred_all_matter() -> None:
    assert matters([sized(100, sharpness=0.2), sized(90, sharpness=0.15)]) == (True, True)


@pytest.mark.parametrize(
    ("detection", "nothing"),
    [(0.59, 0.98), (0.83, 0.96), (0.56, 0.99), (0.79, 0.94)],
    ids=["cat", "another cat", "doll", "engine"],
)
def test_what_is_hardly_a_face_does_not_matter_and_silences_no_smaller_face(detection: float, nothing: float) -> None:
    """The figures are those of real photos."""
    doubtful = sized(300, detection=detection, nothing=nothing)
    assert reasons([doubtful, sized(60)]) == (Reason.DOUBTFUL, None)
    assert reasons([doubtful]) == (Reason.DOUBTFUL,)


def test_a_face_of_low_confidence_matters_if_it_can_be_read() -> None:
    assert matters([sized(60, detection=0.55, nothing=0.3)]) == (True,)


def test_a_detection_below_the_threshold_does_not_matter() -> None:
    assert reasons([sized(300, detection=0.49), sized(60, detection=0.51)]) == (Reason.DOUBTFUL, None)


def test_a_clear_face_with_another_expression_matters() -> None:
    assert matters([sized(60, detection=0.99, nothing=0.95)]) == (True,)


def test_unknown_sharpness_is_no_blur() -> None:
    assert matters([sized(60, sharpness=None), sized(60, sharpness=0.6)]) == (True, True)
    assert matters([sized(60, sharpness=None), sized(60, sharpness=0.1)]) == (True, True)


def test_nobody_matters_without_a_face() -> None:
    assert (reasons([]), matters([]), deciding_face([])) == ((), (), None)


@given(FACES)
def test_someone_matters_unless_all_are_doubtful(faces: list[Face]) -> None:
    found = reasons(faces)
    assert (None in found) == any(reason is not Reason.DOUBTFUL for reason in found)
    assert matters(faces) == tuple(reason is None for reason in found)


@given(FACES, ANY_FACE)
def test_a_face_that_does_not_matter_changes_nothing_for_the_others(faces: list[Face], added: Face) -> None:
    *others, reason = reasons([*faces, added])
    if reason is not None:
        assert reasons(faces) == tuple(others)
        assert deciding_face(faces) == deciding_face([*faces, added])


@given(FACES, st.randoms())
def test_the_order_of_faces_has_no_effect(faces: list[Face], chance: Random) -> None:
    mixed = [*faces]
    chance.shuffle(mixed)
    assert sorted(map(str, those_that_matter(mixed))) == sorted(map(str, those_that_matter(faces)))
    assert decided(mixed) == decided(faces)


def decided(faces: Sequence[Face]) -> tuple[Emotion | None, float | None, float] | None:
    """Return label, sure and area of the deciding face; faces that are equal in these may take its place."""
    found = deciding_face(faces)
    return found and (found.label, found.sure, found.box.area)


# whose label the photo gets


def label(*faces: Face) -> Emotion | None:
    found = deciding_face(faces)
    return None if found is None else found.label


def test_the_label_of_a_pair_is_that_of_the_larger_face() -> None:
    assert label(sized(60, happy=0.9), sized(100, sad=0.9)) is SAD


def test_a_doubtful_find_gives_no_label_and_takes_none() -> None:
    cat = sized(300, detection=0.6, nothing=0.97, anger=0.9)
    assert label(cat, sized(60, happy=0.9)) is HAPPY
    assert label(cat) is None


def test_several_smaller_faces_outvote_the_largest() -> None:
    group = [sized(80, happy=0.9), sized(70, happy=0.9)]
    assert label(sized(100, neutral=0.9), *group) is HAPPY


def test_an_unsure_label_weighs_less() -> None:
    assert label(sized(100, neutral=0.4, happy=0.3), sized(80, happy=0.95)) is HAPPY


def test_a_face_without_a_label_leaves_the_choice_to_the_others() -> None:
    grimace = sized(100, nothing=0.9)
    assert label(grimace, sized(60, neutral=0.9)) is NEUTRAL
    assert deciding_face([grimace, sized(60, nothing=0.8)]) == grimace


@given(FACES)
def test_the_deciding_face_matters_and_is_the_largest_with_its_label(faces: Sequence[Face]) -> None:
    found, counted = deciding_face(faces), those_that_matter(faces)
    assert (found is None) == (not counted)
    if found is not None:
        assert found in counted
        assert found.box.area == max(f.box.area for f in counted if f.label is found.label)
        assert (found.label is None) == all(f.label is None for f in counted)
