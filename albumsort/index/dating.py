"""Find the photos whose date another method read, and store the dates that their files give now."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..types import Settings, Taken
from . import storing
from .database import Database


class Undated(NamedTuple):
    """A content whose date another method read, and an unchanged file that holds it."""

    content: int
    path: Path


def note_undated(database: Database, settings: Settings) -> int:
    """Note the contents to date again, after `comparing.compare`; return how many.

    Only files that were found and are unchanged count: what is analysed gets its date with that.
    """
    one = database.connection.execute
    with database.explained():
        one("CREATE TABLE IF NOT EXISTS temp.undated (content INTEGER PRIMARY KEY, path BLOB)")
        with database.deferred():
            one("DELETE FROM temp.undated")
            # ranges, so that SQLite can use an index; they are usually empty
            older = "EXISTS (SELECT 1 FROM contents WHERE dated_with {} ?)"
            [some] = one(
                f"SELECT {older.format('<')} OR {older.format('>')}", (settings.dating, settings.dating)
            ).fetchone()
            if some:
                one(
                    "INSERT INTO temp.undated SELECT c.id, min(p.path) FROM temp.met m"
                    " CROSS JOIN photos p ON p.path = m.path CROSS JOIN contents c ON c.id = p.content"
                    " WHERE p.size = m.size AND p.mtime_ns = m.mtime_ns AND c.dated_with <> ?"
                    " AND NOT EXISTS (SELECT 1 FROM temp.todo t WHERE t.path = p.path) GROUP BY c.id",
                    (settings.dating,),
                )
        return int(one("SELECT count(*) FROM temp.undated").fetchone()[0])


def undated(database: Database, after: int, limit: int) -> list[Undated]:
    """Return the noted contents with ids above `after`, at most `limit`."""
    with database.explained():
        rows = database.connection.execute(
            "SELECT content, path FROM temp.undated WHERE content > ? ORDER BY content LIMIT ?", (after, limit)
        ).fetchall()
    return [Undated(content, Path(os.fsdecode(path))) for content, path in rows]


def save_dates(database: Database, dates: Iterable[tuple[int, Taken | None]], settings: Settings) -> None:
    """Store the dates of contents, in one transaction."""
    with database.transaction():
        for content, taken in dates:
            storing.save_taken(database, content, taken, settings)
