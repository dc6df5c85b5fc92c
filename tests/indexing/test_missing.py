"""Copies, moved photos and missing photos."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import encoded, index_album, landscape
from hypothesis import given
from hypothesis import strategies as st
from index_runs import PORTRAITS, counts, kept, missing, photos, rows, tamper

from albumsort import prune
from albumsort.errors import AlbumsortError
from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.indexing import queue as indexing_queue
from albumsort.types import PhotoFile

# copies


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the paths of the analysed photos, in the order they are saved."""
    paths, save = list[Path](), storing.save

    def noted(index: Database, file: PhotoFile, *more: Any) -> None:
        paths.append(file.path)
        save(index, file, *more)

    monkeypatch.setattr(storing, "save", noted)
    return paths


def test_copies_in_one_run_are_analysed_once_and_all_listed(album: Path, database: Path, saved: list[Path]) -> None:
    for number in range(5):
        shutil.copy(album / "astronaut.jpg", album / f"copy {number}.jpg")
    report = index_album(database, album)
    assert counts(report) == {"found": 10, "analysed": 9, "faces": 2, "failed": 1}
    assert len(saved) == 4
    found = photos(database)
    assert len([name for name in found if found[name].digest == found["astronaut.jpg"].digest]) == 6


def test_files_of_equal_size_that_are_no_copies_are_all_analysed(
    tmp_path: Path, database: Path, saved: list[Path]
) -> None:
    (tmp_path / "album").mkdir()
    for number in range(6):
        shade = landscape(40, 30).point(lambda value, n=number: max(0, value - n))  # type: ignore[misc]
        (tmp_path / "album" / f"{number}.bmp").write_bytes(encoded(shade, "BMP"))
    shutil.copy(tmp_path / "album" / "0.bmp", tmp_path / "album" / "0 copy.bmp")
    report = index_album(database, tmp_path / "album")
    assert (report.analysed, len(saved), len(photos(database))) == (7, 6, 7)


def queued(*sizes: int) -> tuple[indexing_queue.Queue, list[PhotoFile]]:
    files = [PhotoFile(Path(f"{number}.jpg"), size, 0) for number, size in enumerate(sizes)]
    return indexing_queue.Queue(files), files


def test_files_of_equal_size_are_handed_out_one_at_a_time() -> None:
    queue, files = queued(5, 5, 7, 5)
    assert [queue.take(), queue.take(), queue.take()] == [files[0], files[2], None]
    queue.done(files[0], False)
    assert [queue.take(), queue.take()] == [files[1], None]
    queue.done(files[1], False)
    assert [queue.take(), queue.take()] == [files[3], None]


def test_equal_sizes_without_copies_delay_nothing() -> None:
    queue, files = queued(5, 5, 5, 5)
    assert [queue.take(), queue.take()] == [files[0], None]
    queue.done(files[0], True)
    assert {queue.take(), queue.take(), queue.take()} == set(files[1:])
    assert queue.take() is None


@given(st.lists(st.integers(0, 3), max_size=30), st.data())
def test_every_file_is_handed_out_once_with_any_outcome(sizes: list[int], data: st.DataObject) -> None:
    queue, files = queued(*sizes)
    taken, running = list[PhotoFile](), list[PhotoFile]()
    while True:
        while len(running) < 3 and (file := queue.take()) is not None:
            running.append(file)
            taken.append(file)
        if not running:
            break
        queue.done(running.pop(data.draw(st.integers(0, len(running) - 1))), data.draw(st.booleans()))
    assert sorted(taken, key=lambda file: files.index(file)) == files


