"""Folders that hold indexed photos: nothing is written into them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .errors import UsageError
from .index.database import Database
from .index.folders import indexed_folders
from .index.lookup import all_paths
from .types import Emotion


def albums_in(database: Database) -> set[Path]:
    """Return the folders that were indexed, and those inside them that links lead to elsewhere."""
    roots = indexed_folders(database)
    folders = {folder for deepest in folders_with_photos(database) for folder in (deepest, *deepest.parents)}
    inside = (folder for folder in folders if any(root in folder.parents for root in roots))
    return {*roots, *(folder for folder in inside if folder.is_symlink())}


def folders_with_photos(database: Database) -> set[Path]:
    """Return the folders in which photos lie, those too of which only single photos were indexed."""
    return {path.parent for path in all_paths(database)}


def check_destination(to: Path, albums: Iterable[Path], holding: Iterable[Path] = ()) -> None:
    """Raise UsageError if `to` is no folder, or if it or one of its emotion folders lies in an album.

    holding: folders that hold indexed photos themselves, into which nothing is written either; of those indexed
    photo by photo what lies below is free.
    """
    if os.path.lexists(to) and not os.path.isdir(to):
        raise UsageError(f"{to} exists and is not a folder; choose another")
    albums, taken = list(albums), {os.path.realpath(folder) for folder in holding}
    for folder in (to, *(to / emotion.value for emotion in Emotion)):
        check_outside(folder, albums)
        if os.path.realpath(folder) in taken:
            raise UsageError(f"{folder} holds photos that are indexed; choose another folder")


def check_outside(folder: Path, albums: Iterable[Path]) -> None:
    """Raise UsageError if a folder, which need not exist, lies in one of the albums: nothing is written there."""
    if album := find_album(folder, albums):
        raise UsageError(f"{folder} lies in {album}, which is indexed; choose a folder outside the album")


def find_album(folder: Path, albums: Iterable[Path]) -> Path | None:
    """Return the album in which a folder lies, which need not exist, or None."""
    real = Path(os.path.realpath(folder))
    for album in albums:
        if any(_is_same_folder(place, os.path.realpath(album)) for place in (real, *real.parents)):
            return album
    return None


def _is_same_folder(one: Path, other: str) -> bool:
    """Compare by name, as either may not exist, and by identity: names differ in case, or one is a bind mount."""
    with suppress(OSError):
        return str(one) == other or os.path.samefile(one, other)
    return False
