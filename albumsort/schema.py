"""The database's migrations: append-only, each applied once, with its version, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from .errors import IndexFileError

APPLICATION_ID = 0x616C6273  # "albs": tells our databases from everybody else's

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "photos, what their bytes show, and the faces",
        """
        -- folders that were indexed: nothing is ever written into them
        CREATE TABLE roots (path BLOB PRIMARY KEY) WITHOUT ROWID;

        -- what some bytes show, once for all files that hold them
        CREATE TABLE contents (
            id INTEGER PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,    -- xxh3_128 of the file
            settings TEXT NOT NULL,         -- weights and method that made the result
            width INTEGER NOT NULL,         -- upright pixels
            height INTEGER NOT NULL,
            taken_at TEXT                   -- UTC, ISO 8601
        );

        -- boxes and landmarks in upright full-size pixels, probabilities 0-1
        CREATE TABLE faces (
            content INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
            landmarks TEXT NOT NULL,        -- JSON, five [x, y]
            detection REAL NOT NULL,
            label TEXT NOT NULL,
            anger REAL NOT NULL, happy REAL NOT NULL, sad REAL NOT NULL, neutral REAL NOT NULL,
            surprise REAL NOT NULL, fear REAL NOT NULL, disgust REAL NOT NULL,
            PRIMARY KEY (content, number)
        ) WITHOUT ROWID;

        -- files; either content or error is set
        CREATE TABLE photos (
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,      -- the bytes the file system gave, which need not be UTF-8
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            content INTEGER REFERENCES contents (id),
            error TEXT,
            error_settings TEXT,
            missing INTEGER NOT NULL DEFAULT 0,
            CHECK ((content IS NULL) <> (error IS NULL))
        );
        CREATE INDEX photos_by_content ON photos (content);
        """,
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version; raises IndexFileError if it is not ours or from the future."""
    connection.execute("BEGIN")  # one look: another process may be migrating at this moment
    try:
        version = _version(connection)
    finally:
        connection.rollback()
    if version == len(MIGRATIONS):
        return
    # the version is read again under the lock: another process may have migrated meanwhile
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        for number, (_, statements) in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in _split(statements):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if owner != APPLICATION_ID and not empty:
        raise IndexFileError("it is the database of another program")
    if version > len(MIGRATIONS):
        raise IndexFileError("it was written by a newer albumsort; update this one")
    return version


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one: `executescript` would commit before the first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
