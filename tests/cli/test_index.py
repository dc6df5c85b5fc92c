"""`index`: its output and its arguments."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import astronaut, encoded, end, on_a_terminal, run, start

from albumsort.cli import index as cli_index
from albumsort.index.database import Database
from albumsort.indexing.report import Profile

INDEX_KEYS = {"found", "analysed", "unchanged", "moved", "missing", "failed", "faces", "rescored", "seconds"}


# index


def test_index_exits_1_if_a_photo_failed_and_names_it_on_stderr(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.search(r"^5 +photos found", done.stderr, re.MULTILINE)
    assert re.search(r"^4 +analysed", done.stderr, re.MULTILINE)
    assert f"failed: {album / 'broken.jpg'}: " in done.stderr


def test_index_exits_0_if_all_is_well_and_the_second_time_analyses_nothing(album: Path, database: Path) -> None:
    (album / "broken.jpg").unlink()
    first = run("index", album, "--db", database, "--json")
    second = run("index", album, "--db", database, "--json")
    assert (first.returncode, second.returncode) == (0, 0)
    for report in (json.loads(first.stdout), json.loads(second.stdout)):
        assert set(report) == INDEX_KEYS
        assert report["found"] == 4
        assert report["failed"] == []
    assert json.loads(first.stdout)["analysed"] == json.loads(second.stdout)["unchanged"] == 4
    assert json.loads(second.stdout)["analysed"] == 0


def test_index_says_that_it_waits_for_another_run_and_then_continues(album: Path, database: Path) -> None:
    with Database(database, create=True) as other:
        with other.alone():
            process = start("index", album / "drawing.png", "--db", database)
            try:
                assert process.stderr is not None
                said = process.stderr.readline()
                assert process.poll() is None
                with closing(sqlite3.connect(database)) as raw:
                    assert raw.execute("SELECT count(*) FROM photos").fetchone() == (0,)
            except BaseException:
                end(process)
                raise
        try:
            process.communicate(timeout=60)
        finally:
            end(process)
    assert said == f"Another albumsort is updating {database}; waiting until it has finished\n"
    assert process.returncode == 0
    assert run("list", "--db", database).stdout.splitlines() == [str(album / "drawing.png")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to signal")
def test_an_index_that_waits_ends_at_a_ctrl_c(album: Path, database: Path) -> None:
    with Database(database, create=True) as other, other.alone():
        process = start("index", album, "--db", database)
        try:
            assert process.stderr is not None
            process.stderr.readline()
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=20)[1]
        finally:
            end(process)
    assert (process.returncode, said) == (130, "albumsort: interrupted\n")


@pytest.mark.parametrize(
    "arguments", [["top", "happy"], ["list"], ["stats"], ["export", "--to", "out"], ["prune", "--yes"], ["doctor"]]
)
def test_every_other_command_works_during_a_run(library: SimpleNamespace, arguments: list[str]) -> None:
    """Commands that only read work even during a write transaction."""
    (library.folder / "rain.jpg").unlink()
    with Database(library.database) as other, other.alone():
        if arguments[0] == "prune":
            done = run(*arguments, "--db", library.database, cwd=library.folder.parent)
        else:
            with other.transaction():
                done = run(*arguments, "--db", library.database, cwd=library.folder.parent)
    assert done.returncode == (1 if arguments[0] == "export" else 0)  # one photo is gone
    assert "waiting" not in done.stderr.lower()


def test_index_says_how_many_photos_were_judged_from_stored_crops(album: Path, database: Path) -> None:
    run("index", album / "astronaut.jpg", "--db", database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.execute("UPDATE faces SET happy = 0.5")
        raw.commit()
    (album / "astronaut.jpg").unlink()
    done = run("index", album / "drawing.png", "--db", database, "--json")
    assert json.loads(done.stdout)["rescored"] == 1
    assert "1  judged again from stored faces" in done.stderr
    assert "1 photos are judged again from stored faces, without opening a file" in done.stderr
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT happy FROM faces ORDER BY detection DESC").fetchone()[0] > 0.9
    assert "judged again" not in run("index", album / "drawing.png", "--db", database).stderr


def test_index_announces_the_cost_of_an_upgrade(album: Path, database: Path) -> None:
    run("index", album, "--db", database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.execute("UPDATE contents SET found_with = 'another method' WHERE height = 80")  # the drawing
        raw.commit()
    said = run("index", album, "--db", database).stderr.splitlines()
    assert said[0] == (
        "albumsort has changed since the last run: 1 photos are analysed again; 3 photos are first judged "
        "again from stored faces, without opening a file"
    )
    assert "has changed" not in run("index", album, "--db", database).stderr


def test_a_quiet_index_says_nothing_of_costs(album: Path, database: Path) -> None:
    run("index", album / "drawing.png", "--db", database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.commit()
    assert run("index", album / "drawing.png", "--db", database, "--quiet").stderr == ""


def test_the_report_of_index_counts_all_seven_labels(album: Path, database: Path) -> None:
    said = run("index", album, "--db", database).stderr
    line = next(line for line in said.splitlines() if line.startswith("In the index"))
    counts = "0 anger, 2 happy, 0 sad, 0 neutral, 0 surprise, 0 fear, 0 disgust, 0 no clear expression"
    assert line == f"In the index: {counts}"


def test_index_json_names_what_failed_and_why(album: Path, database: Path) -> None:
    begun = time.perf_counter()
    report = json.loads(run("index", album, "--db", database, "--json").stdout)
    took = time.perf_counter() - begun
    [failed] = report["failed"]
    assert failed["path"] == str(album / "broken.jpg")
    assert "ends in the middle" in failed["error"]
    assert (report["faces"], report["moved"], report["missing"]) == (2, 0, 0)
    assert 0 < report["seconds"] < took


def test_index_shows_where_the_time_went_when_asked(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database, "--profile", "--json")
    profile = json.loads(done.stdout)["profile"]
    assert profile["workers"] == 1
    assert {"read", "decode", "resize", "classify"} <= set(profile["steps"])
    assert all(name in done.stderr for name in ("ms a photo", "decode", "idle", "writing"))
    again = run("index", album, "--db", database, "--profile", "--json")
    assert json.loads(again.stdout)["profile"]["steps"] == {}
    assert "profile" not in json.loads(run("index", album, "--db", database, "--json").stdout)


@pytest.mark.parametrize(
    ("analysed", "milliseconds"),
    [(4, ["450.00", "50.00", "500.00", "25.00"]), (0, ["1800.00", "200.00", "2000.00", "100.00"])],
)
def test_the_profile_splits_the_time_of_all_workers_by_step_and_photo(
    capsys: pytest.CaptureFixture[str], indexed: SimpleNamespace, analysed: int, milliseconds: list[str]
) -> None:
    profile = Profile({"read": 0.2, "decode": 1.8}, writing=0.1, seconds=2.0, size=2)
    cli_index._print_profile(replace(indexed.report, analysed=analysed, profile=profile))
    shown = capsys.readouterr().err
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines() if "%" in line]
    assert "2 workers, 2.0 s" in shown
    assert [row[2] for row in rows] == milliseconds
    assert [[row[0], row[1], row[3]] for row in rows] == [
        ["decode", "1.80", "45.0 %"],
        ["read", "0.20", "5.0 %"],
        ["idle", "2.00", "50.0 %"],
        ["writing, in parallel", "0.10", "2.5 %"],
    ]


def test_index_says_how_fast_it_was(capsys: pytest.CaptureFixture[str], indexed: SimpleNamespace) -> None:
    with Database(indexed.database) as index:
        for analysed in (50, 0):
            cli_index._print_report(replace(indexed.report, analysed=analysed, seconds=2.5), index)
    said = [" ".join(line.split()) for line in capsys.readouterr().err.splitlines() if "analysed in" in line]
    assert said == ["50 analysed in 2.5 s, 20 a second", "0 analysed in 2.5 s"]


def test_index_refuses_a_path_mapping_without_a_cluster(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database, "--cluster-path", "/a=/b")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--cluster" in done.stderr
    assert not database.exists()


def test_index_quiet_prints_only_failures(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database, "--quiet")
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["failed"]
    (album / "broken.jpg").unlink()
    assert run("--quiet", "index", album, "--db", database).stderr == ""


def break_photos(album: Path) -> None:
    """Add 20 photos that are cut short and 22 that are empty."""
    for number in range(20):
        (album / f"cut {number:02}.jpg").write_bytes(encoded(astronaut(200))[: 3000 + number])
    for number in range(22):
        (album / f"empty {number:02}.jpg").touch()


def test_a_quiet_index_says_a_line_for_each_reason_the_first_time_and_nothing_the_second(
    album: Path, database: Path
) -> None:
    (album / "broken.jpg").unlink()
    break_photos(album)
    first, second = (run("index", album, "--db", database, "--quiet") for _ in range(2))
    empty, cut = first.stderr.splitlines()
    named = [", ".join(str(album / f"{name} 0{number}.jpg") for number in range(3)) for name in ("empty", "cut")]
    assert empty == f"failed: {named[0]} and 19 more: the file is empty"
    assert cut.startswith(f"failed: {named[1]} and 17 more: the file ends in the middle")
    assert (first.returncode, first.stdout) == (1, "")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    (album / "empty 07.jpg").write_text("no photo")
    third = run("index", album, "--db", database, "--quiet")
    assert (third.returncode, third.stderr.count("failed: ")) == (1, 1)
    assert third.stderr.startswith(f"failed: {album / 'empty 07.jpg'}: this is a text file")


def test_index_groups_known_failures_and_says_where_all_are(album: Path, database: Path) -> None:
    break_photos(album)
    run("index", album, "--db", database)
    done = run("index", album, "--db", database, "--json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["failed"]) == 43
    assert re.search(r"^43 +failed, all as on an earlier run", done.stderr, re.MULTILINE)
    said = done.stderr.splitlines()
    assert [line.split(":")[0] for line in said[-3:-1]] == ["failed"] * 2
    assert said[-1] == "To see every photo that failed, run: albumsort list --failed"
    (album / "new.jpg").touch()
    assert re.search(
        r"^44 +failed, 43 of them as on an earlier", run("index", album, "--db", database).stderr, re.MULTILINE
    )


def test_index_shows_a_progress_bar_only_on_a_terminal(album: Path, database: Path) -> None:
    photo = album / "drawing.png"
    assert "1/1" not in run("index", photo, "--db", database).stderr
    assert "1/1" in on_a_terminal("index", photo, "--db", database, "--rescan")[1]
    assert on_a_terminal("index", photo, "--db", database, "--rescan", "--quiet") == (0, "")


def test_index_without_a_path_indexes_the_known_albums(album: Path, database: Path) -> None:
    run("index", album, "--db", database)
    (album / "new.jpg").write_bytes(encoded(astronaut(128)))
    report = json.loads(run("index", "--db", database, "--json").stdout)
    assert (report["found"], report["analysed"], report["unchanged"]) == (6, 1, 4)


def test_index_without_a_path_the_first_time_exits_2(database: Path) -> None:
    done = run("index", "--db", database)
    assert done.returncode == 2
    assert "albumsort index" in done.stderr


def test_index_of_a_missing_folder_exits_1_with_advice(tmp_path: Path, database: Path) -> None:
    done = run("index", tmp_path / "nowhere", "--db", database)
    assert done.returncode == 1
    assert "plugged in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_index_takes_a_list_of_files(album: Path, database: Path, tmp_path: Path, separator: str) -> None:
    (tmp_path / "names").write_text(separator.join([str(album / "drawing.png"), str(album / "landscape.jpg"), ""]))
    report = json.loads(run("index", "--files-from", tmp_path / "names", "--db", database, "--json").stdout)
    assert (report["found"], report["analysed"]) == (2, 2)


def test_index_takes_a_list_of_files_from_standard_input(album: Path, database: Path) -> None:
    done = run("index", "--files-from", "-", "--db", database, "--json", stdin="drawing.png\ngone.jpg\n", cwd=album)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["analysed"] == 1
    assert [Path(failed["path"]).name for failed in report["failed"]] == ["gone.jpg"]
    assert run("list", "--db", database).stdout == f"{album / 'drawing.png'}\n"


def test_index_names_what_it_skips_on_request(album: Path, database: Path) -> None:
    (album / "@Recycle").mkdir()
    (album / "film\n.mov").touch()
    arguments = ("index", album, "--exclude", "drawing.*", "--db", database, "--quiet", "--show-skipped")
    skipped = {"@Recycle": "recycle bin", "drawing.png": "excluded", "film\n.mov": ".mov file"}
    lines = run(*arguments).stdout.splitlines()
    assert lines == [f"{album / name}\t{why}".replace("\n", "\\n") for name, why in skipped.items()]
    report = json.loads(run(*arguments, "--json").stdout)
    assert set(report) == {*INDEX_KEYS, "skipped"}
    assert report["skipped"] == [{"path": str(album / name), "reason": why} for name, why in skipped.items()]


def test_photos_excluded_later_are_reported_by_every_command_that_counts(album: Path, database: Path) -> None:
    run("index", album, "--db", database)
    done = run("index", album, "--exclude", "*.png", "--db", database)
    assert re.search(r"^1 +known photos skipped now", done.stderr, re.MULTILINE)
    assert str(album / "drawing.png") not in run("list", "--db", database).stdout
    assert "1 photos are in no list" in run("stats", "--db", database).stderr
    assert f"{album}: 1 photos in no list" in run("doctor", "--db", database).stdout
    exported = run("export", "--to", album.parent / "out", "--db", database)
    assert "1 excluded when last indexed" in exported.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_index_takes_the_lists_of_windows_shells(album: Path, database: Path, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list").write_bytes("drawing.png\r\n".encode(encoding))
    done = run("index", "--files-from", tmp_path / "list", "--db", database, "--json", cwd=album)
    report = json.loads(done.stdout)
    assert (report["found"], report["failed"]) == (1, [])
    assert run("list", "--db", database).stdout == f"{album / 'drawing.png'}\n"


def test_index_walks_a_folder_that_a_list_names_whole(album: Path, database: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("album\n", encoding="utf-16")
    report = json.loads(
        run("index", "--files-from", tmp_path / "list", "--db", database, "--json", cwd=tmp_path).stdout
    )
    assert report["found"] == 5


@pytest.mark.parametrize("known", [False, True])
def test_index_refuses_what_is_no_list_before_it_walks_anything(album: Path, database: Path, known: bool) -> None:
    (album / "utf16").write_bytes("./drawing.png\r\n".encode("utf-16-le"))
    (album / "half").write_bytes("drawing.png\n".encode("utf-16")[:-1])
    if known:
        run("index", album / "drawing.png", "--db", database)
    before = database.read_bytes() if known else b""
    for name in ("utf16", "half", "astronaut.jpg", "drawing.png"):
        done = run("index", album, "--files-from", name, "--db", database, cwd=album)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"albumsort: cannot use the list {name}: it ")
        assert len(done.stderr.splitlines()) == 1
    assert (database.read_bytes() if known else b"") == before
    assert database.exists() == known
    refused = run("index", "--files-from", "-", "--db", database, stdin="d\0r\0a\0", cwd=album)
    assert (refused.returncode, refused.stderr[:50]) == (2, "albumsort: cannot use the list on standard input: ")


def test_index_excludes_what_matches_any_of_the_globs(album: Path, database: Path) -> None:
    done = run("index", album, "--exclude", "*.jpg", "--exclude", "*/raw", "--db", database)
    assert done.returncode == 0
    assert "4 excluded" in done.stderr
    assert run("list", "--db", database).stdout == f"{album / 'drawing.png'}\n"


def test_index_rescans_on_request(album: Path, database: Path) -> None:
    run("index", album / "drawing.png", "--db", database)
    report = json.loads(run("index", album / "drawing.png", "--rescan", "--db", database, "--json").stdout)
    assert (report["analysed"], report["unchanged"]) == (1, 0)
