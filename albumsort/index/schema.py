"""The version of the database, and its upgrade: each migration is applied once, in one transaction with its version."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ..errors import IndexFileError
from .migrations import MIGRATIONS

APPLICATION_ID = 0x616C6273  # "albs": marks a database as an albumsort index

MAGIC = b"SQLite format 3\0"
HEADER = struct.Struct(">16s44xi4xi28x")  # SQLite's file header: magic, user_version and application_id

HERE, GONE, EXCLUDED = 0, 1, 2
"""The values of photos.missing. Only photos that are HERE are listed. EXCLUDED ones exist, but `index` skips them."""


def version(connection: sqlite3.Connection) -> int:
    """Return a database's version; raises IndexFileError if it is another program's or a newer albumsort's."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return _ours(found, connection.execute("PRAGMA application_id").fetchone()[0])


def check_header(path: Path) -> None:
    """Raise IndexFileError if a file has no header of an albumsort index; changes and locks nothing.

    SQLite recovers any database that it opens after a crash, so another program's database must not be opened.
    Therefore the header is read from the file (https://www.sqlite.org/fileformat2.html#the_database_header). It is
    valid even while another process writes the pages after it.
    """
    with path.open("rb") as file:
        header = file.read(HEADER.size)
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise IndexFileError("it is not a database; move it away, or name another file with --db")
    _, found, application = HEADER.unpack(header)
    _ours(found, application)


def is_in_wal_mode(path: Path) -> bool:
    """Return whether SQLite needs log files beside this database even to read it."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\2\2"


def _ours(found: int, application: int) -> int:
    if application != APPLICATION_ID:
        raise IndexFileError("it is the database of another program and was not changed; name another file with --db")
    if found > len(MIGRATIONS):
        raise IndexFileError("it was written by a newer albumsort; update this one")
    return found


def newest() -> int:
    """Return the version after all migrations."""
    return len(MIGRATIONS)


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in an empty database, inside the caller's transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _apply(connection, 0)


def upgrade(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Upgrade the database at `path` to the newest version, inside the caller's write transaction.

    Returns the path of a copy of the old version, or None if another process upgraded it first.
    """
    before = version(connection)  # read again, now under the lock
    if before == newest():
        return None
    copy = _back_up(path, before)
    try:
        _apply(connection, before)
    except BaseException:
        copy.unlink()
        raise
    return copy


def _apply(connection: sqlite3.Connection, before: int) -> None:
    for _, statements in MIGRATIONS[before:]:
        for statement in _split(statements):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {newest()}")


def _back_up(path: Path, before: int) -> Path:
    """Copy a database beside itself, under a free name; no other process may write to it."""
    copy = _new_file(path, before)
    try:
        # a new connection, because SQLite cannot back up through one that is in a write transaction
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except BaseException:
        copy.unlink()
        raise
    return copy


def _new_file(path: Path, before: int) -> Path:
    """Create the file for a copy, readable only by its owner."""
    copy, number = Path(f"{path}.version-{before}.backup"), 1
    while True:
        try:
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            return copy
        except FileExistsError:
            number += 1
            copy = Path(f"{path}.version-{before}-{number}.backup")
        except OSError as e:
            raise IndexFileError(f"it must be copied to {copy} before the upgrade, but: {e.strerror}") from e


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one, because `executescript` would commit before the first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
