from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import EVEN, NOW, environment, face, save
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.choosing.labels import Album, LabelRule
from albumsort.errors import IndexFileError
from albumsort.index import comparing, lookup, opening, queries, schema, storing
from albumsort.index import counts as index_counts
from albumsort.index import folders as index_folders
from albumsort.index import shares as index_shares
from albumsort.index.comparing import Comparison
from albumsort.index.database import Database
from albumsort.index.schema import APPLICATION_ID, MIGRATIONS
from albumsort.query import By, Filters
from albumsort.types import ANSWERS, Analysis, Emotion, Expression, Face, Photo, PhotoFile, Settings, Shares

HAPPY = Emotion.HAPPY
BEFORE = Settings("found before", "classified now")
A, B, C = Path("/album/a.jpg"), Path("/album/b.jpg"), Path("/album/c.jpg")


def fail(index: Database, path: Path, reason: str = "broken", settings: Settings = NOW) -> None:
    with index.transaction():
        storing.save_failure(index, PhotoFile(path, 10, 20), reason, settings)


def mark_missing(index: Database, *paths: Path) -> None:
    with index.transaction():
        storing.mark_missing(index, paths)


def best(index: Database, emotion: Emotion = HAPPY, by: By = By.MAX, limit: int = -1, **filters: object) -> list[str]:
    return names(queries.best(index, emotion, by, Filters(**filters), 0.0, limit))  # type: ignore[arg-type]


def listed(index: Database, **filters: object) -> list[str]:
    found = Filters(**filters)  # type: ignore[arg-type]
    photos = names(queries.photos(index, found))
    assert [path.name for path in queries.paths(index, found)] == photos
    return photos


def names(photos: Iterable[Photo]) -> list[str]:
    return [photo.path.name for photo in photos]


def known(index: Database, root: Path = Path("/")) -> list[Path]:
    """The files known under a folder."""
    comparing.begin_comparison(index)
    return sorted(path for path, _ in comparing.unmet(index, root))


def compared(index: Database, *files: PhotoFile, settings: Settings = NOW, everything: bool = False) -> Comparison:
    comparing.begin_comparison(index)
    assert comparing.meet(index, files) == len(files)
    return comparing.compare(index, settings, everything)


def changed(index: Database, *paths: Path, settings: Settings = NOW) -> list[Path]:
    """Which of these files, as `save` has them, are to be analysed."""
    found = compared(index, *(PhotoFile(path, 1000, 2000) for path in paths), settings=settings)
    files = [file.path for file in comparing.todo(index)]
    assert found.todo == len(files) == len(paths) - found.unchanged - len(found.failing)
    return files


# saving


def test_a_photo_comes_back_as_it_was_saved(index: Database) -> None:
    faces = [face((1.5, 2.5, 30, 40), happy=0.7), face((100, 2, 50, 60), sad=0.6, fear=0.3)]
    save(index, A, faces, "2024-07-01T10:00:00Z", digest="d1")
    [photo] = queries.photos(index, Filters())
    assert photo == Photo(A, 640, 480, "2024-07-01T10:00:00Z", "d1", tuple(faces))


def test_saving_again_replaces_the_faces(index: Database) -> None:
    save(index, A, [face(happy=0.9), face(sad=0.9)], digest="d1")
    save(index, A, [face(anger=0.5)], digest="d1")
    [photo] = queries.photos(index, Filters())
    assert photo.faces == (face(anger=0.5),)


def test_new_bytes_under_an_old_path_replace_its_result(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, A, [], "2024-01-01T00:00:00Z", digest="d2")
    [photo] = queries.photos(index, Filters())
    assert (photo.digest, photo.faces, photo.taken_at) == ("d2", (), "2024-01-01T00:00:00Z")


