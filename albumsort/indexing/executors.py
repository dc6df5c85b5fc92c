"""Executors: where photos are analysed, in local worker processes or on a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Protocol

from ..types import PhotoFile, Settings
from .crew import Crew, Died, Hung
from .readahead import read_ahead
from .worker import Attempt, attempt, prepare_worker

SECONDS_A_PHOTO = 60.0


class Executor(Protocol):
    """A place where photos are analysed; a context manager. size: the number of workers."""

    size: int

    def __enter__(self) -> object: ...

    def __exit__(self, *_: object) -> None: ...

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Yield files that will be analysed soon, and prepare for it (like reading them ahead)."""
        ...

    def work(
        self,
        take: Callable[[], PhotoFile | None],
        arguments: Callable[[PhotoFile], tuple[PhotoFile, frozenset[str], Settings]],
        interrupt: threading.Event,
        meanwhile: Callable[[], object],
    ) -> Iterator[tuple[PhotoFile, Attempt | Hung | Died]]:
        """Yield each file once with the result of `attempt`, like `Crew.work`."""
        ...


class Local(Crew[PhotoFile, Attempt]):
    """An executor with worker processes on this machine."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, attempt, prepare_worker, SECONDS_A_PHOTO)

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Read files ahead, so that the disk works while the CPU decodes."""
        return read_ahead(files)
