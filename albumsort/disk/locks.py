"""Folders that one process at a time writes into."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import AlbumsortError
from .whole import HIDDEN

_LOCK = f"{HIDDEN}lock"
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Keep other processes of albumsort from writing into a folder; yields whether that was possible.

    It is not where the folder takes no new file, or its file system has no locks. Raises AlbumsortError if
    another process holds the lock. A lock ends with its process, however that ends.
    """
    path = folder / _LOCK
    descriptor = _hold(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _release(path, descriptor)


def _hold(path: Path) -> int | None:
    # never through a symbolic link, never waiting for the other end of a pipe
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    for _ in range(100):
        try:
            descriptor = os.open(path, flags, 0o666)
        except OSError:
            return None
        try:
            _lock(descriptor)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:  # who held the lock removed the file at its end: make it anew
            pass
        except OSError as e:
            if e.errno in _BUSY:
                os.close(descriptor)
                raise AlbumsortError(f"another export is writing into {path.parent}; wait until it is done") from e
            _release(path, descriptor)
            return None
        os.close(descriptor)
    return None  # a file system on which no file stays the same


def _release(path: Path, descriptor: int) -> None:
    """Remove a lock file, unless somebody else has such a file and keeps something in it."""
    status = os.fstat(descriptor)
    if os.name == "nt":  # where an open file cannot be removed
        os.close(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        with suppress(OSError):  # an empty file remains, for the next run to take
            os.unlink(path)
    if os.name != "nt":
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
