"""Interrupted runs and failing workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import NOW, astronaut, encoded, end, environment, index_album, run, start
from index_runs import GOOD, PORTRAITS, Short, failures, missing, photos, rows, stored

from albumsort.errors import AlbumsortError
from albumsort.index import comparing, lookup, storing
from albumsort.index import counts as index_counts
from albumsort.index.database import Database
from albumsort.indexing import outcomes
from albumsort.indexing import plan as indexing_plan
from albumsort.indexing import run as indexing

MANY = 32


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Enough photos to interrupt their indexing, and the result of an undisturbed run."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "album").mkdir()
    for number in range(MANY):
        picture = astronaut(1024).copy()
        picture.paste((10 * number, 0, 0), (0, 0, 40, 40))
        (folder / "album" / f"{number:02}.jpg").write_bytes(encoded(picture))
    done = run("index", folder / "album", "--db", folder / "index.sqlite", "--workers", "1")
    assert done.returncode == 0, done.stderr
    expected = rows(folder / "index.sqlite")
    assert len({row[0] for row in expected}) == MANY
    return SimpleNamespace(album=folder / "album", rows=expected)


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def interrupted(many: SimpleNamespace, database: Path, how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
    """Index until a result is stored, then interrupt; returns the exit code and the output."""
    process = start("index", many.album, "--db", database, "--workers", "1")
    try:
        wait_for(lambda: stored(database) > 0)
        how(process)
        said = process.communicate(timeout=60)[1]
    finally:
        end(process)
    assert 0 < stored(database) < MANY
    return process.returncode, said


def completes(many: SimpleNamespace, database: Path) -> None:
    """Check that another run does the rest, with the result of an undisturbed run."""
    before = stored(database)
    report = index_album(database, many.album)
    assert (report.unchanged, report.analysed) == (before, MANY - before)
    assert rows(database) == many.rows
    with Database(database) as index:
        assert index.integrity() == "ok"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_after_a_kill_half_way_a_second_run_completes_the_index(many: SimpleNamespace, database: Path) -> None:
    code, _ = interrupted(many, database, lambda process: process.kill())
    assert code == -signal.SIGKILL
    completes(many, database)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to signal")
@pytest.mark.parametrize("to", ["the program alone", "its whole group, as a terminal does"])
def test_ctrl_c_exits_130_and_keeps_the_work_and_a_second_run_continues(
    many: SimpleNamespace, database: Path, to: str
) -> None:
    def strike(process: subprocess.Popen[str]) -> None:
        send = os.kill if to == "the program alone" else os.killpg
        send(process.pid, signal.SIGINT)

    code, said = interrupted(many, database, strike)
    assert code == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert missing(database) == []
    assert failures(database) == {}
    completes(many, database)


def children(process: subprocess.Popen[str]) -> int:
    lists = Path("/proc", str(process.pid), "task").glob("*/children")
    return sum(len(children.read_text().split()) for children in lists)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_ctrl_c_while_the_workers_start_fails_no_photo(many: SimpleNamespace, database: Path) -> None:
    process = start("index", many.album, "--db", database, "--workers", "2")
    try:
        wait_for(lambda: children(process) >= 2)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    finally:
        end(process)
    assert process.returncode == 130
    assert failures(database) == {}
    assert "Traceback" not in said


SABOTAGE = """
    import os, time
    import numpy as np
    from albumsort.indexing import executors, worker
    from albumsort.photos import decode as decoder

    executors.SECONDS_A_PHOTO = 4.0
    decode = decoder.decode

    def sabotaged(data):
        if data == b"crash":
            os.abort()
        if data == b"hang!":
            time.sleep(3600)
        if data == b"memory":
            np.ones(worker.BYTES_A_WORKER, np.uint8)
        if data == b"raise":
            raise RuntimeError("nobody thought of this")
        return decode(data)

    decoder.decode = sabotaged
