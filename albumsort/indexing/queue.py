"""The order in which files are handed out: of equal size one at a time, as they may be copies."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from ..types import PhotoFile

MOST_HELD = 10_000  # files of equal size that wait for each other in memory


class Queue:
    """Hands out files in order, but of equal size, which may be copies, one at a time: copies are analysed once.

    Where equal sizes prove to mean nothing, as in uncompressed formats, files of that size wait no more.
    """

    def __init__(self, files: Iterable[PhotoFile]) -> None:
        self._files, self._again = iter(files), deque[PhotoFile]()
        self._held: defaultdict[int, deque[PhotoFile]] = defaultdict(deque)
        self._busy, self._meaningless = set[int](), set[int]()
        self._count = 0

    def take(self) -> PhotoFile | None:
        """Return a file to analyse now, or None until one is done or if none is left."""
        while self._count < MOST_HELD and (file := self._next()) is not None:
            if file.size not in self._busy or file.size in self._meaningless:
                self._busy.add(file.size)
                return file
            self._held[file.size].append(file)
            self._count += 1
        return None

    def _next(self) -> PhotoFile | None:
        return self._again.popleft() if self._again else next(self._files, None)

    def done(self, file: PhotoFile, no_copy: bool) -> None:
        """Let files of that size go on: the next one, or all if this was `no_copy` of one of equal size."""
        self._busy.discard(file.size)
        if no_copy:
            self._meaningless.add(file.size)
        if file.size not in self._held:
            return
        held = self._held[file.size]
        for _ in range(len(held) if no_copy else 1):
            self._again.append(held.popleft())
            self._count -= 1
        if not held:
            del self._held[file.size]
