"""Follow an album that was moved to another folder: check that it is there, and rename its photos in the index."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .albums import folders_with_photos
from .errors import AlbumsortError, UsageError
from .index import moving
from .index.absent import absent_albums, is_absent
from .index.database import Database
from .index.folders import indexed_folders, indexed_name

ENOUGH = 5
"""Fewer equal photos in two folders may be a coincidence, if they are not all photos of one."""


@dataclass(frozen=True)
class Moved:
    """The result of a move. there, elsewhere: number of photos that are at `new`, and of those that are not.

    doubles: number of photos that were already indexed at `new`.
    """

    new: Path
    there: int
    elsewhere: int
    doubles: int


@dataclass(frozen=True)
class Found:
    """An album that was probably moved. same: how many of its `known` photos are in the folder `new`."""

    old: Path
    new: Path
    same: int
    known: int


def follow(database: Database, old: Path, new: Path) -> Moved:
    """Rename all photos below `old`, an absolute path, to paths below `new`; no photo is opened.

    Raises UsageError if `new` is no folder, or if `old` is not in the index or is still there, and AlbumsortError if
    none of the photos is below `new` with its size.
    """
    if not os.path.isdir(new):
        raise UsageError(f"{new} is not a folder; name the folder where the photos are now")
    if os.path.exists(old) and os.path.samefile(old, new):
        raise UsageError(f"{old} leads to {new}, so the index finds the photos there; nothing was changed")
    old, new = indexed_name(database, old), indexed_name(database, new)
    if not moving.knows_folder(database, old):
        raise UsageError(f"the index knows no photo in {old}{_guess(database, old)}")
    if not is_absent(old):
        again = shlex.join(["albumsort", "index", str(new)])
        raise UsageError(f"{old} is still there; it was copied, not moved. To index the copy, run: {again}")
    known, there, fitting = _look(database, old, new)
    if known and not fitting:
        reason = f"{there:,} files have their names, but not their sizes" if there else "none of them is there"
        raise AlbumsortError(
            f"{new} does not hold the {known:,} photos of {old}: {reason}. Nothing was changed; "
            f"if they are in a folder inside it, name that folder"
        )
    with database.transaction():
        doubles = moving.move(database, old, new)
    return Moved(new, there, known - there, doubles)


def find_moved(database: Database) -> Iterator[Found]:
    """Yield the albums that are not there now, but have at least half of their photos under the same names elsewhere.

    The half must be at least five photos, or all. An album in an absent album is part of that.
    """
    albums = absent_albums(database)
    for album in albums:
        found = moving.place_now(database, album)
        if found is None or not set(albums).isdisjoint(album.parents):
            continue
        place, same, known = found
        if 2 * same >= known and (same >= ENOUGH or same == known):
            yield Found(album, place, same, known)


def _look(database: Database, old: Path, new: Path) -> tuple[int, int, int]:
    """Count the photos below `old`, how many of them are below `new`, and how many there have the indexed size."""
    known = there = fitting = 0
    for path, size in moving.sizes_below(database, old):
        known += 1
        try:
            found = os.stat(new / path.relative_to(old))
        except OSError:
            continue
        there += 1
        fitting += found.st_size == size
    return known, there, fitting


def _guess(database: Database, folder: Path) -> str:
    """Return a question that names the known folder with the most similar name, or an empty text."""
    known = {*map(str, indexed_folders(database)), *map(str, folders_with_photos(database))}
    nearest = difflib.get_close_matches(str(folder), sorted(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
