"""Opening an index: other files, damaged ones, and several processes at once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from helpers import NOW, environment, face, save
from index_rows import A, B, C, asked, best, files, listed

from albumsort.errors import IndexFileError
from albumsort.index import counts as index_counts
from albumsort.index import folders as index_folders
from albumsort.index import queries, schema, storing
from albumsort.index.database import Database
from albumsort.index.schema import APPLICATION_ID, MIGRATIONS
from albumsort.query import By, Filters
from albumsort.types import Emotion, PhotoFile

# files that are not an index


def refused(path: Path, *, create: bool, match: str) -> None:
    before = files(path.parent)
    with pytest.raises(IndexFileError, match=match) as refusal:
        Database(path, create=create)
    assert str(path) in str(refusal.value)
    assert files(path.parent) == before


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("content", [b"a shopping list\n", b"\0" * 8192, b"SQLite format 3\0" + b"\1" * 5000])
def test_a_file_that_is_not_a_database_is_refused_and_not_changed(database: Path, content: bytes, create: bool) -> None:
    database.write_bytes(content)
    refused(database, create=create, match="cannot use")


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_the_database_of_another_program_is_refused_and_left_as_it_is(database: Path, mode: str, create: bool) -> None:
    with closing(sqlite3.connect(database)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("CREATE TABLE photos (path TEXT)")
        other.commit()
    refused(database, create=create, match="another program")


@pytest.mark.parametrize("create", [False, True])
def test_an_index_of_a_newer_version_is_refused_and_left_as_it_is(database: Path, create: bool) -> None:
    Database(database, create=True).close()
    with closing(sqlite3.connect(database)) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    refused(database, create=create, match="newer albumsort")


def test_a_damaged_index_is_an_error_with_advice(database: Path) -> None:
    with Database(database, create=True) as index:
        for i in range(300):
            save(index, f"/album/{i}.jpg", [face(happy=0.5)])
    damaged = bytearray(database.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    database.write_bytes(damaged)
    with pytest.raises(IndexFileError, match=r"damaged.*--db"), Database(database) as index:
        list(queries.photos(index, Filters()))


@pytest.mark.parametrize("create", [False, True])
def test_an_empty_file_is_refused_and_left_empty(database: Path, create: bool) -> None:
    database.touch()
    refused(database, create=create, match="empty")


@pytest.mark.parametrize("create", [False, True])
def test_a_database_without_tables_is_another_programs(database: Path, create: bool) -> None:
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("VACUUM")
    refused(database, create=create, match="another program")


@pytest.mark.parametrize("create", [False, True])
def test_an_incomplete_index_is_refused_and_not_changed(database: Path, create: bool) -> None:
    Database(database, create=True).close()
    for length in (16, 50, 99):
        database.write_bytes(database.read_bytes()[:length])
        refused(database, create=create, match="cannot use")


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_the_log_of_a_deleted_index_does_not_get_into_a_new_one(database: Path, mode: str) -> None:
    """A killed run leaves a log; SQLite would replay it into the next file with the index's name."""
    Database(database, create=True).close()
    script = f"""if True:
        import os, sqlite3, sys
        raw = sqlite3.connect(sys.argv[1], isolation_level=None)
        raw.execute("PRAGMA journal_mode = {mode}")
        raw.execute("PRAGMA cache_size = 2")
        raw.execute("BEGIN")
        for number in range(2000):
            raw.execute("INSERT INTO roots (path) VALUES (?)", [f"/{{number}}".encode() * 50])
        if "{mode}" == "WAL":
            raw.execute("COMMIT")
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", script, database], check=True)
    log = Path(f"{database}-{'wal' if mode == 'WAL' else 'journal'}")
    assert log.stat().st_size > 0
    database.unlink()
    before = files(database.parent)
    with pytest.raises(IndexFileError, match=f"{log.name} is left from an index that is gone"):
        Database(database, create=True)
    assert files(database.parent) == before
    log.unlink()
    with Database(database, create=True) as index:
        assert (index_folders.indexed_folders(index), index.integrity()) == ((), "ok")


@pytest.mark.skipif(os.name == "nt", reason="Windows renames no file that is open")
@pytest.mark.parametrize("instead", [False, True])
def test_nothing_is_written_to_an_index_that_was_moved_away(database: Path, instead: bool) -> None:
    with Database(database, create=True) as index:
        database.rename(database.with_name("moved"))
        if instead:
            shutil.copy(database.with_name("moved"), database)
        with pytest.raises(IndexFileError, match="moved, deleted or replaced"), index.transaction():
            storing.add_root(index, Path("/album"))


def test_counts_are_a_consistent_snapshot(database: Path) -> None:
    with Database(database, create=True) as index, Database(database) as other:
        save(index, "/album/0.jpg", [face(happy=0.9)])
        added = list[str]()

        def meanwhile(statement: str) -> None:
            if statement.startswith("SELECT count(*), coalesce") and not added:
                added.append("/album/1.jpg")
                save(other, added[0], [face(happy=0.8)])

        index.connection.set_trace_callback(meanwhile)
        found = index_counts.stats(index)
        assert (found.photos, found.faces, found.without_face, added) == (1, 1, 0, ["/album/1.jpg"])
        assert index_counts.stats(index).photos == 2


def test_the_best_photos_are_a_consistent_snapshot(database: Path) -> None:
    with Database(database, create=True) as index, Database(database) as other:
        save(index, "/album/0.jpg", [face(happy=0.9)])

        def meanwhile(statement: str) -> None:
            if "WHERE f.content = 1" in statement and "ORDER BY f.number" in statement:
                with other.transaction():
                    storing.forget(other, [Path("/album/0.jpg")])

        index.connection.set_trace_callback(meanwhile)
        (photo,) = asked(index, Emotion.HAPPY, By.MAX, Filters(), 0.0, 5)
        assert (photo.score, [one.probabilities[Emotion.HAPPY] for one in photo.faces]) == (0.9, [0.9])
        assert asked(index, Emotion.HAPPY, By.MAX, Filters(), 0.0, 5) == []


def test_a_lock_path_that_is_not_a_file_is_reported_and_left(database: Path) -> None:
    lock = Path(f"{database}.lock")
    lock.write_bytes(b"a shopping list\n" * 100)
    no_lock = pytest.raises(IndexFileError, match=r"\.lock is not a lock file")
    with Database(database, create=True) as index, no_lock, index.alone():
        raise AssertionError("nobody holds that")
    assert lock.read_bytes() == b"a shopping list\n" * 100


@pytest.mark.parametrize("create", [False, True])
def test_a_folder_is_not_an_index(tmp_path: Path, create: bool) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IndexFileError, match="it is a folder"):
        Database(tmp_path / "folder", create=create)
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("create", [False, True])
def test_a_pipe_is_not_an_index_and_does_not_block(tmp_path: Path, create: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IndexFileError, match="it is not a regular file"):
        Database(tmp_path / "pipe", create=create)


@pytest.mark.parametrize("create", [False, True])
def test_a_broken_link_is_not_an_index_and_stays(tmp_path: Path, create: bool) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "away" / "index.sqlite")
    with pytest.raises(IndexFileError, match="cannot use"):
        Database(tmp_path / "link", create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_linked_index_is_used_in_its_own_folder(tmp_path: Path, database: Path) -> None:
    Database(database, create=True).close()
    (tmp_path / "link").symlink_to(database)
    with Database(tmp_path / "link", create=True) as index:
        save(index, A, [face(happy=0.5)])
    with Database(database) as index:
        assert listed(index) == ["a.jpg"]


@pytest.mark.parametrize("name", ["50%.sqlite", "a?b#c.sqlite", "ä ö.sqlite", "x" * 240, os.fsdecode(b"\xff.sqlite")])
def test_an_index_may_have_any_name(tmp_path: Path, name: str) -> None:
    with Database(tmp_path / name, create=True) as index:
        save(index, A, [face(happy=0.5)])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Database(tmp_path / name) as index:
        assert listed(index) == ["a.jpg"]


def test_an_index_can_be_created_without_hard_links(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    Database(database, create=True).close()
    with Database(database) as index:
        assert listed(index) == []
    assert list(files(database.parent)) == [database.name]


def test_a_missing_index_is_an_error_with_advice_and_is_not_created(database: Path) -> None:
    with pytest.raises(IndexFileError, match="albumsort index FOLDER"):
        Database(database)
    assert not database.exists()


def test_an_index_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IndexFileError, match="--db"):
        Database(tmp_path / "file" / "index.sqlite", create=True)
    with pytest.raises(IndexFileError, match="--db"):
        Database(tmp_path, create=True)


@pytest.mark.parametrize("hard_links", [True, False])
def test_an_index_created_meanwhile_by_another_process_is_kept(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    ready = tmp_path / "other" / "index.sqlite"
    with Database(ready, create=True) as other:
        save(other, A, [face(happy=0.5)])
    create = schema.create

    def create_while_the_other_gets_there_first(connection: sqlite3.Connection) -> None:
        create(connection)
        shutil.copy(ready, database)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(schema, "create", create_while_the_other_gets_there_first)
    if not hard_links:
        monkeypatch.setattr(os, "link", refuse)
    with Database(database, create=True) as index:
        assert listed(index) == ["a.jpg"]
    assert {path.name for path in tmp_path.iterdir()} == {"other", database.name}


@pytest.mark.usefixtures("hasty_sqlite")
@pytest.mark.parametrize("network", [None, "nfs4"])
def test_stored_results_survive_a_power_cut_with_any_sqlite_build(
    database: Path, monkeypatch: pytest.MonkeyPatch, network: str | None
) -> None:
    on_network(monkeypatch, network)
    full = 2
    with Database(database, create=True) as index:
        assert index.connection.execute("PRAGMA synchronous").fetchone() == (full,)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_only_its_owner_can_read_the_index(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "folder" / "index.sqlite"
        with Database(path, create=True) as index:
            save(index, A, [face(happy=0.5)])
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert "index.sqlite" in modes
    assert set(modes.values()) == {0o600}


def test_a_new_index_has_its_application_id_and_version(database: Path) -> None:
    Database(database, create=True).close()
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_locked_index_is_an_error_that_says_so(
    index: Database, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("albumsort.index.database.BUSY_SECONDS", 0.05)
    with (
        index.transaction(),
        Database(database) as other,
        pytest.raises(IndexFileError, match="another albumsort"),
        other.transaction(),
    ):
        pass


def test_many_processes_may_create_the_same_index_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    program = (
        "import sys, pathlib; from albumsort.index.database import Database; "
        "Database(pathlib.Path(sys.argv[1]), create=True)"
    )
    racing = [subprocess.Popen([sys.executable, "-c", program, path], stderr=subprocess.PIPE) for _ in range(8)]
    assert [(process.communicate()[1], process.returncode) for process in racing] == [(b"", 0)] * 8


# several at once


HOLDER = """
import pathlib, sys
from albumsort.index.database import Database
with Database(pathlib.Path(sys.argv[1])) as index, index.alone():
    print("ready", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_indexing(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that holds the lock for indexing until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_only_one_process_at_a_time_indexes(index: Database, database: Path) -> None:
    """The second process waits, says so once, and continues when the first is done."""
    told = list[str]()
    with another_indexing(database) as holder:

        def tell(message: str) -> None:
            told.append(message)
            assert holder.stdin is not None
            print("be done", file=holder.stdin, flush=True)

        with Database(database, tell=tell) as waiting, waiting.alone():
            assert holder.wait(timeout=60) == 0
    assert told == [f"Another albumsort is updating {database}; waiting until it has finished"]


def test_a_link_to_an_index_leads_to_the_same_lock(index: Database, database: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "link").symlink_to(database)
    with another_indexing(tmp_path / "other" / "link") as holder:
        told = list[str]()

        def tell(message: str) -> None:
            told.append(message)
            holder.kill()

        with Database(database, tell=tell) as waiting, waiting.alone():
            assert len(told) == 1


def test_a_killed_process_leaves_nothing_locked(index: Database, database: Path) -> None:
    with another_indexing(database) as holder:
        holder.kill()
        holder.wait(timeout=60)
    told = list[str]()
    with Database(database, tell=told.append) as other, other.alone():
        save(other, A, [face(happy=0.5)])
    assert told == []


def test_indexing_blocks_neither_queries_nor_prune(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.5)])
    save(index, B, [face(happy=0.4)])
    told = list[str]()
    with index.alone(), Database(database, tell=told.append) as other:
        assert best(other) == ["a.jpg", "b.jpg"]
        with other.transaction():
            storing.forget(other, [B])
        assert best(index) == ["a.jpg"]
    assert told == []


