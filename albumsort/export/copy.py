"""Carry out a plan of copies: each copy is read back before it gets its name."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ..disk import contents, whole
from ..disk.naming import ask
from ..errors import AlbumsortError
from ..photos.place import names_place
from . import names
from .items import Action, Item, Link
from .plan import ALREADY_THERE, FileError, source_status, unreadable

_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_REMEDIES = {
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "Make room there",
    errno.EROFS: "Make it writable",
    errno.EACCES: "Make it writable",
}


class Preparing(Protocol):
    """Makes copies with other bytes than the photos."""

    def prepare(self, item: Item, data: bytes) -> tuple[Item, bytes]:
        """Return the item and its copy's bytes; a SKIP if the copy is there already. Raises FileError."""

    def note(self, item: Item) -> None:
        """Remember a written copy."""


def execute(
    items: Iterable[Item],
    link: Link,
    note: Callable[[Path], None] = lambda folder: None,
    preparing: Preparing | None = None,
    room: int = 0,
) -> Generator[Item]:
    """Carry out a plan in an existing folder; yields each item with its actual result. A failed photo stops no other.

    note: called with each folder right after it is created. preparing: makes the bytes of the copies, by default those
    of the photos. room: characters to leave behind each name, as in `plan`. Raises AlbumsortError if no further photo
    can be written: the disk is full, gone or read-only.
    """
    written = 0
    folders: set[Path] = set()
    attempted: dict[Path, Item] = {}
    try:
        for item in items:
            # the plan skipped this photo because another one with the same bytes was to be written
            if item.action is Action.SKIP and (twin := attempted.get(item.destination)):
                if twin.action is Action.FAIL:
                    item = replace(item, action=Action.WRITE, reason="")
                else:  # its name may differ from the planned one
                    item = replace(item, destination=twin.destination, written=twin.written)
            if item.action is not Action.WRITE:
                yield item
                continue
            try:
                outcome = _attempt(item, link, folders, note, preparing, room)
            except OSError as e:
                raise stopped(e, item.destination, written) from e
            attempted[item.destination] = outcome
            written += outcome.action is Action.WRITE
            yield outcome
    finally:
        for folder in folders:
            whole.flush_folder(folder)


def stopped(error: OSError, destination: Path, written: int) -> AlbumsortError:
    """Return the error for a destination to which nothing more can be written."""
    remedy = _REMEDIES.get(error.errno or 0, "Check that its disk is connected")
    return AlbumsortError(
        f"cannot write to {destination}: {error.strerror or error}. {remedy}, then export again: "
        f"the export continues where it stopped. Files written: {written}"
    )


def _attempt(
    item: Item, link: Link, folders: set[Path], note: Callable[[Path], None], preparing: Preparing | None, room: int
) -> Item:
    """Write one item; raises OSError only if no other item could be written either."""
    folder = item.destination.parent
    try:
        if folder not in folders:  # once: if a folder disappears later, its drive was unplugged
            if not folder.is_dir():
                folder.mkdir()  # without parents: if they are missing, the drive was unplugged
                note(folder)
            folders.add(folder)
        return _copy(item, preparing, room) if link is Link.COPY else _link(item, link, room)
    except FileError as e:
        return replace(item, action=Action.FAIL, reason=str(e))
    except OSError as e:
        if is_final(e, folder):
            raise
        return replace(item, action=Action.FAIL, reason=f"cannot write to {folder}: {e.strerror or e}")


def is_final(error: OSError, folder: Path) -> bool:
    """Whether no other file could be written to the folder either."""
    return error.errno in _FATAL or not (folder.is_dir() and os.access(folder, os.W_OK))


def _copy(item: Item, preparing: Preparing | None, room: int) -> Item:
    """Write a temporary file, read it back, and only then give it its name."""
    status, data = read(item)
    if preparing is None:
        item = replace(item, names_place=names_place(data))
    else:
        item, data = preparing.prepare(item, data)
    if item.action is not Action.WRITE:
        return item
    temporary = item.destination.with_name(whole.temporary_name())
    try:
        write_unfinished(temporary, data)
        with suppress(OSError):  # some network drives store neither times nor modes
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.chmod(temporary, stat.S_IMODE(status.st_mode) & 0o666 | 0o600)
        item = _name(item, lambda destination: whole.place(temporary, destination), room)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    if preparing is not None:
        preparing.note(item)
    return item


def write_unfinished(temporary: Path, data: bytes) -> None:
    """Write a new file to the disk and read it back; raises FileError if it differs."""
    with open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if sys.platform == "linux":  # read it back from the disk, not from memory
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if whole.digest(temporary) != contents.digest(data):
        raise FileError("the file differs from what was written when read back; check the destination's disk")


def _link(item: Item, link: Link, room: int) -> Item:
    item = replace(item, names_place=names_place(read(item)[1]))
    try:
        if link is Link.SOFT:
            return _name(item, lambda destination: os.symlink(os.path.abspath(item.source), destination), room)
        # a hard link to a symbolic link would be one more symbolic link
        return _name(item, lambda destination: os.link(os.path.realpath(item.source), destination), room)
    except OSError as e:
        if e.errno in _FATAL:
            raise
        raise FileError(f"cannot create a {link} link there: {e.strerror or e}; use --link copy") from e


def _name(item: Item, put: Callable[[Path], None], room: int) -> Item:
    """Put the item under its name, or under a plainer one if the file system refuses that."""
    *others, last = names.plainer(item.destination.name, room)
    for name in others:
        try:
            return _put(item, name, put, room)
        except OSError as e:
            if e.errno not in names.REFUSALS:
                raise
    return _put(item, last, put, room)


def _put(item: Item, name: str, put: Callable[[Path], None], room: int) -> Item:
    """Put the item under the first free variant of a name; skip it if a file there has the same bytes."""
    if name != item.destination.name:
        item = replace(item, reason=f"the file system refused the name {item.destination.name}")
    folder = item.destination.parent
    spellings = names.spellings(name, ask(folder).shorter(room))
    while True:
        destination = folder / next(spellings)
        try:
            put(destination)
            return replace(item, destination=destination)
        except FileExistsError:  # created since the plan was made
            if destination.is_file() and whole.digest(destination) == item.content:
                return replace(item, destination=destination, action=Action.SKIP, reason=ALREADY_THERE)


def read(item: Item) -> tuple[os.stat_result, bytes]:
    """Return the photo's status and its bytes; raises FileError if the bytes differ from the analysed ones."""
    status = source_status(item.source)  # first, because reading changes the access time
    try:
        data = item.source.read_bytes()
    except OSError as e:
        raise unreadable(e) from e
    if contents.digest(data) != item.digest:
        raise FileError("the photo changed since it was indexed; run `albumsort index --rescan`")
    return status, data
