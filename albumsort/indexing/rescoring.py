"""Classify stored crops again after an update of the emotion network, without opening a photo."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ..analysis import load_networks
from ..faces import crop
from ..index import lookup, storing
from ..index.database import Database
from ..settings import settings
from ..types import Expression

RESCORED_AT_ONCE = 256  # results per transaction: commits and checks for Ctrl-C are a fraction of a second apart
DAMAGED_FACES = "its stored faces are damaged; run index again to analyse the photo again"


def rescore(
    database: Database, interrupt: threading.Event, progress: Callable[[], object]
) -> tuple[int, list[tuple[Path, str]]]:
    """Classify results again that are stale only because the emotion network or its method changed; reads no photo.

    Returns the number of these results, and the photos whose stored faces are damaged: the next run analyses them.
    """
    classifier, now = load_networks()[1], settings()
    rescored, last, damaged = 0, -1, list[tuple[Path, str]]()
    while not interrupt.is_set() and (stale := lookup.unclassified(database, now, last, RESCORED_AT_ONCE)):
        last = stale[-1].content
        classified: dict[int, list[Expression] | None] = {}
        for content, count, packed in stale:
            try:
                classified[content] = classifier.classify(
                    crop.unpack(packed, count), lookup.detections(database, content)
                )
            except ValueError:
                classified[content] = None
            progress()
        with database.transaction():
            for content, expressions in classified.items():
                if expressions is None:
                    damaged += [(path, DAMAGED_FACES) for path in storing.distrust(database, content)]
                else:
                    storing.save_expressions(database, content, expressions, now)
                    rescored += 1
    return rescored, damaged
