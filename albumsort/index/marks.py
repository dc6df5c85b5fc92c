"""Store and read marks: what the user says of faces. They survive everything that happens to photos and results."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ..choosing.corrected import Mark, is_same
from ..types import Box, Emotion, Kind
from .database import Database
from .paths import Sql


def marks_of(database: Database, digest: str) -> tuple[Mark, ...]:
    """Return the marks in the photo with this content hash, in the order they were made."""
    with database.explained():
        rows = database.connection.execute(
            "SELECT digest, x, y, w, h, says FROM marks WHERE digest = ? ORDER BY id", (digest,)
        ).fetchall()
    return tuple(_mark(*row) for row in rows)


def marks_by_content(database: Database) -> dict[int, tuple[Mark, ...]]:
    """Return the marks of all photos with a result, by the id of the content."""
    found = dict[int, tuple[Mark, ...]]()
    with database.explained():
        for content, *mark in database.connection.execute(
            "SELECT c.id, m.digest, m.x, m.y, m.w, m.h, m.says FROM marks m"
            " CROSS JOIN contents c ON c.digest = m.digest ORDER BY m.id"
        ):
            found[content] = (*found.get(content, ()), _mark(*mark))
    return found


def all_marks(database: Database) -> list[Mark]:
    """Return all marks in the order they were made."""
    with database.explained():
        rows = database.connection.execute("SELECT digest, x, y, w, h, says FROM marks ORDER BY id").fetchall()
    return [_mark(*row) for row in rows]


def save_marks(database: Database, marks: Iterable[Mark]) -> int:
    """Store marks; each replaces an earlier mark of the same face. Return how many are new or say something new."""
    changed = 0
    for mark in marks:
        known = [m for m in marks_of(database, mark.digest) if is_same(m.box, mark.box)]
        if any(m.says is mark.says for m in known):
            continue
        remove_marks(database, mark.digest, mark.box)
        box = mark.box
        database.writer.execute(
            "INSERT INTO marks (digest, x, y, w, h, says, marked_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (mark.digest, box.x, box.y, box.w, box.h, mark.says, datetime.now(UTC).isoformat(timespec="seconds")),
        )
        changed += 1
    return changed


def remove_marks(database: Database, digest: str, box: Box | None = None) -> int:
    """Remove the marks of a face, or of all faces in the photo; return how many there were."""
    writer = database.writer
    rows = writer.execute("SELECT id, x, y, w, h FROM marks WHERE digest = ?", (digest,)).fetchall()
    found = [(number,) for number, *place in rows if box is None or is_same(Box(*place), box)]
    writer.executemany("DELETE FROM marks WHERE id = ?", found)
    return len(found)


def draw(database: Database, n: int, condition: Sql) -> list[str]:
    """Draw at most n listed photos with people at random, without marks and not drawn before; return their hashes.

    condition: which photos `p` with content `c` are listed. Those drawn are noted as such: only what the user says of
    these tells how many of all labels are right.
    """
    import random  # here, because every list reads marks, and importing it takes a while

    where, values = condition
    rows = database.connection.execute(
        f"SELECT DISTINCT c.digest FROM contents c JOIN photos p ON p.content = c.id WHERE {where}"
        " AND EXISTS (SELECT 1 FROM faces f WHERE f.content = c.id AND f.matters)"
        " AND c.digest NOT IN (SELECT digest FROM drawn) AND c.digest NOT IN (SELECT digest FROM marks)",
        values,
    ).fetchall()
    digests = [digest for (digest,) in random.sample(rows, min(n, len(rows)))]
    note_drawn(database, digests)
    return digests


def note_drawn(database: Database, digests: Iterable[str]) -> None:
    """Note that the photos with these content hashes were drawn at random."""
    database.writer.executemany("INSERT OR IGNORE INTO drawn (digest) VALUES (?)", ((digest,) for digest in digests))


def drawn(database: Database) -> frozenset[str]:
    """Return the content hashes of the photos that were drawn at random."""
    with database.explained():
        rows = database.connection.execute("SELECT digest FROM drawn").fetchall()
    return frozenset(digest for (digest,) in rows)


def _mark(digest: str, x: float, y: float, w: float, h: float, says: str) -> Mark:
    return Mark(digest, Box(x, y, w, h), Kind(says) if says in list(Kind) else Emotion(says))
