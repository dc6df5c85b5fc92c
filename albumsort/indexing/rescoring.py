"""Classifying stored faces anew after an update of the emotion network. No photo is opened."""

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

RESCORED_AT_ONCE = 256  # results: a fraction of a second between commits, and looks for a Ctrl-C
DAMAGED_FACES = "its stored faces are damaged; run index again to analyse it anew"


def rescore(
    index: Database, interrupt: threading.Event, progress: Callable[[], object]
) -> tuple[int, list[tuple[Path, str]]]:
    """Classify anew what only other emotion weights or another method made stale; no photo is read.

    Returns how many results were, and the photos whose stored faces are damaged: they are analysed on the next run.
    """
    classifier, now = load_networks()[1], settings()
    rescored, last, damaged = 0, -1, list[tuple[Path, str]]()
    while not interrupt.is_set() and (stale := lookup.unclassified(index, now, last, RESCORED_AT_ONCE)):
        last = stale[-1].content
        answers: dict[int, list[Expression] | None] = {}
        for content, count, packed in stale:
            try:
                answers[content] = classifier.classify(crop.unpack(packed, count), lookup.detections(index, content))
            except ValueError:
                answers[content] = None
            progress()
        with index.transaction():
            for content, expressions in answers.items():
                if expressions is None:
                    damaged += [(path, DAMAGED_FACES) for path in storing.distrust(index, content)]
                else:
                    storing.save_expressions(index, content, expressions, now)
                    rescored += 1
    return rescored, damaged
