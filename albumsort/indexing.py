"""Bringing the index up to date: what is new, who works, what failed.

Plan (walk and compare), run (worker processes analyse), write (this process alone), report.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from . import photos
from .analysis import analyse, load_networks, settings
from .errors import AlbumsortError, PhotoError, UsageError
from .index import Index, State
from .types import Analysis, PhotoFile

SECONDS_A_PHOTO = 60.0
BYTES_A_WORKER = 4 << 30
IN_FLIGHT = 4  # photos handed out per worker: enough that none waits, few enough that a crash loses little
BATCH, BATCH_SECONDS = 64, 1.0
INTERRUPT_SECONDS = 0.2  # how soon a Ctrl-C is noticed while the workers are busy

Outcome = Analysis | str | PhotoError
"""What came of a photo: its analysis, the digest of bytes known already, or why it failed."""


@dataclass
class Plan:
    """What a run has to do. unchanged, failing: as on the last run; gone: not on the disk any more."""

    todo: list[PhotoFile] = field(default_factory=list)
    unchanged: int = 0
    failing: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    back: list[Path] = field(default_factory=list)
    gone: set[Path] = field(default_factory=set)
    missing: int = 0
    roots: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Report:
    """What a run did. failed holds every photo of this run's folders that has no result, with the reason."""

    found: int
    analysed: int
    unchanged: int
    moved: int
    missing: int
    failed: tuple[tuple[Path, str], ...]
    faces: int
    seconds: float
    skipped: Mapping[str, int]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """0 all well, 1 some photos failed, 130 interrupted."""
        return 130 if self.interrupted else 1 if self.failed else 0


def make_plan(
    index: Index, paths: Sequence[Path], listed: Iterable[Path], exclude: Sequence[str], rescan: bool
) -> Plan:
    """Walk the folders and compare them with the index; changes nothing.

    paths: folders or files, or none for every folder indexed before; listed: single files, of which
    some may be gone. Raises AlbumsortError if a folder is absent, or empty where photos were known:
    a disk that is not plugged in must not look like an album that was cleared out.
    """
    plan = Plan()
    made_with = settings()
    seen: set[Path] = set()
    for path in paths:
        walk = photos.Walk()
        known = index.states(Path(os.path.abspath(path)), made_with)
        for file in photos.find(path, exclude, walk):
            if file.path not in seen:
                seen.add(file.path)
                _sort_in(plan, file, known.get(file.path), rescan)
        plan.skipped += walk.skipped
        plan.unreadable += walk.errors
        _note_gone(plan, Path(os.path.abspath(path)), known, seen, walk)
        if path.is_dir():
            plan.roots.append(Path(os.path.abspath(path)))
    for path in listed:
        if Path(os.path.abspath(path)) not in seen:
            seen.add(Path(os.path.abspath(path)))
            _sort_in_listed(plan, index, path, rescan, made_with)
    return plan


def _sort_in(plan: Plan, file: PhotoFile, state: State | None, rescan: bool) -> None:
    same = state is not None and (state.size, state.mtime_ns) == (file.size, file.mtime_ns)
    if state is None or not same or not state.current or rescan:
        plan.todo.append(file)
        return
    if state.missing:
        plan.back.append(file.path)
    if state.error is None:
        plan.unchanged += 1
    else:
        plan.failing.append((file.path, state.error))


def _sort_in_listed(plan: Plan, index: Index, path: Path, rescan: bool, made_with: str) -> None:
    known = index.states(Path(os.path.abspath(path)), made_with)
    try:
        for file in photos.find(path, (), photos.Walk()):
            _sort_in(plan, file, known.get(file.path), rescan)
    except AlbumsortError as e:
        plan.unreadable.append((path, str(e)))


def _note_gone(plan: Plan, root: Path, known: Mapping[Path, State], seen: set[Path], walk: photos.Walk) -> None:
    """Sort out which known files were not met; below a folder that could not be read nothing counts as gone."""
    unreadable = [folder for folder, _ in walk.errors]
    absent = {p for p in known if p not in seen and not os.path.lexists(p)}
    absent = {p for p in absent if not any(p.is_relative_to(folder) for folder in unreadable)}
    newly = {p for p in absent if not known[p].missing}
    if newly and len(absent) == len(known) and not any(p.is_relative_to(root) for p in seen):
        raise AlbumsortError(
            f"{root} holds no photo now, but {len(newly)} were indexed there. Is the disk mounted? Nothing was changed"
        )
    plan.gone |= newly
    plan.missing += len(absent)


