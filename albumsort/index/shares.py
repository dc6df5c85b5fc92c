"""Store and read shares: how common each expression is, in ordinary photos and in each album."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

from ..answers import ANSWERS, READABLE, Shares, named_shares, shares_from
from ..choosing.labels import Album, AlbumRules
from ..types import THRESHOLD, Emotion
from .database import Database
from .folders import indexed_folders
from .label_sql import NOTHING
from .paths import inside

EVEN: Shares = {answer: 1 / len(ANSWERS) for answer in ANSWERS}
"""Used until natural shares are stored: faces have no probability of "nothing" until then, so any shares will do."""
ALL_BITS = (1 << 32) - 1
GOLDEN = 2654435769
"""2**32 divided by the golden ratio: its multiples modulo 2**32 are spread evenly, also those of every n-th number."""


def save_natural_shares(database: Database, shares: Shares, due: bool) -> None:
    """Store the natural shares of the classifier that produces the results from now on.

    due: whether albums are about to change, so that their shares must be estimated again.
    """
    database.writer.execute(
        "INSERT INTO natural_shares (id, shares, due) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE"
        " SET shares = ?1, due = max(due, ?2) WHERE shares <> ?1 OR due < ?2",
        (json.dumps(named_shares(shares)), due),
    )


def save_albums(database: Database, albums: Iterable[Album]) -> None:
    """Store the shares of all albums, except albums removed in the meantime."""
    database.writer.executemany(
        "INSERT OR REPLACE INTO album_shares (root, faces, shares)"
        " SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM roots WHERE path = ?1)",
        [(os.fsencode(a.root), a.faces, json.dumps(named_shares(a.shares))) for a in albums],
    )
    database.writer.execute("UPDATE natural_shares SET due = 0")


def album_of(database: Database, path: Path) -> Album | None:
    """Return the album with known shares that contains a path, or None."""
    with database.snapshot():
        return album_rules(database).album_of(path)


def album_rules(database: Database) -> AlbumRules:
    """Return the label rules of all albums."""
    natural = database.connection.execute("SELECT shares FROM natural_shares").fetchone()
    albums = database.connection.execute("SELECT root, faces, shares FROM album_shares ORDER BY root").fetchall()
    return AlbumRules(
        shares_from(json.loads(natural[0])) if natural else EVEN,
        [Album(Path(os.fsdecode(root)), shares_from(json.loads(text)), faces) for root, faces, text in albums],
    )


def shares_due(database: Database) -> bool:
    """Return whether an album has no shares yet, or albums changed since their shares were estimated."""
    with database.explained():
        [count] = database.connection.execute(
            "SELECT (SELECT count(*) FROM roots WHERE path NOT IN (SELECT root FROM album_shares))"
            " + (SELECT coalesce(sum(due), 0) FROM natural_shares)"
        ).fetchone()
    return bool(count)


def sample(database: Database, root: Path, most: int) -> list[tuple[float, ...]]:
    """Return the probabilities and `nothing` of at most `most` faces in an album, without the albums inside it.

    Only faces that count, are large enough to be read, and are in photos that are not missing. If there are more than
    `most`, the sample is spread evenly over the album.
    """
    one = database.connection.execute
    with database.snapshot():
        where, bounds = inside(root, indexed_folders(database))
        [photos] = one(f"SELECT count(*) FROM photos p WHERE {where}", bounds).fetchone()
        faces, contents = one("SELECT (SELECT count(*) FROM faces), (SELECT count(*) FROM contents)").fetchone()
        share = min(1.0, most * max(1, contents) / max(1, photos * faces))  # assumes equally many faces per photo
        rows = one(
            f"SELECT {', '.join(f'f.{e}' for e in Emotion)}, coalesce(f.{NOTHING}, 0.0)"
            " FROM photos p CROSS JOIN faces f ON f.content = p.content"
            f" WHERE {where} AND (p.id * {GOLDEN}) & {ALL_BITS} <= ? AND p.missing = 0 AND f.detection >= ?"
            " AND max(f.w, f.h) >= ? ORDER BY p.path, f.number",
            (*bounds, int(share * ALL_BITS), THRESHOLD, READABLE),
        ).fetchall()
    return rows[:: max(1, math.ceil(len(rows) / most))]
