"""What of the files in an album is new, changed or gone.

What is met and what is absent waits in temporary tables, which SQLite keeps on the disk when they are large, and
which nobody else sees.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..types import PhotoFile, Settings
from .conditions import under
from .database import Database

MET_AT_ONCE = 10_000
"""Files that are in memory at once while an album is compared."""
_COMPARED = {
    "met": "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER",
    "todo": "path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER",
    "absent": "path BLOB PRIMARY KEY",
    "fresh": "size INTEGER, digest TEXT, PRIMARY KEY (size, digest)",
}


@dataclass(frozen=True)
class Changes:
    """How what was met in an album compares with the index.

    todo: how many files are new, changed, or to be analysed by today's method; outdated: how many of them only for the
    method. unchanged, failing: as they were; back: of those, what was missing before.
    """

    todo: int
    outdated: int
    unchanged: int
    failing: list[tuple[Path, str]]
    back: list[Path]


def begin_comparison(database: Database) -> None:
    """Forget what was met and noted in an earlier comparison."""
    with database.explained():
        for table, columns in _COMPARED.items():
            database.connection.execute(f"CREATE TABLE IF NOT EXISTS temp.{table} ({columns}) WITHOUT ROWID")
            database.connection.execute(f"DELETE FROM temp.{table}")


def meet(database: Database, files: Iterable[PhotoFile]) -> int:
    """Note files that are there, each once however often it is met; returns how many were given."""
    given, rows = 0, ((os.fsencode(f.path), f.size, f.mtime_ns) for f in files)
    while batch := list(islice(rows, MET_AT_ONCE)):
        given += len(batch)
        with database.explained(), database.deferred():
            database.connection.executemany(
                "INSERT OR IGNORE INTO temp.met (path, size, mtime_ns) VALUES (?, ?, ?)", batch
            )
    return given


def count_known(database: Database, root: Path) -> int:
    """Count the files known under a folder, or 1 for a file that is known."""
    where, values = under(root)
    with database.explained():
        return int(database.connection.execute(f"SELECT count(*) FROM photos p WHERE {where}", values).fetchone()[0])


def unmet(database: Database, root: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the known files under a folder that were not met, each with whether it was missing before."""
    where, values = under(root)
    with database.explained():
        for path, missing in database.connection.execute(
            f"SELECT p.path, p.missing FROM photos p WHERE {where}"
            " AND NOT EXISTS (SELECT 1 FROM temp.met m WHERE m.path = p.path)",
            values,
        ):
            yield Path(os.fsdecode(path)), bool(missing)


def note_absent(database: Database, paths: Iterable[Path]) -> None:
    """Note known files that are not there."""
    with database.explained(), database.deferred():
        database.connection.executemany(
            "INSERT OR IGNORE INTO temp.absent (path) VALUES (?)", ((os.fsencode(path),) for path in paths)
        )


def compare(database: Database, settings: Settings, everything: bool) -> Changes:
    """Tell what of all that was met is to be analysed: what is new or changed, or `everything`."""
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
        back = one(f"SELECT p.path {same} AND p.missing = 1", values).fetchall()
        met, todo = one("SELECT (SELECT count(*) FROM temp.met), (SELECT count(*) FROM temp.todo)").fetchone()
        [outdated] = one(
            "SELECT count(*) FROM temp.todo t CROSS JOIN photos p ON p.path = t.path"
            " LEFT JOIN contents c ON c.id = p.content WHERE p.size = t.size AND p.mtime_ns = t.mtime_ns"
            " AND coalesce(c.found_with, p.error_settings) NOT IN (?, '')",  # '': distrusted
            (settings.finding,),
        ).fetchone()
    return Changes(
        todo=todo,
        outdated=outdated,
        unchanged=met - todo - len(failing),
        failing=[(Path(os.fsdecode(path)), error) for path, error in failing],
        back=[Path(os.fsdecode(path)) for (path,) in back],
    )


def todo(database: Database) -> Iterator[PhotoFile]:
    """Yield the files that `compare` found are to be analysed, by path; others may write meanwhile."""
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
    """Return an absent file whose bytes have this digest, if there is any, and note it as absent no more."""
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
    """Note what was analysed since `begin_comparison`."""
    database.connection.execute("INSERT OR IGNORE INTO temp.fresh (size, digest) VALUES (?, ?)", (size, digest))


def fresh(database: Database, size: int) -> frozenset[str]:
    """Return the digests of this size that were noted as fresh."""
    with database.explained():
        rows = database.connection.execute("SELECT digest FROM temp.fresh WHERE size = ?", (size,)).fetchall()
    return frozenset(digest for (digest,) in rows)
