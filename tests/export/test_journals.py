"""The journals kept beside an index, and undo without a report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import exported, invoke
from helpers import end, environment
from read_only import read_only

from albumsort.disk import places
from albumsort.errors import AlbumsortError
from albumsort.export import journals
from albumsort.export import report as reports


def folder_of(library: SimpleNamespace) -> Path:
    return places.exports_folder(library.database)


def kept(library: SimpleNamespace) -> list[str]:
    folder = folder_of(library)
    return sorted(os.listdir(folder)) if folder.exists() else []


def export(library: SimpleNamespace, to: Path, *more: str | Path) -> str:
    done = invoke("export", *more, "--to", to, db=library.database)
    assert done.exit_code == 0, done.stderr
    return done.stderr


def undo(library: SimpleNamespace, *more: str | Path) -> str:
    done = invoke("export", "--undo", *more, db=library.database)
    assert done.exit_code == 0, done.stderr
    return done.stderr


def test_undo_takes_back_the_last_export_and_then_the_one_before(library: SimpleNamespace, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    export(library, first)
    export(library, second, "happy")
    said = undo(library)
    assert said.startswith(f"The last export went to {second} (journal ")
    assert "2 files and 2 folders removed" in said
    assert (len(exported(first)), second.exists()) == (6, False)
    assert "6 files and 5 folders removed" in undo(library)
    assert not first.exists()
    assert undo(library).startswith("Nothing to undo")


def test_undo_of_the_last_export_leaves_the_files_of_the_one_before(library: SimpleNamespace, tmp_path: Path) -> None:
    export(library, tmp_path / "out", "happy")
    before = exported(tmp_path / "out")
    export(library, tmp_path / "out")
    undo(library)
    assert exported(tmp_path / "out") == before


def test_a_dry_run_of_undo_changes_neither_files_nor_journal(library: SimpleNamespace, tmp_path: Path) -> None:
    export(library, tmp_path / "out")
    before, text = exported(tmp_path / "out"), (folder_of(library) / "000001.csv").read_bytes()
    assert "6 files and 5 folders would be removed" in undo(library, "--dry-run")
    assert (exported(tmp_path / "out"), (folder_of(library) / "000001.csv").read_bytes()) == (before, text)


def test_a_dry_run_and_an_export_that_writes_nothing_keep_no_journal(library: SimpleNamespace, tmp_path: Path) -> None:
    export(library, tmp_path / "out", "--dry-run")
    assert not folder_of(library).exists()
    export(library, tmp_path / "out")
    export(library, tmp_path / "out")
    assert kept(library) == ["000001.csv"]


def test_files_changed_since_stay_and_the_next_undo_is_of_the_export_before(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    export(library, tmp_path / "first", "sad")
    export(library, tmp_path / "second", "happy")
    changed = tmp_path / "second" / "happy" / "0001-party.jpg"
    changed.write_bytes(b"changed")
    done = invoke("export", "--undo", db=library.database)
    assert done.exit_code == 1
    assert f"left: {changed}: it was changed" in done.stderr
    undo(library)
    assert not (tmp_path / "first").exists()
    assert changed.read_bytes() == b"changed"


@pytest.mark.parametrize("how", [(), ("--link", "hard"), ("--sidecar", "long")], ids=["copy", "hard", "sidecar"])
def test_undo_without_the_albums_disk_is_continued_and_not_of_the_export_before(
    library: SimpleNamespace, tmp_path: Path, how: tuple[str, ...]
) -> None:
    export(library, tmp_path / "one", "sad")
    export(library, tmp_path / "two", "happy", *how)
    before = exported(tmp_path / "one"), exported(tmp_path / "two")
    library.folder.rename(tmp_path / "unplugged")
    done = invoke("export", "--undo", db=library.database)
    assert done.exit_code == 1
    assert "it may be the only copy" in done.stderr
    assert (exported(tmp_path / "one"), exported(tmp_path / "two")) == before
    (tmp_path / "unplugged").rename(library.folder)
    undo(library)
    assert exported(tmp_path / "one") == before[0]
    assert not (tmp_path / "two").exists()
    undo(library)
    assert not (tmp_path / "one").exists()


def test_undo_of_a_read_only_folder_is_continued_and_not_of_the_export_before(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    export(library, tmp_path / "one", "sad")
    export(library, tmp_path / "two", "happy")
    before = exported(tmp_path / "one")
    with read_only(tmp_path / "two" / "happy"):
        done = invoke("export", "--undo", db=library.database)
    assert done.exit_code == 1
    assert "cannot remove it" in done.stderr
    undo(library)
    assert exported(tmp_path / "one") == before
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("by_report_first", [True, False])
def test_an_export_with_a_report_is_undone_once_by_either(
    library: SimpleNamespace, tmp_path: Path, by_report_first: bool
) -> None:
    to, report = tmp_path / "out", tmp_path / "report.csv"
    export(library, to, "--report", report)
    undo(library, *([report] if by_report_first else []))
    assert not to.exists()
    export(library, to)
    again = undo(library, report)  # not the files of the second export
    assert again.startswith("Nothing to undo")
    assert len(exported(to)) == 6
    undo(library)
    assert not to.exists()
    assert undo(library).startswith("Nothing to undo")


def test_an_interrupted_undo_is_resumed(library: SimpleNamespace, tmp_path: Path) -> None:
    from albumsort.export.undo import undo as undoing

    export(library, tmp_path / "out")
    running = undoing(folder_of(library) / "000001.csv", ())
    next(running)
    running.close()
    assert "5 files and 5 folders removed" in undo(library)
    assert not (tmp_path / "out").exists()


def test_each_index_undoes_its_own_exports(library: SimpleNamespace, tmp_path: Path) -> None:
    other = SimpleNamespace(database=tmp_path / "other.sqlite")
    other.database.write_bytes(library.database.read_bytes())
    export(library, tmp_path / "first")
    export(other, tmp_path / "second")
    undo(library)
    assert not (tmp_path / "first").exists()
    assert len(exported(tmp_path / "second")) == 6
    (tmp_path / "link.sqlite").symlink_to(other.database)
    undo(SimpleNamespace(database=tmp_path / "link.sqlite"))
    assert not (tmp_path / "second").exists()


def test_undo_needs_no_index(library: SimpleNamespace, tmp_path: Path) -> None:
    export(library, tmp_path / "out")
    library.database.unlink()
    undo(library)
    assert not (tmp_path / "out").exists()


def test_a_destination_that_is_gone_stops_undo_and_names_the_export_before(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    export(library, tmp_path / "first")
    export(library, tmp_path / "disk")
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    done = invoke("export", "--undo", db=library.database)
    assert done.exit_code == 1
    assert f"{tmp_path / 'disk'}, where the last export wrote, is gone" in done.stderr
    assert f"albumsort export --undo {folder_of(library) / '000001.csv'}" in done.stderr
    assert len(exported(tmp_path / "first")) == 6
    (tmp_path / "unplugged").rename(tmp_path / "disk")
    undo(library)
    assert not (tmp_path / "disk").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_journal_is_its_owners_alone(library: SimpleNamespace, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        export(library, tmp_path / "out")
    finally:
        os.umask(before)
    folder = folder_of(library)
    assert (folder.stat().st_mode & 0o777, (folder / "000001.csv").stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.fixture
def locked_folder(library: SimpleNamespace) -> Iterator[None]:
    folder_of(library).mkdir()
    with read_only(folder_of(library)):
        yield


@pytest.mark.usefixtures("locked_folder")
def test_an_export_without_a_journal_says_so_in_one_line(library: SimpleNamespace, tmp_path: Path) -> None:
    said = export(library, tmp_path / "out")
    [line] = [line for line in said.splitlines() if "journal" in line]
    assert line.startswith(f"cannot keep a journal of this export in {folder_of(library)}: ")
    assert line.endswith(". Without --report, it cannot be undone")
    assert len(exported(tmp_path / "out")) == 6
    said = export(library, tmp_path / "again", "--report", tmp_path / "report.csv")
    assert "To undo this export, use its report" in said
    undo(library, tmp_path / "report.csv")
    assert not (tmp_path / "again").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_journal_that_cannot_be_continued_is_given_up(tmp_path: Path) -> None:
    told: list[Exception] = []
    with (
        open("/dev/full", "wb", buffering=0) as full,
        reports.Journal.create(tmp_path / "report.csv", tmp_path) as report,
    ):
        records = journals.Records(report, reports.Journal(Path("/dev/full"), full), told.append)
        records.folder(tmp_path / "a")
        records.folder(tmp_path / "b")
    assert len(told) == 1
    assert [line.destination for line in reports.read(tmp_path / "report.csv")][1:] == [
        str(tmp_path / "a"),
        str(tmp_path / "b"),
    ]


def test_only_the_last_journals_are_kept(library: SimpleNamespace, tmp_path: Path) -> None:
    folder_of(library).mkdir()
    for number in range(1, journals.KEPT + 5):
        reports.Journal.create(folder_of(library) / f"{number:06}.csv", tmp_path).__exit__(None, None, None)
    (folder_of(library) / "mine.csv").touch()
    export(library, tmp_path / "out")
    assert kept(library) == [*(f"{number:06}.csv" for number in range(6, journals.KEPT + 6)), "mine.csv"]


def test_a_journal_that_is_no_report_is_an_error_and_an_empty_one_is_ignored(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    export(library, tmp_path / "out")
    (folder_of(library) / "000002.csv").touch()  # its export was killed before the first line
    (folder_of(library) / "000003.csv").write_text("notes")
    with pytest.raises(AlbumsortError, match=r"000003\.csv is not a report"):
        journals.last(folder_of(library))
    (folder_of(library) / "000003.csv").unlink()
    undo(library)
    assert not (tmp_path / "out").exists()


SLOW = """
import sys, time
from albumsort.disk import whole
from albumsort.cli.app import app

