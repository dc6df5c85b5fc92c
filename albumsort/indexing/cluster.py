"""Analyse photos on other machines: the workers of a Dask scheduler instead of local worker processes.

Only this process plans and writes. Each photo is one task, and its result is stored once. If workers or the scheduler
fail, photos without a result are sent again.
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
CLOSE_SECONDS = 2.0
WORKERLESS_SECONDS = 300.0
COUNT_SECONDS = 1.0  # interval between counts of the workers
HUNG = 71  # exit code of a worker that exited because a photo took too long
START_WORKERS = "dask worker {} --nthreads 1 --nworkers -1"


def parse_path(text: str) -> tuple[str, str]:
    """Return the two folders of HERE=THERE; raises UsageError for anything else."""
    here, separator, there = text.partition("=")
    if not (separator and here and there):
        raise UsageError(f"--cluster-path {text!r}: write it as HERE=THERE, like /mnt/photos=/srv/photos")
    return os.path.abspath(here), there


class Cluster:
    """An executor that uses all workers of a Dask scheduler, also those that join during the run."""

    def __init__(self, address: str, mapped: Sequence[tuple[str, str]] = ()) -> None:
        """mapped: pairs of a folder here and its path on the workers; all other paths are the same there.

        Raises AlbumsortError if Dask is not installed.
        """
        try:
            import distributed  # noqa: F401
        except ImportError as e:
            raise AlbumsortError("--cluster needs Dask; install it with: pip install 'albumsort[cluster]'") from e
        self._address = address
        self._mapped = sorted(mapped, key=lambda pair: -len(pair[0]))  # the longest match wins
        self._settings = settings()
        self._client: Client | None = None
        self.size, self._seen = 1, 0.0

    def __enter__(self) -> Cluster:
        """Connect to the scheduler, and check that every worker has the same networks and methods."""
        self._client = self._connect(CONNECT_SECONDS)
        self._check_workers(self._client)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            _close(self._client)
            self._client = None

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Yield the files unchanged: the workers read them."""
        yield from files

    def work(
        self,
        take: Callable[[], PhotoFile | None],
        arguments: Callable[[PhotoFile], tuple[PhotoFile, frozenset[str], Settings]],
        interrupt: threading.Event,
        meanwhile: Callable[[], object],
    ) -> Iterator[tuple[PhotoFile, Attempt | Hung | Died]]:
        """Yield each file once with its result, in any order, until all are finished or `interrupt` is set.

        meanwhile: called from time to time while no result arrives.
        Raises AlbumsortError if the scheduler cannot be reached for longer than a minute.
        """
        assert self._client is not None, "used as a context manager"
        finished = SimpleQueue[Any]()
        assigned: dict[str, PhotoFile] = {}  # by task key
        futures: dict[str, Future] = {}  # Dask cancels a task when its future is deleted
        retries: list[PhotoFile] = []
        counted, self._seen = -math.inf, time.monotonic()

        def assign(file: PhotoFile) -> None:
            future = self._submit(file, arguments(file)[1])
            assigned[future.key], futures[future.key] = file, future
            future.add_done_callback(finished.put)

        while not interrupt.is_set():
            if self._reconnect():  # the old scheduler's tasks are lost
                retries += assigned.values()
                assigned.clear()
                futures.clear()
            while retries:
                assign(retries.pop())
            if time.monotonic() - counted > COUNT_SECONDS:
                self._count_workers()
                counted = time.monotonic()
            while len(assigned) < self.size * TASKS_A_WORKER and (file := take()) is not None:
                assign(file)
            if not assigned:
                return
            try:
                key = finished.get(timeout=INTERRUPT_SECONDS).key
            except Empty:
                meanwhile()
                continue
            if key not in assigned:  # a task of the old scheduler
                continue
            file = assigned.pop(key)
            answer = self._answer(futures.pop(key))
            if answer is None:
                retries.append(file)
            else:
                yield file, answer
        if self._client.status == "running":
            self._client.cancel(list(futures.values()))

    def _count_workers(self) -> None:
        """Update `size`; a scheduler that cannot be reached reports no workers, or only some."""
        assert self._client is not None
        workers: Mapping[str, Any] = {}
        with suppress(OSError):
            workers = self._client.scheduler_info().get("workers", {})
        if workers:
            self.size, self._seen = len(workers), time.monotonic()
        elif time.monotonic() - self._seen > WORKERLESS_SECONDS:
            raise AlbumsortError(
                f"the scheduler at {self._address} has had no worker for {WORKERLESS_SECONDS:.0f} s; all results "
                "so far are stored. Start workers and run index again: " + START_WORKERS.format(self._address)
            )

    def _submit(self, file: PhotoFile, known: frozenset[str]) -> Future:
        assert self._client is not None
        there = self._there(file.path)
        return self._client.submit(
            attempt_there, there, file.size, file.mtime_ns, known, self._settings, weights.hashes(), pure=False
        )

    def _answer(self, future: Future) -> Attempt | Hung | Died | None:
        """Return the result of a task, or None if it was lost with its scheduler and must be sent again."""
        from distributed import KilledWorker

        try:
            answer: Attempt = future.result()
            return answer
        except KilledWorker:
            return Died(HUNG)
        except (CancelledError, OSError):
            return None
        except Exception as e:  # an error in Dask, or a worker without a library it needs
            raise AlbumsortError(f"the cluster failed: {type(e).__name__}: {e}") from e

    def _there(self, path: Path) -> str:
        """Return the path of a file on the workers."""
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
        """Reconnect if the connection was lost, perhaps to a new scheduler; return whether it was lost."""
        assert self._client is not None
        if self._client.status == "running":
            return False
        _close(self._client)
        self._client = self._connect(RECONNECT_SECONDS)
        return True

    def _check_workers(self, client: Client) -> None:
        """Raise AlbumsortError if there are no workers, or if one of them cannot be used."""
        found = client.run(describe, on_error="return")
        if not found:
            raise AlbumsortError(
                f"the scheduler at {self._address} has no worker; start some with: "
                + START_WORKERS.format(self._address)
            )
        for worker, answer in found.items():
            reason = f"it raised {answer!r}" if isinstance(answer, Exception) else why_unfit(answer, self._settings)
            if reason:
                raise AlbumsortError(f"the cluster's worker {worker} cannot be used: {reason}")
        for worker, threads in client.nthreads().items():
            if threads != 1:
                raise AlbumsortError(
                    f"the cluster's worker {worker} has {threads} threads but must have one; start workers with: "
                    + START_WORKERS.format(self._address)
                )


