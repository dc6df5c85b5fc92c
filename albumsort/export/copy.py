"""A plan to the copies: each is read back before it gets its name."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..disk import contents, whole
from ..errors import AlbumsortError
from ..types import Action, Item, Link
from .plan import THERE, FileError, name_spellings, source_status, unreadable

_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_REMEDIES = {
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "Make room there",
    errno.EROFS: "Make it writable",
    errno.EACCES: "Make it writable",
}


def execute(items: Iterable[Item], link: Link, note: Callable[[Path], None] = lambda folder: None) -> Generator[Item]:
    """Carry out a plan in a folder that is there, yielding each item as it really went; what fails stops no other.

    note: called with each folder as soon as it was made. Raises AlbumsortError where going on is pointless: the
    disk is full, gone, or may not be written to.
    """
    written = 0
    folders: set[Path] = set()
    went: dict[Path, Item] = {}
    try:
        for item in items:
            # a photo with the same bytes was to have been written for this one too
            if item.action is Action.SKIP and (twin := went.get(item.destination)):
                if twin.action is Action.FAIL:
                    item = replace(item, action=Action.WRITE, reason="")
                else:  # perhaps under another name than the planned one
                    item = replace(item, destination=twin.destination)
            if item.action is not Action.WRITE:
                yield item
                continue
            try:
                done = _attempt(item, link, folders, note)
            except OSError as e:
                remedy = _REMEDIES.get(e.errno or 0, "See that its disk is there")
                raise AlbumsortError(
                    f"cannot write to {item.destination}: {e.strerror or e}. {remedy}, then export again: it goes on "
                    f"where it stopped. Files written: {written}"
                ) from e
            went[item.destination] = done
            written += done.action is Action.WRITE
            yield done
    finally:
        for folder in folders:
            whole.flush_folder(folder)


def _attempt(item: Item, link: Link, folders: set[Path], note: Callable[[Path], None]) -> Item:
    """Write one item; raises OSError only where no other could be written either."""
    folder = item.destination.parent
    try:
        if folder not in folders:  # once: a folder that goes away later was on a drive that was pulled out
            if not folder.is_dir():
                folder.mkdir()  # and none above it: they were on that drive, too
                note(folder)
            folders.add(folder)
        return _copy(item) if link is Link.COPY else _link(item, link)
    except FileError as e:
        return replace(item, action=Action.FAIL, reason=str(e))
    except OSError as e:
        if e.errno in _HOPELESS or not _is_writable(folder):
            raise
        return replace(item, action=Action.FAIL, reason=f"cannot write to {folder}: {e.strerror or e}")


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)


def _copy(item: Item) -> Item:
    """Write a temporary file, read it back, and only then let it be seen under its name."""
    status, data = _read(item)
    temporary = item.destination.with_name(whole.temporary_name())
    try:
        with open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "linux":  # so that it is read back from the disk, not from memory
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if whole.digest(temporary) != item.digest:
            raise FileError("the copy, read back, is not what was written; is the destination's disk sound?")
        with suppress(OSError):  # some network drives keep neither times nor modes
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.chmod(temporary, stat.S_IMODE(status.st_mode) & 0o666 | 0o600)
        return _name(item, lambda destination: whole.place(temporary, destination))
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _link(item: Item, link: Link) -> Item:
    _read(item)
    try:
        if link is Link.SOFT:
            return _name(item, lambda destination: os.symlink(os.path.abspath(item.source), destination))
        # a hard link to a symbolic link would be one more symbolic link
        return _name(item, lambda destination: os.link(os.path.realpath(item.source), destination))
    except OSError as e:
        if e.errno in _HOPELESS:
            raise
        raise FileError(f"cannot make a {link} link there: {e.strerror or e}; use --link copy") from e


def _name(item: Item, put: Callable[[Path], None]) -> Item:
    """Put the item under the first free spelling of its name, unless the file in the way is the same."""
    names = name_spellings(item.destination.name)
    while True:
        destination = item.destination.with_name(next(names))
        try:
            put(destination)
            return replace(item, destination=destination)
        except FileExistsError:  # it came after the plan was made
            if destination.is_file() and whole.digest(destination) == item.digest:
                return replace(item, destination=destination, action=Action.SKIP, reason=THERE)


def _read(item: Item) -> tuple[os.stat_result, bytes]:
    """Return the photo's status and its bytes; raises _FileError if they are not the bytes that were judged."""
    status = source_status(item.source)  # before reading, which changes the time of the last access
    try:
        data = item.source.read_bytes()
    except OSError as e:
        raise unreadable(e) from e
    if contents.digest(data) != item.digest:
        raise FileError("the photo changed since it was indexed; run `albumsort index --rescan`")
    return status, data
