"""The SQLite index: save, forget, query. All SQL of albumsort is here, in label_sql.py and in schema.py."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import time
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from . import schema
from .choosing.labels import Album, AlbumRules, LabelRule
from .disk import filesystems
from .errors import IndexFileError
from .label_sql import NOTHING, below, count_labels, inside
from .query import USUAL, By, Counted, Filters
from .types import (
    ANSWERS,
    READABLE,
    THRESHOLD,
    Analysis,
    Box,
    Emotion,
    Expression,
    Face,
    Photo,
    PhotoFile,
    Settings,
    Shares,
    named_shares,
    shares_from,
)

BUSY_SECONDS = 30.0
"""How long another program's transaction is waited for."""
NOTICE_SECONDS = 0.2
"""How long that goes without saying, and how often a Ctrl-C is looked for."""
MET_AT_ONCE = 10_000
"""Files that are in memory at once while an album is compared."""
_COMPARED = {
    "met": "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER",
    "todo": "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER",
    "absent": "path BLOB PRIMARY KEY",
    "fresh": "size INTEGER, digest TEXT, PRIMARY KEY (size, digest)",
}
LOGS = "-wal", "-journal"
"""What SQLite appends to a database's name for the files that hold what is not in it yet."""
NEEDED_BYTES = 1 << 16
"""What even a reader of an index needs on its disk."""
LOOKED_AT = 5_000
"""Photos after which a search from the highest score down is given up."""
EVEN: Shares = {answer: 1 / len(ANSWERS) for answer in ANSWERS}
"""Natural shares until those are stored: until then no face has an answer of nothing, and any shares will do."""
ALL_BITS = (1 << 32) - 1
GOLDEN = 2654435769
"""2**32 over the golden ratio: its multiples, cut to 32 bits, are spread evenly, even those by every n-th number."""


class _PhotoRow(NamedTuple):
    """What is selected of a photo, in the order of OF_PHOTO."""

    path: bytes
    width: int
    height: int
    taken_at: str | None
    digest: str
    content: int


class _ScoredRow(NamedTuple):
    """A photo among the best."""

    photo: _PhotoRow
    score: float


class _FaceRow(NamedTuple):
    """What is stored of a face, but for whose it is; these are the columns' names."""

    x: float
    y: float
    w: float
    h: float
    landmarks: str
    detection: float
    size: float
    sharpness: float | None
    anger: float
    happy: float
    sad: float
    neutral: float
    surprise: float
    fear: float
    disgust: float
    nothing: float | None
    eyes: float | None


OF_PHOTO = ", ".join(f"{'p' if column in ('path', 'content') else 'c'}.{column}" for column in _PhotoRow._fields)
OF_FACE = ", ".join(f'f."{column}"' for column in _FaceRow._fields)
_path = itemgetter(_PhotoRow._fields.index("path"))
"""Return the path of what was selected as OF_PHOTO and more."""
_probabilities = attrgetter(*Emotion)


class Unclassified(NamedTuple):
    """What is to be classified again: a content, how many faces it has, and their packed crops."""

    content: int
    faces: int
    crops: bytes


@dataclass(frozen=True)
class Comparison:
    """How what was met in an album compares with the index.

    todo: how many files are new, changed, or to be analysed by today's method; outdated: how many of them only for the
    method. unchanged, failing: as they were; back: of those, what was missing before.
    """

    todo: int
    outdated: int
    unchanged: int
    failing: list[tuple[Path, str]]
    back: list[Path]


@dataclass(frozen=True)
class Stats:
    """Counts over the whole index.

    labels: photos by the label of their largest face; unlabelled: those whose largest face has none. albums: the roots
    with known shares.
    """

    photos: int
    faces: int
    labels: Mapping[Emotion, int]
    unlabelled: int
    without_face: int
    failed: int
    missing: int
    roots: tuple[Path, ...]
    albums: tuple[Album, ...]


