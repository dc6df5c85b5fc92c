"""What runs in a worker process: one photo at a time."""

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
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
Outcome = Analysis | Known | PhotoError
"""What came of a photo: its analysis, or that its bytes were analysed before, or why it failed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one photo, an error of ours included, and the seconds of its steps."""

    outcome: Outcome | AlbumsortError
    seconds: Mapping[str, float]


def attempt(file: PhotoFile, known: frozenset[str], needed: Settings) -> Attempt:
    """Analyse a photo in a worker; what goes wrong is returned, as not every error survives the way back.

    needed: the settings that the result is going to be stored with.
    """
    return Attempt(*timed(lambda: _attempted(file, known, needed)))


def _attempted(file: PhotoFile, known: frozenset[str], needed: Settings) -> Outcome | AlbumsortError:
    from ..analysis import analyse  # only workers need the networks

    try:
        if settings() != needed:  # this process started later, with what was there then
            return AlbumsortError("albumsort was changed while it ran; what was analysed is kept. Run index again")
        return analyse(file, known)
    except AlbumsortError as e:
        return e
    except MemoryError:
        return TransientPhotoError("analysing it takes more memory than there was; it is tried again on the next run")
    except Exception as e:  # whatever it is, it is this photo's: recorded with its name, and the run goes on
        return TransientPhotoError(f"unexpected {type(e).__name__}: {e}")


def prepare_worker() -> None:
    """Leave Ctrl-C to the parent, bound the memory, and keep the decoders' chatter off the terminal."""
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
    """Have the system end this process with its parent: in a decoder that hangs it would not notice, and go on."""
    if sys.platform != "linux":  # where the end of its pipe ends it, once it is done with its photo
        return
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:  # it ended before that
        os.kill(os.getpid(), signal.SIGKILL)
