"""What comes of each photo, as it comes."""

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

MOST_SENT = 1000  # digests that go with a photo; more would not fit into a pipe while its reader is busy
_KILLED = (-signal.SIGTERM, -9)  # Windows has no SIGKILL


def outcomes(
    files: Iterable[PhotoFile],
    known: Callable[[int], frozenset[str]],
    executor: Executor,
    interrupt: threading.Event,
    meanwhile: Callable[[], object] = lambda: None,
) -> Iterator[tuple[PhotoFile, Outcome, Mapping[str, float]]]:
    """Yield each photo's outcome as it comes, with the seconds of its steps; a crash or a hang costs one photo.

    known: digests by file size; of a file that has one of them the outcome is just that.
    meanwhile: called now and then while nothing comes.
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
    """Return the digests unless there are very many: then a copy is analysed once more, to the same result."""
    return digests if len(digests) <= MOST_SENT else frozenset()


def nothing_known(size: int) -> frozenset[str]:
    """Tell that no digest of files of this size is known."""
    return frozenset()


def _outcome(answer: Attempt | Hung | Died) -> Outcome:
    match answer:
        case Hung():  # a drive that stalls says nothing about the photo
            return TransientPhotoError(
                f"analysing it took longer than {SECONDS_A_PHOTO:.0f} s; given up, it is tried again on the next run"
            )
        case Died():
            return TransientPhotoError(_why_died(answer))
    outcome = answer.outcome
    if isinstance(outcome, AlbumsortError) and not isinstance(outcome, PhotoError):
        raise outcome
    return outcome


def _why_died(died: Died) -> str:
    if died.exit_code in _KILLED:
        return "its process was killed from outside (is memory short?); it is tried again on the next run"
    return "the decoder crashed; it is tried again on the next run"
