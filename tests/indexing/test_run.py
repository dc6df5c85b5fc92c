"""Complete runs: the first and later ones."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import ASTRONAUT_FACE, astronaut, encoded, index_album, overlap
from index_runs import GOOD, PORTRAITS, Short, counts, failures, kept, missing, photos, rows, tamper

from albumsort import settings
from albumsort.errors import UsageError
from albumsort.index import folders
from albumsort.index.database import Database
from albumsort.indexing.plan import default_roots
from albumsort.types import Emotion

# the first run


def test_everything_in_a_folder_is_indexed_and_what_is_broken_recorded(indexed: SimpleNamespace) -> None:
    assert counts(indexed.report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    found = photos(indexed.database)
    assert sorted(found) == GOOD
    assert [name for name in GOOD if found[name].faces] == PORTRAITS
    assert all(found[name].faces[0].label is Emotion.HAPPY for name in PORTRAITS)
    assert list(failures(indexed.database)) == ["broken.jpg"]
    assert [path.name for path, _ in indexed.report.failed] == ["broken.jpg"]


def test_boxes_are_upright_and_full_size_whatever_way_the_camera_was_held(indexed: SimpleNamespace) -> None:
    found = photos(indexed.database)
    for name, side in (("astronaut.jpg", 512), ("turned.jpg", 400)):
        assert (found[name].width, found[name].height) == (side, side)
        assert overlap(found[name].faces[0].box.scaled(512 / side), ASTRONAUT_FACE) > 0.7


def test_a_broken_photo_makes_the_exit_code_1_and_a_sound_album_0(indexed: SimpleNamespace, tmp_path: Path) -> None:
    assert indexed.report.exit_code == 1
    (tmp_path / "sound").mkdir()
    shutil.copy(indexed.album / "drawing.png", tmp_path / "sound")
    assert index_album(tmp_path / "index.sqlite", tmp_path / "sound").exit_code == 0


def test_nothing_is_written_into_the_album(album: Path, database: Path) -> None:
    def seen() -> dict[str, tuple[bytes, int, int]]:
        return {p.name: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode) for p in album.iterdir()}

    before = seen()
    index_album(database, album)
    assert seen() == before


def test_the_folder_is_remembered_as_an_album_and_a_single_file_is_not(album: Path, database: Path) -> None:
    index_album(database, album / "drawing.png")
    with Database(database) as index:
        assert folders.indexed_folders(index) == ()
        with pytest.raises(UsageError, match="no folder was indexed before"):
            default_roots(index)
    index_album(database, album)
    with Database(database) as index:
        assert folders.indexed_folders(index) == default_roots(index) == (album,)


def test_files_may_be_listed_one_by_one(album: Path, database: Path) -> None:
    report = index_album(database, listed=[album / "drawing.png", album / "broken.jpg"])
    assert counts(report) == {"found": 2, "analysed": 1, "failed": 1}


def test_a_listed_file_that_is_gone_fails_and_the_others_are_indexed(album: Path, database: Path) -> None:
    report = index_album(database, listed=[album / "drawing.png", album / "gone.jpg"])
    assert sorted(photos(database)) == ["drawing.png"]
    assert [path.name for path, _ in report.failed] == ["gone.jpg"]
    assert report.exit_code == 1


def test_overlapping_folders_and_lists_count_each_photo_once(album: Path, database: Path) -> None:
    report = index_album(database, album, album / "drawing.png", album, listed=[album / "landscape.jpg"])
    assert counts(report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}


def test_listed_files_are_excluded_by_their_names_and_folders(album: Path, database: Path, tmp_path: Path) -> None:
    shutil.copytree(album, tmp_path / "raw")
    files = [folder / name for folder in (album, tmp_path / "raw") for name in GOOD]
    report = index_album(database, listed=files, exclude=["raw", "*.png"])
    assert sorted(photos(database)) == sorted(set(GOOD) - {"drawing.png"})
    assert (report.found, report.skipped["excluded"]) == (3, 5)


# the second run


def test_a_second_run_analyses_nothing(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    before = rows(database)
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert rows(database) == before


def test_only_a_new_photo_is_analysed(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "new.jpg").write_bytes(encoded(astronaut(300)))
    assert counts(index_album(database, album)) == {
        "found": 6,
        "analysed": 1,
        "unchanged": 4,
        "faces": 1,
        "failed": 1,
    }


def test_a_changed_photo_is_analysed_again(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "landscape.jpg").write_bytes(encoded(astronaut(300)))
    report = index_album(database, album)
    assert counts(report) == {"found": 5, "analysed": 1, "unchanged": 3, "faces": 1, "failed": 1}
    assert len(photos(database)["landscape.jpg"].faces) == 1


def test_a_photo_that_was_only_touched_keeps_its_result(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    os.utime(album / "astronaut.jpg", (1, 1))
    assert counts(index_album(database, album)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert kept(photos(database)["astronaut.jpg"])
    assert index_album(database, album).unchanged == 4


def test_a_moved_photo_keeps_its_result_without_being_analysed(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    (album / "new").mkdir()
    (album / "astronaut.jpg").rename(album / "new" / "renamed.jpg")
    report = index_album(database, album)
    assert counts(report) == {"found": 5, "unchanged": 3, "moved": 1, "failed": 1}
    assert sorted(photos(database)) == ["drawing.png", "landscape.jpg", "renamed.jpg", "turned.jpg"]
    assert kept(photos(database)["renamed.jpg"])
    assert missing(database) == []


def test_a_photo_that_was_missing_and_turns_up_elsewhere_has_moved_and_is_not_missing(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").rename(tmp_path / "away.jpg")
    assert index_album(database, album).missing == 1
    (tmp_path / "away.jpg").rename(album / "back.jpg")
    report = index_album(database, album)
    assert sorted(photos(database)) == ["back.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]
    assert (report.moved, report.missing) == (1, 0)


def test_two_photos_that_swapped_names_swap_results(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "astronaut.jpg").rename(album / "x")
    (album / "landscape.jpg").rename(album / "astronaut.jpg")
    (album / "x").rename(album / "landscape.jpg")
    index_album(database, album)
    found = photos(database)
    assert [name for name in GOOD if found[name].faces] == ["landscape.jpg", "turned.jpg"]


def test_a_copy_is_listed_under_both_paths_with_one_result(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    shutil.copy(album / "astronaut.jpg", album / "copy.jpg")
    report = index_album(database, album)
    assert (report.moved, report.missing) == (0, 0)
    found = photos(database)
    assert sorted(found) == ["astronaut.jpg", "copy.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]
    assert kept(found["astronaut.jpg"])
    assert kept(found["copy.jpg"])


def test_a_broken_photo_is_not_tried_again_until_it_changes(album: Path, database: Path) -> None:
    index_album(database, album)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE photos SET error = 'the first reason' WHERE error IS NOT NULL")
        raw.commit()
    report = index_album(database, album)
    assert [reason for _, reason in report.failed] == ["the first reason"]
    (album / "broken.jpg").write_bytes(encoded(astronaut(200)))
    assert counts(index_album(database, album)) == {"found": 5, "analysed": 1, "unchanged": 4, "faces": 1}
    assert failures(database) == {}


def test_rescan_analyses_everything_again(album: Path, database: Path) -> None:
    index_album(database, album)
    tamper(database)
    report = index_album(database, album, rescan=True)
    assert counts(report) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    assert not kept(photos(database)["astronaut.jpg"])


def test_results_of_another_method_are_replaced(album: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as yesterday:
        yesterday.setattr(settings, "FINDING_METHOD", "yesterday's")
        index_album(database, album, executor=Short(99))
    tamper(database)
    assert counts(index_album(database, album)) == {"found": 5, "analysed": 4, "faces": 2, "failed": 1}
    assert not kept(photos(database)["astronaut.jpg"])
