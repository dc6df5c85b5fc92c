"""Processes that work beside each other. One that hangs or dies costs the task it was at, and is replaced.

Each worker has a pipe of its own, so nothing is shared that a worker killed at any moment could leave
locked or half written. It does its tasks in order, and the next one lies in its pipe when it is done
with one, so that it need not wait until it is heard; what it was doing is never in doubt.
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

INTERRUPT_SECONDS = 0.2  # how soon a Ctrl-C is noticed while the workers are busy
DYING_SECONDS = 5.0  # from the end of its pipe to the end of the process
TASKS_A_WORKER = 2  # the one it is at, and the next
MOST_ON_WINDOWS = 63  # pipes that one can wait for at once
MOST_FAILED_STARTS = 5  # in a row: somebody may kill a few, but more are an installation that cannot work

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Hung:
    """The task was not done within its time."""


@dataclass(frozen=True)
class Died:
    """The process ended while it was at the task. exit_code: negative for a signal, as multiprocessing has it."""

    exit_code: int


class Crew(Generic[Task, Result]):
    """Worker processes that call one function; a context manager, at whose end all of them are gone.

    function, prepare: sent to the workers by name, so they must be found in a module. Whatever
    `function` returns must be picklable; what it raises ends its process.
    """

    def __init__(self, size: int, function: Callable[..., Result], prepare: Callable[[], None], seconds: float) -> None:
        """seconds: how long one task may take."""
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
        """Yield what came of each task, as it comes, until all are done or `interrupt` is set.

        take: the next task, or None if there is none before one of those begun is done.
        arguments: what to call the function with, asked for when a worker is free for the task.
        meanwhile: called now and then while nothing comes.
        Raises AlbumsortError if the processes cannot start.
        """
        pending, looked = deque[Task](), time.monotonic()
        while not interrupt.is_set():
            given = sum(len(worker.tasks) for worker in self._workers)
            while len(pending) < self.size * TASKS_A_WORKER - given and (task := take()) is not None:
                pending.append(task)
            if not pending and not given:
                return
            busy = sum(bool(worker.tasks) for worker in self._workers)
            while len(self._workers) < min(self.size, busy + len(pending)):
                self._workers.append(_Worker(self._function, self._prepare))
            self._give(pending, arguments)
            heard = wait([worker.connection for worker in self._workers], INTERRUPT_SECONDS)
            looked = self._forgive(looked)
            if not heard:
                meanwhile()
            for worker in [*self._workers]:
                if worker.connection in heard:
                    yield from self._hear(worker, pending)
                elif worker.tasks and time.monotonic() - worker.since > self._seconds:
                    self._workers.remove(worker)
                    worker.end()
                    late = worker.tasks.popleft()
                    pending.extendleft(reversed(worker.tasks))
                    yield late, Hung()

    def _forgive(self, looked: float) -> float:
        """Count no time against the workers in which this process did not look; if it was stopped, so were they."""
        now = time.monotonic()
        for worker in self._workers:
            worker.since += max(0.0, now - looked - INTERRUPT_SECONDS)
        return now

    def _give(self, pending: deque[Task], arguments: Callable[[Task], tuple[Any, ...]]) -> None:
        """Hand out tasks: first one to each who has none, and no second one that somebody still starting could do."""
        starting = sum(not worker.is_ready for worker in self._workers)
        for having in range(TASKS_A_WORKER):
            for worker in self._workers:
                left = len(pending) - (starting if having else 0)
                if left > 0 and worker.is_ready and len(worker.tasks) == having:
                    if not worker.take(pending[0], arguments):
                        continue
                    pending.popleft()

    def _hear(self, worker: _Worker[Task], pending: deque[Task]) -> Iterator[tuple[Task, Result | Died]]:
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
                        f"the processes that analyse cannot start (exit code {exit_code}); run: albumsort doctor"
                    ) from None
            return
        if worker.is_ready:
            worker.since = time.monotonic()
            yield worker.tasks.popleft(), answer
        else:
            worker.is_ready, self._failed_starts = True, 0


class _Worker(Generic[Task]):
    """One process. tasks: what it is at, and the next; since: when it began; is_ready: it has started and said so."""

    def __init__(self, function: Callable[..., Any], prepare: Callable[[], None]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads and locks
        self.connection, its = context.Pipe()
        self._process = context.Process(target=_serve, args=(its, function, prepare), daemon=True)
        with _ctrl_c_held_back():
            self._process.start()
        its.close()  # so that the end of the process is the end of the pipe
        self.tasks = deque[Task]()
        self.since = 0.0
        self.is_ready = False

    def take(self, task: Task, arguments: Callable[[Task], tuple[Any, ...]]) -> bool:
        """Give the process a task; returns False if it died, which its pipe will tell."""
        try:
            self.connection.send(arguments(task))
        except (BrokenPipeError, ConnectionResetError):
            return False
        if not self.tasks:
            self.since = time.monotonic()
        self.tasks.append(task)
        return True

    def end(self, patience: float = 0.0) -> int:
        """Make sure that the process is gone, killed if it does not end by itself; returns its exit code."""
        self.connection.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()
        exit_code = self._process.exitcode
        self._process.close()
        return 0 if exit_code is None else exit_code


def _serve(connection: Connection, function: Callable[..., Any], prepare: Callable[[], None]) -> None:
    """Do what comes through the pipe until it ends, which it does with the parent, too."""
    prepare()
    try:
        connection.send(None)
        while True:
            connection.send(function(*connection.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Start processes without SIGINT: a terminal sends it to them, too, and the parent ends them."""
    if sys.platform == "win32":  # which cannot: those that it meets while they start end, as does the run
        yield
        return
    resource_tracker.ensure_running()  # it lifts the block when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
