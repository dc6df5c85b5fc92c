"""How often the ranking of frames and a person's choice agree: exact shares, and an interval that covers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import fsum
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albumsort.choosing.agreement import Agreement, Choice, agreement, over_moments
from albumsort.choosing.best_frame import Look, Shot, tiers


def frame(path: str, emotion: float = 0.5, sharpness: float | None = 0.5, eyes: float = 0.9) -> Shot:
    return Shot(path, (Look(emotion, 0.1, sharpness, eyes),))


BURST = [frame(path, emotion) for path, emotion in (("a", 0.2), ("b", 0.9), ("c", 0.5), ("d", 0.99))]
"""The ranking is d, b, c, a."""


def chosen(shots: Sequence[Shot], **kept: int) -> list[Choice]:
    return [Choice(shot, kept.get(shot.path, 0)) for shot in shots]


def of(*moments: Sequence[Choice]) -> Agreement:
    found = agreement(moments)
    assert found is not None
    return found


def test_the_share_counts_pairs_of_kept_and_other_frames() -> None:
    found = of(chosen(BURST, b=1), chosen(BURST, d=1, a=1))
    assert (found.pairs, found.ties, found.moments) == (7, 0, 2)
    assert found.share == 4 / 7  # b before c and a; d before b and c; a before none


def test_more_stars_count_against_fewer() -> None:
    found = of(chosen(BURST, d=1, b=5, c=5))
    assert (found.share, found.pairs) == (3 / 5, 5)  # b and c before a but not before d; d before a


def test_equal_frames_count_half() -> None:
    found = of(chosen([frame("a"), frame("b"), frame("c", 0.1)], b=1))
    assert (found.share, found.ties, found.disagreements) == (0.75, 1, ())


def test_moments_without_a_choice_do_not_count() -> None:
    assert agreement([]) is None
    assert agreement([chosen(BURST), chosen(BURST, a=1, b=1, c=1, d=1), chosen(BURST[:1], a=1), []]) is None
    assert of(chosen(BURST), chosen(BURST, d=1)).moments == 1


def test_the_worst_disagreement_comes_first_and_each_moment_has_one() -> None:
    small = [frame("x", 0.2), frame("y", 0.9)]
    five = [*BURST, frame("e", 0.01)]
    found = of(
        chosen(small, x=1), chosen(five, c=1), chosen(BURST, d=1), chosen(BURST, a=1, c=1), chosen(BURST, c=1, b=1)
    )
    told = [(one.kept.path, one.preferred.path, one.place, one.frames, one.above) for one in found.disagreements]
    assert told == [("a", "d", 4, 4, 2), ("c", "d", 3, 5, 2), ("x", "y", 2, 2, 1), ("c", "d", 3, 4, 1)]


def test_a_frame_with_as_many_stars_is_no_disagreement() -> None:
    [one] = of(chosen(BURST, d=5, b=2, a=5)).disagreements
    assert (one.kept.path, one.preferred.path) == ("a", "b")


# exact expectations

SHARES = st.floats(0, 1)
LOOKS = st.builds(Look, SHARES, SHARES, st.none() | SHARES, st.none() | SHARES)
MOMENT = st.lists(
    st.builds(Shot, st.text("abc", min_size=1, max_size=3), st.lists(LOOKS, max_size=2).map(tuple)),
    min_size=2,
    max_size=6,
    unique_by=lambda one: one.path,
)


@given(MOMENT.filter(lambda shots: len(tiers(shots)) > 1), st.data())
def test_our_own_choice_agrees_always_and_the_reversed_one_never(shots: list[Shot], data: st.DataObject) -> None:
    ranked = tiers(shots)
    kept = data.draw(st.integers(1, len(ranked) - 1))
    best = {shot.path: 1 for equal in ranked[:kept] for shot in equal}
    found = of(chosen(shots, **best))
    assert (found.share, found.ties, found.disagreements) == (1.0, 0, ())
    worst = {shot.path: 1 for shot in shots if shot.path not in best}
    found = of(chosen(shots, **worst))
    assert (found.share, found.ties) == (0.0, 0)
    [one] = found.disagreements
    assert one.preferred.path == ranked[0][0].path
    assert one.above == sum(map(len, ranked[:kept]))


@given(MOMENT)
def test_stars_in_our_own_order_agree_but_for_ties(shots: list[Shot]) -> None:
    stars = {shot.path: number for number, shot in enumerate(reversed([s for equal in tiers(shots) for s in equal]))}
    found = of(chosen(shots, **stars))
    assert found.share == pytest.approx(1 - found.ties / found.pairs / 2)
    assert found.pairs == len(shots) * (len(shots) - 1) // 2


@given(MOMENT, st.data())
def test_all_choices_of_as_many_frames_agree_by_half(shots: list[Shot], data: st.DataObject) -> None:
    """So the expectation of a random choice is exactly one half, with or without ties."""
    kept = data.draw(st.integers(1, len(shots) - 1))
    every = [of(chosen(shots, **dict.fromkeys(paths, 1))) for paths in combinations([s.path for s in shots], kept)]
    assert fsum(one.share for one in every) / len(every) == pytest.approx(0.5, abs=1e-12)


def test_shuffled_choices_agree_by_half_and_the_interval_covers_it() -> None:
    random, covered, shares = Random(7), 0, []
    for _ in range(200):
        moments = []
        for number in range(40):
            shots = [frame(path, random.random(), random.random()) for path in "abcdef"[: 2 + number % 5]]
            kept = random.sample([shot.path for shot in shots], 1 + number % max(1, len(shots) - 1))
            moments.append(chosen(shots, **dict.fromkeys(kept, 1)))
        found = of(*moments)
        shares.append(found.share)
        covered += found.low <= 0.5 <= found.high
    assert fsum(shares) / len(shares) == pytest.approx(0.5, abs=0.01)  # 3 standard errors are 0.009
    assert 180 <= covered <= 200  # 95 % of 200 is 190, within 3 standard errors


# the interval


def test_a_few_moments_that_all_agree_prove_little() -> None:
    for right in (0, 1):
        low, high = over_moments([(right * 4, 4)] * 5)
        assert high - low > 0.4
        assert low < 1e-9 or high > 1 - 1e-9
    low, high = over_moments([(1, 1)] * 400)
    assert (low, high) == (pytest.approx(0.99, abs=0.005), 1.0)


def test_pairs_that_agree_with_each_other_count_as_one() -> None:
    """Moments in which all pairs are right or all wrong say no more than one pair each."""
    alike = over_moments([(10, 10), (0, 10)] * 50)
    single = over_moments([(1, 1), (0, 1)] * 50)
    assert alike == pytest.approx(single)
    assert alike[1] - alike[0] > 0.19


def test_independent_pairs_count_each() -> None:
    random = Random(3)
    counts = [(sum(random.random() < 0.5 for _ in range(10)), 10) for _ in range(200)]
    low, high = over_moments(counts)
    assert high - low == pytest.approx(2 * 1.96 * (0.25 / 2000) ** 0.5, rel=0.15)


@given(st.lists(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, 2 * n), st.just(n))), min_size=1))
def test_the_interval_holds_the_share(counts: list[tuple[int, int]]) -> None:
    halves = [(right / 2, pairs) for right, pairs in counts]
    low, high = over_moments(halves)
    share = sum(right for right, _ in halves) / sum(pairs for _, pairs in halves)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    assert low < high
