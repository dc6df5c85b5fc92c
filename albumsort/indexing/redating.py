"""Read the dates of known photos from their files' headers again, after an update of how dates are read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from ..errors import PhotoError
from ..index import dating
from ..index.database import Database
from ..photos.metadata import taken_of_file
from ..settings import settings
from ..types import Taken

REDATED_AT_ONCE = 256
"""Results per transaction: commits and checks for Ctrl-C are a fraction of a second apart."""


def redate(database: Database, interrupt: threading.Event, progress: Callable[[], object]) -> int:
    """Read the dates that `dating.note_undated` noted; decodes no photo. Return how many were read.

    A file that cannot be read now keeps its date, and the next run tries again.
    """
    now, redated, last = settings(), 0, 0
    while not interrupt.is_set() and (waiting := dating.undated(database, last, REDATED_AT_ONCE)):
        last = waiting[-1].content
        dates = list[tuple[int, Taken | None]]()
        for content, path in waiting:
            with suppress(PhotoError):
                dates.append((content, taken_of_file(path)))
            progress()
        dating.save_dates(database, dates, now)
        redated += len(dates)
    return redated
