"""How common each expression is in each album: estimated at the end of `index`, from what is stored."""

from __future__ import annotations

from ..choosing.labels import Album, expected_shares
from ..index import folders, shares
from ..index.database import Database
from ..types import Confusion, Shares

FACES = 20_000
"""Of an album, at most so many are looked at: more would change its shares by less than the classifier's own errors."""


def estimate(index: Database, natural: Shares, confusion: Confusion) -> None:
    """Estimate and store the shares of every album; natural, confusion: those of the classifier."""
    albums = []
    for root in folders.indexed_folders(index):
        faces = shares.sample(index, root, FACES)
        albums.append(Album(root, expected_shares(faces, natural, confusion), len(faces)))
    with index.transaction():
        shares.save_albums(index, albums)
