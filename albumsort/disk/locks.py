"""Lock a folder, so that one process at a time writes into it."""

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
    """Keep other albumsort processes from writing into a folder; yields whether the lock was taken.

    It cannot be taken if the folder is not writable or its file system has no locks. Raises AlbumsortError if another
    process holds the lock. The lock ends with the process, even if that is killed.
    """
    path = folder / _LOCK
    descriptor = _hold(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            _release(path, descriptor)


def _hold(path: Path) -> int | None:
    # follow no symbolic link, and do not wait for the other end of a pipe
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
        except FileNotFoundError:  # the last holder removed the file when it ended: create it again
            pass
        except OSError as e:
            if e.errno in _BUSY:
                os.close(descriptor)
                raise AlbumsortError(f"another export is writing to {path.parent}; wait until it ends") from e
            _release(path, descriptor)
            return None
        os.close(descriptor)
    return None  # this file system gives a file a new identity each time


def _release(path: Path, descriptor: int) -> None:
    """Remove a lock file, unless it is a user's own file with content."""
    status = os.fstat(descriptor)
    if os.name == "nt":  # Windows cannot remove an open file
        os.close(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        with suppress(OSError):  # an empty file may remain; the next run reuses it
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