def run(index: Index, plan: Plan, workers: int, rescan: bool, progress: Callable[[], object]) -> Report:
    """Analyse what the plan names and store it; `progress` is called after every photo.

    Ctrl-C ends the run early with what is done kept. Raises AlbumsortError if nothing can work at all
    (weights, database, disk).
    """
    start = time.monotonic()
    load_networks()  # a damaged installation is one clear error here, not one for every photo
    writer = _Writer(index, plan)
    known: dict[int, set[str]] = {} if rescan else index.digests(settings())
    with index.transaction():
        for root in plan.roots:
            index.add_root(root)
        index.mark_present(plan.back)
    with _ctrl_c() as interrupt:
        for file, outcome in _outcomes(plan.todo, known, min(workers, len(plan.todo)), interrupt):
            writer.add(file, outcome)
            if isinstance(outcome, Analysis):  # a copy that is met later need not be analysed again
                known.setdefault(file.size, set()).add(outcome.digest)
            progress()
    interrupted = interrupt.is_set()
    writer.finish(mark_gone=not interrupted)
    failed = (*plan.unreadable, *plan.failing, *writer.failed)
    return Report(
        found=len(plan.todo) + plan.unchanged + len(plan.failing),
        analysed=writer.analysed,
        unchanged=plan.unchanged,
        moved=writer.moved,
        missing=plan.missing - writer.moved_from_gone,
        failed=tuple(sorted(failed, key=lambda f: str(f[0]))),
        faces=writer.faces,
        seconds=time.monotonic() - start,
        skipped=plan.skipped,
        interrupted=interrupted,
    )


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that it never strikes in the middle of a save; a second one raises."""
    event = threading.Event()
    previous = signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)


class _Writer:
    """The one who writes: gathers outcomes and stores them in batches, each one transaction."""

    def __init__(self, index: Index, plan: Plan) -> None:
        self._index, self._gone, self._settings = index, plan.gone, settings()
        self._waiting: list[tuple[PhotoFile, Outcome]] = []
        self._written = time.monotonic()
        self.analysed = self.moved = self.moved_from_gone = self.faces = 0
        self.failed: list[tuple[Path, str]] = []

    def add(self, file: PhotoFile, outcome: Outcome) -> None:
        self._waiting.append((file, outcome))
        if len(self._waiting) >= BATCH or time.monotonic() - self._written > BATCH_SECONDS:
            self._write()

    def finish(self, mark_gone: bool) -> None:
        self._write()
        if mark_gone:
            with self._index.transaction():
                self._index.mark_missing(self._gone)

    def _write(self) -> None:
        with self._index.transaction():
            for file, outcome in self._waiting:
                self._store(file, outcome)
        self._waiting.clear()
        self._written = time.monotonic()

    def _store(self, file: PhotoFile, outcome: Outcome) -> None:
        match outcome:
            case Analysis():
                self._index.save(file, outcome, self._settings)
                self.analysed += 1
                self.faces += len(outcome.faces)
            case str():
                self._store_known(file, outcome)
            case PhotoError():
                self._index.save_failure(file, str(outcome), self._settings)
                self.failed.append((file.path, str(outcome)))

    def _store_known(self, file: PhotoFile, digest: str) -> None:
        """Give a moved file its results under the new name; a copy of a file that is still there shares them."""
        others = [p for p in self._index.paths_of(digest) if p != file.path]
        former = next((p for p in others if not os.path.lexists(p)), None)
        self._index.save_known(file, digest, former)
        if former is None:
            self.analysed += 1
            return
        self.moved += 1
        if former in self._gone:
            self._gone.discard(former)
            self.moved_from_gone += 1


def _outcomes(
    files: Iterable[PhotoFile], known: Mapping[int, set[str]], workers: int, interrupt: threading.Event
) -> Iterator[tuple[PhotoFile, Outcome]]:
    """Yield each photo's outcome as it comes; a crash or a hang of a decoder costs only the photo it met."""
    if workers < 1:
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads and locks
    pool = ProcessPool(max_workers=workers, initializer=_prepare_worker, context=context)
    waiting = iter(files)
    running: dict[Future[Analysis | str], PhotoFile] = {}
    try:
        while not interrupt.is_set():
            for file in islice(waiting, workers * IN_FLIGHT - len(running)):
                arguments = (file, frozenset(known.get(file.size, ())))
                running[pool.schedule(analyse, args=arguments, timeout=SECONDS_A_PHOTO)] = file
            if not running:
                break
            for future in wait(running, timeout=INTERRUPT_SECONDS, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), _outcome(future)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _outcome(future: Future[Analysis | str]) -> Outcome:
    try:
        return future.result()
    except PhotoError as e:
        return e
    except AlbumsortError:
        raise
    except TimeoutError:
        return PhotoError(f"analysing it took longer than {SECONDS_A_PHOTO:.0f} s; given up")
    except ProcessExpired:
        return PhotoError("the decoder crashed on it")
    except MemoryError:
        return PhotoError("analysing it needs more memory than a photo may take")
    except Exception as e:  # whatever it is, it is this photo's: recorded with its name, and the run goes on
        return PhotoError(f"unexpected {type(e).__name__}: {e}")


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, bound the memory, and keep the decoders' chatter off the terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (BYTES_A_WORKER, resource.getrlimit(resource.RLIMIT_AS)[1]))


def default_roots(index: Index) -> tuple[Path, ...]:
    """Return the folders indexed before; raises UsageError if there are none."""
    roots = index.roots()
    if not roots:
        raise UsageError("nothing was indexed before: name a folder of photos, as in: albumsort index ~/Photos")
    return roots
