"""`export` on the command line: copies, photos left out, and undo."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import xxhash
from commands import exported, forget_about, invoke, share_out
from helpers import NOW, face, run, save

from albumsort.index import queries, storing
from albumsort.index.database import Database
from albumsort.query import Filters
from albumsort.types import FOUR, PhotoFile


def test_export_puts_every_photo_into_the_folder_of_its_label(library: SimpleNamespace, tmp_path: Path) -> None:
    to = tmp_path / "out"
    result = invoke("export", "--to", to, db=library.database)
    assert result.exit_code == 0
    by_name = {path.name[5:]: path.parent.name for path in to.rglob("*.jpg")}
    assert by_name == {
        "row.jpg": "anger",
        "party.jpg": "happy",
        "grin.jpg": "happy",
        "crowd.jpg": "sad",
        "rain.jpg": "sad",
        "wait.jpg": "neutral",
    }
    assert (to / "happy" / "0001-party.jpg").read_bytes() == b"beach/party.jpg"
    assert "6 written" in result.stderr
    assert left_out(result.stderr) == "1 without a face; 1 surprise (name these emotions to export them too)"


def left_out(said: str) -> str:
    [line] = [line for line in said.splitlines() if line.startswith("Left out: ")]
    return line.removeprefix("Left out: ")


def test_export_reports_what_was_left_out_and_why(library: SimpleNamespace, tmp_path: Path) -> None:
    with Database(library.database) as index:
        save(index, library.folder / "blur.jpg", [face(happy=0.3, nothing=0.9)])
        for number, emotion in enumerate(("surprise", "fear")):
            save(index, library.folder / f"{number}.jpg", [face(**{emotion: 0.9})])
        with index.transaction():
            storing.save_failure(index, PhotoFile(library.folder / "broken.jpg", 1, 1), "broken", NOW)
            storing.save_failure(index, PhotoFile(library.folder / "gone.jpg", 1, 1), "broken", NOW)
            storing.mark_missing(
                index, [library.folder / "rain.jpg", library.folder / "gone.jpg"]
            )  # each is counted once
    result = invoke("export", "happy", "anger", "neutral", "--to", tmp_path / "out", db=library.database)
    assert "4 photos chosen: 2 happy, 1 anger, 1 neutral" in result.stderr
    assert left_out(result.stderr) == (
        "1 without a face; 1 with no clear expression; 2 surprise, 1 sad, 1 fear (name these emotions to export them "
        "too); 2 missing when last indexed; 1 that could not be analysed"
    )


def test_an_export_of_all_photos_mentions_none_left_out(library: SimpleNamespace, tmp_path: Path) -> None:
    with Database(library.database) as index, index.transaction():
        storing.forget(index, [library.folder / "hills.jpg"])
    said = invoke("export", *FOUR, "surprise", "--to", tmp_path / "out", db=library.database).stderr
    assert "7 written" in said
    assert "Left out" not in said


def test_export_uses_the_labels_of_the_album(library: SimpleNamespace, tmp_path: Path) -> None:
    share_out(library, surprise=0.9)
    invoke("export", "surprise", "--to", tmp_path / "out", db=library.database)
    assert "surprise/0001-shock.jpg" in exported(tmp_path / "out")
    assert len(exported(tmp_path / "out")) > 1


def test_export_counts_missing_photos_apart_from_photos_without_a_face(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    with Database(library.database) as index:
        faceless = next(photo.path for photo in queries.photos(index, Filters()) if not photo.faces)
    forget_about(library, "rain.jpg", str(faceless))
    said = run("export", "--to", tmp_path / "out", "--db", library.database).stderr
    assert "2 missing when last indexed" in left_out(said)
    assert "without a face" not in said


def test_a_second_export_makes_no_duplicates(library: SimpleNamespace, tmp_path: Path) -> None:
    to = tmp_path / "out"
    invoke("export", "--to", to, db=library.database)
    before = exported(to)
    again = invoke("export", "--to", to, db=library.database)
    assert again.exit_code == 0
    assert "0 written, 6 already there" in again.stderr
    assert exported(to) == before


def test_a_dry_run_shows_the_plan_and_writes_nothing(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = tmp_path / "out", tmp_path / "report.csv"
    result = invoke("export", "--to", to, "--dry-run", "--report", report, db=library.database)
    assert result.exit_code == 0
    plan = [line.split("\t") for line in result.stdout.splitlines()]
    assert {row[0] for row in plan} == {"write"}
    assert not to.exists()
    assert not report.exists()
    invoke("export", "--to", to, db=library.database)
    assert sorted(row[2] for row in plan) == [str(to / name) for name in exported(to)]


@pytest.mark.parametrize("inside", [".", "out", "beach", "../library/out"])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_export_into_the_album_exits_2_and_writes_nothing(
    library: SimpleNamespace, inside: str, more: list[str]
) -> None:
    before = exported(library.folder)
    result = invoke("export", "--to", library.folder / inside, *more, db=library.database)
    assert result.exit_code == 2
    assert "outside the album" in result.stderr
    assert exported(library.folder) == before


def test_export_of_named_emotions_creates_only_their_folders(library: SimpleNamespace, tmp_path: Path) -> None:
    invoke("export", "surprised", "sadness", "--to", tmp_path / "out", db=library.database)
    assert exported(tmp_path / "out") == ["sad/0001-rain.jpg", "sad/0002-crowd.jpg", "surprise/0001-shock.jpg"]


def test_export_takes_at_most_n_of_each(library: SimpleNamespace, tmp_path: Path) -> None:
    invoke("export", "-n", "1", "--to", tmp_path / "out", db=library.database)
    assert exported(tmp_path / "out") == [
        "anger/0001-row.jpg",
        "happy/0001-party.jpg",
        "neutral/0001-wait.jpg",
        "sad/0001-rain.jpg",
    ]


@pytest.mark.parametrize("how", ["hard", "soft"])
def test_export_can_link_instead_of_copying(library: SimpleNamespace, tmp_path: Path, how: str) -> None:
    result = invoke("export", "happy", "--link", how, "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 0
    link = tmp_path / "out" / "happy" / "0001-party.jpg"
    assert link.is_symlink() == (how == "soft")
    assert link.samefile(library.folder / "beach" / "party.jpg")


def test_export_reports_every_photo_as_csv(library: SimpleNamespace, tmp_path: Path) -> None:
    invoke("export", "--to", tmp_path / "out", "--report", tmp_path / "report.csv", db=library.database)
    with open(tmp_path / "report.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"]]
    assert [row["action"] for row in rows] == ["write"] * 6
    assert sorted(row["destination"] for row in rows) == [
        str(tmp_path / "out" / name) for name in exported(tmp_path / "out")
    ]


def undoable(library: SimpleNamespace, tmp_path: Path) -> tuple[Path, Path]:
    """An export and its report."""
    to, report = tmp_path / "new" / "out", tmp_path / "report.csv"
    assert invoke("export", "--to", to, "--report", report, db=library.database).exit_code == 0
    return to, report


def test_an_export_is_undone_by_its_report_once(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    done = invoke("export", "--undo", report, db=library.database)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "6 files and 6 folders removed, 0 already gone, 0 left\n"
    assert not to.parent.exists()
    again = invoke("export", "--undo", report, db=library.database)
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr.startswith("Nothing to undo")


def test_undo_needs_no_index(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    assert invoke("export", "--undo", report, db=tmp_path / "none.sqlite").exit_code == 0
    assert not to.exists()
    assert not (tmp_path / "none.sqlite").exists()


def test_a_dry_run_of_undo_shows_the_removals_and_removes_nothing(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    before, text = exported(to), report.read_bytes()
    (to / "sad" / "0001-rain.jpg").write_bytes(b"changed")
    result = invoke("export", "--undo", report, "--dry-run", db=library.database)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    files = [row[1] for row in rows if row[0] == "remove" and row[1].endswith(".jpg")]
    assert sorted(files) == [str(to / name) for name in before if name != "sad/0001-rain.jpg"]
    assert ["left", str(to / "sad" / "0001-rain.jpg"), "it was changed since it was written"] in rows
    assert "5 files and 3 folders would be removed, 0 already gone, 1 left" in result.stderr
    assert (result.exit_code, exported(to), report.read_bytes()) == (0, before, text)


def test_undo_lists_what_it_left_and_why(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    (to / "sad" / "0001-rain.jpg").write_bytes(b"changed")
    (library.folder / "wait.jpg").unlink()
    (to / "mine").touch()
    result = invoke("export", "--undo", report, db=library.database)
    assert result.exit_code == 1
    assert f"left: {to}/sad/0001-rain.jpg: it was changed" in result.stderr
    assert re.search(f"left: {to}/neutral/000.-wait.jpg: it may be the only copy", result.stderr)
    assert f"left: {to}/sad: it holds other files" in result.stderr
    assert {name.partition("-")[2] for name in exported(to)} == {"", "rain.jpg", "wait.jpg"}


@pytest.mark.parametrize(
    "more",
    [["happy"], ["--to", "out"], ["-n", "3"], ["--link", "soft"], ["--report", "again.csv"], ["sad", "--dry-run"]],
)
def test_undo_accepts_only_a_report(library: SimpleNamespace, tmp_path: Path, more: list[str]) -> None:
    to, report = undoable(library, tmp_path)
    result = invoke("export", "--undo", report, *more, db=library.database)
    assert result.exit_code == 2
    assert "--undo takes only a report" in result.stderr
    assert len(exported(to)) == 6


def test_settings_for_exports_do_not_prevent_undo(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    settings = {"ALBUMSORT_MIN_FACE": "3"}
    assert invoke("export", "--undo", report, db=library.database, env=settings).exit_code == 0
    assert not to.exists()


def test_undo_of_a_file_that_is_not_a_report_fails(library: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n")
    for name in ("notes.csv", "nowhere.csv"):
        result = invoke("export", "--undo", tmp_path / name, db=library.database)
        assert result.exit_code == 1
        assert name in result.stderr


def test_a_report_inside_the_album_is_not_written_to(library: SimpleNamespace, tmp_path: Path) -> None:
    _, report = undoable(library, tmp_path)
    moved = report.rename(library.folder / "report.csv")
    text = moved.read_bytes()
    assert invoke("export", "--undo", moved, db=library.database).exit_code == 2
    assert moved.read_bytes() == text


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot hold these names to begin with")
@pytest.mark.parametrize(
    "name", ["\x1b]0;owned\x07.jpg", "gpj.\u202egnp", "a\nfailed: b\r.jpg", "caf\udce9.jpg", "=1+1"]
)
def test_names_cannot_control_the_terminal_in_export(tmp_path: Path, name: str) -> None:
    (tmp_path / "album").mkdir()
    good, bad = tmp_path / "album" / f"good {name}", tmp_path / "album" / f"bad {name}"
    with Database(tmp_path / "index.sqlite", create=True) as index:
        for path in (good, bad):
            path.write_bytes(os.fsencode(path))
            save(index, path, [face(happy=0.9)], digest=xxhash.xxh3_128_hexdigest(os.fsencode(path)))
    bad.write_bytes(b"changed")
    more, report = ("--db", tmp_path / "index.sqlite"), tmp_path / "report.csv"
    shown = [run("export", "--to", tmp_path / "out", "--dry-run", *more)]
    shown.append(run("export", "--to", tmp_path / "out", "--report", report, *more))
    [copy] = (tmp_path / "out" / "happy").iterdir()
    copy.write_bytes(b"changed")
    shown.append(run("export", "--undo", report, "--dry-run", *more))
    shown.append(run("export", "--undo", report, *more))
    assert [done.returncode for done in shown] == [0, 1, 0, 1]
    text = "".join(done.stdout + done.stderr for done in shown)
    assert not set(text) & set("\x1b\x07\r\u202e\udce9")
    assert not any(line.startswith("failed: b") and "bad" not in line for line in text.splitlines())
    assert "bad" in shown[1].stderr
    assert copy.name[:4] in shown[3].stderr
    with open(report, encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.reader(file))
    assert {row[0] for row in rows if len(row[0]) > 6} == {str(good), str(bad)}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


def test_a_changed_photo_fails_and_the_others_are_exported(library: SimpleNamespace, tmp_path: Path) -> None:
    (library.folder / "row.jpg").write_bytes(b"another")
    result = invoke("export", "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 1
    assert "row.jpg" in result.stderr
    assert "5 written, 0 already there, 1 failed" in result.stderr


def test_photos_that_fail_are_grouped_by_reason(library: SimpleNamespace, tmp_path: Path) -> None:
    for name in ("row.jpg", "rain.jpg", "wait.jpg", "crowd.jpg"):
        next(library.folder.rglob(name)).unlink()
    more, report = ("--to", tmp_path / "out"), tmp_path / "report.csv"
    said = invoke("export", *more, "--report", report, db=library.database).stderr
    failed = [line for line in said.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1
    assert " and 1 more: the photo is gone" in failed[0]
    assert f"To see every photo that failed, read {report}\n" in said
    said = invoke("export", *more, db=library.database).stderr
    assert "To see every photo that failed, export again with --report FILE\n" in said
    assert "To see every" not in invoke("export", *more, "--dry-run", db=library.database).stderr


def test_export_leaves_the_album_as_it_is(library: SimpleNamespace, tmp_path: Path) -> None:
    def seen() -> dict[str, tuple[bytes, int]]:
        files = (path for path in library.folder.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = seen()
    for how in ("copy", "hard", "soft"):
        invoke("export", "--link", how, "--to", tmp_path / how, db=library.database)
    assert seen() == before
