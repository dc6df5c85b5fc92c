"""The best frame of a moment is chosen by comparing its frames with each other."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from albumsort.choosing.best_frame import Look, Shot, best_first

CALM = Look(emotion=0.7, happy=0.1, sharpness=0.5, eyes=0.95)


def shot(path: str, *looks: Look) -> Shot:
    return Shot(path, looks or (CALM,))


def best(*shots: Shot) -> str:
    return best_first(shots)[0].path


def test_a_single_frame_is_the_best() -> None:
    assert best_first([shot("a")]) == [shot("a")]
    assert best_first([Shot("a", ())]) == [Shot("a", ())]
    assert best_first([]) == []


def test_the_clearest_expression_wins_even_among_saturated_ones() -> None:
    frames = [shot(path, replace(CALM, emotion=emotion)) for path, emotion in (("a", 0.9900), ("b", 0.9999))]
    assert best(*frames) == "b"


def test_expressions_that_hardly_differ_give_way_to_sharpness() -> None:
    soft, sharp = replace(CALM, emotion=0.72, sharpness=0.3), replace(CALM, emotion=0.70, sharpness=0.5)
    assert best(shot("a", soft), shot("b", sharp)) == "b"


def test_expressions_that_differ_clearly_count_more_than_a_little_sharpness() -> None:
    soft, sharp = replace(CALM, emotion=0.99, sharpness=0.45), replace(CALM, emotion=0.40, sharpness=0.5)
    assert best(shot("b", soft), shot("a", sharp)) == "b"


def test_a_hopeless_frame_does_not_make_the_others_look_equal() -> None:
    clear, sharp = replace(CALM, emotion=0.88, sharpness=0.4), replace(CALM, emotion=0.73, sharpness=0.5)
    hopeless = replace(CALM, emotion=0.002, sharpness=0.1)
    assert best(shot("a", sharp), shot("b", clear)) == "b"
    assert best(shot("a", sharp), shot("b", clear), shot("c", hopeless)) == "b"


def test_shut_eyes_lose() -> None:
    shut = replace(CALM, emotion=0.99, eyes=0.05, sharpness=0.6)
    assert best(shot("a", shut), shot("b")) == "b"
    assert best(shot("a", CALM, shut), shot("b", CALM, CALM)) == "b"


def test_eyes_narrow_from_laughing_do_not_lose() -> None:
    laughing = Look(emotion=0.99, happy=0.99, sharpness=0.5, eyes=0.05)
    assert best(shot("a", replace(CALM, emotion=0.6)), shot("b", laughing)) == "b"


def test_hidden_eyes_do_not_lose() -> None:
    assert best(shot("a"), shot("b", replace(CALM, emotion=0.95, eyes=None))) == "b"


def test_a_frame_in_which_somebody_is_not_seen_loses() -> None:
    assert best(shot("a", replace(CALM, emotion=0.99)), shot("b", CALM, CALM)) == "b"


def test_equal_frames_are_ordered_by_path() -> None:
    assert [one.path for one in best_first([shot("b"), shot("c"), shot("a")])] == ["a", "b", "c"]


def test_unknown_sharpness_is_the_least() -> None:
    assert best(shot("a", replace(CALM, sharpness=None)), shot("b")) == "b"


# properties

SHARES = st.floats(0, 1)
LOOKS = st.builds(Look, SHARES, SHARES, st.none() | SHARES, st.none() | SHARES)
SHOTS = st.lists(
    st.builds(Shot, st.text("abc", min_size=1, max_size=3), st.lists(LOOKS, max_size=3).map(tuple)),
    max_size=6,
    unique_by=lambda one: one.path,
)


@given(SHOTS, st.randoms())
def test_the_order_of_the_frames_changes_nothing(shots: list[Shot], random: Random) -> None:
    mixed = list(shots)
    random.shuffle(mixed)
    assert best_first(mixed) == best_first(shots)
    assert sorted(mixed, key=lambda one: one.path) == sorted(best_first(shots), key=lambda one: one.path)


@given(SHOTS.filter(bool), st.data(), st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.booleans())
def test_a_worse_frame_changes_nothing(
    shots: list[Shot], data: st.DataObject, less_clear: float, less_sharp: float, blinks: bool
) -> None:
    original = data.draw(st.sampled_from(shots))
    assume(original.looks)
    worse = tuple(
        replace(
            look,
            emotion=look.emotion * less_clear,
            sharpness=(look.sharpness or 0.0) * less_sharp,
            eyes=0.0 if blinks else look.eyes,
            happy=0.0 if blinks else look.happy,
        )
        for look in original.looks
    )
    added = Shot("0", worse)
    before = best_first(shots)
    assume(added.emotion < original.emotion or added.sharpness < original.sharpness)
    after = best_first([*shots, added])
    assert after[0] == before[0]
    assert [one for one in after if one is not added] == before
