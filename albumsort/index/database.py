"""The index while it is open: transactions, locks, errors in plain words."""

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
    error_code,
    identity,
    is_busy,
    is_without_room,
    lock_file,
    make,
    set_journal,
    take_lock,
)


class Database:
    """An open index. Opening brings an older database up to date, and keeps a copy of what it was beside it."""

    def __init__(
        self, path: Path, *, create: bool = False, tell: Callable[[str], object] = lambda message: None
    ) -> None:
        """Open the database; raises IndexFileError if it is absent (unless `create`), damaged or not ours.

        A new one is readable by its owner only. `tell` is called with what a person should know: that
        another process is waited for, that the index was upgraded, that it lies where locks are unsure.
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
            self.connection = connect(path, "rw")
        try:
            self._upgrade()
            with self.explained():
                self.connection.execute("PRAGMA foreign_keys = ON")
                self.connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is not left in the file
                set_journal(self.connection, path)
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
        with self.transaction():
            copy = schema.upgrade(self.connection, Path(os.path.realpath(self.path)))
        with self.explained():  # so that an older albumsort sees the new version in the file itself
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if copy is not None:
            self.tell(f"The index {self.path} was upgraded to version {schema.newest()}; as it was, it is in {copy}")

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, with the file and what to do."""
        try:
            yield
        except IndexFileError as e:
            raise IndexFileError(f"cannot use {self.path}: {e}") from e
        except sqlite3.OperationalError as e:
            if is_busy(e):
                why = "another albumsort is writing to it; try again when that one is done"
            elif error_code(e) == sqlite3.SQLITE_FULL or is_without_room(e, self.path):
                why = "the disk is full; make room and run index again, it goes on where it stopped"
            elif error_code(e) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                why = f"{e}. Is it on a read-only disk? Copy it elsewhere and name the copy with --db"
            else:
                why = str(e)
            raise IndexFileError(f"cannot use {self.path}: {why}") from e
        except sqlite3.DatabaseError as e:
            raise IndexFileError(
                f"cannot use {self.path}: {e}. It is damaged or no index; it was left as it is. Move it away, and what "
                "begins with its name beside it, to start a new index, or name another file with --db"
            ) from e

    # writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is saved inside appear whole or not at all."""
        with self.explained():
            if identity(self.path) != self._identity:  # whatever is written now would be lost, or in another's way
                raise IndexFileError("it was moved, deleted or replaced meanwhile; run the command again")
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
        """Hold the right to bring the index up to date, which one process at a time may have; waits for it.

        The lock is SQLite's own, on an empty file beside the index: the system lifts it when its holder
        ends, however it ends. Queries and `forget` need no such right.
        """
        with self.explained():
            try:
                lock = connect(lock_file(self.path), "rw")
            except OSError as e:
                raise IndexFileError(f"its lock file {self.path}.lock cannot be made: {e.strerror}") from e
        with closing(lock):
            with self.explained():
                try:
                    take_lock(
                        lock,
                        "BEGIN EXCLUSIVE",
                        math.inf,
                        lambda: self.tell(f"Another albumsort is indexing into {self.path}; waiting until it is done"),
                    )
                except sqlite3.DatabaseError as e:
                    if error_code(e) != sqlite3.SQLITE_NOTADB:
                        raise
                    raise IndexFileError(f"{self.path}.lock beside it is no lock of albumsort's; move that away") from e
            yield

    @property
    def writer(self) -> sqlite3.Connection:
        """The connection, for what writes to the index: outside `transaction`, each statement would be stored alone."""
        if not self.connection.in_transaction:
            raise RuntimeError("this writes to the index, so it must be called inside Database.transaction()")
        return self.connection

    # comparing an album with what is known; what is met and what is absent waits in temporary tables, which
    # SQLite keeps on the disk when they are large, and which nobody else sees

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Make one transaction of what is inside; it takes no lock on the index but a reader's, where that is read.

        As many changes to temporary tables need, or queries that are to see the same moment.
        """
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:  # SQLite ends it itself where the disk is full
                self.connection.execute("COMMIT")

    # reading

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let several queries see the index as it is now, whatever others write meanwhile."""
        with self.explained(), self.deferred():
            yield

    # the shares of albums

    def integrity(self) -> str:
        """Return SQLite's own verdict: "ok" or the first of what is wrong."""
        with self.explained():
            return str(self.connection.execute("PRAGMA integrity_check").fetchone()[0])

    def dangling(self) -> int:
        """Count the rows that refer to rows which are not there."""
        with self.explained():
            return len(self.connection.execute("PRAGMA foreign_key_check").fetchall())

    def version(self) -> int:
        """Return the version of the database's schema."""
        with self.explained():
            return schema.version(self.connection)

    def journal(self) -> str:
        """Return how SQLite keeps transactions whole in this database."""
        with self.explained():
            return str(self.connection.execute("PRAGMA journal_mode").fetchone()[0])
