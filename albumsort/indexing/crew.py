"""A pool of worker processes. If one hangs or dies, only its current task is lost, and it is replaced.

Each worker has its own pipe. Nothing is shared, so a worker that is killed cannot leave anything locked or half
written. A worker does its tasks in order. Its next task waits in the pipe, so it never waits for this process, and
it is always known which task it was doing.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from ..errors import AlbumsortError

INTERRUPT_SECONDS = 0.2  # delay until a Ctrl-C is noticed while the workers are busy
DYING_SECONDS = 5.0  # time a process may take to exit after its pipe closed
TASKS_A_WORKER = 2  # the current and the next one
MOST_ON_WINDOWS = 63  # Windows can wait for this many pipes at once
MOST_FAILED_STARTS = 5  # in a row; a few may be killed by the user, more mean a broken installation

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Hung:
    """The task took too long."""


@dataclass(frozen=True)
class Died:
    """The process ended during the task. exit_code: negative for a signal, as in multiprocessing."""

    exit_code: int


class Crew(Generic[Task, Result]):
    """A pool of worker processes that all call one function; a context manager that ends them on exit.

    function, prepare: sent to the workers by name, so they must be importable. The result of `function` must be
    picklable; an exception in it ends the process.
    """

    def __init__(self, size: int, function: Callable[..., Result], prepare: Callable[[], None], seconds: float) -> None:
        """seconds: time limit for one task."""
        self.size = min(size, MOST_ON_WINDOWS) if sys.platform == "win32" else size
        self._function, self._prepare, self._seconds = function, prepare, seconds
        self._workers: list[_Worker[Task]] = []
        self._failed_starts = 0

    def __enter__(self) -> Crew[Task, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def work(
        self,
        take: Callable[[], Task | None],
        arguments: Callable[[Task], tuple[Any, ...]],
        interrupt: threading.Event,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Iterator[tuple[Task, Result | Hung | Died]]:
        """Yield each task with its result, in any order, until all are finished or `interrupt` is set.

        take: returns the next task, or None if there is none until a running task has finished.
        arguments: returns the arguments of `function` for a task; called when a worker is free for it.
        meanwhile: called from time to time while no result arrives.
        Raises AlbumsortError if the processes cannot start.
        """
        pending, last_wait = deque[Task](), time.monotonic()
        while not interrupt.is_set():
            assigned = sum(len(worker.tasks) for worker in self._workers)
            while len(pending) < self.size * TASKS_A_WORKER - assigned and (task := take()) is not None:
                pending.append(task)
            if not pending and not assigned:
                return
            busy = sum(bool(worker.tasks) for worker in self._workers)
            while len(self._workers) < min(self.size, busy + len(pending)):
                self._workers.append(_Worker(self._function, self._prepare))
            self._assign(pending, arguments)
            readable = wait([worker.connection for worker in self._workers], INTERRUPT_SECONDS)
            last_wait = self._excuse_pause(last_wait)
            if not readable:
                meanwhile()
            for worker in [*self._workers]:
                if worker.connection in readable:
                    yield from self._receive(worker, pending)
                elif worker.tasks and time.monotonic() - worker.since > self._seconds:
                    self._workers.remove(worker)
                    worker.end()
                    late = worker.tasks.popleft()
                    pending.extendleft(reversed(worker.tasks))
                    yield late, Hung()

    def _excuse_pause(self, last_wait: float) -> float:
        """Exclude the time when this process was suspended from the workers' time: they were suspended too."""
        now = time.monotonic()
        for worker in self._workers:
            worker.since += max(0.0, now - last_wait - INTERRUPT_SECONDS)
        return now

    def _assign(self, pending: deque[Task], arguments: Callable[[Task], tuple[Any, ...]]) -> None:
        """Send tasks: first one to each idle worker, then a second one unless a worker still starting could do it."""
        starting = sum(not worker.is_ready for worker in self._workers)
        for having in range(TASKS_A_WORKER):
            for worker in self._workers:
                left = len(pending) - (starting if having else 0)
                if left > 0 and worker.is_ready and len(worker.tasks) == having:
                    if not worker.take(pending[0], arguments):
                        continue
                    pending.popleft()

    def _receive(self, worker: _Worker[Task], pending: deque[Task]) -> Iterator[tuple[Task, Result | Died]]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self._workers.remove(worker)
            exit_code = worker.end(patience=DYING_SECONDS)
            if worker.tasks:
                task = worker.tasks.popleft()
                pending.extendleft(reversed(worker.tasks))
                yield task, Died(exit_code)
            elif not worker.is_ready:
                self._failed_starts += 1
                if self._failed_starts >= MOST_FAILED_STARTS:
                    raise AlbumsortError(
                        f"worker processes cannot start (exit code {exit_code}); run: albumsort doctor"
                    ) from None
            return
        if worker.is_ready:
            worker.since = time.monotonic()
            yield worker.tasks.popleft(), answer
        else:
            worker.is_ready, self._failed_starts = True, 0


class _Worker(Generic[Task]):
    """One worker process.

    tasks: its current and next task; since: start time of the current one; is_ready: it has reported that it started.
    """

    def __init__(self, function: Callable[..., Any], prepare: Callable[[], None]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads and locks
        self.connection, remote = context.Pipe()
        self._process = context.Process(target=_serve, args=(remote, function, prepare), daemon=True)
        with _ctrl_c_blocked():
            self._process.start()
        remote.close()  # so that the pipe closes when the process ends
        self.tasks = deque[Task]()
        self.since = 0.0
        self.is_ready = False

    def take(self, task: Task, arguments: Callable[[Task], tuple[Any, ...]]) -> bool:
        """Send a task to the process; return False if it died (its pipe then reports that)."""
        try:
            self.connection.send(arguments(task))
        except (BrokenPipeError, ConnectionResetError):
            return False
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(task)
        return True

    def end(self, patience: float = 0.0) -> int:
        """End the process, and kill it if it does not exit within `patience` seconds; return its exit code."""
        self.connection.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()
        exit_code = self._process.exitcode
        self._process.close()
        return 0 if exit_code is None else exit_code


def _serve(connection: Connection, function: Callable[..., Any], prepare: Callable[[], None]) -> None:
    """Do the tasks from the pipe until it closes, at the latest when the parent ends."""
    prepare()
    try:
        connection.send(None)
        while True:
            connection.send(function(*connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Block SIGINT in processes that start: a terminal sends it to them too, but the parent ends them."""
    if sys.platform == "win32":  # Windows cannot: Ctrl-C ends processes that are starting, and the run as well
        yield
        return
    resource_tracker.ensure_running()  # first, because it unblocks the signal when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
