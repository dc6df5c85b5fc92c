"""Grouping failures by reason."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albumsort.failures import by_reason, kind_of

EMPTY = "the file is empty"


def lines(failures: Iterable[tuple[str, str]]) -> list[str]:
    return [str(group) for group in by_reason((Path(path), reason) for path, reason in failures)]


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "/0"), (3, "/0, /1, /2"), (4, "/0, /1, /2 and 1 more"), (42, "/0, /1, /2 and 39 more")]
)
def test_a_group_names_three_files_and_counts_the_rest(count: int, shown: str) -> None:
    assert lines((f"/{number}", EMPTY) for number in range(count)) == [f"{shown}: {EMPTY}"]


def test_the_largest_group_is_first() -> None:
    failures = [("/a", "not a picture"), ("/b", EMPTY), ("/c", EMPTY), ("/d", "damaged")]
    assert lines(failures) == [f"/b, /c: {EMPTY}", "/d: damaged", "/a: not a picture"]


def test_reasons_that_differ_in_numbers_are_one_and_keep_the_numbers_they_share() -> None:
    failures = [
        ("/a", "30000 x 40000 is more than 300 million pixels"),
        ("/b", "5 x 1,000,000,000 is more than 300 million pixels"),
        ("/c", "unexpected ValueError: <object at 0x7f0a>"),
        ("/d", "unexpected ValueError: <object at 0x7f0b>"),
    ]
    assert lines(failures) == [
        "/c, /d: unexpected ValueError: <object at …>",
        "/a, /b: … x … is more than 300 million pixels",
    ]
    assert lines(failures[:1]) == ["/a: 30000 x 40000 is more than 300 million pixels"]


def test_digits_inside_words_tell_reasons_apart() -> None:
    assert len(lines([("/a", "JPEG2000 failed"), ("/b", "JPEG1995 failed")])) == 2


def test_reasons_that_name_their_own_file_are_one() -> None:
    failures = [(f"/album/{name}", f"cannot read /album/{name}: it is gone") for name in ("a", "b")]
    assert lines(failures) == ["/album/a, /album/b: cannot read it: it is gone"]


def test_a_path_that_only_begins_like_the_file_is_kept() -> None:
    reason = "/media/Photos is already indexed as /media/Photos2; use that name"
    assert lines([("/media/Photos", reason)]) == [
        "/media/Photos: it is already indexed as /media/Photos2; use that name"
    ]
    assert lines([("/", "cannot read /media")]) == ["/: cannot read /media"]


@given(st.lists(st.tuples(st.text("ab/", min_size=1), st.text("x1 .…/,0", max_size=12))))
def test_every_failure_is_in_one_group_of_its_kind(failures: list[tuple[str, str]]) -> None:
    given_ = [(Path(path), reason) for path, reason in failures]
    groups = by_reason(given_)
    assert sorted(path for group in groups for path in group.paths) == sorted(path for path, _ in given_)
    assert len(groups) == len({kind_of(path, reason) for path, reason in given_})
