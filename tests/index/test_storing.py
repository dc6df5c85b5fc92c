"""Storing results, and comparing files with the index."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from helpers import EVEN, NOW, face, save
from index_rows import BEFORE, HAPPY, A, B, C, best, changed, compared, fail, files, known, listed, mark_missing

from albumsort.index import comparing, lookup, queries, storing
from albumsort.index import counts as index_counts
from albumsort.index import folders as index_folders
from albumsort.index import shares as index_shares
from albumsort.index.comparing import Changes
from albumsort.index.database import Database
from albumsort.query import Filters
from albumsort.types import Analysis, Photo, PhotoFile, Taken

# saving


def test_a_photo_comes_back_as_it_was_saved(index: Database) -> None:
    faces = [face((1.5, 2.5, 30, 40), happy=0.7), face((100, 2, 50, 60), sad=0.6, fear=0.3)]
    save(index, A, faces, "2024-07-01T10:00:00", digest="d1")
    [photo] = queries.photos(index, Filters())
    assert photo == Photo(A, 640, 480, "2024-07-01T10:00:00", "DateTimeOriginal", "d1", tuple(faces))


def test_the_day_in_the_name_counts_only_where_the_bytes_tell_none(index: Database) -> None:
    def dates() -> list[tuple[str | None, str | None]]:
        return [(photo.taken_at, photo.taken_from) for photo in queries.photos(index, Filters(), every=True)]

    save(index, "/album/IMG-20190714-WA0001.jpg", [], digest="d1")
    save(index, "/album/a.jpg", [], digest="d1")
    save(index, "/album/IMG-20190715-WA0002.jpg", [], "2018-01-01T10:00:00", digest="d2")
    named, dated = ("2019-07-14", "file name"), ("2018-01-01T10:00:00", "DateTimeOriginal")
    assert dates() == [named, dated, (None, None)]
    with index.transaction():
        content = index.connection.execute("SELECT id FROM contents WHERE digest = 'd1'").fetchone()[0]
        storing.save_taken(index, content, Taken("2020-02-02", "IPTC"), NOW)
    assert dates() == [("2020-02-02", "IPTC"), dated, ("2020-02-02", "IPTC")]
    with index.transaction():
        storing.save_taken(index, content, None, NOW)
    assert dates() == [named, dated, (None, None)]


def test_saving_again_replaces_the_faces(index: Database) -> None:
    save(index, A, [face(happy=0.9), face(sad=0.9)], digest="d1")
    save(index, A, [face(anger=0.5)], digest="d1")
    [photo] = queries.photos(index, Filters())
    assert photo.faces == (face(anger=0.5),)


def test_new_bytes_under_an_old_path_replace_its_result(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    save(index, A, [], "2024-01-01T00:00:00", digest="d2")
    [photo] = queries.photos(index, Filters())
    assert (photo.digest, photo.faces, photo.taken_at) == ("d2", (), "2024-01-01T00:00:00")


def test_copies_share_one_result(index: Database) -> None:
    save(index, A, [face(happy=0.9)], digest="d1")
    with index.transaction():
        storing.save_known(index, PhotoFile(B, 10, 20), "d1", None)
    assert [(photo.path, photo.faces) for photo in queries.photos(index, Filters(), every=True)] == [
        (A, (face(happy=0.9),)),
        (B, (face(happy=0.9),)),
    ]
    assert lookup.paths_of(index, "d1") == [A, B]


def test_a_moved_file_keeps_its_result(index: Database) -> None:
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


def test_failures_are_listed_by_path_with_reasons(index: Database) -> None:
    fail(index, B, "cut short")
    fail(index, A, "no picture")
    assert index_counts.failures(index) == [(A, "no picture"), (B, "cut short")]


def test_a_failed_transaction_changes_nothing(index: Database) -> None:
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
    "save_taken": lambda index: storing.save_taken(index, 1, None, NOW),
    "distrust": lambda index: storing.distrust(index, 1),
    "save_failure": lambda index: storing.save_failure(index, FILE, "broken", NOW),
    "save_transient_failure": lambda index: storing.save_transient_failure(index, FILE, "the disk was pulled out"),
    "mark_missing": lambda index: storing.mark_missing(index, []),
    "mark_excluded": lambda index: storing.mark_excluded(index, []),
    "mark_present": lambda index: storing.mark_present(index, []),
    "forget": lambda index: storing.forget(index, [A]),
}


@pytest.mark.parametrize("write", WRITES)
def test_outside_a_transaction_nothing_is_written(index: Database, database: Path, write: str) -> None:
    """Otherwise each statement would be stored separately, and a kill in between would store only a part."""
    save(index, A, [face(happy=0.9)], digest="d1")
    with closing(sqlite3.connect(database)) as raw:
        before = list(raw.iterdump())
        with pytest.raises(RuntimeError, match="transaction"):
            WRITES[write](index)
        assert list(raw.iterdump()) == before
    with index.transaction():
        WRITES[write](index)


def test_every_function_that_writes_is_among_those_that_are_refused() -> None:
    writing = re.compile(r"add_root|distrust|forget|mark_\w+|save\w*")
    functions = {*vars(storing), *vars(index_shares)}
    assert {name for name in functions if writing.fullmatch(name)} == set(WRITES)


def test_saved_results_are_there_when_the_index_is_opened_again(database: Path) -> None:
    with Database(database, create=True) as index:
        save(index, A, [face(happy=0.9)])
    with Database(database) as index:
        assert listed(index) == ["a.jpg"]
        assert index.integrity() == "ok"


def test_a_second_connection_never_sees_part_of_a_transaction(index: Database, database: Path) -> None:
    with Database(database) as other, index.transaction():
        storing.save_failure(index, PhotoFile(A, 1, 1), "broken", NOW)
        assert index_counts.failures(other) == []


# comparing files


def test_only_new_and_changed_files_are_to_be_analysed(index: Database) -> None:
    save(index, A)
    fail(index, B, "broken")
    mark_missing(index, A, B)
    same = PhotoFile(A, 1000, 2000), PhotoFile(B, 10, 20)
    assert compared(index, *same) == Changes(0, 0, unchanged=1, failing=[(B, "broken")], back=[A, B])
    for other in (PhotoFile(A, 1001, 2000), PhotoFile(A, 1000, 2001), PhotoFile(C, 1000, 2000)):
        assert compared(index, other, same[1]) == Changes(1, 0, 0, [(B, "broken")], [B])
        assert list(comparing.todo(index)) == [other]
    assert compared(index, *same, everything=True) == Changes(todo=2, outdated=0, unchanged=0, failing=[], back=[])


def test_a_file_found_twice_counts_once(index: Database) -> None:
    save(index, A)
    files = PhotoFile(A, 1000, 2000), PhotoFile(C, 1, 1), PhotoFile(C, 1, 1), PhotoFile(A, 1000, 2000)
    assert compared(index, *files) == Changes(todo=1, outdated=0, unchanged=1, failing=[], back=[])


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


def test_photos_stale_only_by_a_new_method_are_counted_separately(index: Database) -> None:
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


def test_the_known_files_of_a_folder_are_below_it(index: Database) -> None:
    for path in ("/a/b/1.jpg", "/a/bc/2.jpg", "/a/b", "/a/b.jpg", "/a/b/c/3.jpg", "/a/b!/4.jpg", "/a/b0/5.jpg"):
        save(index, path)
    assert known(index, Path("/a/b")) == [Path("/a/b"), Path("/a/b/1.jpg"), Path("/a/b/c/3.jpg")]
    assert comparing.count_known(index, Path("/a/b")) == 3
    assert len(known(index)) == comparing.count_known(index, Path("/")) == 7
    assert (lookup.knows_path(index, Path("/a/b.jpg")), lookup.knows_path(index, Path("/a/c.jpg"))) == (True, False)


def test_files_found_are_not_reported_absent(index: Database) -> None:
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


def test_a_comparison_writes_nothing_and_waits_for_no_lock(index: Database, database: Path) -> None:
    save(index, A)
    with Database(database) as other, other.transaction():
        assert changed(index, A, B) == [B]
        comparing.note_absent(index, [A])
    assert known(index) == [A]


def test_digests_are_looked_up_by_size_and_only_current_ones(index: Database) -> None:
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


def test_missing_photos_are_counted_but_not_listed(index: Database) -> None:
    save(index, A, [face(happy=0.9)])
    save(index, B, [face(happy=0.8)])
    mark_missing(index, A)
    assert best(index) == listed(index) == ["b.jpg"]
    assert (
        index_counts.stats(index).photos,
        index_counts.stats(index).missing,
        index_counts.stats(index).labels[HAPPY],
    ) == (2, 1, 2)


def test_a_photo_that_reappears_is_listed_as_before(index: Database) -> None:
    save(index, A, [face(happy=0.9)])
    before = list(queries.photos(index, Filters()))
    mark_missing(index, A)
    with index.transaction():
        storing.mark_present(index, [A])
    assert list(queries.photos(index, Filters())) == before


def test_forgetting_a_photo_removes_results_that_no_copy_shares(index: Database, database: Path) -> None:
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


@pytest.mark.usefixtures("hasty_sqlite")
def test_forgotten_data_leaves_no_bytes_in_the_file(database: Path) -> None:
    """The content of the photos is private, also for a person who finds the disk."""
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
