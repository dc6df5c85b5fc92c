"""Analyse files on an executor and yield the outcome of each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing

from ..errors import AlbumsortError, PhotoError, TransientPhotoError
from ..settings import settings
from ..types import Analysis, PhotoFile, Settings
from .crew import Died, Hung
from .executors import SECONDS_A_PHOTO, Executor
from .queue import Queue
from .worker import Attempt, Outcome

MOST_SENT = 1000  # digests sent with a photo; more would block the pipe while its reader is busy
_KILLED = (-signal.SIGTERM, -9)  # Windows has no SIGKILL


def outcomes(
    files: Iterable[PhotoFile],
    known: Callable[[int], frozenset[str]],
    executor: Executor,
    interrupt: threading.Event,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[tuple[PhotoFile, Outcome, Mapping[str, float]]]:
    """Yield each file with its outcome and the seconds of its steps, in any order; a crash or hang fails one photo.

    known: returns the known content hashes of a file size; a file with one of them is not analysed (`Known`).
    meanwhile: called from time to time while no outcome arrives.
    """
    needed = settings()

    def arguments(file: PhotoFile) -> tuple[PhotoFile, frozenset[str], Settings]:
        return file, _few(known(file.size)), needed

    with executor, closing(executor.ahead(files)) as soon:
        queue = Queue(soon)
        for file, answer in executor.work(queue.take, arguments, interrupt, meanwhile):
            outcome = _outcome(answer)
            queue.done(file, isinstance(outcome, Analysis) and not known(file.size) <= {outcome.digest})
            yield file, outcome, answer.seconds if isinstance(answer, Attempt) else {}


def _few(digests: frozenset[str]) -> frozenset[str]:
    """Return the digests, or none if there are too many: copies are then analysed again, with the same result."""
    return digests if len(digests) <= MOST_SENT else frozenset()


def _outcome(answer: Attempt | Hung | Died) -> Outcome:
    match answer:
        case Hung():  # transient: the drive may have stalled
            return TransientPhotoError(
                f"analysis took longer than {SECONDS_A_PHOTO:.0f} s and was stopped; it is tried again on the next run"
            )
        case Died():
            return TransientPhotoError(_why_died(answer))
    outcome = answer.outcome
    if isinstance(outcome, AlbumsortError) and not isinstance(outcome, PhotoError):
        raise outcome
    return outcome


def _why_died(died: Died) -> str:
    if died.exit_code in _KILLED:
        return "its worker process was killed (is memory short?); it is tried again on the next run"
    return "the decoder crashed; it is tried again on the next run"
