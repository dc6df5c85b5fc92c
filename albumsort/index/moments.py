"""Read what is known of the listed photos to find moments, and store which photos belong together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from ..choosing.timelines import Frame
from .database import Database
from .schema import HERE

LOCAL = len("2024-07-01T22:00:00")
"""Characters of a time before its offset."""


def frames(database: Database) -> Iterator[Frame]:
    """Yield the listed photos, by path."""
    with database.explained():
        for number, path, taken, description, digest in database.connection.execute(
            "SELECT p.id, p.path, p.taken_at, d.description, c.digest FROM photos p JOIN contents c ON c.id = p.content"
            f" LEFT JOIN descriptions d ON d.content = c.id WHERE p.missing = {HERE} ORDER BY p.path"
        ):
            folder, name = os.path.split(os.fsdecode(path))
            yield Frame(number, folder, name, taken and taken[:LOCAL], None, description, digest)


def save_moments(database: Database, moments: Iterable[Sequence[int]]) -> None:
    """Store the moments with several photos, by the photos' ids; a moment's number is its lowest id."""
    now = {number: min(ids) for ids in moments if len(ids) > 1 for number in ids}
    rows = database.connection.execute("SELECT id, moment FROM photos WHERE moment IS NOT NULL").fetchall()
    before = dict(rows)
    changed = [(now.get(number), number) for number in {*now, *before} if now.get(number) != before.get(number)]
    database.writer.executemany("UPDATE photos SET moment = ? WHERE id = ?", changed)