def _close(client: Client) -> None:
    with suppress(TimeoutError):  # a scheduler that cannot be reached does not answer
        client.close(timeout=CLOSE_SECONDS)


# these functions run on the workers


def describe() -> tuple[Settings, dict[str, str]]:
    """Return this machine's settings and the hashes of its networks; checks the networks."""
    weights.check()
    return settings(), weights.hashes()


def why_unfit(description: tuple[Settings, Mapping[str, str]], needed: Settings) -> str | None:
    """Return why a machine with this description (see `describe`) cannot be used, or None if it can."""
    theirs, hashes = description
    different = [name for name, sha256 in weights.hashes().items() if hashes.get(name) != sha256]
    if different:
        return f"its networks differ from the ones here ({', '.join(different)}); install the same albumsort there"
    if theirs != needed:
        return "its albumsort uses another method than the one here; install the same version there"
    return None


def _why_threads_unfit() -> str | None:
    """Return why this worker's threads rule it out, or None: a network serves one thread at a time."""
    from distributed import get_worker

    threads = get_worker().state.nthreads
    return None if threads == 1 else f"it has {threads} threads; start it with --nthreads 1"


def attempt_there(
    path: str, size: int, mtime_ns: int, known: frozenset[str], needed: Settings, hashes: Mapping[str, str]
) -> Attempt:
    """Analyse a photo on a worker. The installation is checked each time, because workers may join during a run.

    If a photo takes too long, the worker exits. Dask starts another one, and gives up on a task that ended several.
    """
    reason = why_unfit((needed, hashes), settings()) or _why_threads_unfit()
    if reason:
        return Attempt(AlbumsortError(f"a worker of the cluster cannot be used: {reason}"), {})
    watch = threading.Timer(SECONDS_A_PHOTO, os._exit, [HUNG])
    watch.daemon = True
    watch.start()
    try:
        return attempt(PhotoFile(Path(path), size, mtime_ns), known, needed)
    finally:
        watch.cancel()