def test_a_moved_photo_that_must_be_analysed_again_is_not_missing_as_well(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").rename(album / "renamed.jpg")
    report = index_album(database, album, rescan=True)
    assert (report.analysed, report.missing) == (4, 0)
    assert missing(database) == []
    assert sorted(photos(database)) == ["drawing.png", "landscape.jpg", "renamed.jpg", "turned.jpg"]


# missing photos


def test_a_photo_that_vanished_is_marked_and_kept(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").unlink()
    assert counts(index_album(database, album)) == {"found": 4, "unchanged": 3, "missing": 1, "failed": 1}
    assert missing(database) == ["astronaut.jpg"]
    assert "astronaut.jpg" not in photos(database)
    assert counts(index_album(database, album)) == {"found": 4, "unchanged": 3, "missing": 1, "failed": 1}


def test_a_photo_that_is_back_is_listed_again_without_being_analysed(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    tamper(database)
    (album / "astronaut.jpg").rename(tmp_path / "away")
    index_album(database, album)
    (tmp_path / "away").rename(album / "astronaut.jpg")
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert kept(photos(database)["astronaut.jpg"])
    assert missing(database) == []


def test_a_folder_that_is_not_there_is_an_error_and_changes_nothing(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    with pytest.raises(AlbumsortError, match="plugged in"):
        index_album(database, album)
    assert rows(database) == before


def test_a_folder_that_is_suddenly_empty_is_an_error_and_changes_nothing(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    album.mkdir()
    with pytest.raises(AlbumsortError, match=r"mounted.*Nothing was changed"):
        index_album(database, album)
    assert rows(database) == before


def test_a_folder_that_is_suddenly_empty_changes_nothing_while_another_is_indexed(
    album: Path, database: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    index_album(database, album, second)
    before = rows(database)
    album.rename(tmp_path / "unplugged")
    album.mkdir()
    shutil.copy(tmp_path / "unplugged" / "astronaut.jpg", second / "copy.jpg")
    for found in ("analysed", "unchanged"):  # the folder is as suspect the second time
        report = index_album(database)
        assert "Is its disk mounted" in "".join(reason for _, reason in report.failed)
        assert (report.moved, report.missing, getattr(report, found)) == (0, 0, 1)
    assert [row for row in rows(database) if row[0] != os.fsencode(second / "copy.jpg")] == before


def test_what_cannot_be_looked_at_is_not_gone(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    album.rename(tmp_path / "away")
    album.symlink_to(album)  # every access through it raises an error other than not found
    with pytest.raises(AlbumsortError, match="cannot read"):
        index_album(database, album)
    index_album(database, listed=[album / "astronaut.jpg"])
    assert missing(database) == []
    with Database(database) as index:
        assert prune.find_gone(index)[0] == []


def test_one_of_two_folders_that_is_not_there_stops_the_run_before_it_changes_anything(
    album: Path, database: Path, tmp_path: Path
) -> None:
    shutil.copytree(album, tmp_path / "second")
    index_album(database, album, tmp_path / "second")
    before = rows(database)
    (album / "astronaut.jpg").unlink()
    (tmp_path / "second").rename(tmp_path / "unplugged")
    with pytest.raises(AlbumsortError):
        index_album(database, album, tmp_path / "second")
    assert rows(database) == before


def test_a_photo_gone_from_a_folder_within_a_folder_is_missing_once(album: Path, database: Path) -> None:
    (album / "sub").mkdir()
    for name in PORTRAITS:
        (album / name).rename(album / "sub" / name)
    index_album(database, album, album / "sub")
    (album / "sub" / "turned.jpg").unlink()
    assert index_album(database, album, album / "sub").missing == 1


def test_files_gone_from_another_folder_are_ignored_by_this_run(album: Path, database: Path, tmp_path: Path) -> None:
    shutil.copytree(album, tmp_path / "album2")
    index_album(database, album, tmp_path / "album2")
    shutil.rmtree(tmp_path / "album2")
    assert index_album(database, album).missing == 0
    assert missing(database) == []


def test_a_link_whose_target_is_gone_is_not_gone(album: Path, database: Path, tmp_path: Path) -> None:
    (album / "astronaut.jpg").rename(tmp_path / "target.jpg")
    (album / "astronaut.jpg").symlink_to(tmp_path / "target.jpg")
    index_album(database, album)
    (tmp_path / "target.jpg").unlink()
    assert index_album(database, album).missing == 0
