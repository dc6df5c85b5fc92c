"""Protect albums: no command writes into a folder with indexed photos."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .errors import UsageError
from .index.database import Database
from .index.folders import indexed_folders
from .index.lookup import all_paths
from .query import FOLDERS


def albums_in(database: Database) -> set[Path]:
    """Return the indexed folders, and the links inside them that lead to folders with indexed photos."""
    roots = indexed_folders(database)
    folders = {folder for deepest in folders_with_photos(database) for folder in (deepest, *deepest.parents)}
    inside = (folder for folder in folders if any(root in folder.parents for root in roots))
    return {*roots, *(folder for folder in inside if folder.is_symlink())}


def folders_with_photos(database: Database) -> set[Path]:
    """Return all folders that contain indexed photos, including photos that were indexed one by one."""
    return {path.parent for path in all_paths(database)}


def check_destination(to: Path, albums: Iterable[Path], holding: Iterable[Path] = ()) -> None:
    """Raise UsageError if `to` is not a folder, or if it or one of the folders of an export in it is in an album.

    holding: folders that directly contain indexed photos. They are refused too, but folders below them are allowed
    unless they are in an album.
    """
    if os.path.lexists(to) and not os.path.isdir(to):
        raise UsageError(f"{to} exists and is not a folder; choose another")
    albums, taken = list(albums), {os.path.realpath(folder) for folder in holding}
    for folder in (to, *(to / name for name in FOLDERS)):
        check_outside(folder, albums)
        if os.path.realpath(folder) in taken:
            raise UsageError(f"{folder} contains indexed photos; choose another folder")


def check_outside(folder: Path, albums: Iterable[Path]) -> None:
    """Raise UsageError if a folder, which need not exist, is in one of the albums."""
    if album := find_album(folder, albums):
        raise UsageError(f"{folder} is in the album {album}; choose a folder outside the album")


def find_album(folder: Path, albums: Iterable[Path]) -> Path | None:
    """Return the album that contains a folder, or None; the folder need not exist."""
    real = Path(os.path.realpath(folder))
    for album in albums:
        if any(_is_same_folder(place, os.path.realpath(album)) for place in (real, *real.parents)):
            return album
    return None


def _is_same_folder(one: Path, other: str) -> bool:
    """Compare names, because a folder may not exist, then identity: names may differ in case or be bind mounts."""
    with suppress(OSError):
        return str(one) == other or os.path.samefile(one, other)
    return False
