"""Which photos are gone, and which may only be on a disk that is not plugged in."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from .index import folders as index_folders
from .index import lookup
from .index.database import Database
from .photos.walk import is_gone


def find_gone(index: Database) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the indexed photos that are not on the disk, and apart from them those of albums absent as a whole.

    An album without a single photo left may be a disk that is not plugged in, so it needs a closer look; so does the
    folder, gone itself, of photos that were indexed one by one, and within an album a link that leads to none any more
    and a folder in which nothing at all is left.
    """
    gone, there, folders = list[Path](), set[Path](), set[Path]()
    roots = index_folders.indexed_folders(index)
    for path in lookup.all_paths(index):
        if is_gone(path):
            gone.append(path)
        else:
            there.update(root for root in roots if path.is_relative_to(root))
            folders.add(path.parent)
    absent: dict[Path, list[Path]] = {root: [] for root in roots if root not in there}
    unplugged = functools.cache(lambda folder: _unplugged(folder, folders))
    single = list[Path]()
    for path in gone:
        album = next((root for root in absent if path.is_relative_to(root)), None) or unplugged(path.parent)
        if album is None and is_gone(path.parent) and not any(path.is_relative_to(root) for root in roots):
            album = path.parent
        (single if album is None else absent.setdefault(album, [])).append(path)
    return single, {root: paths for root, paths in absent.items() if paths or not root.is_dir()}


def _unplugged(folder: Path, used: Iterable[Path]) -> Path | None:
    """Return where a disk may be missing that held a folder of photos.

    That is the link next above it, or itself, if none of the folders in use lies below that link; else the folder
    that is still there, if it is as empty as those that disks are mounted on.
    """
    upwards = folder, *folder.parents
    link = next((above for above in upwards if os.path.islink(above)), None)
    if link is not None and not any(one.is_relative_to(link) for one in used):
        return link
    left = next(above for above in upwards if not is_gone(above))
    return None if not left.is_dir() or any(left.iterdir()) else left
