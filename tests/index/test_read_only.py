"""An index on a read-only disk: it answers, or says why it cannot, and never leaves out what is in its logs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import invoke
from helpers import face, save
from index_rows import A, B, files, listed
from read_only import read_only

from albumsort.errors import IndexFileError
from albumsort.index import opening
from albumsort.index.database import Database
from albumsort.index.schema import MIGRATIONS


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


def filled(database: Path) -> Database:
    index = Database(database, create=True)
    save(index, A, [face(happy=0.5)])
    return index


@pytest.mark.parametrize("command", [["top", "happy"], ["list"], ["stats"], ["doctor"], ["export", "--to", "out"]])
@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_commands_that_only_read_answer_as_on_any_disk(
    library: SimpleNamespace, disk: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], journal: str
) -> None:
    monkeypatch.chdir(library.folder.parent)
    dry = ["--dry-run"] if command[0] == "export" else []
    expected = invoke(*command, *dry, db=library.database)
    copy = Path(shutil.copy(library.database, disk))
    with closing(sqlite3.connect(copy)) as raw:
        raw.execute(f"PRAGMA journal_mode = {journal}")
    with read_only(disk):
        before = files(disk)
        result = invoke(*command, *dry, db=copy)
        assert files(disk) == before
    assert (result.exit_code, result.stderr) == (0, expected.stderr)
    if command[0] == "doctor":
        assert f" {len(MIGRATIONS)}, read-only\n" in result.stdout
    else:
        assert result.stdout == expected.stdout


@pytest.mark.parametrize("arguments", [["index", "."], ["prune", "--yes"]])
def test_commands_that_write_say_that_it_is_read_only(
    library: SimpleNamespace, disk: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library.folder)
    copy = Path(shutil.copy(library.database, disk))
    with read_only(disk):
        result = invoke(*arguments, db=copy)
        assert files(disk) == {copy.name: copy.read_bytes()}
    assert result.exit_code == 1
    [said] = result.stderr.splitlines()
    assert said.startswith(f"albumsort: cannot use {copy}: it can only be read")
    assert "--db" in said


@pytest.mark.parametrize("shared_memory", [True, False])
def test_what_is_only_in_the_log_is_read_or_asked_for(tmp_path: Path, disk: Path, shared_memory: bool) -> None:
    """A disk may be unplugged, or copied, before SQLite moves the changes in the log into the database."""
    with filled(tmp_path / "index.sqlite") as index:
        index.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        save(index, B, [face(sad=0.5)])
        for name in ("index.sqlite", "index.sqlite-wal", *(["index.sqlite-shm"] if shared_memory else [])):
            shutil.copy(tmp_path / name, disk)
    with read_only(disk):
        if shared_memory:
            with Database(disk / "index.sqlite") as copy:
                assert listed(copy) == ["a.jpg", "b.jpg"]
        else:
            with pytest.raises(IndexFileError, match=r"changes in .*index.sqlite-wal cannot be read") as refusal:
                Database(disk / "index.sqlite")
            assert str(refusal.value).startswith(f"cannot use {disk / 'index.sqlite'}: ")
    with Database(disk / "index.sqlite") as copy:
        assert listed(copy) == ["a.jpg", "b.jpg"]


def test_a_change_that_was_cut_off_is_not_read(tmp_path: Path, disk: Path) -> None:
    """Without write access SQLite cannot take back what a crash on a network drive left in the database."""
    database = tmp_path / "index.sqlite"
    filled(database).close()
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode = DELETE")
        raw.execute("PRAGMA cache_size = 1")  # pages go to the disk before the change is complete
        raw.execute("BEGIN")
        for number in range(2000):
            raw.execute("INSERT INTO photos (path, size, mtime_ns, error) VALUES (?, 1, 1, 'x')", (b"/%d" % number,))
        for name in ("index.sqlite", "index.sqlite-journal"):
            shutil.copy(tmp_path / name, disk)
        raw.execute("ROLLBACK")
    with read_only(disk), pytest.raises(IndexFileError, match=r"changes in .*index.sqlite-journal cannot be read"):
        Database(disk / "index.sqlite")


def test_an_empty_log_hides_nothing(tmp_path: Path, disk: Path) -> None:
    filled(tmp_path / "index.sqlite").close()
    shutil.copy(tmp_path / "index.sqlite", disk)
    (disk / "index.sqlite-wal").touch()
    with read_only(disk), Database(disk / "index.sqlite") as copy:
        assert listed(copy) == ["a.jpg"]


def test_a_read_only_file_gets_no_logs_that_its_owner_could_not_write(disk: Path) -> None:
    database = disk / "index.sqlite"
    filled(database).close()
    with read_only(database):
        before = files(disk)
        with Database(database) as index:
            assert listed(index) == ["a.jpg"]
        with pytest.raises(IndexFileError, match="only be read"):
            Database(database, create=True)
        assert files(disk) == before


def test_a_folder_where_no_log_can_be_created_is_enough_to_read(disk: Path) -> None:
    database = disk / "index.sqlite"
    filled(database).close()
    with read_only(disk, but=database):
        with database.open("r+b"):  # this file alone can be written
            pass
        with Database(database) as index:
            assert listed(index) == ["a.jpg"]


def test_what_another_process_is_writing_is_not_read_half(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a log, as on a network drive, only its lock tells of another process."""
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.1)
    database = disk / "index.sqlite"
    filled(database).close()
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with read_only(database), pytest.raises(IndexFileError, match="another albumsort is writing"):
            Database(database)


def test_no_folder_for_temporary_files_is_needed(disk: Path) -> None:
    """A container may have no folder that can be written at all."""
    filled(disk / "index.sqlite").close()
    with read_only(disk), Database(disk / "index.sqlite") as index:
        assert index.connection.execute("PRAGMA temp_store").fetchone() == (2,)


def test_an_older_index_must_be_upgraded_elsewhere(disk: Path) -> None:
    with closing(filled(disk / "index.sqlite")) as index:
        index.connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) - 1}")
    with read_only(disk), pytest.raises(IndexFileError, match=r"older version.*--db"):
        Database(disk / "index.sqlite")


def test_nothing_is_written_through_it(disk: Path) -> None:
    filled(disk / "index.sqlite").close()
    with read_only(disk), Database(disk / "index.sqlite") as index:
        with pytest.raises(IndexFileError, match="only be read"), index.transaction():
            raise AssertionError("a transaction began")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            index.connection.execute("DELETE FROM photos")
