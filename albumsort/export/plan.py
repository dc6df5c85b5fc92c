"""Plan the copies of ranked photos. The photos themselves are only read."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..disk import whole
from ..disk.naming import Naming, ask
from ..errors import AlbumsortError
from ..types import Photo
from . import names
from .items import Action, Item, Link

ALREADY_THERE = "already there"


class FileError(Exception):
    """One photo cannot be exported; the message gives the reason. The others can."""


def plan(
    photos: Mapping[str, Sequence[Photo]],
    to: Path,
    link: Link,
    naming: Naming | None = None,
    is_shared: bool = False,
    room: int = 0,
) -> list[Item]:
    """Return the actions that bring each photo, in rank order, to `to/<folder>/<number>-<name>`.

    Files keep their names. New photos follow the highest number in their folder. naming: the limits for names, by
    default those of the file system. is_shared: copies to share get other bytes than the photos, so a file with a
    photo's bytes is not its copy. room: characters to leave behind each new name, for files beside it. Writes nothing.
    Raises AlbumsortError if an emotion's folder exists but cannot be listed, or if its path is so long that no name
    fits behind it.
    """
    items = []
    for name, ranked in photos.items():
        folder = to / name
        limits = (naming or ask(folder)).shorter(room)
        if not limits.fits(whole.temporary_name()):
            raise AlbumsortError(
                f"the path {folder} is too long to hold files; choose a destination with a shorter one"
            )
        items += _Folder(folder, link, limits, is_shared).take(ranked)
    return items


class _Folder:
    """The content of an emotion's folder, with the files that the plan adds."""

    def __init__(self, path: Path, link: Link, naming: Naming, is_shared: bool) -> None:
        self.path, self.link, self.naming, self.is_shared = path, link, naming, is_shared
        self.names: list[str] = []
        self.unread: defaultdict[int, list[Path]] = defaultdict(list)  # by size; hashed only if a photo has that size
        self.digests: dict[str, Path] = {}
        self.inodes: dict[tuple[int, int], Path] = {}
        try:
            for file in path.iterdir():
                self._note(file)
        except FileNotFoundError:
            pass
        except OSError as e:
            raise AlbumsortError(f"cannot read {path}: {e.strerror}; choose another destination") from e

    def _note(self, file: Path) -> None:
        self.names.append(file.name)
        if file.name.startswith(whole.HIDDEN):  # left by a killed export: it may be complete, but nobody would find it
            return
        if self.is_shared:
            return
        with suppress(OSError):  # just removed, or a broken link
            status = os.stat(file, follow_symlinks=self.link is Link.SOFT)
            if stat.S_ISREG(status.st_mode):
                self.unread[status.st_size].append(file)
                self.inodes[status.st_dev, status.st_ino] = file

    def take(self, ranked: Sequence[Photo]) -> list[Item]:
        """Return the actions for the photos, in rank order."""
        known = [self._look(photo) for photo in ranked]
        numbers = names.numbers_after(self.names, sum(not isinstance(found, Path) for found in known))
        planned: dict[str, Item] = {}
        items = []
        for photo, found in zip(ranked, known, strict=True):
            if isinstance(found, Path):
                items.append(Item(photo.path, found, photo.digest, Action.SKIP, ALREADY_THERE))
            elif found is None and (twin := planned.get(photo.digest)):
                reason = f"the same bytes as {twin.source}"
                items.append(Item(photo.path, twin.destination, photo.digest, Action.SKIP, reason))
            else:
                item = self._new(photo, next(numbers))
                if found is None:
                    planned[photo.digest] = item
                items.append(item if found is None else replace(item, action=Action.FAIL, reason=str(found)))
        return items

    def _new(self, photo: Photo, number: str) -> Item:
        name = f"{number}-{names.safe(photo.path.name)}"
        fitting = next(names.spellings(name, self.naming))
        reason = "" if self.naming.fits(name) else f"the name was shortened from {photo.path.name}"
        return Item(photo.path, self.path / fitting, photo.digest, Action.WRITE, reason)

    def _look(self, photo: Photo) -> Path | FileError | None:
        """Return the file with the photo's bytes, or why the photo cannot be exported; None if it is to be written."""
        try:
            return self._find(photo.digest, source_status(photo.path))
        except FileError as e:
            return e

    def _find(self, digest: str, status: os.stat_result) -> Path | None:
        for file in self.unread.pop(status.st_size, ()):
            with suppress(OSError):
                self.digests.setdefault(whole.digest(file), file)
        linked = None if self.link is Link.COPY else self.inodes.get((status.st_dev, status.st_ino))
        return linked or self.digests.get(digest)


def source_status(photo: Path) -> os.stat_result:
    """Return the status of a photo to copy; raises FileError if it is gone or not a regular file."""
    try:
        status = photo.stat()
    except OSError as e:
        raise unreadable(e) from e
    if not stat.S_ISREG(status.st_mode):
        raise FileError("the photo is no longer a regular file; run `albumsort index` again")
    return status


def unreadable(error: OSError) -> FileError:
    """Return the error for a photo that cannot be opened or read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileError("the photo is gone; run `albumsort index` if it was moved, else `albumsort prune`")
    return FileError(f"cannot read the photo: {error.strerror or error}")
