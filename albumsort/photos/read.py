"""Read the bytes of a photo file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from ..errors import PhotoError, TransientPhotoError

BYTE_LIMIT = 2_000_000_000


def read(path: Path) -> bytes:
    """Return the file's bytes; raises PhotoError if it is unreadable, changing, empty or too large."""
    with opened(path) as file:
        status = os.fstat(file.fileno())
        data = file.read()
        after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns) or len(data) != after.st_size:
            raise TransientPhotoError("the file changed while it was being read")
    return data


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a photo file to read parts of it; raises PhotoError if it is no file, empty, too large or unreadable.

    An OSError in the block becomes a TransientPhotoError, too.
    """
    try:
        # a FIFO or device with a photo's name could block or never end
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PhotoError("not a regular file")
            if status.st_size > BYTE_LIMIT:
                raise PhotoError(f"the file is larger than {BYTE_LIMIT // 1_000_000} MB")
            if not status.st_size:
                raise PhotoError("the file is empty")
            yield file
    except OSError as e:
        raise TransientPhotoError(f"cannot read the file: {e.strerror}") from e
