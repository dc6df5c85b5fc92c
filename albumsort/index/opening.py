"""Create an index, open it, and wait for locks."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from ..disk import filesystems
from ..errors import IndexFileError
from . import schema

BUSY_SECONDS = 30.0
"""How long to wait for another program's transaction."""
NOTICE_SECONDS = 0.2
"""Delay until a message about waiting, and the interval of checks for Ctrl-C."""
LOGS = "-wal", "-journal"
"""Suffixes of SQLite's log files, which hold changes that are not in the database file yet."""
NEEDED_BYTES = 1 << 16
"""Free disk space that even a reader of an index needs."""


def make(path: Path) -> None:
    """Create a new index under a temporary name and then rename it, so that no process sees an incomplete one.

    Only its owner can read it, because it shows who is in the photos. An existing file is not replaced.
    """
    import tempfile  # here, because no query needs it

    _check_leftovers(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".albumsort-", dir=path.parent)
    os.close(handle)
    try:
        with closing(connect(Path(name), "rw")) as connection:
            connection.execute("BEGIN")
            schema.create(connection)
            connection.execute("COMMIT")
            set_journal(connection, path.parent)
        try:
            os.link(name, path)
        except FileExistsError:  # another process created it first
            pass
        except OSError:  # a file system without hard links
            if not os.path.lexists(path):
                os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _check_leftovers(path: Path) -> None:
    """Raise IndexFileError if a deleted index left a log file: SQLite would apply it to the new index."""
    left = [log for log in (f"{os.path.realpath(path)}{suffix}" for suffix in LOGS) if os.path.lexists(log)]
    if left and not os.path.lexists(path):
        raise IndexFileError(
            f"{left[0]} is left from an index that is gone, and would damage a new one; move it to that index or away"
        )


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode, which identify a file even if another one takes its name, or None if it is gone."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def check(path: Path) -> None:
    """Raise IndexFileError if a file is not an index, without changing it; OSError if it cannot be read."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError) as e:
        raise IndexFileError("there is no index yet; run: albumsort index FOLDER") from e
    if path.is_dir():
        raise IndexFileError("it is a folder; name a file with --db")
    if not path.is_file():
        raise IndexFileError("it is not a regular file; name another file with --db")
    if path.stat().st_size == 0:
        raise IndexFileError("it is empty, so it is not an index; delete it, or name another file with --db")
    schema.check_header(path)


def lock_file(path: Path) -> Path:
    """Create the file beside an index that `alone` locks, with an index's permissions, and return its path.

    All links to an index share one lock file.
    """
    lock = Path(f"{os.path.realpath(path)}.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    return lock


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open an existing database."""
    address = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def connect_as_allowed(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Open an index; returns the connection, and whether it can write. On a read-only disk or file it cannot."""
    if os.access(path, os.W_OK):  # SQLite opens other files too, and leaves read-only logs beside them
        connection = connect(path, "rw")
        try:
            set_journal(connection, path)  # only this opens the log files, which a read-only folder prevents
            return connection, True
        except BaseException as e:
            connection.close()
            if not (isinstance(e, sqlite3.OperationalError) and _is_denied(e)):
                raise
    return _connect_reading(path), False


def _connect_reading(path: Path) -> sqlite3.Connection:
    """Open an index that cannot be written; raises IndexFileError if a log file has changes that cannot be read.

    SQLite reads a database in WAL mode only with its log files. Without any, no process is writing, and the database is
    complete; SQLite is told that nothing can change it (immutable). This would skip the changes in a log file.
    """
    logs = [Path(f"{os.path.realpath(path)}{suffix}") for suffix in (*LOGS, "-shm")]
    if any(map(os.path.lexists, logs)) or not schema.is_in_wal_mode(path):
        try:
            return _tried(connect(path, "ro"))
        except sqlite3.OperationalError as e:
            if not _is_denied(e):
                raise
            full = [log for log in logs[:-1] if os.path.lexists(log) and log.stat().st_size]
            if full:
                raise IndexFileError(
                    f"it is read-only, and changes in {full[0]} cannot be read without writing; copy it elsewhere "
                    "with the files beside it whose names begin with its name, and name the copy with --db"
                ) from e
    return _tried(connect(path, "ro&immutable=1"))


def _tried(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a connection for reading, once it has read the database."""
    try:
        connection.execute("PRAGMA temp_store = MEMORY")  # there may be no folder for temporary files either
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_denied(e: sqlite3.OperationalError) -> bool:
    """Return whether the database, its folder or its disk does not let this process write."""
    return error_code(e) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


def set_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Choose WAL mode, in which readers and one writer work at once; on a network file system a slower, safe mode."""
    is_local = filesystems.network(path) is None  # WAL needs shared memory
    connection.execute(f"PRAGMA journal_mode = {'WAL' if is_local else 'DELETE'}")
    connection.execute("PRAGMA synchronous = FULL")  # committed data survives a power cut


def take_lock(connection: sqlite3.Connection, statement: str, seconds: float, waiting: Callable[[], object]) -> None:
    """Execute a statement that takes a lock; try for `seconds`, and call `waiting` once if the lock is not free."""
    end, notified = time.monotonic() + seconds, False
    connection.execute(f"PRAGMA busy_timeout = {1000 * min(seconds, NOTICE_SECONDS):.0f}")
    try:
        while True:
            try:
                connection.execute(statement)
                return
            except sqlite3.OperationalError as e:
                if not is_busy(e) or time.monotonic() >= end:
                    raise
            if not notified:
                waiting()
                notified = True
    finally:
        connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS:.0f}")


def is_busy(e: sqlite3.OperationalError) -> bool:
    """Return whether another connection holds the lock."""
    return error_code(e) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_without_room(e: sqlite3.OperationalError, path: Path) -> bool:
    """Return whether an unspecific error is due to a full disk: even readers need a small file beside the index."""
    if error_code(e) & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    import shutil  # here, because it is slow to import and rarely needed

    with suppress(OSError):
        return shutil.disk_usage(path.parent).free < NEEDED_BYTES
    return False


def error_code(e: sqlite3.Error) -> int:
    """Return SQLite's error code; errors raised by Python's sqlite3 module itself have none."""
    return getattr(e, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
