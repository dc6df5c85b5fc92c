"""The open index: transactions, locks, and readable error messages."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..disk import filesystems
from ..errors import IndexFileError
from . import schema
from .opening import (
    BUSY_SECONDS,
    check,
    connect,
    connect_as_allowed,
    error_code,
    identity,
    is_busy,
    is_without_room,
    lock_file,
    make,
    take_lock,
)

_READ_ONLY = "it can only be read: its disk, folder or file is read-only. Copy it elsewhere and name the copy with --db"


class Database:
    """An open index. Opening an older one upgrades it, and keeps a copy of the old version beside it."""

    def __init__(
        self, path: Path, *, create: bool = False, tell: Callable[[str], object] = lambda message: None
    ) -> None:
        """Open the database; raises IndexFileError if it is absent (unless `create`), damaged or not an index.

        An index on a read-only disk can be read, but not with `create`, and not if it is of an older version.
        Only its owner can read a new index. `tell` is called with messages for the user: waiting for another process,
        the index was upgraded, or it lies on a network file system, where locks are unreliable.
        """
        self.path, self.tell = path, tell
        with self.explained():
            try:
                if create and not os.path.lexists(path):
                    make(path)
                check(path)
                self._identity = identity(path)
            except OSError as e:
                raise IndexFileError(f"{e.strerror}; name another file with --db") from e
            self.connection, self.is_writable = connect_as_allowed(path)
        try:
            if create:
                self._check_writable()
            self._upgrade()
            with self.explained():
                self.connection.execute("PRAGMA foreign_keys = ON")
                self.connection.execute("PRAGMA secure_delete = ON")  # removed data is overwritten in the file
        except BaseException:
            self.connection.close()
            raise
        if create and (kind := filesystems.network(path)):
            tell(
                f"The index {path} lies on a network file system ({kind}): use it from one machine at a time, "
                "or keep it on a local disk with --db"
            )

    def _upgrade(self) -> None:
        with self.explained():
            if schema.version(self.connection) == schema.newest():
                return
            if not self.is_writable:
                raise IndexFileError(f"it is of an older version and must be upgraded first, but {_READ_ONLY}")
        with self.transaction():
            copy = schema.upgrade(self.connection, Path(os.path.realpath(self.path)))
        with self.explained():  # writes the new version into the main file, where an older albumsort looks for it
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if copy is not None:
            self.tell(f"The index {self.path} was upgraded to version {schema.newest()}; the old version is {copy}")

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite errors into IndexFileError, with the file and what to do."""
        try:
            yield
        except IndexFileError as e:
            raise IndexFileError(f"cannot use {self.path}: {e}") from e
        except sqlite3.OperationalError as e:
            if is_busy(e):
                why = "another albumsort is writing to it; try again when that one has finished"
            elif error_code(e) == sqlite3.SQLITE_FULL or is_without_room(e, self.path):
                why = "the disk is full; free some space and run index again, it resumes where it stopped"
            elif error_code(e) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                why = f"{e}. Is it on a read-only disk? Copy it elsewhere and name the copy with --db"
            else:
                why = str(e)
            raise IndexFileError(f"cannot use {self.path}: {why}") from e
        except sqlite3.ProgrammingError as e:  # an error of the caller: it is closed, or used in another thread
            raise IndexFileError(f"cannot use {self.path}: {e}") from e
        except sqlite3.DatabaseError as e:
            raise IndexFileError(
                f"cannot use {self.path}: {e}. It is damaged or not an index; it was not changed. To start a new "
                "index, move it away, with the files beside it whose names begin with its name, "
                "or name another file with --db"
            ) from e

    # writing

    def _check_writable(self) -> None:
        with self.explained():
            if not self.is_writable:
                raise IndexFileError(_READ_ONLY)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside atomic."""
        self._check_writable()
        with self.explained():
            if identity(self.path) != self._identity:  # writes would be lost, or would damage the new file
                raise IndexFileError("it was moved, deleted or replaced during this run; run the command again")
            take_lock(
                self.connection,
                "BEGIN IMMEDIATE",
                BUSY_SECONDS,
                lambda: self.tell(f"Another program is writing to {self.path}; waiting up to {BUSY_SECONDS:.0f} s"),
            )
            try:
                yield
                self.connection.commit()
            except BaseException:
                self.connection.rollback()
                raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock for updating the index, which one process at a time can have; waits until it is free.

        It is an SQLite lock on an empty file beside the index, so the system releases it when the process ends, even
        after a crash. Queries and `forget` do not need it.
        """
        with self.explained():
            try:
                lock = connect(lock_file(self.path), "rw")
            except OSError as e:
                raise IndexFileError(f"its lock file {self.path}.lock cannot be created: {e.strerror}") from e
        with closing(lock):
            with self.explained():
                try:
                    take_lock(
                        lock,
                        "BEGIN EXCLUSIVE",
                        math.inf,
                        lambda: self.tell(f"Another albumsort is updating {self.path}; waiting until it has finished"),
                    )
                except sqlite3.DatabaseError as e:
                    if error_code(e) != sqlite3.SQLITE_NOTADB:
                        raise
                    raise IndexFileError(f"{self.path}.lock is not a lock file of albumsort; move it away") from e
            yield

    @property
    def writer(self) -> sqlite3.Connection:
        """The connection for writing; raises RuntimeError outside `transaction`, where each statement would commit."""
        if not self.connection.in_transaction:
            raise RuntimeError("this writes to the index, so it must be called inside Database.transaction()")
        return self.connection

    # reading

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Run the statements inside as one transaction, which locks the index at most for reading.

        Use it for many changes to temporary tables, or for queries that must see the same state.
        """
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:  # SQLite ends it itself if the disk is full
                self.connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all queries inside see the current state of the index, even if other processes write to it."""
        with self.explained(), self.deferred():
            yield

    # checks

    def integrity(self) -> str:
        """Return the result of SQLite's integrity check: "ok" or the first error."""
        with self.explained():
            return str(self.connection.execute("PRAGMA integrity_check").fetchone()[0])

    def dangling(self) -> int:
        """Count the rows that refer to a row that does not exist."""
        with self.explained():
            return len(self.connection.execute("PRAGMA foreign_key_check").fetchall())

    def version(self) -> int:
        """Return the version of the database's schema."""
        with self.explained():
            return schema.version(self.connection)

    def journal(self) -> str:
        """Return SQLite's journal mode for this database."""
        with self.explained():
            return str(self.connection.execute("PRAGMA journal_mode").fetchone()[0])
