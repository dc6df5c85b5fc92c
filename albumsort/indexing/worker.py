"""The code that runs in a worker process: analyse one photo at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import AlbumsortError, PhotoError, TransientPhotoError
from ..settings import settings
from ..timing import timed
from ..types import Analysis, Known, PhotoFile, Settings

BYTES_A_WORKER = 4 << 30
PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>
Outcome = Analysis | Known | PhotoError
"""The outcome of a photo: its analysis, or the hash of a content analysed before, or why it failed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one photo, or an error that ends the run, and the seconds of each step."""

    outcome: Outcome | AlbumsortError
    seconds: Mapping[str, float]


def attempt(file: PhotoFile, known: frozenset[str], needed: Settings) -> Attempt:
    """Analyse a photo in a worker. Errors are returned, not raised, because not every exception can be pickled.

    needed: the settings that the result will be stored with.
    """
    return Attempt(*timed(lambda: _attempted(file, known, needed)))


def _attempted(file: PhotoFile, known: frozenset[str], needed: Settings) -> Outcome | AlbumsortError:
    from ..analysis import analyse  # only workers need the networks

    try:
        if settings() != needed:  # this process started later, after an update of albumsort
            return AlbumsortError("albumsort was changed while it ran; all results so far are stored. Run index again")
        return analyse(file, known)
    except AlbumsortError as e:
        return e
    except MemoryError:
        return TransientPhotoError("there was not enough memory to analyse it; it is tried again on the next run")
    except Exception as e:  # record any other error with this photo, and continue the run
        return TransientPhotoError(f"unexpected {type(e).__name__}: {e}")


def prepare_worker() -> None:
    """Leave Ctrl-C to the parent, limit memory, and silence the decoders' output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    _end_with_parent()
    if sys.platform == "linux":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = BYTES_A_WORKER if most == resource.RLIM_INFINITY else min(BYTES_A_WORKER, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _end_with_parent() -> None:
    """Make the system kill this process when its parent ends; inside a hanging decoder it would not notice that."""
    if sys.platform != "linux":  # elsewhere it ends after its current photo, when its pipe closes
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:  # the parent ended before the call above
        os.kill(os.getpid(), signal.SIGKILL)
