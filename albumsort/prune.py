"""Find the photos that are gone, and those that may only be on an unplugged disk."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from .index import folders as index_folders
from .index import lookup
from .index.database import Database
from .photos.walk import is_gone


def find_gone(database: Database) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the indexed photos that are gone, and separately those whose disk may be unplugged, by folder or link.

    The second group has four cases: an album without any photo left; a folder that is gone, whose photos were indexed
    one by one; inside an album, a link that no longer leads to photos; and a folder that is now empty.
    """
    gone, present, folders = list[Path](), set[Path](), set[Path]()
    roots = index_folders.indexed_folders(database)
    for path in lookup.all_paths(database):
        if is_gone(path):
            gone.append(path)
        else:
            present.update(root for root in roots if path.is_relative_to(root))
            folders.add(path.parent)
    absent: dict[Path, list[Path]] = {root: [] for root in roots if root not in present}
    unplugged = functools.cache(lambda folder: _unplugged(folder, folders))
    single = list[Path]()
    for path in gone:
        album = next((root for root in absent if path.is_relative_to(root)), None) or unplugged(path.parent)
        if album is None and is_gone(path.parent) and not any(path.is_relative_to(root) for root in roots):
            album = path.parent
        (single if album is None else absent.setdefault(album, [])).append(path)
    return single, {root: paths for root, paths in absent.items() if paths or not root.is_dir()}


def _unplugged(folder: Path, used: Iterable[Path]) -> Path | None:
    """Return the link or mount point from which the disk with a folder may be missing, or None.

    This is the nearest link at or above the folder, if no folder in use is below that link. Otherwise it is the nearest
    folder that still exists, if it is empty, as a mount point without a disk is.
    """
    upwards = folder, *folder.parents
    link = next((above for above in upwards if os.path.islink(above)), None)
    if link is not None and not any(one.is_relative_to(link) for one in used):
        return link
    left = next(above for above in upwards if not is_gone(above))
    return None if not left.is_dir() or any(left.iterdir()) else left
