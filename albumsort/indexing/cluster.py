"""Analysis on other machines: the same function on the workers of a Dask scheduler, in place of our own processes.

This program alone plans and writes. A photo is a task; its answer streams back and is stored once, and
whatever becomes of workers and scheduler, a photo without an answer is given out again.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path, PurePath
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from ..errors import AlbumsortError, UsageError
from ..networks import weights
from ..settings import settings
from ..types import PhotoFile, Settings
from .crew import INTERRUPT_SECONDS, TASKS_A_WORKER, Died, Hung
from .executors import SECONDS_A_PHOTO
from .worker import Attempt, attempt

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS = 10.0
RECONNECT_SECONDS = 60.0
GOODBYE_SECONDS = 2.0
WORKERLESS_SECONDS = 300.0
COUNT_SECONDS = 1.0  # how soon workers that come or go are noticed
HUNG = 71  # exit code of a worker that ended itself because a photo took too long
START_WORKERS = "dask worker {} --nthreads 1 --nworkers -1"


def parse_path(text: str) -> tuple[str, str]:
    """Return the two folders of HERE=THERE; raises UsageError for anything else."""
    here, separator, there = text.partition("=")
    if not (separator and here and there):
        raise UsageError(f"--cluster-path {text!r}: write it like /mnt/photos=/srv/photos")
    return os.path.abspath(here), there


class Cluster:
    """An executor (see indexing) on the workers of a Dask scheduler, as many as there are at any time."""

    def __init__(self, address: str, mapped: Sequence[tuple[str, str]] = ()) -> None:
        """mapped: folders of this machine, and what the workers call them; other paths are the same there.

        Raises AlbumsortError without Dask.
        """
        try:
            import distributed  # noqa: F401
        except ImportError as e:
            raise AlbumsortError("--cluster needs Dask; install it with: pip install 'albumsort[cluster]'") from e
        self._address = address
        self._mapped = sorted(mapped, key=lambda pair: -len(pair[0]))  # the longest that fits counts
        self._settings = settings()
        self._client: Client | None = None
        self.size, self._seen = 1, 0.0

    def __enter__(self) -> Cluster:
        """Connect, and check that every worker has our networks."""
        self._client = self._connect(CONNECT_SECONDS)
        self._check_workers(self._client)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            _let_go(self._client)
            self._client = None

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Yield the files as they come: reading happens elsewhere."""
        yield from files

    def work(
        self,
        take: Callable[[], PhotoFile | None],
        arguments: Callable[[PhotoFile], tuple[PhotoFile, frozenset[str], Settings]],
        interrupt: threading.Event,
        meanwhile: Callable[[], object],
    ) -> Iterator[tuple[PhotoFile, Attempt | Hung | Died]]:
        """Yield once for each file what came of it, as it comes, until all are done or `interrupt` is set.

        meanwhile: called now and then while nothing comes.
        Raises AlbumsortError if the scheduler is away for longer than a minute.
        """
        assert self._client is not None, "used as a context manager"
        done = SimpleQueue[Any]()
        given: dict[str, PhotoFile] = {}  # by the keys of their tasks
        futures: dict[str, Future] = {}  # a task lives as long as its future
        again: list[PhotoFile] = []  # to be given out once more
        counted, self._seen = -math.inf, time.monotonic()

        def give(file: PhotoFile) -> None:
            future = self._submit(file, arguments(file)[1])
            given[future.key], futures[future.key] = file, future
            future.add_done_callback(done.put)

        while not interrupt.is_set():
            if self._reconnect():  # what was given went with the scheduler that knew it
                again += given.values()
                given.clear()
                futures.clear()
            while again:
                give(again.pop())
            if time.monotonic() - counted > COUNT_SECONDS:
                self._count_workers()
                counted = time.monotonic()
            while len(given) < self.size * TASKS_A_WORKER and (file := take()) is not None:
                give(file)
            if not given:
                return
            try:
                key = done.get(timeout=INTERRUPT_SECONDS).key
            except Empty:
                meanwhile()
                continue
            if key not in given:  # a task of a scheduler that is gone
                continue
            file = given.pop(key)
            answer = self._answer(futures.pop(key))
            if answer is None:
                again.append(file)
            else:
                yield file, answer
        if self._client.status == "running":
            self._client.cancel(list(futures.values()))

    def _count_workers(self) -> None:
        """See how many there are; a scheduler that is away says nothing, or not all."""
        assert self._client is not None
        workers: Mapping[str, Any] = {}
        with suppress(OSError):
            workers = self._client.scheduler_info().get("workers", {})
        if workers:
            self.size, self._seen = len(workers), time.monotonic()
        elif time.monotonic() - self._seen > WORKERLESS_SECONDS:
            raise AlbumsortError(
                f"the scheduler at {self._address} has had no worker for {WORKERLESS_SECONDS:.0f} s; what was analysed "
                "is kept. Start workers and run index again: " + START_WORKERS.format(self._address)
            )

    def _submit(self, file: PhotoFile, known: frozenset[str]) -> Future:
        assert self._client is not None
        there = self._there(file.path)
        return self._client.submit(
            attempt_there, there, file.size, file.mtime_ns, known, self._settings, weights.hashes(), pure=False
        )

    def _answer(self, future: Future) -> Attempt | Hung | Died | None:
        """Return what came of a task, or None if it was lost with the scheduler and is to be given out again."""
        from distributed import KilledWorker

        try:
            answer: Attempt = future.result()
            return answer
        except KilledWorker:
            return Died(HUNG)
        except (CancelledError, OSError):
            return None
        except Exception as e:  # of Dask itself, or of a worker that lacks what it needs
            raise AlbumsortError(f"the cluster failed: {type(e).__name__}: {e}") from e

    def _there(self, path: Path) -> str:
        """Return a path as the workers have it."""
        for here, there in self._mapped:
            if path.is_relative_to(here):
                below = PurePath(path).relative_to(here).parts
                slash = "\\" if "\\" in there and "/" not in there else "/"
                return slash.join([there.rstrip("/\\"), *below])
        return str(path)

    def _connect(self, seconds: float) -> Client:
        from distributed import Client

        try:
            return Client(self._address, timeout=seconds, set_as_default=False)
        except (OSError, ValueError) as e:
            raise AlbumsortError(f"cannot reach a Dask scheduler at {self._address}: {e}") from e

    def _reconnect(self) -> bool:
        """Wait until the scheduler, or another one at its address, is there again; returns whether it was away."""
        assert self._client is not None
        if self._client.status == "running":
            return False
        _let_go(self._client)
        self._client = self._connect(RECONNECT_SECONDS)
        return True

    def _check_workers(self, client: Client) -> None:
        """Raise AlbumsortError unless there are workers, and all of them can do what they will be given."""
        found = client.run(describe, on_error="return")
        if not found:
            raise AlbumsortError(
                f"the scheduler at {self._address} has no worker; start some with: "
                + START_WORKERS.format(self._address)
            )
        for worker, said in found.items():
            wrong = f"it says: {said!r}" if isinstance(said, Exception) else why_unfit(said, self._settings)
            if wrong:
                raise AlbumsortError(f"the cluster's worker {worker} cannot be used: {wrong}")
        for worker, threads in client.nthreads().items():
            if threads != 1:
                raise AlbumsortError(
                    f"the cluster's worker {worker} has {threads} threads, but a photo takes one; start workers with: "
                    + START_WORKERS.format(self._address)
                )


