"""Making an index, opening it, and waiting for whoever has it."""

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
"""How long another program's transaction is waited for."""
NOTICE_SECONDS = 0.2
"""How long that goes without saying, and how often a Ctrl-C is looked for."""
LOGS = "-wal", "-journal"
"""What SQLite appends to a database's name for the files that hold what is not in it yet."""
NEEDED_BYTES = 1 << 16
"""What even a reader of an index needs on its disk."""


def make(path: Path) -> None:
    """Make a new index whole and only then give it its name, so that nobody ever meets half of one.

    It is readable by its owner only: it tells who is in the photos. What has the name already is left.
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
        except FileExistsError:  # another process was quicker
            pass
        except OSError:  # a file system without hard links
            if not os.path.lexists(path):
                os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _check_leftovers(path: Path) -> None:
    """Raise IndexFileError if an index that is gone left its log: SQLite would take that for the new one's."""
    left = [log for log in (f"{os.path.realpath(path)}{suffix}" for suffix in LOGS) if os.path.lexists(log)]
    if left and not os.path.lexists(path):
        raise IndexFileError(
            f"{left[0]} is left of an index that is gone, and would get into a new one; move it to that index or away"
        )


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other that gets its name, or None if it is gone."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def check(path: Path) -> None:
    """Raise IndexFileError unless a file is an index of ours, changing no byte of it; OSError if nobody may look."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError) as e:
        raise IndexFileError("there is no index yet; run: albumsort index FOLDER") from e
    if path.is_dir():
        raise IndexFileError("it is a folder; name a file with --db")
    if not path.is_file():
        raise IndexFileError("it is no file; name another with --db")
    if path.stat().st_size == 0:
        raise IndexFileError("it is empty, so it is no index; remove it to start one there, or name another with --db")
    schema.check_header(path)


def lock_file(path: Path) -> Path:
    """Return the file beside an index that `alone` locks; makes it, with an index's permissions.

    It is one file however an index is reached: a link to it leads to the same.
    """
    lock = Path(f"{os.path.realpath(path)}.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    return lock


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database, which must exist."""
    address = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def set_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Let readers and one writer work at once, where all of them share memory; be slower and safe elsewhere."""
    shared = filesystems.network(path) is None
    connection.execute(f"PRAGMA journal_mode = {'WAL' if shared else 'DELETE'}")
    connection.execute("PRAGMA synchronous = FULL")  # what was stored survives a power cut


def take_lock(connection: sqlite3.Connection, statement: str, seconds: float, waiting: Callable[[], object]) -> None:
    """Execute a statement that takes a lock, for up to so many seconds; calls `waiting` once if it is not free."""
    end, told = time.monotonic() + seconds, False
    connection.execute(f"PRAGMA busy_timeout = {1000 * min(seconds, NOTICE_SECONDS):.0f}")
    try:
        while True:
            try:
                connection.execute(statement)
                return
            except sqlite3.OperationalError as e:
                if not is_busy(e) or time.monotonic() >= end:
                    raise
            if not told:
                waiting()
                told = True
    finally:
        connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS:.0f}")


def is_busy(e: sqlite3.OperationalError) -> bool:
    """Return whether another connection holds the lock that was asked for."""
    return error_code(e) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_without_room(e: sqlite3.OperationalError, path: Path) -> bool:
    """Return whether an error that does not say so comes of a full disk: even readers need a small file beside it."""
    if error_code(e) & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    import shutil  # here, because it is slow to load and seldom needed

    with suppress(OSError):
        return shutil.disk_usage(path.parent).free < NEEDED_BYTES
    return False


def error_code(e: sqlite3.Error) -> int:
    """Return SQLite's code of an error; what Python's own layer raises has none."""
    return getattr(e, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