class Index:
    """An open index. Opening brings an older database up to date, and keeps a copy of what it was beside it."""

    def __init__(
        self, path: Path, *, create: bool = False, tell: Callable[[str], object] = lambda message: None
    ) -> None:
        """Open the database; raises IndexFileError if it is absent (unless `create`), damaged or not ours.

        A new one is readable by its owner only. `tell` is called with what a person should know: that
        another process is waited for, that the index was upgraded, that it lies where locks are unsure.
        """
        self.path, self._tell = path, tell
        with self._explained():
            try:
                if create and not os.path.lexists(path):
                    _make(path)
                _check(path)
                self._identity = _identity(path)
            except OSError as e:
                raise IndexFileError(f"{e.strerror}; name another file with --db") from e
            self._connection = _connect(path, "rw")
        try:
            self._upgrade()
            with self._explained():
                self._connection.execute("PRAGMA foreign_keys = ON")
                self._connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is not left in the file
                _set_journal(self._connection, path)
        except BaseException:
            self._connection.close()
            raise
        if create and (kind := filesystems.network(path)):
            tell(
                f"The index {path} lies on a network file system ({kind}): use it from one machine at a time, "
                "or keep it on a local disk with --db"
            )

    def _upgrade(self) -> None:
        with self._explained():
            if schema.version(self._connection) == schema.newest():
                return
        with self.transaction():
            copy = schema.upgrade(self._connection, Path(os.path.realpath(self.path)))
        with self._explained():  # so that an older albumsort sees the new version in the file itself
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if copy is not None:
            self._tell(f"The index {self.path} was upgraded to version {schema.newest()}; as it was, it is in {copy}")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, with the file and what to do."""
        try:
            yield
        except IndexFileError as e:
            raise IndexFileError(f"cannot use {self.path}: {e}") from e
        except sqlite3.OperationalError as e:
            if _is_busy(e):
                why = "another albumsort is writing to it; try again when that one is done"
            elif _code(e) == sqlite3.SQLITE_FULL or _is_without_room(e, self.path):
                why = "the disk is full; make room and run index again, it goes on where it stopped"
            elif _code(e) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
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
        with self._explained():
            if _identity(self.path) != self._identity:  # whatever is written now would be lost, or in another's way
                raise IndexFileError("it was moved, deleted or replaced meanwhile; run the command again")
            _take(
                self._connection,
                "BEGIN IMMEDIATE",
                BUSY_SECONDS,
                lambda: self._tell(f"Another program is writing to {self.path}; waiting up to {BUSY_SECONDS:.0f} s"),
            )
            try:
                yield
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the right to bring the index up to date, which one process at a time may have; waits for it.

        The lock is SQLite's own, on an empty file beside the index: the system lifts it when its holder
        ends, however it ends. Queries and `forget` need no such right.
        """
        with self._explained():
            try:
                lock = _connect(_lock_file(self.path), "rw")
            except OSError as e:
                raise IndexFileError(f"its lock file {self.path}.lock cannot be made: {e.strerror}") from e
        with closing(lock):
            with self._explained():
                try:
                    _take(
                        lock,
                        "BEGIN EXCLUSIVE",
                        math.inf,
                        lambda: self._tell(f"Another albumsort is indexing into {self.path}; waiting until it is done"),
                    )
                except sqlite3.DatabaseError as e:
                    if _code(e) != sqlite3.SQLITE_NOTADB:
                        raise
                    raise IndexFileError(f"{self.path}.lock beside it is no lock of albumsort's; move that away") from e
            yield

    @property
    def _writer(self) -> sqlite3.Connection:
        """The connection, for what writes to the index: outside `transaction`, each statement would be stored alone."""
        if not self._connection.in_transaction:
            raise RuntimeError("this writes to the index, so it must be called inside Index.transaction()")
        return self._connection

    def add_root(self, root: Path) -> None:
        """Remember a folder as an album, into which nothing may be written."""
        self._writer.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (os.fsencode(root),))

    def save_natural_shares(self, shares: Shares, due: bool) -> None:
        """Store the shares among ordinary faces that the classifier of what is stored from now on has.

        due: whether albums are about to change, so that their own shares must be estimated again.
        """
        self._writer.execute(
            "INSERT INTO natural_shares (id, shares, due) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE"
            " SET shares = ?1, due = max(due, ?2) WHERE shares <> ?1 OR due < ?2",
            (json.dumps(named_shares(shares)), due),
        )

    def save_albums(self, albums: Iterable[Album]) -> None:
        """Store the shares of all albums, but of those that were forgotten meanwhile."""
        self._writer.executemany(
            "INSERT OR REPLACE INTO album_shares (root, faces, shares)"
            " SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM roots WHERE path = ?1)",
            [(os.fsencode(a.root), a.faces, json.dumps(named_shares(a.shares))) for a in albums],
        )
        self._writer.execute("UPDATE natural_shares SET due = 0")

    def save(self, file: PhotoFile, analysis: Analysis, settings: Settings) -> None:
        """Store what a photo shows, in place of what was known of the same bytes and of the same path."""
        a = analysis
        self._writer.execute(
            "INSERT INTO contents (digest, found_with, classified_with, width, height, taken_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET found_with = excluded.found_with,"
            " classified_with = excluded.classified_with, width = excluded.width, height = excluded.height,"
            " taken_at = excluded.taken_at",
            (a.digest, settings.finding, settings.classifying, a.width, a.height, a.taken_at),
        )
        content = self._content(analysis.digest)
        self._writer.execute("DELETE FROM faces WHERE content = ?", (content,))
        columns = ", ".join(f'"{column}"' for column in _FaceRow._fields)
        self._writer.executemany(
            f"INSERT INTO faces (content, number, {columns}) VALUES (?, ?{', ?' * len(_FaceRow._fields)})",
            [(content, number, *_face_row(face)) for number, face in enumerate(analysis.faces)],
        )
        self._writer.execute("DELETE FROM crops WHERE content = ?", (content,))
        if analysis.crops:
            self._writer.execute("INSERT INTO crops (content, pixels) VALUES (?, ?)", (content, analysis.crops))
        self._save_photo(file, content, None, None)

    def save_known(self, file: PhotoFile, digest: str, moved_from: Path | None) -> None:
        """Store a path whose bytes are known (see `knows`); with `moved_from`, that path takes the new name."""
        if moved_from is not None:
            self._writer.execute("DELETE FROM photos WHERE path = ?", (os.fsencode(moved_from),))
        self._save_photo(file, self._content(digest), None, None)

    def save_expressions(self, content: int, expressions: Iterable[Expression], settings: Settings) -> None:
        """Store what all the faces of a content express, in their order (see `unclassified`)."""
        self._writer.executemany(
            f"UPDATE faces SET {', '.join(f'{e} = :{e}' for e in Emotion)}, {NOTHING} = :nothing, eyes = :eyes"
            " WHERE content = :content AND number = :number",
            [_expression_values(content, number, shown) for number, shown in enumerate(expressions)],
        )
        self._writer.execute("UPDATE contents SET classified_with = ? WHERE id = ?", (settings.classifying, content))

    def distrust(self, content: int) -> list[Path]:
        """Have a content analysed anew from its photos when they are met next; returns their paths."""
        self._writer.execute("UPDATE contents SET found_with = '' WHERE id = ?", (content,))
        self._writer.execute("DELETE FROM crops WHERE content = ?", (content,))  # or they are tried again
        rows = self._connection.execute("SELECT path FROM photos WHERE content = ? ORDER BY path", (content,))
        return [Path(os.fsdecode(path)) for (path,) in rows]

    def save_failure(self, file: PhotoFile, reason: str, settings: Settings) -> None:
        """Store that a photo cannot be analysed, and why."""
        self._save_photo(file, None, reason, settings.finding)

    def save_passing_failure(self, file: PhotoFile, reason: str) -> None:
        """Store that a photo could not be analysed this time; results it has stay, and it is tried again."""
        known = "SELECT 1 FROM photos WHERE path = ? AND content IS NOT NULL"
        if self._writer.execute(known, (os.fsencode(file.path),)).fetchone() is None:
            self._save_photo(file, None, reason, None)

    def mark_missing(self, paths: Iterable[Path]) -> int:
        """Mark files that are not there now; their results stay. Returns how many were not marked before."""
        return self._writer.executemany(
            "UPDATE photos SET missing = 1 WHERE path = ? AND missing = 0", ((os.fsencode(p),) for p in paths)
        ).rowcount

    def mark_present(self, paths: Iterable[Path]) -> None:
        """Take the mark off files that are back, unchanged."""
        self._writer.executemany("UPDATE photos SET missing = 0 WHERE path = ?", ((os.fsencode(p),) for p in paths))

    def forget(self, paths: Iterable[Path], roots: Iterable[Path] = ()) -> None:
        """Remove photos, what no other photo's bytes show, and albums."""
        self._writer.executemany("DELETE FROM roots WHERE path = ?", ((os.fsencode(r),) for r in roots))
        self._writer.executemany("DELETE FROM photos WHERE path = ?", ((os.fsencode(p),) for p in paths))
        self._writer.execute(
            "DELETE FROM contents WHERE NOT EXISTS (SELECT 1 FROM photos p WHERE p.content = contents.id)"
        )

    def _content(self, digest: str) -> int:
        return int(self._connection.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchone()[0])

    def _save_photo(self, file: PhotoFile, content: int | None, error: str | None, settings: str | None) -> None:
        self._writer.execute(
            "INSERT INTO photos (path, size, mtime_ns, content, error, error_settings) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " content = excluded.content, error = excluded.error, error_settings = excluded.error_settings,"
            " missing = 0",
            (os.fsencode(file.path), file.size, file.mtime_ns, content, error, settings),
        )

    # comparing an album with what is known; what is met and what is absent waits in temporary tables, which
    # SQLite keeps on the disk when they are large, and which nobody else sees

    def begin_comparison(self) -> None:
        """Forget what was met and noted in an earlier comparison."""
        with self._explained():
            for table, columns in _COMPARED.items():
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS temp.{table} ({columns}) WITHOUT ROWID")
                self._connection.execute(f"DELETE FROM temp.{table}")

    def meet(self, files: Iterable[PhotoFile]) -> int:
        """Note files that are there, each once however often it is met; returns how many were given."""
        given, rows = 0, ((os.fsencode(f.path), f.size, f.mtime_ns) for f in files)
        while batch := list(islice(rows, MET_AT_ONCE)):
            given += len(batch)
            with self._explained(), self._deferred():
                self._connection.executemany(
                    "INSERT OR IGNORE INTO temp.met (path, size, mtime_ns) VALUES (?, ?, ?)", batch
                )
        return given

    def count_known(self, root: Path) -> int:
        """Count the files known under a folder, or 1 for a file that is known."""
        where, values = _under(root)
        with self._explained():
            return int(self._connection.execute(f"SELECT count(*) FROM photos p WHERE {where}", values).fetchone()[0])

    def unmet(self, root: Path) -> Iterator[tuple[Path, bool]]:
        """Yield the known files under a folder that were not met, each with whether it was missing before."""
        where, values = _under(root)
        with self._explained():
            for path, missing in self._connection.execute(
                f"SELECT p.path, p.missing FROM photos p WHERE {where}"
                " AND NOT EXISTS (SELECT 1 FROM temp.met m WHERE m.path = p.path)",
                values,
            ):
                yield Path(os.fsdecode(path)), bool(missing)

    def note_absent(self, paths: Iterable[Path]) -> None:
        """Note known files that are not there."""
        with self._explained(), self._deferred():
            self._connection.executemany(
                "INSERT OR IGNORE INTO temp.absent (path) VALUES (?)", ((os.fsencode(path),) for path in paths)
            )

    def compare(self, settings: Settings, everything: bool) -> Comparison:
        """Tell what of all that was met is to be analysed: what is new or changed, or `everything`."""
        unchanged = "p.size = m.size AND p.mtime_ns = m.mtime_ns AND coalesce(c.found_with, p.error_settings) = ?"
        one = self._connection.execute
        with self._explained():
            with self._deferred():
                one("DELETE FROM temp.todo")
                one(
                    "INSERT INTO temp.todo (path, size, mtime_ns) SELECT m.path, m.size, m.mtime_ns FROM temp.met m"
                    " LEFT JOIN photos p ON p.path = m.path LEFT JOIN contents c ON c.id = p.content"
                    f" WHERE ? OR ({unchanged}) IS NOT TRUE",
                    (everything, settings.finding),
                )
            same = (
                "FROM photos p CROSS JOIN temp.met m ON m.path = p.path LEFT JOIN contents c ON c.id = p.content"
                f" WHERE NOT ? AND ({unchanged})"
            )
            values = everything, settings.finding
            failing = one(f"SELECT p.path, p.error {same} AND p.error IS NOT NULL ORDER BY p.path", values).fetchall()
            back = one(f"SELECT p.path {same} AND p.missing = 1", values).fetchall()
            met, todo = one("SELECT (SELECT count(*) FROM temp.met), (SELECT count(*) FROM temp.todo)").fetchone()
            [outdated] = one(
                "SELECT count(*) FROM temp.todo t CROSS JOIN photos p ON p.path = t.path"
                " LEFT JOIN contents c ON c.id = p.content WHERE p.size = t.size AND p.mtime_ns = t.mtime_ns"
                " AND coalesce(c.found_with, p.error_settings) NOT IN (?, '')",  # '': distrusted
                (settings.finding,),
            ).fetchone()
        return Comparison(
            todo=todo,
            outdated=outdated,
            unchanged=met - todo - len(failing),
            failing=[(Path(os.fsdecode(path)), error) for path, error in failing],
            back=[Path(os.fsdecode(path)) for (path,) in back],
        )

    def todo(self) -> Iterator[PhotoFile]:
        """Yield the files that `compare` found are to be analysed, by path; others may write meanwhile."""
        last = b""
        while files := self._todo_after(last):
            yield from files
            last = os.fsencode(files[-1].path)

    def _todo_after(self, last: bytes) -> list[PhotoFile]:
        with self._explained():
            rows = self._connection.execute(
                "SELECT path, size, mtime_ns FROM temp.todo WHERE path > ? ORDER BY path LIMIT ?", (last, MET_AT_ONCE)
            ).fetchall()
        return [PhotoFile(Path(os.fsdecode(path)), size, mtime_ns) for path, size, mtime_ns in rows]

    def absent(self) -> Iterator[Path]:
        """Yield the files noted as absent."""
        for (path,) in self._connection.execute("SELECT path FROM temp.absent ORDER BY path"):
            yield Path(os.fsdecode(path))

    def count_absent(self) -> int:
        """Count the files noted as absent."""
        with self._explained():
            return int(self._connection.execute("SELECT count(*) FROM temp.absent").fetchone()[0])

    def take_absent(self, digest: str) -> Path | None:
        """Return an absent file whose bytes have this digest, if there is any, and note it as absent no more."""
        row = self._connection.execute(
            "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content JOIN temp.absent a ON a.path = p.path"
            " WHERE c.digest = ? ORDER BY p.path LIMIT 1",
            (digest,),
        ).fetchone()
        if row is None:
            return None
        [path] = row
        self._connection.execute("DELETE FROM temp.absent WHERE path = ?", (path,))
        return Path(os.fsdecode(path))

    def note_fresh(self, size: int, digest: str) -> None:
        """Note what was analysed since `begin_comparison`."""
        self._connection.execute("INSERT OR IGNORE INTO temp.fresh (size, digest) VALUES (?, ?)", (size, digest))

    def fresh(self, size: int) -> frozenset[str]:
        """Return the digests of this size that were noted as fresh."""
        with self._explained():
            rows = self._connection.execute("SELECT digest FROM temp.fresh WHERE size = ?", (size,)).fetchall()
        return frozenset(digest for (digest,) in rows)

    @contextmanager
    def _deferred(self) -> Iterator[None]:
        """Make one transaction of what is inside; it takes no lock on the index but a reader's, where that is read.

        As many changes to temporary tables need, or queries that are to see the same moment.
        """
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:  # SQLite ends it itself where the disk is full
                self._connection.execute("COMMIT")

    # reading

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Let several queries see the index as it is now, whatever others write meanwhile."""
        with self._explained(), self._deferred():
            yield

    def digests(self, size: int, settings: Settings) -> frozenset[str]:
        """Return the current digests of files of this size: only one of that size can be a moved or copied one."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT c.digest FROM photos p JOIN contents c ON c.id = p.content"
                " WHERE p.size = ? AND c.found_with = ?",
                (size, settings.finding),
            ).fetchall()
        return frozenset(digest for (digest,) in rows)

    def count_unclassified(self, settings: Settings) -> int:
        """Count what `unclassified` would return in all."""
        with self._explained():
            where, values = _unclassified(settings)
            return int(self._connection.execute(f"SELECT count(*) FROM contents c WHERE {where}", values).fetchone()[0])

    def count_outdated(self, settings: Settings) -> int:
        """Count the photos that were analysed by another method or detector, or whose faces were classified otherwise.

        Those of the first kind keep their results, judged again from what was stored of them, until `index` meets them.
        """
        # ranges, which an index serves: usually there is nothing in them; '' is what is distrusted, not older
        found = "found_with > '' AND found_with < ?1", "found_with > ?1"
        ranges = *found, "classified_with < ?2", "classified_with > ?2"
        older = " UNION ".join(f"SELECT id FROM contents WHERE {where}" for where in ranges)
        waiting = f"SELECT count(*) FROM photos p WHERE p.missing = 0 AND p.content IN ({older})"
        with self._explained():
            return int(self._connection.execute(waiting, (settings.finding, settings.classifying)).fetchone()[0])

    def unclassified(self, settings: Settings, after: int, limit: int) -> list[Unclassified]:
        """Return contents whose faces were classified otherwise than today and can be again, by their ids.

        Those with ids above `after`, at most `limit`.
        """
        where, values = _unclassified(settings)
        with self._explained():
            rows = self._connection.execute(
                "SELECT c.id, (SELECT count(*) FROM faces f WHERE f.content = c.id), coalesce(k.pixels, x'')"
                " FROM contents c LEFT JOIN crops k ON k.content = c.id"
                f" WHERE {where} AND c.id > ? ORDER BY c.id LIMIT ?",
                (*values, after, limit),
            ).fetchall()
        return [Unclassified(content, faces, crops) for content, faces, crops in rows]

    def detections(self, content: int) -> list[float]:
        """Return the detection score of each face of a content, in their order."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT detection FROM faces WHERE content = ? ORDER BY number", (content,)
            ).fetchall()
        return [detection for (detection,) in rows]

    def knows(self, digest: str) -> bool:
        """Return whether there is a result for bytes of this digest."""
        row = self._connection.execute("SELECT 1 FROM contents WHERE digest = ?", (digest,)).fetchone()
        return row is not None

    def knows_path(self, path: Path) -> bool:
        """Return whether a file is known."""
        with self._explained():
            row = self._connection.execute("SELECT 1 FROM photos WHERE path = ?", (os.fsencode(path),)).fetchone()
        return row is not None

    def paths_of(self, digest: str) -> list[Path]:
        """Return every path whose bytes have this digest."""
        rows = self._connection.execute(
            "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content WHERE c.digest = ? ORDER BY p.path",
            (digest,),
        )
        return [Path(os.fsdecode(path)) for (path,) in rows]

    def roots(self) -> tuple[Path, ...]:
        """Return the folders that were indexed."""
        with self._explained():
            rows = self._connection.execute("SELECT path FROM roots ORDER BY path").fetchall()
        return tuple(Path(os.fsdecode(path)) for (path,) in rows)

    def known_as(self, path: Path, soon: Iterable[Path] = ()) -> Path:
        """Return the name by which a file or folder is in one that was (or is soon) indexed, or its own.

        Links give it others: one to the folder above it, or one beside it. What a link inside such a folder leads
        to elsewhere is in it by the link's name; the name that it has there is not known here.
        """
        roots = [*self.roots(), *soon]
        if path in roots:
            return path
        real = Path(os.path.realpath(path)) if os.path.isdir(path) else Path(os.path.realpath(path.parent), path.name)
        by_name = [root for root in roots if path.is_relative_to(root)]
        for root in by_name or roots:
            there = os.path.realpath(root)
            if real.is_relative_to(there):
                return root / real.relative_to(there)
        return path

    def _where(self, filters: Filters) -> tuple[str, tuple[Any, ...]]:
        names = dict.fromkeys(name for folder in filters.folders for name in self._names(folder))
        return _where(replace(filters, folders=tuple(names)))

    def _names(self, folder: Path) -> Iterator[Path]:
        """Yield the names by which what a folder holds may be in the index: links may lead to it or into it."""
        yield folder
        yield self.known_as(folder)
        real = os.path.realpath(folder)
        yield from (root for root in self.roots() if Path(os.path.realpath(root)).is_relative_to(real))

    def albums(self) -> set[Path]:
        """Return the folders that were indexed, and those inside them that links lead to elsewhere."""
        roots = self.roots()
        folders = {folder for deepest in self.holding() for folder in (deepest, *deepest.parents)}
        inside = (folder for folder in folders if any(root in folder.parents for root in roots))
        return {*roots, *(folder for folder in inside if folder.is_symlink())}

    def holding(self) -> set[Path]:
        """Return the folders in which photos lie, those too of which only single photos were indexed."""
        return {path.parent for path in self.all_paths()}

    def best(self, emotion: Emotion, by: By, filters: Filters, least: float, limit: int) -> list[Photo]:
        """Return the photos of highest score (at least `least`), equal scores by path; all of them for -1."""
        score = {By.MAX: "max", By.MEAN: "avg", By.MIN: "min"}[by] + f"(f.{emotion})"
        with self._snapshot():
            rows = self._first(emotion, score, filters, least, limit) if 0 <= limit <= LOOKED_AT else None
            if rows is None:  # few photos, or very many: those that pass the filters, by whatever index leads to them
                where, values = self._where(filters)
                counted, least_face = _counted(filters.counted)
                dated = filters.since is not None or filters.until is not None
                joined = (
                    "contents c CROSS JOIN photos p" if dated and not filters.folders else "photos p JOIN contents c"
                )
                found = self._connection.execute(
                    f"SELECT {OF_PHOTO}, {score} AS score FROM {joined} ON c.id = p.content"
                    f" CROSS JOIN faces f ON f.content = c.id AND {counted} WHERE {where}"
                    " GROUP BY +p.id HAVING score >= ?"
                    " ORDER BY score DESC, p.path LIMIT ?",
                    (*least_face, *values, least, limit),
                ).fetchall()
                rows = [_scored(row) for row in found]
            rules = self._rules()
            photos = []
            for row in rows:
                path = Path(os.fsdecode(row.photo.path))
                faces = self._faces(row.photo.content, filters.counted, rules.of(path))
                photos.append(_photo(path, row.photo, faces, row.score, emotion))
            return photos

    def _first(
        self, emotion: Emotion, score: str, filters: Filters, least: float, limit: int
    ) -> list[_ScoredRow] | None:
        """Return the rows of `best`, looked for among the faces from the highest probability down.

        A photo's score is at most that of its best face, so the search ends where the faces fall below the
        scores that were found. Returns None if it leads too far, as it does if few photos pass the filters.
        """
        where, values = self._where(filters)
        counted, least_face = _counted(filters.counted)
        photo = (
            f"SELECT {OF_PHOTO}, (SELECT {score} FROM faces f WHERE f.content = c.id AND {counted}) AS score"
            f" FROM contents c JOIN photos p ON p.content = c.id WHERE c.id = ? AND score >= ? AND {where}"
        )
        found, met = list[_ScoredRow](), set[int]()
        faces = self._connection.execute(
            f"SELECT f.content, f.{emotion} FROM faces f WHERE f.{emotion} >= ? AND {counted}"
            f" ORDER BY f.{emotion} DESC",
            (least, *least_face),
        )
        for content, probability in faces:
            if len(found) >= limit and probability < found[limit - 1].score:
                break
            if content in met:
                continue
            if len(met) >= LOOKED_AT:
                return None
            met.add(content)
            for row in self._connection.execute(photo, (*least_face, content, least, *values)):
                insort(found, _scored(row), key=lambda row: (-row.score, row.photo.path))
        return found[:limit]

    def photos(self, filters: Filters) -> Iterator[Photo]:
        """Yield every analysed photo that is there, by path."""
        where, values = self._where(filters)
        counted, least = _counted(filters.counted)
        with self._explained():
            rules = self._rules()
            rows = self._connection.execute(
                f"SELECT {OF_PHOTO}, {OF_FACE} FROM photos p JOIN contents c ON c.id = p.content"
                f" LEFT JOIN faces f ON f.content = c.id AND {counted} WHERE {where} ORDER BY p.path, f.number",
                (*least, *values),
            )
            for _, lines in groupby(rows, key=_path):
                photo, faces = _photo_and_faces(list(lines))
                path = Path(os.fsdecode(photo.path))
                rule = rules.of(path)
                yield _photo(path, photo, tuple(_face(face, rule) for face in faces))

    def paths(self, filters: Filters) -> Iterator[Path]:
        """Yield the paths of `photos` alone, many times faster."""
        where, values = self._where(filters)
        with self._explained():
            for (path,) in self._connection.execute(
                f"SELECT p.path FROM photos p JOIN contents c ON c.id = p.content WHERE {where} ORDER BY p.path", values
            ):
                yield Path(os.fsdecode(path))

    def stats(self, counted: Counted = USUAL) -> Stats:
        """Count everything, missing photos included, but of the faces only those that count."""
        one = self._connection.execute
        where, least = _counted(counted)
        with self._snapshot():
            rules = self._rules()
            counts = dict(one(*count_labels(rules, (where, least))).fetchall())
            unlabelled = counts.pop(None, 0)
            labels = {Emotion(label): count for label, count in counts.items()}
            photos, failed, missing = one(
                "SELECT count(*), coalesce(sum(error IS NOT NULL), 0), coalesce(sum(missing), 0) FROM photos"
            ).fetchone()
            faces = one(
                f"SELECT count(*) FROM photos p JOIN faces f ON f.content = p.content WHERE {where}", least
            ).fetchone()[0]
            roots = self.roots()
        without_face = photos - failed - unlabelled - sum(labels.values())
        albums = tuple(sorted(rules.albums, key=lambda album: album.root))
        return Stats(photos, faces, labels, unlabelled, without_face, failed, missing, roots, albums)

    # the shares of albums

    def album_of(self, path: Path) -> Album | None:
        """Return the album with known shares that contains a path."""
        with self._snapshot():
            return self._rules().album_of(path)

    def _rules(self) -> AlbumRules:
        natural = self._connection.execute("SELECT shares FROM natural_shares").fetchone()
        albums = self._connection.execute("SELECT root, faces, shares FROM album_shares ORDER BY root").fetchall()
        return AlbumRules(
            shares_from(json.loads(natural[0])) if natural else EVEN,
            [Album(Path(os.fsdecode(root)), shares_from(json.loads(text)), faces) for root, faces, text in albums],
        )

    def shares_due(self) -> bool:
        """Return whether the shares of some album are yet to be estimated, or albums changed since they were."""
        with self._explained():
            [count] = self._connection.execute(
                "SELECT (SELECT count(*) FROM roots WHERE path NOT IN (SELECT root FROM album_shares))"
                " + (SELECT coalesce(sum(due), 0) FROM natural_shares)"
            ).fetchone()
        return bool(count)

    def sample(self, root: Path, most: int) -> list[tuple[float, ...]]:
        """Return probabilities and `nothing` of faces in an album, though not in an album inside it; at most `most`.

        They are those that count of photos that are there, and large enough to be read. Of more, they are spread evenly
        over the album.
        """
        one = self._connection.execute
        with self._snapshot():
            where, bounds = inside(root, self.roots())
            [photos] = one(f"SELECT count(*) FROM photos p WHERE {where}", bounds).fetchone()
            faces, contents = one("SELECT (SELECT count(*) FROM faces), (SELECT count(*) FROM contents)").fetchone()
            share = min(1.0, most * max(1, contents) / max(1, photos * faces))  # as if all photos had as many faces
            rows = one(
                f"SELECT {', '.join(f'f.{e}' for e in Emotion)}, coalesce(f.{NOTHING}, 0.0)"
                " FROM photos p CROSS JOIN faces f ON f.content = p.content"
                f" WHERE {where} AND (p.id * {GOLDEN}) & {ALL_BITS} <= ? AND p.missing = 0 AND f.detection >= ?"
                " AND max(f.w, f.h) >= ? ORDER BY p.path, f.number",
                (*bounds, int(share * ALL_BITS), THRESHOLD, READABLE),
            ).fetchall()
        return rows[:: max(1, math.ceil(len(rows) / most))]

    def missing(self) -> int:
        """Count the photos that were missing when they were last looked for."""
        with self._explained():
            return int(self._connection.execute("SELECT count(*) FROM photos WHERE missing = 1").fetchone()[0])

    def all_paths(self) -> Iterator[Path]:
        """Yield every path the index knows, failed and missing ones too."""
        with self._explained():
            for (path,) in self._connection.execute("SELECT path FROM photos ORDER BY path"):
                yield Path(os.fsdecode(path))

    def count_failures(self) -> int:
        """Count the photos that could not be analysed, as far as they were there when last looked for."""
        with self._explained():
            failed = "SELECT count(*) FROM photos WHERE error IS NOT NULL AND missing = 0"
            return int(self._connection.execute(failed).fetchone()[0])

    def failures(self) -> list[tuple[Path, str]]:
        """Return the photos that could not be analysed, with the reasons."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT path, error FROM photos WHERE error IS NOT NULL ORDER BY path"
            ).fetchall()
        return [(Path(os.fsdecode(path)), error) for path, error in rows]

    def integrity(self) -> str:
        """Return SQLite's own verdict: "ok" or the first of what is wrong."""
        with self._explained():
            return str(self._connection.execute("PRAGMA integrity_check").fetchone()[0])

    def dangling(self) -> int:
        """Count the rows that refer to rows which are not there."""
        with self._explained():
            return len(self._connection.execute("PRAGMA foreign_key_check").fetchall())

    def version(self) -> int:
        """Return the version of the database's schema."""
        with self._explained():
            return schema.version(self._connection)

    def journal(self) -> str:
        """Return how SQLite keeps transactions whole in this database."""
        with self._explained():
            return str(self._connection.execute("PRAGMA journal_mode").fetchone()[0])

    def _faces(self, content: int, counted: Counted, rule: LabelRule) -> tuple[Face, ...]:
        where, least = _counted(counted)
        rows = self._connection.execute(
            f"SELECT {OF_FACE} FROM faces f WHERE f.content = ? AND {where} ORDER BY f.number", (content, *least)
        )
        return tuple(_face(_FaceRow._make(row), rule) for row in rows)


