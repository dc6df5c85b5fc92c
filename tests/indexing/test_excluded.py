"""Known photos that a later run skips: they leave the lists, keep their results, and come back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from helpers import index_album
from index_runs import GOOD, counts, kept, missing, photos, rows, tamper

from albumsort.index import counts as index_counts
from albumsort.index.database import Database


@pytest.fixture
def known(album: Path, database: Path) -> Iterator[Path]:
    """An indexed album with a folder, whose results are marked to see whether they are kept."""
    (album / "raw").mkdir()
    for name in ("astronaut.jpg", "landscape.jpg"):
        (album / name).rename(album / "raw" / name)
    index_album(database, album)
    tamper(database)
    return album


def excluded(database: Path) -> dict[str, int]:
    with Database(database) as index:
        return {folder.name: count for folder, count in index_counts.excluded(index).items()}


@pytest.mark.parametrize("glob", ["raw", "raw/*", "*/raw/*.jpg"])
def test_a_later_exclusion_takes_photos_out_of_the_lists_and_they_come_back_without_it(
    known: Path, database: Path, glob: str
) -> None:
    before = rows(database)
    for newly in (2, 0):
        report = index_album(database, known, exclude=[glob])
        assert (report.excluded, report.missing, report.unchanged) == (newly, 0, 2)
        assert sorted(photos(database)) == ["drawing.png", "turned.jpg"]
        assert excluded(database) == {"raw": 2}
    report = index_album(database, known)
    assert (report.excluded, report.analysed, report.unchanged) == (0, 0, 4)
    assert sorted(photos(database)) == GOOD
    assert kept(photos(database)["astronaut.jpg"])
    assert rows(database) == before


def test_an_exclusion_holds_for_a_list_of_files_too(known: Path, database: Path) -> None:
    index_album(database, listed=[known / "raw" / "astronaut.jpg", known / "turned.jpg"], exclude=["raw"])
    assert sorted(photos(database)) == ["drawing.png", "landscape.jpg", "turned.jpg"]
    index_album(database, listed=[known / "raw" / "astronaut.jpg"])
    assert sorted(photos(database)) == GOOD


@pytest.mark.parametrize("marker", [".nomedia", ".albumsortignore"])
def test_a_folder_that_is_marked_later_leaves_the_lists(known: Path, database: Path, marker: str) -> None:
    (known / "raw" / marker).touch()
    assert index_album(database, known).skipped[f"folder with {marker}"] == 1
    assert excluded(database) == {"raw": 2}
    (known / "raw" / marker).unlink()
    index_album(database, known)
    assert sorted(photos(database)) == GOOD


def test_photos_of_a_bin_that_an_older_version_indexed_leave_the_lists(known: Path, database: Path) -> None:
    (known / "raw").rename(known / "@Recycle")
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE photos SET path = CAST(replace(CAST(path AS TEXT), '/raw/', '/@Recycle/') AS BLOB)")
        raw.commit()
    assert index_album(database, known).excluded == 2
    assert sorted(photos(database)) == ["drawing.png", "turned.jpg"]


def test_a_skipped_folder_that_is_an_album_by_its_own_name_stays(known: Path, database: Path) -> None:
    (known / "raw").rename(known / "@Recycle")
    index_album(database, known / "@Recycle")
    index_album(database, known)
    assert excluded(database) == {}
    assert sorted(photos(database)) == GOOD


def test_a_photo_named_by_hand_in_a_hidden_folder_stays(known: Path, database: Path) -> None:
    shutil.copytree(known / "raw", known / ".private")
    index_album(database, listed=[known / ".private" / "astronaut.jpg"])
    assert index_album(database, known).excluded == 0


def test_a_photo_named_by_hand_beside_the_album_stays_though_its_folder_is_skipped(known: Path, database: Path) -> None:
    (known / "raw" / ".nomedia").touch()
    report = index_album(database, known, listed=[known / "raw" / "astronaut.jpg"])
    assert report.excluded == 1
    assert sorted(photos(database)) == ["astronaut.jpg", "drawing.png", "turned.jpg"]


def test_excluded_photos_have_no_part_in_the_shares_of_the_album(known: Path, database: Path) -> None:
    for exclude, faces in ([], 2), (["raw"], 1), ([], 2):
        index_album(database, known, exclude=exclude)
        with Database(database) as index:
            assert [album.faces for album in index_counts.stats(index).albums] == [faces]


def test_a_folder_with_a_similar_name_is_not_taken_out(known: Path, database: Path) -> None:
    shutil.copytree(known / "raw", known / "raw2")
    index_album(database, known)
    index_album(database, known, exclude=["raw"])
    assert excluded(database) == {"raw": 2}


def test_an_excluded_photo_that_is_deleted_is_missing_and_one_that_moves_out_keeps_its_results(
    known: Path, database: Path
) -> None:
    index_album(database, known, exclude=["raw"])
    (known / "raw" / "landscape.jpg").unlink()
    (known / "raw" / "astronaut.jpg").rename(known / "moved.jpg")
    report = index_album(database, known, exclude=["raw"])
    assert counts(report) == {"found": 4, "unchanged": 2, "moved": 1, "missing": 1, "failed": 1}
    assert missing(database) == ["landscape.jpg"]
    assert excluded(database) == {}
    assert kept(photos(database)["moved.jpg"])
    assert index_album(database, known, exclude=["raw"]).excluded == 0
    assert missing(database) == ["landscape.jpg"]


def test_missing_photos_and_excluded_ones_are_counted_apart(known: Path, database: Path) -> None:
    (known / "turned.jpg").unlink()
    index_album(database, known, exclude=["raw"])
    with Database(database) as index:
        assert (index_counts.stats(index).missing, index_counts.missing(index)) == (1, 1)
        assert index_counts.excluded(index).total() == 2
