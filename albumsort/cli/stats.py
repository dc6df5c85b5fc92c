"""`stats`: count what the index holds, and say what to expect of its labels."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from ..answers import named_shares
from ..types import FOUR, THRESHOLD, Emotion
from .filtering import LeastDetection, LeastFace, LeastSharpness
from .opening import count_outdated, is_quiet, open_index, say_absent, say_outdated
from .options import AsJson, Db, Quiet, Version
from .terminal import ALL_FAILURES, print_failures_by_reason, say
from .values import counted_faces

if TYPE_CHECKING:
    from ..choosing.corrected import Judged
    from ..choosing.promise import Promise
    from ..index.counts import Stats


def stats(
    ctx: typer.Context,
    min_face: LeastFace = "0",
    min_detection: LeastDetection = THRESHOLD,
    min_sharpness: LeastSharpness = 0.0,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Count photos, faces, labels, failures and missing photos, and say how many labels to expect right."""
    from ..index import counts, marking

    counted = counted_faces(min_face, min_detection, min_sharpness)
    with open_index(ctx, db) as database:
        totals = counts.stats(database, counted)
        failures = counts.failures(database)
        judged = marking.judged(database)
        waiting = 0 if is_quiet(ctx, quiet) and not as_json else count_outdated(database)
    promises = counts.promises(totals)
    rows = _rows(totals, promises, every=as_json)
    if as_json:
        lists = {
            "roots": [str(root) for root in totals.roots],
            "albums": [
                {"path": str(album.root), "faces": album.faces, "shares": named_shares(album.shares)}
                for album in totals.albums
            ],
            "failures": [{"path": str(path), "error": reason} for path, reason in failures],
        }
        expected = {label: _promise_json(promise) for label, promise in promises.items()}
        print(json.dumps({**rows, "waiting": waiting, "expected": expected, "checked": _checked(judged), **lists}))
        return
    for name, count in rows.items():
        print(f"{name.replace('_', ' '):19} {count:>9}" if sys.stdout.isatty() else f"{name}\t{count}")
    if not is_quiet(ctx, quiet):
        _say_more(totals, promises, judged)
        say_absent(totals.absent)
        say_outdated(waiting)
        print_failures_by_reason(failures, ALL_FAILURES)


def _rows(totals: Stats, promises: dict[Emotion, Promise], every: bool) -> dict[str, int]:
    """Return the counts by name; every: also the emotions beyond the four that no photo shows."""
    labels = {e.value: totals.labels.get(e, 0) for e in Emotion}
    return {
        "photos": totals.photos,
        "faces": totals.faces,
        **{label: count for label, count in labels.items() if count or every or label in FOUR},
        "unsure": sum(promise.unsure for promise in promises.values()),
        "no_clear_expression": totals.unlabelled,
        "without_face": totals.without_face,
        "failed": totals.failed,
        "missing": totals.missing,
        "excluded": totals.excluded,
        "absent": sum(totals.absent.values()),
        "undated": totals.undated,
    }


def _say_more(totals: Stats, promises: dict[Emotion, Promise], judged: Iterable[Judged]) -> None:
    from ..index import counts
    from ..show import explanation

    expected = list(explanation.of_promises(promises))
    for sentence in expected:
        say(sentence)
    if expected and not counts.is_ordinary(totals):
        say(explanation.UNUSUAL)
    for sentence in explanation.of_judged(judged):
        say(sentence)
    for album in totals.albums:
        say(explanation.of_album(album))
    if totals.excluded:
        say(f"{totals.excluded} photos are in no list, because index skips them now; doctor shows their folders")


def _promise_json(promise: Promise) -> dict[str, Any]:
    return {name: round(value, 1) for name, value in asdict(promise).items()}


def _checked(judged: Iterable[Judged]) -> dict[str, int]:
    """Return how many labels of photos drawn at random the user checked, and how many were right."""
    drawn = Counter(one.label == one.says for one in judged if one.drawn)
    return {"labels": drawn.total(), "right": drawn[True]}
