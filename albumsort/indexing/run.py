"""Run a plan: an executor analyses the photos, this process writes the index and reports.

Memory does not grow with the album, except for the list of failures: files wait in temporary tables of the index.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..answers import Confusion, Shares
from ..errors import AlbumsortError
from ..index import comparing, lookup, shares, storing
from ..index.database import Database
from ..networks import weights
from ..settings import settings
from .executors import Executor
from .outcomes import outcomes
from .plan import Plan
from .report import Profile, Report
from .writer import Writer


def run(database: Database, plan: Plan, executor: Executor, progress: Callable[[], object]) -> Report:
    """Update stale results and dates, analyse and store the photos of the plan, and estimate the albums' shares.

    `progress` is called after every result that is classified or dated again and after every photo.

    Ctrl-C ends the run early; all results so far are stored. Raises AlbumsortError if no photo can be analysed or
    stored (weights, database, disk).
    """
    start = time.monotonic()
    weights.check()  # report a damaged installation once, not for every photo
    now, steps = settings(), Counter[str]()
    natural, confusion = weights.natural_shares(), weights.confusion()
    writer = Writer(database, now, note_fresh=plan.rescan)

    def known(size: int) -> frozenset[str]:
        return writer.unwritten(size) | (
            comparing.fresh(database, size) if plan.rescan else lookup.digests(database, size, now)
        )

    with database.transaction():
        for root in plan.roots:
            storing.add_root(database, root)
        shares.save_natural_shares(database, natural, due=_changes_albums(plan))
        storing.mark_present(database, plan.back)
        storing.mark_excluded(database, plan.left_out)
    with _ctrl_c() as interrupt:
        redated = _redated(database, interrupt, progress) if plan.undated else 0
        rescored, damaged = _rescored(database, interrupt, progress) if plan.stale else (0, [])
        try:
            for file, outcome, seconds in outcomes(
                comparing.todo(database), known, executor, interrupt, writer.keep_up
            ):
                writer.add(file, outcome)
                steps.update(seconds)
                progress()
        except AlbumsortError:  # the run cannot continue; store the results so far
            writer.finish(mark_absent=False)
            raise
    interrupted = interrupt.is_set()
    writer.finish(mark_absent=not interrupted)
    if writer.newly_missing or shares.shares_due(database):
        _find_moments(database)  # first, because estimating the shares notes that nothing is due any more
        _estimate_shares(database, natural, confusion)
    failed = (*plan.unreadable, *plan.failing, *writer.failed, *damaged)
    newly_failed = (*plan.unreadable, *writer.newly_failed, *damaged)
    elapsed = time.monotonic() - start
    return Report(
        found=plan.todo + plan.unchanged + len(plan.failing),
        analysed=writer.analysed,
        unchanged=plan.unchanged + writer.unchanged,
        moved=writer.moved,
        missing=writer.missing,
        excluded=len(plan.left_out),
        failed=tuple(sorted(failed, key=lambda f: str(f[0]))),
        newly_failed=tuple(sorted(newly_failed, key=lambda f: str(f[0]))),
        faces=writer.faces,
        rescored=rescored,
        redated=redated,
        seconds=elapsed,
        skipped=plan.skipped,
        interrupted=interrupted,
        profile=Profile(dict(steps), writer.seconds, elapsed, min(executor.size, plan.todo)),
    )


def _changes_albums(plan: Plan) -> bool:
    return bool(plan.todo or plan.stale or plan.undated or plan.back or plan.left_out)


def _rescored(
    database: Database, interrupt: threading.Event, progress: Callable[[], object]
) -> tuple[int, list[tuple[Path, str]]]:
    # here, because importing NumPy, Pillow and the networks takes longer than a run with nothing to do
    from .rescoring import rescore

    return rescore(database, interrupt, progress)


def _redated(database: Database, interrupt: threading.Event, progress: Callable[[], object]) -> int:
    from .redating import redate  # as above

    return redate(database, interrupt, progress)


def _find_moments(database: Database) -> None:
    from .moments import find  # as above

    find(database)


def _estimate_shares(database: Database, natural: Shares, confusion: Confusion) -> None:
    from .shares import estimate  # as above

    estimate(database, natural, confusion)


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that it never interrupts a transaction; a second one raises."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only that one gets a Ctrl-C
        yield event
        return
    previous = signal.getsignal(signal.SIGINT)

    def set_event(*_: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, set_event)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)
