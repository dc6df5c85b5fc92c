"""Find the frames of one moment, at the end of `index`."""

from __future__ import annotations

from ..choosing.moments import moments
from ..index import moments as stored
from ..index.database import Database


def find(database: Database) -> None:
    """Find and store the moments of all listed photos. Files with equal bytes alone are no moment."""
    frames = list(stored.frames(database))
    digests = {frame.id: frame.digest for frame in frames}
    several = [ids for ids in moments(frames) if len({digests[number] for number in ids}) > 1]
    with database.transaction():
        stored.save_moments(database, several)
