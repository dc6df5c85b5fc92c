"""The database's migrations: append-only, each applied once, with its version, in one transaction."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ..errors import IndexFileError

APPLICATION_ID = 0x616C6273  # "albs": tells our databases from everybody else's

MAGIC = b"SQLite format 3\0"
HEADER = struct.Struct(">16s44xi4xi28x")  # of a database: its magic, user_version and application_id

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
    (
        "the faces as the classifier saw them, and apart what found and what classified them",
        """
        -- what is from before has no crops, and no settings that are ever current: it is analysed anew
        ALTER TABLE contents RENAME COLUMN settings TO found_with;
        ALTER TABLE contents ADD COLUMN classified_with TEXT NOT NULL DEFAULT '';

        -- all faces of a content in the order of their numbers, packed by faces.py; apart, so that no query reads it
        CREATE TABLE crops (
            content INTEGER PRIMARY KEY REFERENCES contents (id) ON DELETE CASCADE,
            pixels BLOB NOT NULL
        );
        """,
    ),
    (
        "size and sharpness of each face, so that queries can leave faces out",
        """
        ALTER TABLE faces ADD COLUMN size REAL NOT NULL DEFAULT 0;  -- longer side over the photo's shorter one
        ALTER TABLE faces ADD COLUMN sharpness REAL;                -- 0-1; NULL where it was never measured
        UPDATE faces SET size = (SELECT max(faces.w, faces.h) / min(c.width, c.height)
            FROM contents c WHERE c.id = faces.content);
        """,
    ),
    (
        "what makes the answers about a million photos quick",
        """
        -- the best of an emotion, from the top down
        CREATE INDEX faces_by_anger ON faces (anger);
        CREATE INDEX faces_by_happy ON faces (happy);
        CREATE INDEX faces_by_sad ON faces (sad);
        CREATE INDEX faces_by_neutral ON faces (neutral);
        CREATE INDEX faces_by_surprise ON faces (surprise);
        CREATE INDEX faces_by_fear ON faces (fear);
        CREATE INDEX faces_by_disgust ON faces (disgust);
        CREATE INDEX contents_by_time ON contents (taken_at);
        -- only a file of the same size can be a copy
        CREATE INDEX photos_by_size ON photos (size);
        CREATE INDEX photos_that_failed ON photos (path) WHERE error IS NOT NULL;
        CREATE INDEX photos_that_are_missing ON photos (path) WHERE missing = 1;
        """,
    ),
    (
        "labels by the shares of the album: what the classifier says of nothing and of eyes, and the shares",
        """
        -- a label depends on the album, so none is stored; made anew, as SQLite before 3.35 drops no column
        CREATE TABLE judged_faces (
            content INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
            landmarks TEXT NOT NULL,        -- JSON, five [x, y]
            detection REAL NOT NULL,
            size REAL NOT NULL,             -- longer side over the photo's shorter one
            sharpness REAL,                 -- 0-1; NULL where it was never measured
            anger REAL NOT NULL, happy REAL NOT NULL, sad REAL NOT NULL, neutral REAL NOT NULL,
            surprise REAL NOT NULL, fear REAL NOT NULL, disgust REAL NOT NULL,
            "nothing" REAL,                 -- that a viewer would name none of the seven; NULL where it was never asked
            eyes REAL,                      -- that they are open; NULL where they are not to be seen, or never asked
            PRIMARY KEY (content, number)
        ) WITHOUT ROWID;
        INSERT INTO judged_faces (content, number, x, y, w, h, landmarks, detection, size, sharpness,
                anger, happy, sad, neutral, surprise, fear, disgust)
            SELECT content, number, x, y, w, h, landmarks, detection, size, sharpness,
                anger, happy, sad, neutral, surprise, fear, disgust FROM faces ORDER BY content, number;
        DROP TABLE faces;
        ALTER TABLE judged_faces RENAME TO faces;
        CREATE INDEX faces_by_anger ON faces (anger);
        CREATE INDEX faces_by_happy ON faces (happy);
        CREATE INDEX faces_by_sad ON faces (sad);
        CREATE INDEX faces_by_neutral ON faces (neutral);
        CREATE INDEX faces_by_surprise ON faces (surprise);
        CREATE INDEX faces_by_fear ON faces (fear);
        CREATE INDEX faces_by_disgust ON faces (disgust);

        -- whether anything is of an older method
        CREATE INDEX contents_by_finding ON contents (found_with);
        CREATE INDEX contents_by_classifying ON contents (classified_with);

        -- shares are JSON, by the names of the emotions and of nothing; they sum to 1.
        -- among ordinary faces, as the classifier of this index has them; one row
        CREATE TABLE natural_shares (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            shares TEXT NOT NULL,
            due INTEGER NOT NULL            -- whether albums changed since their shares were estimated
        );
        CREATE TABLE album_shares (
            root BLOB PRIMARY KEY REFERENCES roots (path) ON DELETE CASCADE,
            faces INTEGER NOT NULL,         -- from how many they were estimated
            shares TEXT NOT NULL
        ) WITHOUT ROWID;
        """,
    ),
)


def version(connection: sqlite3.Connection) -> int:
    """Return a database's version; raises IndexFileError if it is another program's or from the future."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return _ours(found, connection.execute("PRAGMA application_id").fetchone()[0])


def check_header(path: Path) -> None:
    """Raise IndexFileError unless a file begins as a database of ours does; changes and locks nothing.

    SQLite would tidy up after whoever crashed, in any database that it opens, so what is not ours must not be
    opened. The header is read as it lies there (https://www.sqlite.org/fileformat2.html#the_database_header):
    it is whole even while another process is writing the pages behind it.
    """
    with path.open("rb") as file:
        header = file.read(HEADER.size)
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise IndexFileError("it is no database; move it away, or name another file with --db")
    _, found, application = HEADER.unpack(header)
    _ours(found, application)


def _ours(found: int, application: int) -> int:
    if application != APPLICATION_ID:
        raise IndexFileError("it is the database of another program; it was left as it is")
    if found > len(MIGRATIONS):
        raise IndexFileError("it was written by a newer albumsort; update this one")
    return found


def newest() -> int:
    """Return the version that migrations lead to."""
    return len(MIGRATIONS)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database; inside a transaction of the caller's."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _apply(connection, 0)


def upgrade(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Bring the database at `path` to the newest version; inside a write transaction of the caller's.

    Returns where a copy of what it was lies, or None if another process was quicker.
    """
    before = version(connection)  # again: this time under the lock
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
    """Copy a database beside itself, under a name that is free; nobody else may be writing to it."""
    copy = _new_file(path, before)
    try:
        # a connection of its own: SQLite copies nothing through one that is in a write transaction
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except BaseException:
        copy.unlink()
        raise
    return copy


def _new_file(path: Path, before: int) -> Path:
    """Make the file of a copy, readable by its owner only."""
    copy, number = Path(f"{path}.version-{before}.backup"), 1
    while True:
        try:
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            return copy
        except FileExistsError:
            number += 1
            copy = Path(f"{path}.version-{before}-{number}.backup")
        except OSError as e:
            raise IndexFileError(f"before it is upgraded it must be copied to {copy}, but: {e.strerror}") from e


def _split(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one: `executescript` would commit before the first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
