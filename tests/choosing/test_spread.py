"""The places of a list are shared out in turn, best first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albumsort.choosing.spread import PATIENCE, group, spread_out
from albumsort.query import Spread
from albumsort.types import Photo


def first(item: str) -> str:
    return item[0]


def test_each_round_takes_the_best_of_every_group() -> None:
    ranked = ["a1", "a2", "a3", "b1", "a4", "c1", "b2"]
    assert spread_out(ranked, 4, first, lambda: 3) == ["a1", "b1", "c1", "a2"]
    assert spread_out(ranked, 6, first, lambda: 3) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert spread_out(ranked, 9, first, lambda: 3) == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]
    assert spread_out([], 3, first, lambda: 0) == []


def sorted_out(ranked: list[str], n: int) -> list[str]:
    """The definition, slowly."""
    rounds = [(sum(first(other) == first(item) for other in ranked[:i]), i) for i, item in enumerate(ranked)]
    return [ranked[i] for _, i in sorted(rounds)[:n]]


@given(st.lists(st.sampled_from("abcde"), max_size=150), st.integers(1, 6), st.integers(0, 3))
def test_reading_stops_early_but_never_too_early(groups: list[str], n: int, too_many: int) -> None:
    ranked = [f"{letter}{i}" for i, letter in enumerate(groups)]
    assert spread_out(ranked, n, first, lambda: len(set(groups)) + too_many) == sorted_out(ranked, n)


def test_reading_stops_once_every_group_has_its_places() -> None:
    read = list[str]()

    def endless() -> Iterator[str]:
        for i in count():
            read.append(f"{'ab'[i % 2]}{i}")
            yield read[-1]

    assert spread_out(endless(), 4, first, lambda: 2) == ["a0", "b1", "a2", "b3"]
    assert len(read) == 4 * PATIENCE + 1
    assert spread_out(endless(), 1, first, lambda: 99) == ["a0"]


@pytest.mark.parametrize(
    ("spread", "expected"),
    [(Spread.DAY, "2024-07-01"), (Spread.MONTH, "2024-07"), (Spread.FOLDER, Path("/album/b"))],
)
def test_photos_are_grouped_by_day_month_or_folder(spread: Spread, expected: object) -> None:
    def photo(taken_at: str | None) -> Photo:
        return Photo(Path("/album/b/a.jpg"), 4, 3, taken_at, "XMP", "d", ())

    assert group(photo("2024-07-01T23:59:59+09:00"), spread) == group(photo("2024-07-01"), spread) == expected
    assert group(photo(None), spread) == (expected if spread is Spread.FOLDER else None)
