"""Read files ahead, so that a slow disk reads while the CPU decodes."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from ..types import PhotoFile

FILES_AHEAD, BYTES_AHEAD = 32, 128 << 20
BLOCK = 1 << 20


def read_ahead(files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
    """Yield the files in order, while a thread reads the next few into the system's cache.

    A disk that hangs or fails delays nothing here: the worker that opens the file reports the error.
    """
    asked: SimpleQueue[tuple[int, Path] | None] = SimpleQueue()
    soon, ahead, handed_out = deque[PhotoFile](), 0, [0]
    threading.Thread(target=_fetch_all, args=(asked, handed_out), daemon=True).start()
    try:
        for number, file in zip(count(), files, strict=False):
            asked.put((number, file.path))
            soon.append(file)
            ahead += file.size
            while len(soon) > FILES_AHEAD or (soon and ahead > BYTES_AHEAD):
                ahead -= soon[0].size
                handed_out[0] += 1
                yield soon.popleft()
        yield from soon
    finally:
        handed_out[0] = -1
        asked.put(None)


def _fetch_all(asked: SimpleQueue[tuple[int, Path] | None], handed_out: list[int]) -> None:
    """Fetch the requested files, except those handed out in the meantime."""
    block = bytearray(BLOCK)
    while (file := asked.get()) is not None and handed_out[0] >= 0:
        if file[0] >= handed_out[0]:
            with suppress(OSError):  # the worker that opens the file reports the error
                _fetch(file[1], block)


def _fetch(path: Path, block: bytearray) -> None:
    """Bring a file into the system's cache."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return
        if sys.platform == "linux" and hasattr(os, "posix_fadvise"):  # copies nothing and does not wait
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_WILLNEED)
            return
        while file.readinto(block):
            pass
