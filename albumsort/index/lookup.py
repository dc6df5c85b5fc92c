"""Look up files, contents, and the methods that produced their results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..types import Settings
from .database import Database


class Unclassified(NamedTuple):
    """A content whose faces must be classified again: its id, number of faces, and packed crops."""

    content: int
    faces: int
    crops: bytes


def _outdated(settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Return SQL for "classified by another method or network, used by a photo, and with stored crops if it has faces".

    This includes contents whose faces an older method found, if their crops are stored: their photos are analysed again
    only when `index` finds them, which may be much later.
    """
    shown = "EXISTS (SELECT 1 FROM photos p WHERE p.content = c.id)"
    stored = "(c.found_with = ? OR EXISTS (SELECT 1 FROM crops k WHERE k.content = c.id))"
    return f"c.classified_with <> ? AND {stored} AND {shown}", (settings.classifying, settings.finding)


def digests(database: Database, size: int, settings: Settings) -> frozenset[str]:
    """Return the up-to-date digests of files of this size: only these can equal a moved or copied file."""
    with database.explained():
        rows = database.connection.execute(
            "SELECT c.digest FROM photos p JOIN contents c ON c.id = p.content WHERE p.size = ? AND c.found_with = ?",
            (size, settings.finding),
        ).fetchall()
    return frozenset(digest for (digest,) in rows)


def count_unclassified(database: Database, settings: Settings) -> int:
    """Count all contents that `unclassified` can return."""
    with database.explained():
        where, values = _outdated(settings)
        return int(database.connection.execute(f"SELECT count(*) FROM contents c WHERE {where}", values).fetchone()[0])


def count_outdated(database: Database, settings: Settings) -> int:
    """Count the photos whose faces or dates come from another method or network.

    Photos whose faces were found by another one keep their results, judged again from stored crops, until `index`
    analyses them.
    """
    # ranges, so that SQLite can use an index; they are usually empty. '' means distrusted, not older
    found = "found_with > '' AND found_with < ?1", "found_with > ?1"
    classified = "classified_with < ?2", "classified_with > ?2"
    dated = "dated_with < ?3", "dated_with > ?3"
    older = " UNION ".join(f"SELECT id FROM contents WHERE {where}" for where in (*found, *classified, *dated))
    waiting = f"SELECT count(*) FROM photos p WHERE p.missing = 0 AND p.content IN ({older})"
    with database.explained():
        return int(
            database.connection.execute(waiting, (settings.finding, settings.classifying, settings.dating)).fetchone()[
                0
            ]
        )


def unclassified(database: Database, settings: Settings, after: int, limit: int) -> list[Unclassified]:
    """Return contents whose faces must and can be classified again: those with ids above `after`, at most `limit`."""
    where, values = _outdated(settings)
    with database.explained():
        rows = database.connection.execute(
            "SELECT c.id, (SELECT count(*) FROM faces f WHERE f.content = c.id), coalesce(k.pixels, x'')"
            " FROM contents c LEFT JOIN crops k ON k.content = c.id"
            f" WHERE {where} AND c.id > ? ORDER BY c.id LIMIT ?",
            (*values, after, limit),
        ).fetchall()
    return [Unclassified(content, faces, crops) for content, faces, crops in rows]


def detections(database: Database, content: int) -> list[float]:
    """Return the confidence of each face of a content, in order."""
    with database.explained():
        rows = database.connection.execute(
            "SELECT detection FROM faces WHERE content = ? ORDER BY number", (content,)
        ).fetchall()
    return [detection for (detection,) in rows]


def knows(database: Database, digest: str) -> bool:
    """Return whether the index has a result for this digest."""
    row = database.connection.execute("SELECT 1 FROM contents WHERE digest = ?", (digest,)).fetchone()
    return row is not None


def knows_path(database: Database, path: Path) -> bool:
    """Return whether the index knows a file."""
    with database.explained():
        row = database.connection.execute("SELECT 1 FROM photos WHERE path = ?", (os.fsencode(path),)).fetchone()
    return row is not None


def failure_of(database: Database, path: Path) -> tuple[int, str] | None:
    """Return the size of a file when it failed, and the reason; None if the index has no failure of it."""
    with database.explained():
        known = "SELECT size, error FROM photos WHERE path = ? AND error IS NOT NULL"
        row = database.connection.execute(known, (os.fsencode(path),)).fetchone()
    return None if row is None else (row[0], row[1])


def paths_of(database: Database, digest: str) -> list[Path]:
    """Return all paths with this digest."""
    rows = database.connection.execute(
        "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content WHERE c.digest = ? ORDER BY p.path",
        (digest,),
    )
    return [Path(os.fsdecode(path)) for (path,) in rows]


def all_paths(database: Database) -> Iterator[Path]:
    """Yield all paths in the index, including failed and missing photos."""
    with database.explained():
        for (path,) in database.connection.execute("SELECT path FROM photos ORDER BY path"):
            yield Path(os.fsdecode(path))