place = whole.place
def slowly(temporary, destination):
    place(temporary, destination)
    time.sleep(0.3)

whole.place = slowly
app(sys.argv[1:], prog_name="albumsort")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_an_export_that_was_killed_can_be_undone(library: SimpleNamespace, tmp_path: Path) -> None:
    to, journal = tmp_path / "out", folder_of(library) / "000001.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "export", "--to", to, "--db", library.database],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b'"write"') < 3):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        end(process)
    assert process.returncode == -signal.SIGKILL
    assert "3 files and" in invoke("export", "--undo", db=library.database).stderr
    assert len(exported(to)) <= 1  # killed between a file and its line


@pytest.mark.parametrize(
    ("arguments", "report", "dry_run"),
    [
        (["--undo"], "", False),
        (["--undo", "--dry-run"], "", True),
        (["--dry-run", "--undo"], "", True),
        (["--undo", "report.csv"], "report.csv", False),
        (["--undo", "happy"], "happy", False),
        (["--undo=report.csv", "--dry-run"], "report.csv", True),
        (["--undo", "report.csv", "--dry-run"], "report.csv", True),
    ],
)
def test_undo_takes_a_report_or_none(
    library: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    report: str,
    dry_run: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    export(library, tmp_path / "named", "--report", report or "unused.csv")
    export(library, tmp_path / "last")
    done = invoke("export", *arguments, db=library.database)
    assert done.exit_code == 0
    gone = [name for name in ("named", "last") if not (tmp_path / name).exists()]
    assert gone == ([] if dry_run else ["named"] if report else ["last"])


@pytest.mark.parametrize(
    "more", [["happy", "--undo"], ["--undo", "--to", "x"], ["--undo", "--", "happy"]], ids=" ".join
)
def test_undo_without_a_report_takes_nothing_else(library: SimpleNamespace, more: list[str]) -> None:
    assert invoke("export", *more, db=library.database).exit_code == 2


def test_help_shows_that_the_report_is_optional() -> None:
    assert "--undo [REPORT]" in invoke("export", "--help").stdout