def test_what_the_same_bytes_show_is_shared_by_all_their_paths(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    with index.transaction():
        storing.save_known(index, PhotoFile(B, 10, 20), "d1", None)
    assert [(photo.path, photo.faces) for photo in queries.photos(index, Filters())] == [
        (A, (face(happy=0.9),)),
        (B, (face(happy=0.9),)),
    ]
    assert lookup.paths_of(index, "d1") == [A, B]


def test_a_moved_file_takes_its_result_along(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    with index.transaction():
        storing.save_known(index, PhotoFile(B, 10, 20), "d1", A)
    assert best(index) == ["b.jpg"]
    assert known(index) == [B]


def test_a_failure_replaces_a_result_and_a_result_a_failure(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    fail(index, A, "broken now")
    assert listed(index) == []
    assert index_counts.failures(index) == [(A, "broken now")]
    save(index, A, [face(happy=0.9)], digest="d1")
    assert listed(index) == ["a.jpg"]
    assert index_counts.failures(index) == []


def test_failures_come_by_path_with_their_reasons(index: Database) -> None:
    fail(index, B, "cut short")
    fail(index, A, "no picture")
    assert index_counts.failures(index) == [(A, "no picture"), (B, "cut short")]


def test_a_transaction_that_fails_leaves_no_trace(index: Database) -> None:
    save(index, A, [face(happy=0.9)])
    before = list(queries.photos(index, Filters()))
    with pytest.raises(ZeroDivisionError), index.transaction():  # noqa: PT012
        storing.save_failure(index, PhotoFile(A, 1, 1), "broken", NOW)
        storing.add_root(index, Path("/album"))
        raise ZeroDivisionError
    assert list(queries.photos(index, Filters())) == before
    assert index_folders.indexed_folders(index) == ()


FILE = PhotoFile(A, 1000, 2000)
WRITES: dict[str, Callable[[Database], object]] = {
    "add_root": lambda index: storing.add_root(index, Path("/other")),
    "save_natural_shares": lambda index: index_shares.save_natural_shares(index, EVEN, due=True),
    "save_albums": lambda index: index_shares.save_albums(index, []),
    "save": lambda index: storing.save(index, FILE, Analysis("d2", 4, 3, None, ()), NOW),
    "save_known": lambda index: storing.save_known(index, FILE, "d1", B),
    "save_expressions": lambda index: storing.save_expressions(index, 1, [], BEFORE),
    "distrust": lambda index: storing.distrust(index, 1),
    "save_failure": lambda index: storing.save_failure(index, FILE, "broken", NOW),
    "save_passing_failure": lambda index: storing.save_passing_failure(index, FILE, "the disk was pulled out"),
    "mark_missing": lambda index: storing.mark_missing(index, []),
    "mark_present": lambda index: storing.mark_present(index, []),
    "forget": lambda index: storing.forget(index, [A]),
}


@pytest.mark.parametrize("write", WRITES)
def test_outside_a_transaction_nothing_is_written(index: Database, database: Path, write: str) -> None:
    """It would be stored statement by statement, and half of it if the program ended between them."""
    save(index, A, [face(happy=0.9)], digest="d1")
    with closing(sqlite3.connect(database)) as raw:
        before = list(raw.iterdump())
        with pytest.raises(RuntimeError, match="transaction"):
            WRITES[write](index)
        assert list(raw.iterdump()) == before
    with index.transaction():
        WRITES[write](index)


def test_every_method_that_writes_is_among_those_that_are_refused() -> None:
    writing = re.compile(r"add_root|distrust|forget|mark_\w+|save\w*")
    assert {name for name in vars(Database) if writing.fullmatch(name)} == set(WRITES)


def test_what_was_saved_is_there_when_the_index_is_opened_again(database: Path) -> None:
    with Database(database, create=True) as index:
        save(index, A, [face(happy=0.9)])
    with Database(database) as index:
        assert listed(index) == ["a.jpg"]
        assert index.integrity() == "ok"


def test_a_second_connection_sees_no_half_of_a_transaction(index: Database, database: Path) -> None:
    with Database(database) as other, index.transaction():
        storing.save_failure(index, PhotoFile(A, 1, 1), "broken", NOW)
        assert index_counts.failures(other) == []


# what is known of files


def test_what_is_new_or_changed_is_to_be_analysed_and_nothing_else(index: Database) -> None:
    save(index, A)
    fail(index, B, "broken")
    mark_missing(index, A, B)
    same = PhotoFile(A, 1000, 2000), PhotoFile(B, 10, 20)
    assert compared(index, *same) == Comparison(0, 0, unchanged=1, failing=[(B, "broken")], back=[A, B])
    for other in (PhotoFile(A, 1001, 2000), PhotoFile(A, 1000, 2001), PhotoFile(C, 1000, 2000)):
        assert compared(index, other, same[1]) == Comparison(1, 0, 0, [(B, "broken")], [B])
        assert list(comparing.todo(index)) == [other]
    assert compared(index, *same, everything=True) == Comparison(todo=2, outdated=0, unchanged=0, failing=[], back=[])


def test_a_file_that_is_met_twice_is_one(index: Database) -> None:
    save(index, A)
    files = PhotoFile(A, 1000, 2000), PhotoFile(C, 1, 1), PhotoFile(C, 1, 1), PhotoFile(A, 1000, 2000)
    assert compared(index, *files) == Comparison(todo=1, outdated=0, unchanged=1, failing=[], back=[])


def test_more_files_than_are_in_memory_at_once_come_back_once_each(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MET_AT_ONCE", 3)
    files = [PhotoFile(Path(f"/album/{number}.jpg"), number, number) for number in range(8)]
    assert compared(index, *reversed(files)).todo == 8
    found = []
    for file in comparing.todo(index):
        save(index, file.path)  # as a run does meanwhile
        found.append(file)
    assert found == files


def test_results_of_other_weights_are_not_current(index: Database) -> None:
    save(index, A, settings=BEFORE)
    fail(index, B, settings=BEFORE)
    files = PhotoFile(A, 1000, 2000), PhotoFile(B, 10, 20)
    assert compared(index, *files).todo == 2
    assert compared(index, *files, settings=BEFORE).todo == 0


def test_what_only_another_method_makes_stale_is_counted_apart(index: Database) -> None:
    save(index, A, [], settings=BEFORE)
    save(index, B, [])
    save(index, C, [], settings=BEFORE)
    fail(index, Path("/album/d.jpg"), settings=BEFORE)
    [same, new, touched, failing] = (
        PhotoFile(A, 1000, 2000),
        PhotoFile(Path("/album/new.jpg"), 1, 1),
        PhotoFile(C, 1000, 2001),
        PhotoFile(Path("/album/d.jpg"), 10, 20),
    )
    found = compared(index, same, PhotoFile(B, 1000, 2000), new, touched, failing)
    assert (found.todo, found.outdated) == (4, 2)
    again = compared(index, same, PhotoFile(B, 1000, 2000), everything=True)
    assert (again.todo, again.outdated) == (2, 1)


def test_a_result_that_is_distrusted_is_not_stale_for_its_method(index: Database) -> None:
    save(index, A, [])
    with index.transaction():
        storing.distrust(index, 1)
    assert compared(index, PhotoFile(A, 1000, 2000)).outdated == 0


def test_what_is_known_of_a_folder_is_below_it(index: Database) -> None:
    for path in ("/a/b/1.jpg", "/a/bc/2.jpg", "/a/b", "/a/b.jpg", "/a/b/c/3.jpg", "/a/b!/4.jpg", "/a/b0/5.jpg"):
        save(index, path)
    assert known(index, Path("/a/b")) == [Path("/a/b"), Path("/a/b/1.jpg"), Path("/a/b/c/3.jpg")]
    assert comparing.count_known(index, Path("/a/b")) == 3
    assert len(known(index)) == comparing.count_known(index, Path("/")) == 7
    assert (lookup.knows_path(index, Path("/a/b.jpg")), lookup.knows_path(index, Path("/a/c.jpg"))) == (True, False)


def test_what_was_met_is_not_among_what_was_not(index: Database) -> None:
    save(index, A)
    save(index, B)
    mark_missing(index, B)
    comparing.begin_comparison(index)
    comparing.meet(index, [PhotoFile(A, 1, 1)])
    assert list(comparing.unmet(index, Path("/album"))) == [(B, True)]


def test_an_absent_file_is_taken_once(index: Database) -> None:
    save(index, A, digest="d1")
    save(index, B, digest="d1")
    save(index, C, digest="d2")
    comparing.begin_comparison(index)
    comparing.note_absent(index, [B, C, B])
    assert (comparing.count_absent(index), list(comparing.absent(index))) == (2, [B, C])
    with index.transaction():
        assert [comparing.take_absent(index, "d1"), comparing.take_absent(index, "d1")] == [B, None]
    assert list(comparing.absent(index)) == [C]


def test_a_comparison_writes_nothing_and_waits_for_nobody(index: Database, database: Path) -> None:
    save(index, A)
    with Database(database) as other, other.transaction():
        assert changed(index, A, B) == [B]
        comparing.note_absent(index, [A])
    assert known(index) == [A]


def test_digests_come_by_size_and_only_current_ones(index: Database) -> None:
    save(index, A, digest="d1")
    save(index, B, digest="d2")
    save(index, C, digest="old", settings=BEFORE)
    assert lookup.digests(index, 1000, NOW) == {"d1", "d2"}
    assert lookup.digests(index, 1001, NOW) == frozenset()


def test_roots_are_remembered_once(index: Database) -> None:
    with index.transaction():
        for root in ("/b", "/a", "/b"):
            storing.add_root(index, Path(root))
    assert index_folders.indexed_folders(index) == (Path("/a"), Path("/b"))


# missing files


def test_missing_photos_are_in_no_list_but_in_the_counts(index: Database) -> None:
    save(index, A, [face(happy=0.9)])
    save(index, B, [face(happy=0.8)])
    mark_missing(index, A)
    assert best(index) == listed(index) == ["b.jpg"]
    assert (
        index_counts.stats(index).photos,
        index_counts.stats(index).missing,
        index_counts.stats(index).labels[HAPPY],
    ) == (2, 1, 2)


def test_a_photo_that_is_back_is_listed_as_before(index: Database) -> None:
    save(index, A, [face(happy=0.9)])
    before = list(queries.photos(index, Filters()))
    mark_missing(index, A)
    with index.transaction():
        storing.mark_present(index, [A])
    assert list(queries.photos(index, Filters())) == before


def test_forgetting_removes_a_photo_and_what_only_it_showed(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, B, [face(happy=0.8)], digest="d2")
    fail(index, C)
    with index.transaction():
        storing.forget(index, [A, C])
    assert known(index) == [B]
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT digest FROM contents").fetchall() == [("d2",)]
        assert raw.execute("SELECT count(*) FROM faces").fetchone() == (1,)


def test_forgetting_one_of_two_copies_keeps_the_others_result(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, B, [face(happy=0.9)], digest="d1")
    with index.transaction():
        storing.forget(index, [A])
    [photo] = queries.photos(index, Filters())
    assert (photo.path, photo.faces) == (B, (face(happy=0.9),))


@pytest.fixture
def hasty_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite as some builds of it are: they wait less for the disk, and leave in the file what was deleted."""
    connect = opening.connect

    def connect_hastily(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(opening, "connect", connect_hastily)


@pytest.mark.usefixtures("hasty_sqlite")
def test_of_what_is_forgotten_no_byte_is_left_in_the_file(database: Path) -> None:
    """Whom the photos show is nobody's business, least of all that of who finds the disk."""
    gone = [f"/album/a name to be forgotten {number}.jpg" for number in range(40)]
    with Database(database, create=True) as index:
        save(index, A, [face(happy=0.9)])
        for path in gone:
            save(index, path, [face(happy=0.8)], crops=b"pixels to be forgotten")
    assert b"to be forgotten" in database.read_bytes()
    with Database(database) as index, index.transaction():
        storing.forget(index, map(Path, gone))
    content = database.read_bytes()
    assert os.fsencode(A) in content
    assert b"to be forgotten" not in content
    assert list(files(database.parent)) == [database.name]


# the best


def test_the_best_come_first_with_their_score(index: Database) -> None:
    save(index, A, [face(happy=0.4)])
    save(index, B, [face(happy=0.9)])
    save(index, C, [face(sad=0.7)])
    first, second, third = queries.best(index, HAPPY, By.MAX, Filters(), 0.0, -1)
    assert [first.path, second.path, third.path] == [B, A, C]
    assert (first.score, first.emotion, second.score) == (0.9, HAPPY, 0.4)
    assert third.score == pytest.approx(0.05)


@pytest.mark.parametrize(("by", "order", "score"), [(By.MAX, "abc", 0.9), (By.MEAN, "bac", 0.7), (By.MIN, "cba", 0.65)])
def test_several_faces_make_a_score_by_their_best_mean_or_worst(
    index: Database, by: By, order: str, score: float
) -> None:
    save(index, A, [face(happy=0.9), face(happy=0.48)])
    save(index, B, [face(happy=0.8), face(happy=0.6)])
    save(index, C, [face(happy=0.65), face(happy=0.65), face(happy=0.65)])
    assert best(index, by=by) == [f"{name}.jpg" for name in order]
    assert queries.best(index, HAPPY, by, Filters(), 0.0, 1)[0].score == pytest.approx(score)


@pytest.mark.parametrize("emotion", list(Emotion))
def test_every_emotion_can_be_ranked_by(index: Database, emotion: Emotion) -> None:
    save(index, A, [face(**{e.value: 0.01 for e in Emotion if e is not emotion})])
    save(index, B, [face(**{emotion.value: 0.99})])
    assert best(index, emotion) == ["b.jpg", "a.jpg"]


def test_equal_scores_come_by_path(index: Database) -> None:
    for path in (C, A, B):
        save(index, path, [face(happy=0.5)])
    assert best(index) == ["a.jpg", "b.jpg", "c.jpg"]
    assert best(index, limit=2) == ["a.jpg", "b.jpg"]


def test_a_photo_without_a_face_is_never_among_the_best_but_is_listed(index: Database) -> None:
    save(index, A, [])
    save(index, B, [face(happy=0.01)])
    assert best(index) == ["b.jpg"]
    assert listed(index) == ["a.jpg", "b.jpg"]


def test_what_scores_less_than_asked_is_left_out(index: Database) -> None:
    for path, p in ((A, 0.2), (B, 0.5), (C, 0.8)):
        save(index, path, [face(happy=p)])
    assert names(queries.best(index, HAPPY, By.MAX, Filters(), 0.5, -1)) == ["c.jpg", "b.jpg"]


def test_the_best_bring_all_their_faces(index: Database) -> None:
    faces = (face(happy=0.3), face((50, 50, 90, 90), happy=0.6))
    save(index, A, faces)
    assert queries.best(index, HAPPY, By.MAX, Filters(), 0.0, 1)[0].faces == faces


# filters


def dated(index: Database) -> None:
    for path, taken_at in ((A, "2023-12-31T23:59:59Z"), (B, "2024-07-01T10:00:00Z"), (C, None)):
        save(index, path, [face(happy=0.5)], taken_at)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, ["a.jpg", "b.jpg", "c.jpg"]),
        ("2024-07-01T10:00:00Z", None, ["b.jpg"]),
        ("2024-07-01T10:00:01Z", None, []),
        (None, "2023-12-31T23:59:59Z", ["a.jpg"]),
        (None, "2023-12-31T23:59:58Z", []),
        ("2023-01-01T00:00:00Z", "2024-12-31T23:59:59Z", ["a.jpg", "b.jpg"]),
    ],
)
def test_dates_include_their_ends_and_leave_out_what_has_no_date(
    index: Database, since: str | None, until: str | None, expected: list[str]
) -> None:
    dated(index)
    assert best(index, since=since, until=until) == listed(index, since=since, until=until) == expected


def test_a_folder_is_no_prefix_of_names(index: Database) -> None:
    for path in ("/a/b/1.jpg", "/a/bc/2.jpg", "/a/b.jpg", "/a/b/c/3.jpg", "/a/B/4.jpg"):
        save(index, path, [face(happy=0.5)])
    assert best(index, folders=(Path("/a/b"),)) == listed(index, folders=(Path("/a/b"),)) == ["1.jpg", "3.jpg"]


def test_several_folders_are_any_of_them_and_none_twice(index: Database) -> None:
    for path in ("/a/1.jpg", "/b/2.jpg", "/c/3.jpg"):
        save(index, path, [face(happy=0.5)])
    folders = (Path("/b"), Path("/a"), Path("/a/1.jpg"))
    assert best(index, folders=folders) == listed(index, folders=folders) == ["1.jpg", "2.jpg"]


def test_the_root_folder_holds_everything(index: Database) -> None:
    save(index, "/a/1.jpg", [face(happy=0.5)])
    assert best(index, folders=(Path("/"),)) == ["1.jpg"]


@pytest.mark.parametrize("special", ["%", "_", "*", "?", "'", '"', "[a]", "\\", "é", " "])
def test_special_characters_in_a_folder_mean_themselves(index: Database, special: str) -> None:
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
def test_the_search_from_the_top_down_finds_what_a_look_at_everything_finds(
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
        everything = queries.best(index, HAPPY, by, Filters(faces=faces), least, -1)
        assert queries.best(index, HAPPY, by, Filters(faces=faces), least, limit) == everything[:limit]
        assert all(photo.score is not None and photo.score >= least for photo in everything)


def test_a_search_that_leads_too_far_ends_in_a_look_at_everything(
    index: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "LOOKED_AT", 3)
    for number in range(9):
        save(index, f"/{number}.jpg", [face(happy=1 - number / 10)], taken_at=f"20{10 + number}-01-01T00:00:00Z")
    found = queries.best(index, HAPPY, By.MAX, Filters(since="2018"), 0.0, 1)
    assert names(found) == ["8.jpg"]


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


# files that are no index of ours


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(path: Path, *, create: bool, match: str) -> None:
    before = files(path.parent)
    with pytest.raises(IndexFileError, match=match) as refusal:
        Database(path, create=create)
    assert str(path) in str(refusal.value)
    assert files(path.parent) == before


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("content", [b"a shopping list\n", b"\0" * 8192, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(database: Path, content: bytes, create: bool) -> None:
    database.write_bytes(content)
    refused(database, create=create, match="cannot use")


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_the_database_of_another_program_is_refused_and_left_as_it_is(database: Path, mode: str, create: bool) -> None:
    with closing(sqlite3.connect(database)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("CREATE TABLE photos (path TEXT)")
        other.commit()
    refused(database, create=create, match="another program")


@pytest.mark.parametrize("create", [False, True])
def test_an_index_of_a_newer_version_is_refused_and_left_as_it_is(database: Path, create: bool) -> None:
    Database(database, create=True).close()
    with closing(sqlite3.connect(database)) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    refused(database, create=create, match="newer albumsort")


def test_a_damaged_index_is_an_error_with_advice(database: Path) -> None:
    with Database(database, create=True) as index:
        for i in range(300):
            save(index, f"/album/{i}.jpg", [face(happy=0.5)])
    damaged = bytearray(database.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    database.write_bytes(damaged)
    with pytest.raises(IndexFileError, match=r"damaged.*--db"), Database(database) as index:
        list(queries.photos(index, Filters()))


@pytest.mark.parametrize("create", [False, True])
def test_an_empty_file_is_refused_and_left_empty(database: Path, create: bool) -> None:
    database.touch()
    refused(database, create=create, match="empty")


@pytest.mark.parametrize("create", [False, True])
def test_a_database_without_tables_is_another_programs(database: Path, create: bool) -> None:
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("VACUUM")
    refused(database, create=create, match="another program")


@pytest.mark.parametrize("create", [False, True])
def test_the_beginning_of_an_index_is_refused_and_left_as_it_is(database: Path, create: bool) -> None:
    Database(database, create=True).close()
    for length in (16, 50, 99):
        database.write_bytes(database.read_bytes()[:length])
        refused(database, create=create, match="cannot use")


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_what_an_index_that_is_gone_left_gets_into_no_new_one(database: Path, mode: str) -> None:
    """A run that was killed leaves a log; SQLite would play it into whatever has the index's name next."""
    Database(database, create=True).close()
    script = f"""if True:
        import os, sqlite3, sys
        raw = sqlite3.connect(sys.argv[1], isolation_level=None)
        raw.execute("PRAGMA journal_mode = {mode}")
        raw.execute("PRAGMA cache_size = 2")
        raw.execute("BEGIN")
        for number in range(2000):
            raw.execute("INSERT INTO roots (path) VALUES (?)", [f"/{{number}}".encode() * 50])
        if "{mode}" == "WAL":
            raw.execute("COMMIT")
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", script, database], check=True)
    log = Path(f"{database}-{'wal' if mode == 'WAL' else 'journal'}")
    assert log.stat().st_size > 0
    database.unlink()
    before = files(database.parent)
    with pytest.raises(IndexFileError, match=f"{log.name} is left of an index that is gone"):
        Database(database, create=True)
    assert files(database.parent) == before
    log.unlink()
    with Database(database, create=True) as index:
        assert (index_folders.indexed_folders(index), index.integrity()) == ((), "ok")


@pytest.mark.skipif(os.name == "nt", reason="Windows renames no file that is open")
@pytest.mark.parametrize("instead", [False, True])
def test_nothing_is_written_to_an_index_that_was_moved_away(database: Path, instead: bool) -> None:
    with Database(database, create=True) as index:
        database.rename(database.with_name("moved"))
        if instead:
            shutil.copy(database.with_name("moved"), database)
        with pytest.raises(IndexFileError, match="moved, deleted or replaced"), index.transaction():
            storing.add_root(index, Path("/album"))


def test_counts_are_of_one_moment_whatever_is_written_between_them(database: Path) -> None:
    with Database(database, create=True) as index, Database(database) as other:
        save(index, "/album/0.jpg", [face(happy=0.9)])
        added = list[str]()

        def meanwhile(statement: str) -> None:
            if statement.startswith("SELECT count(*), coalesce") and not added:
                added.append("/album/1.jpg")
                save(other, added[0], [face(happy=0.8)])

        index._connection.set_trace_callback(meanwhile)
        found = index_counts.stats(index)
        assert (found.photos, found.faces, found.without_face, added) == (1, 1, 0, ["/album/1.jpg"])
        assert index_counts.stats(index).photos == 2


def test_the_best_are_shown_with_the_faces_that_made_them_so(database: Path) -> None:
    with Database(database, create=True) as index, Database(database) as other:
        save(index, "/album/0.jpg", [face(happy=0.9)])

        def meanwhile(statement: str) -> None:
            if "WHERE f.content = 1 AND" in statement and "ORDER BY f.number" in statement:
                with other.transaction():
                    storing.forget(other, [Path("/album/0.jpg")])

        index._connection.set_trace_callback(meanwhile)
        (photo,) = queries.best(index, Emotion.HAPPY, By.MAX, Filters(), 0.0, 5)
        assert (photo.score, [one.probabilities[Emotion.HAPPY] for one in photo.faces]) == (0.9, [0.9])
        assert queries.best(index, Emotion.HAPPY, By.MAX, Filters(), 0.0, 5) == []


def test_a_lock_file_that_is_something_else_is_named_and_left(database: Path) -> None:
    lock = Path(f"{database}.lock")
    lock.write_bytes(b"a shopping list\n" * 100)
    no_lock = pytest.raises(IndexFileError, match=r"\.lock beside it is no lock")
    with Database(database, create=True) as index, no_lock, index.alone():
        raise AssertionError("nobody holds that")
    assert lock.read_bytes() == b"a shopping list\n" * 100


@pytest.mark.parametrize("create", [False, True])
def test_a_folder_is_no_index(tmp_path: Path, create: bool) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IndexFileError, match="it is a folder"):
        Database(tmp_path / "folder", create=create)
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("create", [False, True])
def test_a_pipe_is_no_index_and_nobody_waits_for_it(tmp_path: Path, create: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IndexFileError, match="it is no file"):
        Database(tmp_path / "pipe", create=create)


@pytest.mark.parametrize("create", [False, True])
def test_a_link_that_leads_nowhere_is_no_index_and_stays(tmp_path: Path, create: bool) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "away" / "index.sqlite")
    with pytest.raises(IndexFileError, match="cannot use"):
        Database(tmp_path / "link", create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_linked_index_is_used_where_it_lies(tmp_path: Path, database: Path) -> None:
    Database(database, create=True).close()
    (tmp_path / "link").symlink_to(database)
    with Database(tmp_path / "link", create=True) as index:
        save(index, A, [face(happy=0.5)])
    with Database(database) as index:
        assert listed(index) == ["a.jpg"]


@pytest.mark.parametrize("name", ["50%.sqlite", "a?b#c.sqlite", "ä ö.sqlite", "x" * 240, os.fsdecode(b"\xff.sqlite")])
def test_an_index_may_have_any_name(tmp_path: Path, name: str) -> None:
    with Database(tmp_path / name, create=True) as index:
        save(index, A, [face(happy=0.5)])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Database(tmp_path / name) as index:
        assert listed(index) == ["a.jpg"]


def test_on_a_file_system_without_hard_links_an_index_is_made_all_the_same(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    Database(database, create=True).close()
    with Database(database) as index:
        assert listed(index) == []
    assert list(files(database.parent)) == [database.name]


def test_no_index_yet_is_an_error_with_advice_and_makes_none(database: Path) -> None:
    with pytest.raises(IndexFileError, match="albumsort index FOLDER"):
        Database(database)
    assert not database.exists()


def test_an_index_where_none_can_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexFileError, match="--db"):
        Database(tmp_path / "file" / "index.sqlite", create=True)
    with pytest.raises(IndexFileError, match="--db"):
        Database(tmp_path, create=True)


@pytest.mark.parametrize("hard_links", [True, False])
def test_an_index_that_another_process_makes_meanwhile_is_kept(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    ready = tmp_path / "other" / "index.sqlite"
    with Database(ready, create=True) as other:
        save(other, A, [face(happy=0.5)])
    create = schema.create

    def create_while_the_other_gets_there_first(connection: sqlite3.Connection) -> None:
        create(connection)
        shutil.copy(ready, database)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(schema, "create", create_while_the_other_gets_there_first)
    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    with Database(database, create=True) as index:
        assert listed(index) == ["a.jpg"]
    assert {path.name for path in tmp_path.iterdir()} == {"other", database.name}


@pytest.mark.usefixtures("hasty_sqlite")
@pytest.mark.parametrize("network", [None, "nfs4"])
def test_what_was_stored_survives_a_power_cut_whatever_sqlite_was_built_for(
    database: Path, monkeypatch: pytest.MonkeyPatch, network: str | None
) -> None:
    on_network(monkeypatch, network)
    full = 2
    with Database(database, create=True) as index:
        assert index._connection.execute("PRAGMA synchronous").fetchone() == (full,)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_only_its_owner_can_read_the_index(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "folder" / "index.sqlite"
        with Database(path, create=True) as index:
            save(index, A, [face(happy=0.5)])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert "index.sqlite" in modes
    assert set(modes.values()) == {0o600}


def test_a_new_index_says_whose_it_is_and_its_version(database: Path) -> None:
    Database(database, create=True).close()
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_locked_index_is_an_error_that_says_so(
    index: Database, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("albumsort.index.database.BUSY_SECONDS", 0.05)
    with (
        index.transaction(),
        Database(database) as other,
        pytest.raises(IndexFileError, match="another albumsort"),
        other.transaction(),
    ):
        pass


def test_many_processes_may_make_the_same_index_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    program = (
        "import sys, pathlib; from albumsort.index.database import Database; "
        "Database(pathlib.Path(sys.argv[1]), create=True)"
    )
    racing = [subprocess.Popen([sys.executable, "-c", program, path], stderr=subprocess.PIPE) for _ in range(8)]
    assert [(process.communicate()[1], process.returncode) for process in racing] == [(b"", 0)] * 8


# several at once


HOLDER = """
import pathlib, sys
from albumsort.index import Index
with Index(pathlib.Path(sys.argv[1])) as index, index.alone():
    print("ready", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_indexing(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the right to index, until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_one_process_at_a_time_brings_an_index_up_to_date(index: Database, database: Path) -> None:
    """The other waits, says so once, and goes on as soon as the first is done."""
    told = list[str]()
    with another_indexing(database) as holder:

        def tell(message: str) -> None:
            told.append(message)
            assert holder.stdin is not None
            print("be done", file=holder.stdin, flush=True)

        with Database(database, tell=tell) as waiting, waiting.alone():
            assert holder.wait(timeout=60) == 0
    assert told == [f"Another albumsort is indexing into {database}; waiting until it is done"]


def test_a_link_to_an_index_leads_to_the_same_lock(index: Database, database: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "link").symlink_to(database)
    with another_indexing(tmp_path / "other" / "link") as holder:
        told = list[str]()

        def tell(message: str) -> None:
            told.append(message)
            holder.kill()

        with Database(database, tell=tell) as waiting, waiting.alone():
            assert len(told) == 1


def test_a_killed_process_leaves_nothing_locked(index: Database, database: Path) -> None:
    with another_indexing(database) as holder:
        holder.kill()
        holder.wait(timeout=60)
    told = list[str]()
    with Database(database, tell=told.append) as other, other.alone():
        save(other, A, [face(happy=0.5)])
    assert told == []


def test_who_indexes_blocks_neither_queries_nor_forgetting(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.5)])
    save(index, B, [face(happy=0.4)])
    told = list[str]()
    with index.alone(), Database(database, tell=told.append) as other:
        assert best(other) == ["a.jpg", "b.jpg"]
        with other.transaction():
            storing.forget(other, [B])
        assert best(index) == ["a.jpg"]
    assert told == []


def test_while_one_writes_the_others_read_what_was_there_before(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.5)])
    with index.transaction():
        storing.save_failure(index, PhotoFile(A, 1, 1), "broken", NOW)
        with Database(database) as other:
            assert (best(other), listed(other), index_counts.stats(other).failed) == (["a.jpg"], ["a.jpg"], 0)
    with Database(database) as other:
        assert (best(other), index_counts.stats(other).failed) == ([], 1)


def test_a_list_that_is_read_slowly_blocks_no_writer(index: Database, database: Path) -> None:
    for path in (A, B, C):
        save(index, path, [face(happy=0.5)])
    with Database(database) as other:
        slow = queries.photos(other, Filters())
        next(slow)
        with index.transaction():
            storing.forget(index, [B, C])
        assert len(list(slow)) == 2  # as it was when the list began


def test_who_must_wait_for_a_transaction_says_so_and_goes_on(index: Database, database: Path) -> None:
    told = list[str]()

    def tell(message: str) -> None:
        told.append(message)
        raw.rollback()

    with closing(sqlite3.connect(database, isolation_level=None)) as raw, Database(database, tell=tell) as other:
        raw.execute("BEGIN IMMEDIATE")
        save(other, A, [face(happy=0.5)])
        assert listed(other) == ["a.jpg"]
    assert len(told) == 1
    assert "waiting" in told[0]


# network file systems


def on_network(monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    monkeypatch.setattr("albumsort.disk.filesystems.network", lambda path: kind)


def test_on_a_network_the_index_is_safe_without_shared_memory(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_network(monkeypatch, "nfs4")
    told = list[str]()
    with Database(database, create=True, tell=told.append) as index:
        save(index, A, [face(happy=0.5)])
        assert index.journal() == "delete"
        assert not {f"{database.name}-wal", f"{database.name}-shm"} & set(files(database.parent))
        with Database(database, tell=told.append) as other:  # a query says nothing more
            assert listed(other) == ["a.jpg"]
    [warning] = told
    assert "nfs4" in warning
    assert str(database) in warning


def test_an_index_that_moves_to_a_network_and_back_changes_its_journal(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, journal in ((None, "wal"), ("cifs", "delete"), (None, "wal")):
        on_network(monkeypatch, kind)
        with Database(database, create=True) as index:
            assert index.journal() == journal
            save(index, A, [face(happy=0.5)])
            assert (listed(index), index.integrity()) == (["a.jpg"], "ok")


# labels by album

NATURAL = {answer: (0.4 if answer in (HAPPY, Emotion.NEUTRAL) else 0.2 / 6) for answer in ANSWERS}
SADLY = {answer: (0.72 if answer is Emotion.SAD else 0.04) for answer in ANSWERS}
DOUBTFUL = face(neutral=0.7, sad=0.25)


def add_albums(index: Database, *albums: Album, natural: Shares = NATURAL) -> None:
    with index.transaction():
        index_shares.save_natural_shares(index, natural, due=True)
        for album in albums:
            storing.add_root(index, album.root)
        index_shares.save_albums(index, albums)


def test_a_label_is_that_of_the_deepest_album_and_elsewhere_that_of_an_ordinary_one(index: Database) -> None:
    paths = ["/a/x.jpg", "/a/sad/x.jpg", "/a/sad2/x.jpg", "/b/x.jpg"]
    for path in paths:
        save(index, path, [DOUBTFUL])
    add_albums(index, Album(Path("/a"), NATURAL, 3), Album(Path("/a/sad"), SADLY, 3))
    labels = {str(photo.path): photo.label for photo in queries.photos(index, Filters())}
    assert labels == dict.fromkeys(paths, Emotion.NEUTRAL) | {"/a/sad/x.jpg": Emotion.SAD}
    assert {str(p.path): p.label for p in queries.best(index, Emotion.SAD, By.MAX, Filters(), 0.0, -1)} == labels
    assert index_counts.stats(index).labels == {Emotion.NEUTRAL: 3, Emotion.SAD: 1}


def test_an_album_moves_labels_and_how_sure_they_are_but_no_score(index: Database) -> None:
    save(index, "/a/x.jpg", [DOUBTFUL])
    add_albums(index, Album(Path("/a"), SADLY, 3))
    [photo] = queries.best(index, Emotion.SAD, By.MAX, Filters(), 0.0, 1)
    expected = LabelRule(NATURAL, SADLY).label(DOUBTFUL.probabilities, 0.0)
    assert (photo.label, photo.sure, photo.score) == (*expected, 0.25)
    assert photo.faces[0].probabilities == DOUBTFUL.probabilities


def test_what_the_same_bytes_show_is_labelled_in_each_album_by_its_shares(index: Database) -> None:
    save(index, "/a/x.jpg", [DOUBTFUL], digest="d1")
    save(index, "/b/x.jpg", [DOUBTFUL], digest="d1")
    add_albums(index, Album(Path("/a"), SADLY, 3), Album(Path("/b"), NATURAL, 3))
    assert [photo.label for photo in queries.photos(index, Filters())] == [Emotion.SAD, Emotion.NEUTRAL]
    assert index_counts.stats(index).labels == {Emotion.SAD: 1, Emotion.NEUTRAL: 1}


def test_the_natural_shares_are_those_that_were_stored_last(index: Database) -> None:
    """As far as nothing can be read in a face, it has the probabilities of any face, which say nothing about it."""
    save(index, "/b/x.jpg", [face(neutral=0.5, happy=0.45, nothing=0.4)])
    sure = list[tuple[Emotion | None, float | None]]()
    for common in (HAPPY, Emotion.NEUTRAL):
        natural = {answer: (0.65 if answer is common else 0.05) for answer in ANSWERS}
        add_albums(index, natural=natural)
        [photo] = queries.photos(index, Filters())
        assert (photo.label, photo.sure) == LabelRule(natural, natural).label(photo.faces[0].probabilities, 0.4)
        sure.append((photo.label, photo.sure))
    assert sure[0][0] is Emotion.NEUTRAL
    assert sure[0] != sure[1]


def test_faces_from_before_nothing_was_asked_are_read_and_their_eyes_are_unknown(
    index: Database, database: Path
) -> None:
    save(index, A, [face(happy=0.9, nothing=0.5)])
    with closing(sqlite3.connect(database)) as raw:
        raw.execute('UPDATE faces SET "nothing" = NULL, eyes = NULL')
        raw.commit()
    [photo] = queries.photos(index, Filters())
    assert photo.faces == (face(happy=0.9, eyes=None),)
    assert index_counts.stats(index).labels == {HAPPY: 1}


PROBABILITIES = st.lists(st.floats(0, 1), min_size=7, max_size=7).filter(any)
FACES = st.builds(
    lambda parts, nothing, width, height: face(
        (0, 0, width, height),
        nothing=nothing,
        **{e.value: part / sum(parts) for e, part in zip(Emotion, parts, strict=True)},
    ),
    PROBABILITIES,
    st.floats(0, 1),
    st.integers(1, 400),
    st.integers(1, 400),
)
SHARES = st.lists(st.floats(0.01, 1), min_size=8, max_size=8).map(
    lambda parts: {answer: part / sum(parts) for answer, part in zip(ANSWERS, parts, strict=True)}
)


@settings(max_examples=40)
@given(
    photos=st.lists(
        st.tuples(st.sampled_from(["/a", "/a/b", "/a/b/c", "/d"]), st.lists(FACES, max_size=3)), max_size=8
    ),
    albums=st.dictionaries(st.sampled_from([Path("/a"), Path("/a/b"), Path("/a/b/c"), Path("/")]), SHARES),
    natural=SHARES,
)
def test_the_counts_are_those_of_the_labels_that_are_listed(
    photos: list[tuple[str, list[Face]]], albums: dict[Path, Shares], natural: Shares
) -> None:
    """SQL counts what Python lists."""
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        for number, (where, faces) in enumerate(photos):
            distinct = {face.box.area: face for face in faces}  # one is the largest
            save(index, f"{where}/{number}.jpg", list(distinct.values()))
        add_albums(index, *(Album(root, shares, 1) for root, shares in albums.items()), natural=natural)
        counts, listed = index_counts.stats(index), list(queries.photos(index, Filters()))
    labels = [photo.label for photo in listed if photo.faces]
    assert counts.labels == {e: labels.count(e) for e in Emotion if e in labels}
    assert counts.unlabelled == labels.count(None)
    assert counts.without_face == len(listed) - len(labels)


def test_the_counts_name_the_albums_with_their_shares(index: Database) -> None:
    album = Album(Path("/a"), SADLY, 1204)
    add_albums(index, album)
    with index.transaction():
        storing.add_root(index, Path("/never estimated"))
    assert index_counts.stats(index).albums == (album,)
    assert index_counts.stats(index).roots == (Path("/a"), Path("/never estimated"))


def test_an_album_has_its_latest_shares_and_loses_them_when_it_is_forgotten(index: Database) -> None:
    add_albums(index, Album(Path("/a"), NATURAL, 3))
    add_albums(index, Album(Path("/a"), SADLY, 4))
    assert index_shares.album_of(index, Path("/a/x.jpg")) == Album(Path("/a"), SADLY, 4)
    assert index_shares.album_of(index, Path("/b/x.jpg")) is None
    assert not index_shares.shares_due(index)
    with index.transaction():
        storing.forget(index, [], [Path("/a")])
    assert index_shares.album_of(index, Path("/a/x.jpg")) is None
    with index.transaction():
        storing.add_root(index, Path("/a"))
    assert index_shares.shares_due(index)


def test_shares_are_due_until_they_are_estimated_whatever_comes_between(index: Database) -> None:
    add_albums(index, Album(Path("/a"), NATURAL, 3))
    with index.transaction():
        index_shares.save_natural_shares(index, NATURAL, due=True)
    with index.transaction():
        index_shares.save_natural_shares(index, NATURAL, due=False)  # a later run that finds nothing to do
    assert index_shares.shares_due(index)
    with index.transaction():
        index_shares.save_albums(index, [Album(Path("/a"), SADLY, 4)])
    assert not index_shares.shares_due(index)


def test_an_album_that_was_forgotten_meanwhile_gets_no_shares(index: Database) -> None:
    add_albums(index, Album(Path("/a"), NATURAL, 3))
    with index.transaction():
        index_shares.save_albums(index, [Album(Path("/a"), SADLY, 4), Album(Path("/forgotten"), SADLY, 4)])
    assert index_counts.stats(index).albums == (Album(Path("/a"), SADLY, 4),)
    assert index.dangling() == 0


# faces to estimate the shares from


def test_an_album_with_thousands_of_albums_in_it_leaves_out_what_is_theirs(index: Database) -> None:
    save(index, "/a/own.jpg", [face(happy=0.9)])
    save(index, "/a/1234/deep/theirs.jpg", [face(sad=0.9)])
    with index.transaction():
        for number in range(3000):
            storing.add_root(index, Path(f"/a/{number}"))
            storing.add_root(index, Path(f"/a/{number}/deep"))
        storing.add_root(index, Path("/a"))
    [row] = index_shares.sample(index, Path("/a"), 100)
    assert row[list(Emotion).index(HAPPY)] == 0.9


def stored(*faces: Face) -> list[tuple[float, ...]]:
    return [(*face.probabilities.values(), face.nothing) for face in faces]


def test_a_small_album_is_sampled_whole_without_what_is_not_in_it(index: Database) -> None:
    inside = face(happy=0.9, nothing=0.1), face(sad=0.8)
    save(index, "/a/1.jpg", [inside[0], replace(face(fear=0.9), detection=0.49)])
    save(index, "/a/2.jpg", [inside[1]])
    for number, path in enumerate(("/a/deep/x.jpg", "/ab/x.jpg", "/a.jpg", "/a/gone.jpg")):
        save(index, path, [face(anger=0.9)], digest=f"other {number}")
    mark_missing(index, Path("/a/gone.jpg"))
    with index.transaction():
        for root in ("/a", "/a/deep"):
            storing.add_root(index, Path(root))
    assert index_shares.sample(index, Path("/a"), 100) == stored(*inside)
    assert index_shares.sample(index, Path("/a/deep"), 100) == stored(face(anger=0.9))
    assert index_shares.sample(index, Path("/none"), 100) == []


@pytest.mark.parametrize("faces_each", [1, 3])
def test_of_a_large_album_some_faces_are_taken_evenly_and_always_the_same(index: Database, faces_each: int) -> None:
    count = 300
    with index.transaction():
        storing.add_root(index, Path("/a"))
        for number in range(count):
            file = PhotoFile(Path(f"/a/{number:03}.jpg"), 1, 1)
            faces = (face(happy=number / count),) * faces_each
            storing.save(index, file, Analysis(f"d{number}", 64, 48, None, faces), NOW)
    taken = index_shares.sample(index, Path("/a"), 50)
    assert 20 <= len(taken) <= 50
    assert taken == index_shares.sample(index, Path("/a"), 50)
    happy = [row[list(Emotion).index(HAPPY)] for row in taken]
    assert min(happy) < 0.1
    assert max(happy) > 0.9
    assert abs(sum(happy) / len(happy) - 0.5) < 0.1


def test_an_album_of_crowds_among_landscapes_is_sampled_evenly_too(index: Database) -> None:
    """How many faces a photo has is guessed from the whole index, and guessed too low here."""
    with index.transaction():
        storing.add_root(index, Path("/crowds"))
        for number in range(900):
            faces = (face(happy=number / 900),) * 3
            crowd = number % 3 == 0
            file = PhotoFile(Path("/crowds" if crowd else "/hills", f"{number:03}.jpg"), 1, 1)
            storing.save(index, file, Analysis(f"d{number}", 64, 48, None, faces if crowd else ()), NOW)
    happy = [row[list(Emotion).index(HAPPY)] for row in index_shares.sample(index, Path("/crowds"), 50)]
    assert 20 <= len(happy) <= 50
    assert min(happy) < 0.1
    assert max(happy) > 0.9


# what is only to be classified anew

LATER = Settings(NOW.finding, "classified later")
EXPRESSIONS = [Expression({e: (0.94 if e is Emotion.SAD else 0.01) for e in Emotion}, 0.2, 0.4)]


def test_results_of_another_classifier_are_current_but_unclassified(index: Database) -> None:
    save(index, A, [face(happy=0.9)], crops=b"crops of a")
    save(index, B, [], settings=LATER)
    save(index, C, [face(happy=0.9)], settings=BEFORE, crops=b"crops of c")
    assert changed(index, A, B, C, settings=LATER) == [C]
    save(index, "/album/d.jpg", [face(happy=0.9)], settings=BEFORE)  # an older method kept no crops
    assert lookup.count_unclassified(index, LATER) == 2
    stored = lookup.unclassified(index, LATER, -1, 10)
    assert [(count, crops) for _, count, crops in stored] == [(1, b"crops of a"), (1, b"crops of c")]
    assert [lookup.detections(index, content) for content, _, _ in stored] == [[0.9], [0.9]]


def test_what_is_unclassified_comes_in_batches_each_once(index: Database) -> None:
    for number in range(7):
        save(index, f"/album/{number}.jpg", [], digest=f"d{number}")
    seen, last = list[int](), -1
    while batch := lookup.unclassified(index, LATER, last, 3):
        assert len(batch) <= 3
        seen += [content for content, _, _ in batch]
        last = seen[-1]
    assert len(seen) == len(set(seen)) == lookup.count_unclassified(index, LATER) == 7


def test_new_expressions_change_what_the_faces_show_and_nothing_else(index: Database) -> None:
    save(index, A, [face((1, 2, 30, 40), happy=0.9)], "2024-07-01T10:00:00Z", digest="d1", crops=b"crops")
    [before] = queries.photos(index, Filters())
    [(content, _, _)] = lookup.unclassified(index, LATER, -1, 10)
    with index.transaction():
        storing.save_expressions(index, content, EXPRESSIONS, LATER)
    [after] = queries.photos(index, Filters())
    [was], [told] = before.faces, EXPRESSIONS
    judged = replace(was, probabilities=told.probabilities, nothing=told.nothing, eyes=told.eyes)
    assert after == replace(before, faces=(LabelRule(EVEN, EVEN).relabelled(judged),))
    assert (was.label, after.label) == (HAPPY, Emotion.SAD)
    assert (lookup.count_unclassified(index, LATER), lookup.count_unclassified(index, NOW)) == (0, 1)


def test_missing_photos_are_classified_anew_and_forgotten_bytes_are_not(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, B, [face(happy=0.9)], digest="former bytes")
    save(index, B, [face(happy=0.9)], digest="new bytes", settings=LATER)
    mark_missing(index, A)
    assert lookup.count_unclassified(index, LATER) == len(lookup.unclassified(index, LATER, -1, 10)) == 1


def test_a_result_that_is_distrusted_is_stale_in_all_its_photos(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, B, [face(happy=0.9)], digest="d1")
    [(content, _, _)] = lookup.unclassified(index, LATER, -1, 10)
    with index.transaction():
        assert storing.distrust(index, content) == [A, B]
    assert changed(index, A, B) == [A, B]
    assert (listed(index), lookup.count_unclassified(index, LATER)) == (["a.jpg", "b.jpg"], 0)


def test_crops_go_with_what_they_belong_to(index: Database, database: Path) -> None:
    def crops() -> list[tuple[bytes]]:
        with closing(sqlite3.connect(database)) as raw:
            return raw.execute("SELECT pixels FROM crops ORDER BY content").fetchall()

    save(index, A, [face(happy=0.9)], digest="d1", crops=b"first")
    save(index, A, [face(happy=0.9)], digest="d1", crops=b"second")
    save(index, B, [face(happy=0.9)], digest="d2", crops=b"other")
    assert crops() == [(b"second",), (b"other",)]
    save(index, A, [], digest="d1")
    assert crops() == [(b"other",)]
    with index.transaction():
        storing.forget(index, [B])
    assert crops() == []


def test_rows_that_refer_to_nothing_are_counted(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.9), face(sad=0.9)], digest="d1")
    assert index.dangling() == 0
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("DELETE FROM contents")
        raw.commit()
    assert index.dangling() == 3