def _make(path: Path) -> None:
    """Make a new index whole and only then give it its name, so that nobody ever meets half of one.

    It is readable by its owner only: it tells who is in the photos. What has the name already is left.
    """
    import tempfile  # here, because no query needs it

    _check_leftovers(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".albumsort-", dir=path.parent)
    os.close(handle)
    try:
        with closing(_connect(Path(name), "rw")) as connection:
            connection.execute("BEGIN")
            schema.create(connection)
            connection.execute("COMMIT")
            _set_journal(connection, path.parent)
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


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other that gets its name, or None if it is gone."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def _check(path: Path) -> None:
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


def _lock_file(path: Path) -> Path:
    """Return the file beside an index that `alone` locks; makes it, with an index's permissions.

    It is one file however an index is reached: a link to it leads to the same.
    """
    lock = Path(f"{os.path.realpath(path)}.lock")
    os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    return lock


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database, which must exist."""
    address = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _set_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Let readers and one writer work at once, where all of them share memory; be slower and safe elsewhere."""
    shared = filesystems.network(path) is None
    connection.execute(f"PRAGMA journal_mode = {'WAL' if shared else 'DELETE'}")
    connection.execute("PRAGMA synchronous = FULL")  # what was stored survives a power cut


def _take(connection: sqlite3.Connection, statement: str, seconds: float, waiting: Callable[[], object]) -> None:
    """Execute a statement that takes a lock, for up to so many seconds; calls `waiting` once if it is not free."""
    end, told = time.monotonic() + seconds, False
    connection.execute(f"PRAGMA busy_timeout = {1000 * min(seconds, NOTICE_SECONDS):.0f}")
    try:
        while True:
            try:
                connection.execute(statement)
                return
            except sqlite3.OperationalError as e:
                if not _is_busy(e) or time.monotonic() >= end:
                    raise
            if not told:
                waiting()
                told = True
    finally:
        connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS:.0f}")