def test_readers_see_the_old_state_during_a_write(index: Database, database: Path) -> None:
    save(index, A, [face(happy=0.5)])
    with index.transaction():
        storing.save_failure(index, PhotoFile(A, 1, 1), "broken", NOW)
        with Database(database) as other:
            assert (best(other), listed(other), index_counts.stats(other).failed) == (["a.jpg"], ["a.jpg"], 0)
    with Database(database) as other:
        assert (best(other), index_counts.stats(other).failed) == ([], 1)


def test_a_list_that_is_read_slowly_blocks_no_writer(index: Database, database: Path) -> None:
    for path in (A, B, C):
        save(index, path, [face(happy=0.5)])
    with Database(database) as other:
        slow = queries.photos(other, Filters())
        next(slow)
        with index.transaction():
            storing.forget(index, [B, C])
        assert len(list(slow)) == 2  # the state when the list began


def test_a_process_that_waits_for_a_transaction_says_so_and_continues(index: Database, database: Path) -> None:
    told = list[str]()

    def tell(message: str) -> None:
        told.append(message)
        raw.rollback()

    with closing(sqlite3.connect(database, isolation_level=None)) as raw, Database(database, tell=tell) as other:
        raw.execute("BEGIN IMMEDIATE")
        save(other, A, [face(happy=0.5)])
        assert listed(other) == ["a.jpg"]
    assert len(told) == 1
    assert "waiting" in told[0]


# network file systems


def on_network(monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    monkeypatch.setattr("albumsort.disk.filesystems.network", lambda path: kind)


def test_on_a_network_the_index_is_safe_without_shared_memory(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_network(monkeypatch, "nfs4")
    told = list[str]()
    with Database(database, create=True, tell=told.append) as index:
        save(index, A, [face(happy=0.5)])
        assert index.journal() == "delete"
        assert not {f"{database.name}-wal", f"{database.name}-shm"} & set(files(database.parent))
        with Database(database, tell=told.append) as other:  # a query prints no more
            assert listed(other) == ["a.jpg"]
    [warning] = told
    assert "nfs4" in warning
    assert str(database) in warning


def test_an_index_that_moves_to_a_network_and_back_changes_its_journal(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, journal in ((None, "wal"), ("cifs", "delete"), (None, "wal")):
        on_network(monkeypatch, kind)
        with Database(database, create=True) as index:
            assert index.journal() == journal
            save(index, A, [face(happy=0.5)])
            assert (listed(index), index.integrity()) == (["a.jpg"], "ok")