def _let_go(client: Client) -> None:
    with suppress(TimeoutError):  # a scheduler that is away does not answer a farewell
        client.close(timeout=GOODBYE_SECONDS)


# what runs on the workers


def describe() -> tuple[Settings, dict[str, str]]:
    """Return what results of this machine depend on: methods and networks, which are read and checked."""
    weights.check()
    return settings(), weights.hashes()


def why_unfit(said: tuple[Settings, Mapping[str, str]], needed: Settings) -> str | None:
    """Say what is wrong with a machine that described itself like this, if anything is."""
    theirs, hashes = said
    different = [name for name, sha256 in weights.hashes().items() if hashes.get(name) != sha256]
    if different:
        return f"its networks are others than here ({', '.join(different)}); install the same albumsort there"
    if theirs != needed:
        return "its albumsort works by another method than the one here; install the same there"
    return None


def _why_not_alone() -> str | None:
    """Networks are not for two threads at once."""
    from distributed import get_worker

    threads = get_worker().state.nthreads
    return None if threads == 1 else f"it has {threads} threads, start it with --nthreads 1"


def attempt_there(
    path: str, size: int, mtime_ns: int, known: frozenset[str], needed: Settings, hashes: Mapping[str, str]
) -> Attempt:
    """Analyse a photo on a worker, which may have joined late and whose installation is checked for that.

    A photo that takes too long ends the worker: Dask starts another, and gives up what ended several.
    """
    wrong = why_unfit((needed, hashes), settings()) or _why_not_alone()
    if wrong:
        return Attempt(AlbumsortError(f"a worker of the cluster cannot be used: {wrong}"), {})
    watch = threading.Timer(SECONDS_A_PHOTO, os._exit, [HUNG])
    watch.daemon = True
    watch.start()
    try:
        return attempt(PhotoFile(Path(path), size, mtime_ns), known, needed)
    finally:
        watch.cancel()
