"""Who analyses: processes of this machine, or whatever has the same methods."""

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
    """Whoever analyses: this machine's processes, or a cluster's. Used as a context manager."""

    size: int

    def __enter__(self) -> object: ...

    def __exit__(self, *_: object) -> None: ...

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Yield files that will be analysed soon, having done what makes their turn short."""
        ...

    def work(
        self,
        take: Callable[[], PhotoFile | None],
        arguments: Callable[[PhotoFile], tuple[PhotoFile, frozenset[str], Settings]],
        interrupt: threading.Event,
        meanwhile: Callable[[], object],
    ) -> Iterator[tuple[PhotoFile, Attempt | Hung | Died]]:
        """Yield once for each file what came of `attempt`, like `Crew.work`."""
        ...


class Local(Crew[PhotoFile, "Attempt"]):
    """So many processes of this machine."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, attempt, prepare_worker, SECONDS_A_PHOTO)

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Have the disk read while the processors decode."""
        return read_ahead(files)