def _is_busy(e: sqlite3.OperationalError) -> bool:
    return _code(e) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_without_room(e: sqlite3.OperationalError, path: Path) -> bool:
    """Return whether an error that does not say so comes of a full disk: even readers need a small file beside it."""
    if _code(e) & 0xFF not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    import shutil  # here, because it is slow to load and seldom needed

    with suppress(OSError):
        return shutil.disk_usage(path.parent).free < NEEDED_BYTES
    return False


def _code(e: sqlite3.Error) -> int:
    """Return SQLite's code of an error; what Python's own layer raises has none."""
    return getattr(e, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _unclassified(settings: Settings) -> tuple[str, tuple[str, ...]]:
    """SQL for "classified otherwise than today, shown by some photo, and with all that classifying needs".

    What was found by an older method is classified again, too, if its crops are there: its photos are analysed again
    when they are met, which may be long after.
    """
    shown = "EXISTS (SELECT 1 FROM photos p WHERE p.content = c.id)"
    stored = "(c.found_with = ? OR EXISTS (SELECT 1 FROM crops k WHERE k.content = c.id))"
    return f"c.classified_with <> ? AND {stored} AND {shown}", (settings.classifying, settings.finding)


def _under(folder: Path) -> tuple[str, tuple[bytes, ...]]:
    """SQL for "this path or anything below it"."""
    where, bounds = below(folder)
    return f"(p.path = ? OR ({where}))", (os.fsencode(folder), *bounds)


def _where(filters: Filters) -> tuple[str, tuple[Any, ...]]:
    parts, values = ["p.missing = 0"], list[Any]()
    if filters.since is not None:
        parts.append("c.taken_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        parts.append("c.taken_at <= ?")
        values.append(filters.until)
    if filters.folders:
        ranges = [_under(folder) for folder in filters.folders]
        parts.append("(" + " OR ".join(sql for sql, _ in ranges) + ")")
        values.extend(v for _, bounds in ranges for v in bounds)
    if filters.faces is not None:
        counted, least = _counted(filters.counted)
        parts.append(f"(SELECT count(*) FROM faces f WHERE f.content = c.id AND {counted}) BETWEEN ? AND ?")
        values.extend((*least, *filters.faces))
    return " AND ".join(parts), tuple(values)


def _counted(counted: Counted) -> tuple[str, tuple[float, ...]]:
    """SQL for "this face counts"."""
    return (
        "f.detection >= ? AND f.size >= ? AND coalesce(f.sharpness, 0) >= ?",
        (counted.detection, counted.size, counted.sharpness),
    )


def _face_row(face: Face) -> _FaceRow:
    box = face.box
    return _FaceRow(
        x=box.x,
        y=box.y,
        w=box.w,
        h=box.h,
        landmarks=json.dumps([[round(x, 2), round(y, 2)] for x, y in face.landmarks]),
        detection=face.detection,
        size=face.size,
        sharpness=face.sharpness,
        **{e.value: face.probabilities[e] for e in Emotion},
        nothing=face.nothing,
        eyes=face.eyes,
    )


def _expression_values(content: int, number: int, shown: Expression) -> dict[str, Any]:
    values: dict[str, Any] = {e.value: shown.probabilities[e] for e in Emotion}
    return {**values, "nothing": shown.nothing, "eyes": shown.eyes, "content": content, "number": number}


def _face(row: _FaceRow, rule: LabelRule) -> Face:
    """Return a face with the label that it has by this rule."""
    landmarks = tuple((float(x), float(y)) for x, y in json.loads(row.landmarks))
    box = Box(row.x, row.y, row.w, row.h)
    probabilities, nothing = dict(zip(Emotion, _probabilities(row), strict=True)), row.nothing or 0.0
    label, sure = rule.label(probabilities, nothing)
    return Face(box, landmarks, row.detection, row.size, row.sharpness, probabilities, nothing, row.eyes, label, sure)


def _scored(row: tuple[Any, ...]) -> _ScoredRow:
    """Return what was selected as OF_PHOTO and a score."""
    *photo, score = row
    return _ScoredRow(_PhotoRow._make(photo), score)


def _photo_and_faces(lines: Sequence[tuple[Any, ...]]) -> tuple[_PhotoRow, list[_FaceRow]]:
    """Return what one photo's lines say, selected as OF_PHOTO and OF_FACE: if it has no face, that is NULL."""
    end = len(_PhotoRow._fields)
    faces = [_FaceRow._make(line[end:]) for line in lines]
    return _PhotoRow._make(lines[0][:end]), [face for face in faces if face.landmarks is not None]


def _photo(
    path: Path,
    row: _PhotoRow,
    faces: tuple[Face, ...],
    score: float | None = None,
    emotion: Emotion | None = None,
) -> Photo:
    return Photo(path, row.width, row.height, row.taken_at, row.digest, faces, score, emotion)
