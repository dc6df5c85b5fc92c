"""`prune` and `doctor`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import forget_about, invoke, lines, stored
from helpers import NOW, astronaut, command, environment, face, on_a_terminal, run, save

from albumsort.index import lookup, storing
from albumsort.index.database import Database
from albumsort.index.schema import MIGRATIONS
from albumsort.types import PhotoFile

# prune


def test_prune_without_a_terminal_asks_for_yes_and_forgets_nothing(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg")
    done = run("prune", "--db", library.database)
    assert done.returncode == 2
    assert lines(done) == ["rain.jpg"]
    assert "--yes" in done.stderr
    assert stored(library) == 8


def test_prune_forgets_what_is_gone_and_nothing_else(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg", "row.jpg")
    done = run("prune", "--yes", "--db", library.database)
    assert (done.returncode, lines(done)) == (0, ["rain.jpg", "row.jpg"])
    assert stored(library) == 6
    assert "Nothing to remove" in run("prune", "--yes", "--db", library.database).stderr
    assert run("prune", "--yes", "--quiet", "--db", library.database).stderr == ""


def test_prune_keeps_a_photo_that_is_back(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg")
    (library.folder / "rain.jpg").write_bytes(b"rain.jpg")
    done = run("prune", "--yes", "--db", library.database)
    assert (done.returncode, done.stdout) == (0, "")
    assert stored(library) == 8


def test_prune_works_with_a_closed_output(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*command("prune", "--yes", "--db", library.database)], stdout=writing, env=environment())
    os.close(writing)
    assert (done.returncode, stored(library)) == (0, 7)


def test_prune_keeps_photos_indexed_one_by_one_whose_whole_folder_is_gone(tmp_path: Path) -> None:
    """It may be on a disk that is not plugged in."""
    database = tmp_path / "index.sqlite"
    for name in ("stick", "here"):
        (tmp_path / name).mkdir()
        astronaut(64).save(tmp_path / name / "photo.jpg")
    (tmp_path / "here" / "notes.txt").touch()
    files = [tmp_path / name / "photo.jpg" for name in ("stick", "here")]
    assert run("index", *files, "--db", database).returncode == 0
    shutil.rmtree(tmp_path / "stick")
    files[1].unlink()
    done = run("prune", "--yes", "--db", database)
    assert done.stdout.splitlines() == [str(files[1])]
    assert f"The whole album {tmp_path / 'stick'} is missing" in done.stderr
    with Database(database) as index:
        assert list(lookup.all_paths(index)) == [files[0]]


@pytest.mark.parametrize(("typed", "left"), [("y\n", 7), ("n\n", 8), ("\n", 8)])
def test_prune_on_a_terminal_asks_first(library: SimpleNamespace, typed: str, left: int) -> None:
    forget_about(library, "rain.jpg")
    code, shown = on_a_terminal("prune", "--db", library.database, typed=typed)
    assert "Remove these 1 photos" in shown
    assert code == 0
    assert stored(library) == left


# doctor


def test_doctor_finds_no_problem_in_a_good_installation_and_index(indexed: SimpleNamespace) -> None:
    result = invoke("doctor", db=indexed.database)
    assert result.exit_code == 0
    findings = {line[5:30].strip(): line for line in result.stdout.splitlines()}
    assert all(line.startswith("ok ") for line in findings.values())
    assert {"albumsort", "python", "emotion", "face_proposer", "face_verifier", "index integrity"} <= set(findings)
    assert "5 photos, 2 faces, 1 failed" in findings["index"]
    assert all(f"decode {name}" in findings for name in ("JPEG", "PNG", "HEIF"))


def test_doctor_before_anything_was_indexed_finds_nothing_wrong(database: Path) -> None:
    result = invoke("doctor", db=database)
    assert result.exit_code == 0
    assert "none yet" in result.stdout
    assert not database.exists()


def test_doctor_exits_1_if_the_index_is_damaged(database: Path) -> None:
    database.write_bytes(b"a shopping list\n" * 100)
    result = invoke("doctor", db=database)
    assert result.exit_code == 1
    assert [line[5:10] for line in result.stdout.splitlines() if line.startswith("BAD")] == ["index"]


def test_doctor_reports_a_broken_library_and_continues(database: Path, tmp_path: Path) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('libheif.so.1 is missing')")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = run("doctor", "--db", database, env={"PYTHONPATH": path})
    assert done.returncode == 1
    bad = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
    assert bad
    assert all("libheif.so.1 is missing" in line for line in bad)
    assert "index" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop this user")
def test_doctor_reports_an_index_that_it_may_not_read(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    done = run("doctor", "--db", closed / "index.sqlite")
    assert done.returncode == 1
    assert "Permission denied" in done.stdout
    assert "emotion.tflite" in done.stdout


def test_doctor_shows_what_it_checks_in_the_index(library: SimpleNamespace) -> None:
    result = invoke("doctor", db=library.database)
    findings = {line[5:30].strip(): line[30:].strip() for line in result.stdout.splitlines()}
    assert findings["index integrity"] == findings["index references"] == "ok"
    assert findings["index version"] == f"{len(MIGRATIONS)}, journal wal"


def test_doctor_exits_1_if_a_row_refers_to_nothing(library: SimpleNamespace) -> None:
    with closing(sqlite3.connect(library.database)) as raw:
        raw.execute("DELETE FROM contents WHERE id = 1")
        raw.commit()
    result = invoke("doctor", "--quiet", db=library.database)
    assert result.exit_code == 1
    assert "index references         2 broken" in result.stdout


def test_doctor_exits_1_if_pages_of_the_index_are_damaged(database: Path) -> None:
    with Database(database, create=True) as index:
        for number in range(300):
            save(index, f"/album/{number}.jpg", [face(happy=0.5)])
    damaged = bytearray(database.read_bytes())
    damaged[8 * 4096 : 9 * 4096] = b"\xff" * 4096
    database.write_bytes(damaged)
    result = invoke("doctor", db=database)
    assert result.exit_code == 1
    assert any(line.startswith("BAD  index") for line in result.stdout.splitlines())
    assert database.read_bytes() == damaged


def test_doctor_exits_1_if_the_index_is_of_a_newer_version(library: SimpleNamespace) -> None:
    with closing(sqlite3.connect(library.database)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    result = invoke("doctor", db=library.database)
    assert result.exit_code == 1
    assert "newer albumsort" in result.stdout


def test_doctor_names_the_folders_with_most_excluded_photos(library: SimpleNamespace) -> None:
    folders = [library.folder / f"{number:02}" for number in range(12)]
    excluded = [folder / name for folder in folders for name in ("a.jpg", "b.jpg")] + [folders[7] / "c.jpg"]
    with Database(library.database) as index, index.transaction():
        for path in excluded:
            storing.save_failure(index, PhotoFile(path, 1, 1), "broken", NOW)
        storing.mark_excluded(index, excluded)
    said = [line.split(maxsplit=2)[2] for line in invoke("doctor", db=library.database).stdout.splitlines()]
    named = [line for line in said if "photos in" in line]
    assert named[0].startswith(f"{folders[7]}: 3 photos")
    assert (len(named), named[-1]) == (11, "4 photos in 2 other folders")


def test_doctor_exits_1_if_an_album_is_missing(library: SimpleNamespace) -> None:
    shutil.rmtree(library.folder)
    result = invoke("doctor", "--quiet", db=library.database)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("BAD")
    assert str(library.folder) in result.stdout
