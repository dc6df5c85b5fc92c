"""Queries: the photos found, their order, and counts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from helpers import EVEN, face, save
from hypothesis import example, given, settings
from hypothesis import strategies as st
from index_rows import HAPPY, A, B, C, asked, best, changed, fail, known, listed, names

from albumsort.choosing.labels import Album
from albumsort.index import counts as index_counts
from albumsort.index import queries, storing
from albumsort.index import ranked as index_ranked
from albumsort.index import shares as index_shares
from albumsort.index.database import Database
from albumsort.query import By, Filters
from albumsort.types import Emotion, PhotoFile

# the best


def test_the_best_come_first_with_their_score(index: Database) -> None:
    save(index, A, [face(happy=0.4)])
    save(index, B, [face(happy=0.9)])
    save(index, C, [face(sad=0.7)])
    first, second, third = asked(index, HAPPY, By.MAX, Filters(), 0.0, -1)
    assert [first.path, second.path, third.path] == [B, A, C]
    assert (first.score, first.emotion, second.score) == (0.9, HAPPY, 0.4)
    assert third.score == pytest.approx(0.05)


@pytest.mark.parametrize(("by", "order", "score"), [(By.MAX, "abc", 0.9), (By.MEAN, "bac", 0.7), (By.MIN, "cba", 0.65)])
def test_several_faces_are_scored_by_their_maximum_mean_or_minimum(
    index: Database, by: By, order: str, score: float
) -> None:
    save(index, A, [face(happy=0.9), face(happy=0.48)])
    save(index, B, [face(happy=0.8), face(happy=0.6)])
    save(index, C, [face(happy=0.65), face(happy=0.65), face(happy=0.65)])
    assert best(index, by=by) == [f"{name}.jpg" for name in order]
    assert asked(index, HAPPY, by, Filters(), 0.0, 1)[0].score == pytest.approx(score)


@pytest.mark.parametrize("emotion", list(Emotion))
def test_every_emotion_can_be_ranked_by(index: Database, emotion: Emotion) -> None:
    save(index, A, [face(**{e.value: 0.01 for e in Emotion if e is not emotion})])
    save(index, B, [face(**{emotion.value: 0.99})])
    assert best(index, emotion) == ["b.jpg", "a.jpg"]


def test_equal_scores_are_ordered_by_path(index: Database) -> None:
    for path in (C, A, B):
        save(index, path, [face(happy=0.5)])
    assert best(index) == ["a.jpg", "b.jpg", "c.jpg"]
    assert best(index, limit=2) == ["a.jpg", "b.jpg"]


def test_a_photo_without_a_face_is_never_among_the_best_but_is_listed(index: Database) -> None:
    save(index, A, [])
    save(index, B, [face(happy=0.01)])
    assert best(index) == ["b.jpg"]
    assert listed(index) == ["a.jpg", "b.jpg"]


def test_photos_below_the_requested_score_are_left_out(index: Database) -> None:
    for path, p in ((A, 0.2), (B, 0.5), (C, 0.8)):
        save(index, path, [face(happy=p)])
    assert names(asked(index, HAPPY, By.MAX, Filters(), 0.5, -1)) == ["c.jpg", "b.jpg"]


def test_the_best_photos_have_all_their_faces(index: Database) -> None:
    faces = (face(happy=0.3), face((50, 50, 90, 90), happy=0.6))
    save(index, A, faces)
    assert asked(index, HAPPY, By.MAX, Filters(), 0.0, 1)[0].faces == faces


# filters


def dated(index: Database) -> None:
    for path, taken_at in ((A, "2023-12-31T23:59:59"), (B, "2024-07-01T10:00:00"), (C, None)):
        save(index, path, [face(happy=0.5)], taken_at)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, ["a.jpg", "b.jpg", "c.jpg"]),
        ("2024-07-01T10:00:00", None, ["b.jpg"]),
        ("2024-07-01T10:00:01", None, []),
        (None, "2023-12-31T23:59:59", ["a.jpg"]),
        (None, "2023-12-31T23:59:58", []),
        ("2023-01-01T00:00:00", "2024-12-31T23:59:59", ["a.jpg", "b.jpg"]),
    ],
)
def test_date_ranges_include_their_ends_and_exclude_photos_without_a_date(
    index: Database, since: str | None, until: str | None, expected: list[str]
) -> None:
    dated(index)
    assert best(index, since=since, until=until) == listed(index, since=since, until=until) == expected


def test_a_folder_is_not_a_name_prefix(index: Database) -> None:
    for path in ("/a/b/1.jpg", "/a/bc/2.jpg", "/a/b.jpg", "/a/b/c/3.jpg", "/a/B/4.jpg"):
        save(index, path, [face(happy=0.5)])
    assert best(index, folders=(Path("/a/b"),)) == listed(index, folders=(Path("/a/b"),)) == ["1.jpg", "3.jpg"]


def test_several_folders_match_any_of_them_without_duplicates(index: Database) -> None:
    for path in ("/a/1.jpg", "/b/2.jpg", "/c/3.jpg"):
        save(index, path, [face(happy=0.5)])
    folders = (Path("/b"), Path("/a"), Path("/a/1.jpg"))
    assert best(index, folders=folders) == listed(index, folders=folders) == ["1.jpg", "2.jpg"]


def test_the_root_folder_holds_everything(index: Database) -> None:
    save(index, "/a/1.jpg", [face(happy=0.5)])
    assert best(index, folders=(Path("/"),)) == ["1.jpg"]


@pytest.mark.parametrize("special", ["%", "_", "*", "?", "'", '"', "[a]", "\\", "é", " "])
def test_special_characters_in_a_folder_are_literal(index: Database, special: str) -> None:
    save(index, f"/a{special}b/1.jpg", [face(happy=0.5)])
    save(index, "/axb/2.jpg", [face(happy=0.5)])
    assert best(index, folders=(Path(f"/a{special}b"),)) == ["1.jpg"]


@pytest.mark.parametrize(
    ("faces", "expected"),
    [((0, 0), ["a.jpg"]), ((1, 1), ["b.jpg"]), ((1, 9), ["b.jpg", "c.jpg"]), ((2, 3), ["c.jpg"]), ((3, 9), [])],
)
def test_photos_can_be_chosen_by_their_number_of_faces(
    index: Database, faces: tuple[int, int], expected: list[str]
) -> None:
    save(index, A, [])
    save(index, B, [face(happy=0.9)])
    save(index, C, [face(happy=0.6), face(happy=0.5)])
    assert listed(index, faces=faces) == expected
    assert best(index, faces=faces) == [name for name in expected if name != "a.jpg"]


# counts


def test_the_counts_are_by_the_label_of_the_largest_face(index: Database) -> None:
    save(index, A, [face((0, 0, 10, 10), happy=0.9), face((0, 0, 50, 50), sad=0.9)])
    save(index, B, [face((0, 0, 50, 50), sad=0.9), face((0, 0, 10, 10), happy=0.9)])
    save(index, C, [])
    fail(index, Path("/album/d.jpg"))
    counts = index_counts.stats(index)
    assert (counts.photos, counts.faces, counts.without_face, counts.failed, counts.missing) == (4, 4, 1, 1, 0)
    assert counts.labels == {Emotion.SAD: 2}


def test_the_counts_are_of_all_seven_labels_and_of_none(index: Database) -> None:
    for number, emotion in enumerate(Emotion):
        save(index, f"/album/{number}.jpg", [face(**{emotion.value: 0.9})])
    save(index, A, [face(happy=0.3, nothing=0.9)])
    counts = index_counts.stats(index)
    assert (counts.labels, counts.unlabelled, counts.without_face) == (dict.fromkeys(Emotion, 1), 1, 0)


def test_an_empty_index_counts_nothing(index: Database) -> None:
    counts = index_counts.stats(index)
    assert (counts.photos, counts.faces, counts.without_face, counts.failed, counts.missing) == (0, 0, 0, 0, 0)
    assert listed(index) == best(index) == []


# the search from the top down


@pytest.mark.parametrize("by", By)
@settings(max_examples=30)
@given(
    photos=st.lists(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), max_size=3), max_size=8),
    copies=st.lists(st.integers(0, 7), max_size=3),
    limit=st.integers(1, 5),
    least=st.sampled_from([0.0, 0.2, 0.6]),
    faces=st.sampled_from([None, (1, 1), (2, 3)]),
)
@example(photos=[[0.1] * 3] * 2, copies=[], limit=1, least=0.0, faces=None)  # the mean of .1, .1, .1 exceeds .1
def test_the_search_from_the_top_finds_the_same_as_a_full_scan(
    by: By,
    photos: list[list[float]],
    copies: list[int],
    limit: int,
    least: float,
    faces: tuple[int, int] | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        for number, scores in enumerate(photos):
            save(index, f"/{number}.jpg", [face(happy=score) for score in scores], digest=f"d{number}")
        for number in copies:
            if number < len(photos):
                with index.transaction():
                    storing.save_known(index, PhotoFile(Path(f"/copy of {number}.jpg"), 1, 1), f"d{number}", None)
        everything = asked(index, HAPPY, by, Filters(faces=faces), least, -1)
        assert asked(index, HAPPY, by, Filters(faces=faces), least, limit) == everything[:limit]
        assert all(photo.score is not None and photo.score >= least for photo in everything)


def test_a_long_search_falls_back_to_a_full_scan(index: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_ranked, "LOOKED_AT", 3)
    monkeypatch.setattr(index_ranked, "AT_ONCE", 1)
    for number in range(9):
        save(index, f"/{number}.jpg", [face(happy=1 - number / 10)], taken_at=f"20{10 + number}-01-01T00:00:00")
    found = asked(index, HAPPY, By.MAX, Filters(since="2018"), 0.0, 1)
    assert names(found) == ["8.jpg"]
    assert len(asked(index, HAPPY, By.MAX, Filters(), 0.0, -1)) == 9


# files with equal bytes


@settings(max_examples=60)
@given(
    files=st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), st.integers(0, 3), max_size=9),
    gone=st.sets(st.integers(0, 8), max_size=3),
    folders=st.sets(st.sampled_from("abc")),
    absent=st.sets(st.sampled_from("ab")),
    missing=st.booleans(),
    faces=st.sampled_from([None, (0, 0), (1, 2)]),
    by=st.sampled_from(list(By)),
    limit=st.sampled_from([1, 2, 3, -1]),
)
@example({("a", 0): 1, ("b", 1): 1}, set(), set(), set(), False, None, By.MAX, -1)
@example({("a", 0): 1, ("b", 1): 1}, set(), set(), set(), False, None, By.MAX, 2)
def test_every_matching_file_is_in_one_photo_of_the_list(
    files: dict[tuple[str, int], int],
    gone: set[int],
    folders: set[str],
    absent: set[str],
    missing: bool,
    faces: tuple[int, int] | None,
    by: By,
    limit: int,
) -> None:
    contents = [[], [face(happy=0.5)], [face(happy=0.5)], [face(happy=0.9), face(happy=0.2)]]
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        paths = {Path("/", place, f"{number}.jpg"): content for (place, number), content in files.items()}
        for path, content in paths.items():
            save(index, path, contents[content], digest=f"d{content}")
        away = [path for number, path in enumerate(paths) if number in gone]
        with index.transaction():
            storing.mark_missing(index, away)
            for place in "abc":
                storing.add_root(index, Path("/", place))
        of = lambda places: tuple(Path("/", place) for place in sorted(places))  # noqa: E731
        filters = Filters(folders=of(folders), faces=faces, missing=missing, absent=of(absent))
        matching = {
            path
            for path, content in paths.items()
            if (path in away or path.parts[1] in absent) == missing
            and (not folders or path.parts[1] in folders)
            and (faces is None or faces[0] <= len(contents[content]) <= faces[1])
        }
        photos = list(queries.photos(index, filters))
        together = [path for photo in photos for path in (photo.path, *photo.also)]
        assert sorted(together) == sorted(matching)
        assert all([photo.path, *photo.also] == sorted([photo.path, *photo.also]) for photo in photos)
        assert len({photo.digest for photo in photos}) == len(photos)
        assert {photo.path for photo in queries.photos(index, filters, every=True)} == matching
        copies = list[None]()
        assert list(queries.paths(index, filters, note_copy=lambda: copies.append(None))) == [p.path for p in photos]
        assert len(photos) + len(copies) == len(matching)
        assert sorted(queries.paths(index, filters, every=True)) == sorted(matching)
        ranked = asked(index, HAPPY, by, filters, 0.0, limit)
        shown = {photo.path: photo.also for photo in photos if photo.faces}
        assert {photo.path: photo.also for photo in ranked}.items() <= shown.items()
        assert len(ranked) == (len(shown) if limit == -1 else min(limit, len(shown)))


def test_a_copy_with_a_probable_label_is_listed_though_the_first_has_another(index: Database) -> None:
    """Copies in two albums can have two labels; a photo that is not sure must not hide one that is."""
    doubtful = face(sad=0.45, neutral=0.5)
    for path in ("/a/x.jpg", "/b/x.jpg", "/b/y.jpg", "/c/x.jpg"):
        save(index, path, [doubtful], digest="d1")
    sadly = {**EVEN, Emotion.SAD: 0.9, Emotion.NEUTRAL: 0.0001}
    with index.transaction():
        for root in ("/a", "/c"):
            storing.add_root(index, Path(root))
        index_shares.save_natural_shares(index, EVEN, due=False)
        index_shares.save_albums(index, [Album(Path(root), sadly, 9) for root in ("/a", "/c")])
    [first] = queries.photos(index, Filters())
    assert (first.path, first.label) == (Path("/a/x.jpg"), Emotion.SAD)
    assert first.also == (Path("/b/x.jpg"), Path("/b/y.jpg"), Path("/c/x.jpg"))
    [sure] = queries.photos(index, Filters(), 0.48)
    assert (sure.path, sure.label, sure.also) == (Path("/b/x.jpg"), Emotion.NEUTRAL, (Path("/b/y.jpg"),))
    assert [photo.also for photo in queries.photos(index, Filters(), 0.4)] == [first.also]


def test_an_album_inside_an_absent_one_is_listed_if_it_is_there(index: Database) -> None:
    for path in ("/a/1.jpg", "/a/b/2.jpg", "/a/b/c/3.jpg"):
        save(index, path, [face(happy=0.5)])
    with index.transaction():
        for root in ("/a", "/a/b", "/a/b/c"):
            storing.add_root(index, Path(root))
    for away, there in ((["/a"], "23"), (["/a/b"], "13"), (["/a", "/a/b/c"], "2")):
        absent = tuple(map(Path, away))
        assert listed(index, absent=absent) == best(index, absent=absent) == [f"{name}.jpg" for name in there]


# names that are not UTF-8


@pytest.mark.skipif(os.name == "nt", reason="Windows names are UTF-16")
@settings(max_examples=40)
@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5, unique=True))
def test_any_name_comes_back_byte_for_byte(raw: list[bytes]) -> None:
    paths = [Path("/x", os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"_") + b".jpg")) for name in raw]
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        for path in paths:
            save(index, path, [face(happy=0.5)])
        expected = sorted(set(paths), key=os.fsencode)
        assert [photo.path for photo in queries.photos(index, Filters())] == expected
        assert list(queries.paths(index, Filters(folders=(Path("/x"),)))) == expected
        assert known(index) == sorted(expected)
        assert changed(index, *expected) == []