"""


def test_decoders_that_crash_hang_raise_or_run_out_of_memory_cost_one_photo_each(
    album: Path, database: Path, tmp_path: Path
) -> None:
    """Every Python process of the run, including workers, loads the faulty decoders."""
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(SABOTAGE))
    reasons = {
        b"crash": "the decoder crashed",
        b"hang!": "longer than",
        b"memory": "not enough memory",
        b"raise": "nobody thought of this",
    }
    (album / "broken.jpg").unlink()
    for data in reasons:
        (album / f"{data.decode()}.jpg").write_bytes(data)
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = run("index", album, "--db", database, "--workers", "1", env={"PYTHONPATH": path})
    assert done.returncode == 1
    assert sorted(photos(database)) == GOOD
    failed = failures(database)
    assert sorted(failed) == sorted(f"{data.decode()}.jpg" for data in reasons)
    for data, reason in reasons.items():
        assert reason in failed[f"{data.decode()}.jpg"]
        assert "tried again on the next run" in failed[f"{data.decode()}.jpg"] or data == b"raise"


def test_what_is_analysed_is_stored_while_the_only_worker_is_at_a_slow_photo(
    album: Path, database: Path, tmp_path: Path
) -> None:
    sabotage = textwrap.dedent(SABOTAGE).replace("SECONDS_A_PHOTO = 4.0", "SECONDS_A_PHOTO = 600.0")
    (tmp_path / "sitecustomize.py").write_text(sabotage)
    (album / "zz.jpg").write_bytes(b"hang!")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    process = start("index", album, "--db", database, "--workers", "1", env={"PYTHONPATH": path})
    try:
        wait_for(lambda: database.exists() and sorted(photos(database)) == GOOD)
        assert process.poll() is None
    finally:
        end(process)
    assert sorted(photos(database)) == GOOD


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system for it")
def test_a_worker_in_a_decoder_that_hangs_ends_with_its_parent(album: Path, database: Path, tmp_path: Path) -> None:
    hang = """
        import pathlib, os
        from albumsort.photos import decode

        def hung(data):
            pathlib.Path(__file__).with_name("at it").write_text(str(os.getpid()))
            while True:
                pass

        decode.decode = hung
    """
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(hang))
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    process = start("index", album, "--db", database, "--workers", "1", env={"PYTHONPATH": path})
    try:
        wait_for(lambda: (tmp_path / "at it").exists() and bool((tmp_path / "at it").read_text()))
        worker = Path("/proc", (tmp_path / "at it").read_text())
        assert worker.exists()
        process.kill()
        wait_for(lambda: not worker.exists() or ") Z " in (worker / "stat").read_text())
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        end(process)


def test_results_are_kept_when_no_worker_can_continue(album: Path, database: Path) -> None:
    with pytest.raises(AlbumsortError, match="nobody is left"):
        index_album(database, album, executor=Short(3))
    assert len(photos(database)) + len(failures(database)) == 3
    assert index_album(database, album).analysed == 2


def test_photos_of_a_very_common_size_are_sent_without_known_hashes(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    for name in ("copy.jpg", "another.jpg"):
        shutil.copy(album / "astronaut.jpg", album / name)
    one = Short(9)
    assert index_album(database, album, executor=one).analysed == 2
    assert one.sent == [1, 1]
    monkeypatch.setattr(outcomes, "MOST_SENT", 0)
    shutil.copy(album / "astronaut.jpg", album / "third.jpg")
    none = Short(9)
    assert index_album(database, album, executor=none).analysed == 1
    assert none.sent == [0]
    found = photos(database)
    assert found["third.jpg"].faces == found["copy.jpg"].faces == found["astronaut.jpg"].faces


def test_a_photo_that_is_back_before_the_run_ends_is_neither_missing_nor_moved(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    shutil.copy(album / "astronaut.jpg", album / "copy.jpg")
    away = [(album / name, tmp_path / name) for name in ("astronaut.jpg", PORTRAITS[-1])]
    for there, elsewhere in away:
        there.rename(elsewhere)
    with Database(database) as index:
        plan = indexing_plan.make_plan(index, [album], None, (), rescan=False)
        for there, elsewhere in away:
            elsewhere.rename(there)
        report = indexing.run(index, plan, Short(99), lambda: None)
    assert (report.moved, report.missing) == (0, 0)
    assert set(photos(database)) == {*GOOD, "copy.jpg"}


def test_a_copy_does_not_take_the_result_of_a_photo_on_an_absent_disk(
    album: Path, database: Path, tmp_path: Path
) -> None:
    assert index_album(database, album).exit_code == 1
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(album / "astronaut.jpg", home)
    album.rename(tmp_path / "unplugged")
    report = index_album(database, home)
    assert (report.moved, report.found) == (0, 1)
    with Database(database) as index:
        assert {album / "astronaut.jpg", home / "astronaut.jpg"} <= set(lookup.all_paths(index))


def test_a_temporarily_unreadable_photo_keeps_its_results_and_is_tried_again(tmp_path: Path) -> None:
    from albumsort.index.database import Database as Opened
    from albumsort.types import Analysis, PhotoFile

    file = PhotoFile(tmp_path / "photo.jpg", 10, 20)
    with Opened(tmp_path / "index.sqlite", create=True) as index:
        with index.transaction():
            storing.save(index, file, Analysis("d", 4, 3, None, ()), NOW)
            storing.save_transient_failure(index, file, "the disk was pulled out")
            other = PhotoFile(tmp_path / "other.jpg", 10, 20)
            storing.save_transient_failure(index, other, "the disk was pulled out")
        comparing.begin_comparison(index)
        comparing.meet(index, [file, other])
        assert comparing.compare(index, NOW, everything=False).unchanged == 1
        assert list(comparing.todo(index)) == [other]
        assert index_counts.failures(index) == [(other.path, "the disk was pulled out")]


def test_one_absent_album_does_not_stop_the_others_from_being_indexed_again(
    album: Path, database: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    assert index_album(database, album, second).exit_code == 1
    album.rename(tmp_path / "unplugged")
    astronaut(200).save(second / "new.jpg")
    done = run("index", "--json", "--db", database)
    assert done.returncode == 1
    assert str(album) in done.stderr
    assert "new.jpg" in run("list", "--db", database).stdout


def test_a_file_from_the_far_future_is_indexed(tmp_path: Path, database: Path) -> None:
    photo = tmp_path / "photo.jpg"
    astronaut(200).save(photo)
    os.utime(photo, (10_413_792_000, 10_413_792_000))  # the year 2300
    assert run("index", photo, "--db", database).returncode == 0
    assert '"unchanged": 1' in run("index", photo, "--json", "--db", database).stdout


def test_exclude_means_paths_below_the_album_too(tmp_path: Path, database: Path) -> None:
    for name in ("kept", "private"):
        (tmp_path / "album" / name).mkdir(parents=True)
        astronaut(200).save(tmp_path / "album" / name / "photo.jpg")
    run("index", tmp_path / "album", "--exclude", "./private/", "--db", database)
    assert run("list", "--db", database).stdout.splitlines() == [str(tmp_path / "album" / "kept" / "photo.jpg")]


def test_an_empty_list_of_files_indexes_nothing(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    (tmp_path / "list").write_text("")
    done = run("index", "--files-from", tmp_path / "list", "--json", "--db", database)
    assert (done.returncode, json.loads(done.stdout)["found"]) == (0, 0)


def test_an_excluded_path_may_be_relative_to_the_current_folder(album: Path, database: Path, tmp_path: Path) -> None:
    (album / "raw").mkdir()
    shutil.copy(album / "astronaut.jpg", album / "raw")
    run("index", "album", "--exclude", "album/raw", "--exclude", "album/*.png", "--db", database, cwd=tmp_path)
    assert sorted(photos(database)) == [name for name in GOOD if not name.endswith(".png")]
    with Database(database) as index:
        assert album / "raw" / "astronaut.jpg" not in set(lookup.all_paths(index))
