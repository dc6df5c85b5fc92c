"""The order of analysis: files of equal size one at a time, because they may be copies."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from ..types import PhotoFile

MOST_HELD = 10_000  # files in memory that wait for another file of equal size


class Queue:
    """A queue of files that releases files of equal size one at a time, so that copies are analysed only once.

    If two files of equal size turn out not to be copies, as in uncompressed formats, files of that size no longer wait.
    """

    def __init__(self, files: Iterable[PhotoFile]) -> None:
        self._files, self._released = iter(files), deque[PhotoFile]()
        self._held: defaultdict[int, deque[PhotoFile]] = defaultdict(deque)
        self._busy, self._meaningless = set[int](), set[int]()
        self._count = 0

    def take(self) -> PhotoFile | None:
        """Return the next file to analyse, or None if there is none (until `done` is called)."""
        while self._count < MOST_HELD and (file := self._next()) is not None:
            if file.size not in self._busy or file.size in self._meaningless:
                self._busy.add(file.size)
                return file
            self._held[file.size].append(file)
            self._count += 1
        return None

    def _next(self) -> PhotoFile | None:
        return self._released.popleft() if self._released else next(self._files, None)

    def done(self, file: PhotoFile, no_copy: bool) -> None:
        """Release the next waiting file of the same size, or all of them if `file` is `no_copy`."""
        self._busy.discard(file.size)
        if no_copy:
            self._meaningless.add(file.size)
        if file.size not in self._held:
            return
        held = self._held[file.size]
        for _ in range(len(held) if no_copy else 1):
            self._released.append(held.popleft())
            self._count -= 1
        if not held:
            del self._held[file.size]
