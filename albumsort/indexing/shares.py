"""Estimate the shares of each album (how common each expression is) from stored results, at the end of `index`."""

from __future__ import annotations

from ..answers import Confusion, Shares
from ..choosing.labels import Album, expected_shares
from ..index import folders, shares
from ..index.database import Database

FACES = 20_000
"""Maximum sample per album; more faces would change its shares by less than the classifier's own errors."""


def estimate(database: Database, natural: Shares, confusion: Confusion) -> None:
    """Estimate and store the shares of every album; natural, confusion: the classifier's."""
    albums = []
    for root in folders.indexed_folders(database):
        faces = shares.sample(database, root, FACES)
        albums.append(Album(root, expected_shares(faces, natural, confusion), len(faces)))
    with database.transaction():
        shares.save_albums(database, albums)
