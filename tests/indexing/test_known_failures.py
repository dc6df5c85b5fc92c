"""Photos that fail again, and photos that are deleted: neither fails a later run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import astronaut, encoded, index_album
from index_runs import Short, failures, missing, photos

from albumsort.failures import by_reason
from albumsort.index.database import Database
from albumsort.indexing import plan as indexing_plan
from albumsort.indexing import run as indexing
from albumsort.indexing.report import Report

# failures that are known


def names(report: Report) -> tuple[list[str], list[str]]:
    """Return the names of all files that failed, and of those that failed for the first time."""
    failed, new = ([path.name for path, _ in listed] for listed in (report.failed, report.newly_failed))
    return failed, new


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def lengthen(path: Path) -> None:
    path.write_bytes(encoded(astronaut(200))[:3500])


def blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def test_a_failure_fails_the_first_run_only_and_is_listed_by_every_run(album: Path, database: Path) -> None:
    first, second = (index_album(database, album) for _ in range(2))
    assert (names(first), first.exit_code) == ((["broken.jpg"], ["broken.jpg"]), 1)
    assert (names(second), second.exit_code) == ((["broken.jpg"], []), 0)


def test_a_new_failure_fails_the_run_beside_known_ones(album: Path, database: Path) -> None:
    index_album(database, album)
    (album / "new.jpg").touch()
    report = index_album(database, album)
    assert (names(report), report.exit_code) == ((["broken.jpg", "new.jpg"], ["new.jpg"]), 1)


@pytest.mark.parametrize(
    ("change", "code"), [(touch, 0), (lengthen, 1), (blank, 1)], ids=["other time", "other size", "other reason"]
)
def test_a_failure_that_changed_is_new(
    album: Path, database: Path, change: Callable[[Path], object], code: int
) -> None:
    index_album(database, album)
    change(album / "broken.jpg")
    reports = [index_album(database, album) for _ in range(2)]
    assert [report.exit_code for report in reports] == [code, 0]
    assert [names(report)[0] for report in reports] == [["broken.jpg"]] * 2


def test_a_failure_is_known_when_all_photos_are_analysed_again(album: Path, database: Path) -> None:
    index_album(database, album)
    assert index_album(database, album, rescan=True).exit_code == 0


def test_a_photo_that_was_repaired_and_broke_again_failed_anew(album: Path, database: Path) -> None:
    broken = (album / "broken.jpg").read_bytes()
    index_album(database, album)
    shutil.copy(album / "astronaut.jpg", album / "broken.jpg")
    assert names(index_album(database, album)) == ([], [])
    (album / "broken.jpg").write_bytes(broken)
    assert index_album(database, album).exit_code == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop this user")
def test_a_photo_that_may_not_be_read_is_tried_on_every_run_and_fails_the_first(album: Path, database: Path) -> None:
    (album / "broken.jpg").chmod(0)
    assert [index_album(database, album, executor=Short(9)).exit_code for _ in range(2)] == [1, 0]
    (album / "broken.jpg").chmod(0o600)
    assert index_album(database, album, executor=Short(9)).exit_code == 1  # for another reason: it is broken


def test_a_failure_for_now_is_tried_on_every_run_and_fails_the_first(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number in the reason is another one each time."""
    from albumsort import analysis

    tries = list[int]()

    def fail(*_: object) -> None:
        tries.append(1)
        raise ValueError(f"<decoder at 0x7f{len(tries)}>")

    monkeypatch.setattr(analysis, "analyse", fail)
    photo = album / "drawing.png"
    assert [index_album(database, photo, executor=Short(9)).exit_code for _ in range(3)] == [1, 0, 0]
    assert len(tries) == 3
    assert failures(database) == {"drawing.png": "unexpected ValueError: <decoder at 0x7f3>"}


# deleted photos


def test_listed_photos_that_were_deleted_are_missing_and_did_not_fail(album: Path, database: Path) -> None:
    listed = sorted(album.iterdir())
    index_album(database, listed=listed)
    for name in ("astronaut.jpg", "broken.jpg"):
        (album / name).unlink()
    for _ in range(2):
        report = index_album(database, listed=listed)
        assert (report.failed, report.missing, report.exit_code) == ((), 2, 0)
    assert missing(database) == ["astronaut.jpg", "broken.jpg"]


@pytest.mark.parametrize("whole", [True, False], ids=["folder is gone", "folder is empty"])
def test_listed_photos_whose_disk_may_be_absent_failed(
    album: Path, database: Path, tmp_path: Path, whole: bool
) -> None:
    listed = [album / "astronaut.jpg", album / "drawing.png"]
    index_album(database, listed=listed)
    album.rename(tmp_path / "unplugged")
    if not whole:
        album.mkdir()
    report = index_album(database, listed=listed)
    assert (names(report)[1], report.exit_code) == (["astronaut.jpg", "drawing.png"], 1)


def test_all_photos_of_a_folder_in_an_album_may_be_deleted(album: Path, database: Path) -> None:
    (album / "trip").mkdir()
    (album / "astronaut.jpg").rename(album / "trip" / "astronaut.jpg")
    (album / "broken.jpg").unlink()
    index_album(database, album)
    shutil.rmtree(album / "trip")
    report = index_album(database, listed=[album / "trip" / "astronaut.jpg"])
    assert (report.failed, report.missing) == ((), 1)


def run_after(database: Path, album: Path, change: Callable[[], object]) -> Report:
    """Run `index`, with a change after the walk."""
    with Database(database, create=True) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=True)
        change()
        return indexing.run(index, plan, Short(99), lambda: None)


def test_photos_deleted_during_a_run_are_missing_or_never_were_and_did_not_fail(album: Path, database: Path) -> None:
    (album / "broken.jpg").unlink()
    index_album(database, album)
    (album / "new.jpg").touch()

    def delete() -> None:
        (album / "astronaut.jpg").unlink()
        (album / "new.jpg").unlink()

    report = run_after(database, album, delete)
    assert (report.failed, report.missing, report.exit_code) == ((), 1, 0)
    assert missing(database) == ["astronaut.jpg"]
    assert sorted(photos(database)) == ["drawing.png", "landscape.jpg", "turned.jpg"]
    assert failures(database) == {}


def test_photos_whose_disk_was_pulled_out_during_a_run_failed(album: Path, database: Path, tmp_path: Path) -> None:
    report = run_after(database, album, lambda: album.rename(tmp_path / "unplugged"))
    assert (len(report.newly_failed), report.missing, report.exit_code) == (5, 0, 1)


# reasons


def test_files_listed_by_another_name_of_their_album_fail_for_one_reason(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    (tmp_path / "link").symlink_to(album)
    report = index_album(database, listed=[tmp_path / "link" / name for name in sorted(os.listdir(album))])
    [group] = by_reason(report.failed)
    assert len(group.paths) == 5
    assert group.reason == f"{tmp_path / 'link'} is already indexed as {album}; use that name"
