"""Compare the files of an album with the index: which are new, changed or gone.

The files that were found, and those that are absent, are kept in temporary tables. SQLite moves these to the disk when
they are large, and no other process sees them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..types import PhotoFile, Settings
from .database import Database
from .paths import below, under
from .schema import EXCLUDED, HERE

MET_AT_ONCE = 10_000
"""Maximum number of files in memory while an album is compared."""
_COMPARED = {
    "met": "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER",
    "todo": "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER",
    "absent": "path BLOB PRIMARY KEY",
    "skipped": "path BLOB PRIMARY KEY, first BLOB, after BLOB",
    "fresh": "size INTEGER, digest TEXT, PRIMARY KEY (size, digest)",
}


@dataclass(frozen=True)
class Changes:
    """The difference between the files found in an album and the index.

    todo: number of files that are new, changed, or must be analysed with the current method; outdated: how many of
    them only because of the method. unchanged: number of known, unchanged files; failing: unchanged files that failed,
    and why; back: unchanged files that were missing or excluded.
    """

    todo: int
    outdated: int
    unchanged: int
    failing: list[tuple[Path, str]]
    back: list[Path]


def begin_comparison(database: Database) -> None:
    """Create or empty the temporary tables of a comparison."""
    with database.explained():
        for table, columns in _COMPARED.items():
            database.connection.execute(f"CREATE TABLE IF NOT EXISTS temp.{table} ({columns}) WITHOUT ROWID")
            database.connection.execute(f"DELETE FROM temp.{table}")


def meet(database: Database, files: Iterable[PhotoFile]) -> int:
    """Note files that were found, each only once; return how many `files` had, repeated ones included."""
    count, rows = 0, ((os.fsencode(f.path), f.size, f.mtime_ns) for f in files)
    while batch := list(islice(rows, MET_AT_ONCE)):
        count += len(batch)
        with database.explained(), database.deferred():
            database.connection.executemany(
                "INSERT OR IGNORE INTO temp.met (path, size, mtime_ns) VALUES (?, ?, ?)", batch
            )
    return count


def count_known(database: Database, root: Path) -> int:
    """Count the known files below a folder; for a known file, return 1."""
    where, values = under(root)
    with database.explained():
        return int(database.connection.execute(f"SELECT count(*) FROM photos p WHERE {where}", values).fetchone()[0])


def unmet(database: Database, root: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the known files below a folder that were not found, each with whether it was missing before."""
    where, values = under(root)
    with database.explained():
        for path, missing in database.connection.execute(
            f"SELECT p.path, p.missing FROM photos p WHERE {where}"
            " AND NOT EXISTS (SELECT 1 FROM temp.met m WHERE m.path = p.path)",
            values,
        ):
            yield Path(os.fsdecode(path)), bool(missing)


def note_absent(database: Database, paths: Iterable[Path]) -> None:
    """Note known files that are absent."""
    with database.explained(), database.deferred():
        database.connection.executemany(
            "INSERT OR IGNORE INTO temp.absent (path) VALUES (?)", ((os.fsencode(path),) for path in paths)
        )


def note_skipped(database: Database, paths: Iterable[Path]) -> None:
    """Note folders and files that a walk skipped."""
    with database.explained(), database.deferred():
        database.connection.executemany(
            "INSERT OR IGNORE INTO temp.skipped (path, first, after) VALUES (?, ?, ?)",
            ((os.fsencode(path), *below(path)[1]) for path in paths),
        )


def left_out(database: Database) -> Iterator[tuple[Path, Path]]:
    """Yield the known files that are or lie in what was skipped, were not found and are not excluded yet, with that."""
    photo = f"p.missing <> {EXCLUDED} AND NOT EXISTS (SELECT 1 FROM temp.met m WHERE m.path = p.path)"
    with database.explained():
        for path, skipped in database.connection.execute(
            f"SELECT p.path, s.path FROM temp.skipped s CROSS JOIN photos p ON p.path = s.path WHERE {photo} UNION ALL"
            " SELECT p.path, s.path FROM temp.skipped s CROSS JOIN photos p"
            f" ON p.path >= s.first AND p.path < s.after WHERE {photo}"
        ):
            yield Path(os.fsdecode(path)), Path(os.fsdecode(skipped))


def compare(database: Database, settings: Settings, everything: bool) -> Changes:
    """Decide which of the found files to analyse: those that are new or changed, or all with `everything`."""
    unchanged = "p.size = m.size AND p.mtime_ns = m.mtime_ns AND coalesce(c.found_with, p.error_settings) = ?"
    one = database.connection.execute
    with database.explained():
        with database.deferred():
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
        back = one(f"SELECT p.path {same} AND p.missing <> {HERE}", values).fetchall()
        found, todo = one("SELECT (SELECT count(*) FROM temp.met), (SELECT count(*) FROM temp.todo)").fetchone()
        [outdated] = one(
            "SELECT count(*) FROM temp.todo t CROSS JOIN photos p ON p.path = t.path"
            " LEFT JOIN contents c ON c.id = p.content WHERE p.size = t.size AND p.mtime_ns = t.mtime_ns"
            " AND coalesce(c.found_with, p.error_settings) NOT IN (?, '')",  # '': distrusted
            (settings.finding,),
        ).fetchone()
    return Changes(
        todo=todo,
        outdated=outdated,
        unchanged=found - todo - len(failing),
        failing=[(Path(os.fsdecode(path)), error) for path, error in failing],
        back=[Path(os.fsdecode(path)) for (path,) in back],
    )


def todo(database: Database) -> Iterator[PhotoFile]:
    """Yield the files to analyse according to `compare`, by path; writing to the index in between is allowed."""
    last = b""
    while files := _todo_after(database, last):
        yield from files
        last = os.fsencode(files[-1].path)


def _todo_after(database: Database, last: bytes) -> list[PhotoFile]:
    with database.explained():
        rows = database.connection.execute(
            "SELECT path, size, mtime_ns FROM temp.todo WHERE path > ? ORDER BY path LIMIT ?", (last, MET_AT_ONCE)
        ).fetchall()
    return [PhotoFile(Path(os.fsdecode(path)), size, mtime_ns) for path, size, mtime_ns in rows]


def absent(database: Database) -> Iterator[Path]:
    """Yield the files noted as absent."""
    for (path,) in database.connection.execute("SELECT path FROM temp.absent ORDER BY path"):
        yield Path(os.fsdecode(path))


def count_absent(database: Database) -> int:
    """Count the files noted as absent."""
    with database.explained():
        return int(database.connection.execute("SELECT count(*) FROM temp.absent").fetchone()[0])


def take_absent(database: Database, digest: str) -> Path | None:
    """Return an absent file with this digest and remove it from the absent files, or return None."""
    row = database.connection.execute(
        "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content JOIN temp.absent a ON a.path = p.path"
        " WHERE c.digest = ? ORDER BY p.path LIMIT 1",
        (digest,),
    ).fetchone()
    if row is None:
        return None
    [path] = row
    database.connection.execute("DELETE FROM temp.absent WHERE path = ?", (path,))
    return Path(os.fsdecode(path))


def note_fresh(database: Database, size: int, digest: str) -> None:
    """Note a content that was analysed since `begin_comparison`."""
    database.connection.execute("INSERT OR IGNORE INTO temp.fresh (size, digest) VALUES (?, ?)", (size, digest))


def fresh(database: Database, size: int) -> frozenset[str]:
    """Return the digests of this file size that `note_fresh` noted."""
    with database.explained():
        rows = database.connection.execute("SELECT digest FROM temp.fresh WHERE size = ?", (size,)).fetchall()
    return frozenset(digest for (digest,) in rows)
