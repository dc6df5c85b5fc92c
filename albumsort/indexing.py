"""Bringing the index up to date: what is new, who works, what failed.

Plan (walk and compare), run (worker processes analyse), write (this process alone), report.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import faces, photos
from .analysis import Verdict, analyse, classify, load_networks, settings
from .errors import AlbumsortError, PassingPhotoError, PhotoError, UsageError
from .index import Index, State
from .types import THRESHOLD, Analysis, PhotoFile
from .workers import Crew, Died, Hung

SECONDS_A_PHOTO = 60.0
BYTES_A_WORKER = 4 << 30
BATCH, BATCH_SECONDS = 64, 1.0
RESCORED_AT_ONCE = 256  # results: a fraction of a second between commits, and looks for a Ctrl-C
DAMAGED_FACES = "its stored faces are damaged; run index again to analyse it anew"
_KILLED = (-signal.SIGTERM, -9)  # Windows has no SIGKILL

Outcome = Analysis | str | PhotoError
"""What came of a photo: its analysis, the digest of bytes known already, or why it failed."""


@dataclass
class Plan:
    """What a run has to do.

    todo: to analyse; stale: results, anywhere in the index, whose faces are only to be classified anew.
    unchanged, failing: as on the last run; absent: known, but not on the disk; seen: met.
    """

    todo: list[PhotoFile] = field(default_factory=list)
    stale: int = 0
    unchanged: int = 0
    failing: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    back: list[Path] = field(default_factory=list)
    absent: set[Path] = field(default_factory=set)
    seen: set[Path] = field(default_factory=set)
    roots: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Report:
    """What a run did. failed holds every photo of this run's folders that has no result, with the reason.

    rescored: results classified anew from stored faces, of photos that may be unchanged, missing or elsewhere.
    """

    found: int
    analysed: int
    unchanged: int
    moved: int
    missing: int
    failed: tuple[tuple[Path, str], ...]
    faces: int
    rescored: int
    seconds: float
    skipped: Mapping[str, int]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """0 all well, 1 some photos failed, 130 interrupted."""
        return 130 if self.interrupted else 1 if self.failed else 0


def make_plan(
    index: Index, paths: Sequence[Path], listed: Iterable[Path] | None, exclude: Sequence[str], rescan: bool
) -> Plan:
    """Walk the folders and compare them with the index; changes nothing.

    paths: folders or files, or none (and no list) for every folder indexed before; listed: files of
    which some may be gone. Raises AlbumsortError if a named folder is absent, or empty where photos
    were known: a disk that is not plugged in must not look like an album that was cleared out. If one
    of the folders indexed before is so, that is a failure of its own, and the others are walked.
    """
    plan = Plan()
    for path in paths or (default_roots(index) if listed is None else ()):
        root = Path(os.path.abspath(path))
        try:
            _plan_root(plan, index, root, exclude, rescan)
        except AlbumsortError as e:
            if paths:
                raise
            plan.unreadable.append((root, str(e)))
    for path in listed or ():
        _plan_listed(plan, index, Path(os.path.abspath(path)), rescan)
    plan.stale = index.count_unclassified(settings())
    return plan


def _plan_root(plan: Plan, index: Index, root: Path, exclude: Sequence[str], rescan: bool) -> None:
    walk = photos.Walk()
    known = index.states(root, settings())
    met = list(photos.find(root, exclude, walk))
    absent = _absent(root, known, {file.path for file in met}, walk)
    for file in met:
        _sort_in(plan, file, known.get(file.path), rescan)
    plan.absent |= absent
    plan.skipped += walk.skipped
    plan.unreadable += walk.errors
    if root.is_dir():
        plan.roots.append(root)


def _plan_listed(plan: Plan, index: Index, path: Path, rescan: bool) -> None:
    """Plan one path of a list, which may be older than the disk: what is gone is a failure of its own."""
    walk = photos.Walk()
    known = index.states(path, settings())
    try:
        for file in photos.find(path, (), walk):
            _sort_in(plan, file, known.get(file.path), rescan)
    except AlbumsortError as e:
        plan.unreadable.append((path, str(e)))
        if path in known and not os.path.lexists(path):
            plan.absent.add(path)
    plan.skipped += walk.skipped
    plan.unreadable += walk.errors


def _sort_in(plan: Plan, file: PhotoFile, state: State | None, rescan: bool) -> None:
    if file.path in plan.seen:  # folders may lie in one another, and lists name what they hold
        return
    plan.seen.add(file.path)
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


def _absent(root: Path, known: Mapping[Path, State], met: set[Path], walk: photos.Walk) -> set[Path]:
    """Return the known files that are not there; below a folder that could not be read nothing counts as gone."""
    unreadable = [folder for folder, _ in walk.errors]
    absent = {p for p in known if p not in met and not os.path.lexists(p)}
    absent = {p for p in absent if not any(p.is_relative_to(folder) for folder in unreadable)}
    newly = sum(not known[p].missing for p in absent)
    if newly and len(absent) == len(known) and not met:
        raise AlbumsortError(
            f"{root} holds no photo now, but {newly} were indexed there. Is the disk mounted? Nothing was changed; "
            "if they are gone for good, albumsort prune forgets them"
        )
    return absent


def run(index: Index, plan: Plan, workers: int, rescan: bool, progress: Callable[[], object]) -> Report:
    """Classify anew what is stale, analyse what the plan names, and store it.

    `progress` is called after every result classified anew and after every photo.

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
        rescored, damaged = _rescore(index, interrupt, progress)
        for file, outcome in outcomes(plan.todo, known, min(workers, len(plan.todo)), interrupt):
            writer.add(file, outcome)
            if isinstance(outcome, Analysis):  # a copy that is met later need not be analysed again
                known.setdefault(file.size, set()).add(outcome.digest)
            progress()
    interrupted = interrupt.is_set()
    writer.finish(mark_absent=not interrupted)
    failed = (*plan.unreadable, *plan.failing, *writer.failed, *damaged)
    return Report(
        found=len(plan.todo) + plan.unchanged + len(plan.failing),
        analysed=writer.analysed,
        unchanged=plan.unchanged + writer.unchanged,
        moved=writer.moved,
        missing=len(writer.absent),
        failed=tuple(sorted(failed, key=lambda f: str(f[0]))),
        faces=writer.faces,
        rescored=rescored,
        seconds=time.monotonic() - start,
        skipped=plan.skipped,
        interrupted=interrupted,
    )


def _rescore(
    index: Index, interrupt: threading.Event, progress: Callable[[], object]
) -> tuple[int, list[tuple[Path, str]]]:
    """Classify anew what only other emotion weights or another method made stale; no photo is read.

    Returns how many results were, and the photos whose stored faces are damaged: they are analysed on the next run.
    """
    classifier, now = load_networks()[1], settings()
    rescored, last, damaged = 0, -1, list[tuple[Path, str]]()
    while not interrupt.is_set() and (stale := index.unclassified(now, last, RESCORED_AT_ONCE)):
        last = stale[-1][0]
        verdicts: dict[int, list[Verdict] | None] = {}
        for content, count, packed in stale:
            try:
                verdicts[content] = classify(faces.unpack(packed, count), classifier)
            except ValueError:
                verdicts[content] = None
            progress()
        with index.transaction():
            for content, answers in verdicts.items():
                if answers is None:
                    damaged += [(path, DAMAGED_FACES) for path in index.distrust(content)]
                else:
                    index.save_verdicts(content, answers, now)
                    rescored += 1
    return rescored, damaged


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
        self._index, self._settings = index, settings()
        self._waiting: list[tuple[PhotoFile, Outcome]] = []
        self._written = time.monotonic()
        self.analysed = self.unchanged = self.moved = self.faces = 0
        self.absent = set(plan.absent)
        self.failed: list[tuple[Path, str]] = []

    def add(self, file: PhotoFile, outcome: Outcome) -> None:
        self._waiting.append((file, outcome))
        if len(self._waiting) >= BATCH or time.monotonic() - self._written > BATCH_SECONDS:
            self._write()

    def finish(self, mark_absent: bool) -> None:
        self._write()
        if mark_absent:
            with self._index.transaction():
                self._index.mark_missing(self.absent)

    def _write(self) -> None:
        with self._index.transaction():
            for file, outcome in self._waiting:
                self._store(file, outcome)
        self._waiting.clear()
        self._written = time.monotonic()

    def _store(self, file: PhotoFile, outcome: Outcome) -> None:
        match outcome:
            case Analysis():
                former = self._former(file, outcome.digest)
                self._index.save(file, outcome, self._settings)
                if former is not None:
                    self._index.save_known(file, outcome.digest, former)
                self.analysed += 1
                self.faces += sum(face.detection >= THRESHOLD for face in outcome.faces)
            case str():
                self._store_known(file, outcome)
            case PhotoError():
                if isinstance(outcome, PassingPhotoError):
                    self._index.save_passing_failure(file, str(outcome))
                else:
                    self._index.save_failure(file, str(outcome), self._settings)
                self.failed.append((file.path, str(outcome)))

    def _store_known(self, file: PhotoFile, digest: str) -> None:
        """Give a moved file its results under the new name; a copy shares them, a file only touched keeps them."""
        if not self._index.knows(digest):
            self._store(file, PassingPhotoError("the index changed meanwhile; run index again"))
            return
        touched = file.path in self._index.paths_of(digest)
        former = self._former(file, digest)
        self._index.save_known(file, digest, former)
        if former is not None:
            self.moved += 1
        elif touched:
            self.unchanged += 1
        else:
            self.analysed += 1

    def _former(self, file: PhotoFile, digest: str) -> Path | None:
        """Return the path that a file had before, if it moved.

        Only a file that this run found gone can have moved: what is absent elsewhere may be on a disk that
        is not plugged in.
        """
        paths = self._index.paths_of(digest)
        former = None if file.path in paths else next((p for p in paths if p in self.absent), None)
        self.absent.discard(former)
        return former


def outcomes(
    files: Iterable[PhotoFile], known: Mapping[int, set[str]], workers: int, interrupt: threading.Event
) -> Iterator[tuple[PhotoFile, Outcome]]:
    """Yield each photo's outcome as it comes, analysed by `workers` processes; a crash or a hang costs one photo.

    known: digests by file size; of a file that has one of them the outcome is just that.
    """
    if workers < 1:
        return
    queue = _Queue(files)
    with Crew[PhotoFile, Outcome | AlbumsortError](workers, attempt, prepare_worker, SECONDS_A_PHOTO) as crew:
        for file, answer in crew.work(queue.take, lambda f: (f, frozenset(known.get(f.size, ()))), interrupt):
            outcome = _outcome(answer)
            others = known.get(file.size, set())
            queue.done(file, isinstance(outcome, Analysis) and not others <= {outcome.digest})
            yield file, outcome


def _outcome(answer: Outcome | AlbumsortError | Hung | Died) -> Outcome:
    match answer:
        case Hung():
            return PhotoError(f"analysing it took longer than {SECONDS_A_PHOTO:.0f} s; given up")
        case Died():
            return PassingPhotoError(_why_died(answer))
        case Analysis() | str() | PhotoError():
            return answer
        case _:
            raise answer


class _Queue:
    """Hands out files in order, but of equal size, which may be copies, one at a time: copies are analysed once.

    Where equal sizes prove to mean nothing, as in uncompressed formats, files of that size wait no more.
    """

    def __init__(self, files: Iterable[PhotoFile]) -> None:
        self._files = deque(files)
        self._held: defaultdict[int, deque[PhotoFile]] = defaultdict(deque)
        self._busy, self._meaningless = set[int](), set[int]()

    def take(self) -> PhotoFile | None:
        """Return a file to analyse now, or None until one is done or if none is left."""
        while self._files:
            file = self._files.popleft()
            if file.size not in self._busy or file.size in self._meaningless:
                self._busy.add(file.size)
                return file
            self._held[file.size].append(file)
        return None

    def done(self, file: PhotoFile, no_copy: bool) -> None:
        """Let files of that size go on: the next one, or all if this was `no_copy` of one of equal size."""
        self._busy.discard(file.size)
        held = self._held[file.size]
        if no_copy:
            self._meaningless.add(file.size)
        for _ in range(len(held) if no_copy else min(1, len(held))):
            self._files.appendleft(held.popleft())


def attempt(file: PhotoFile, known: frozenset[str]) -> Outcome | AlbumsortError:
    """Analyse a photo in a worker; what goes wrong is returned, as not every error survives the way back."""
    try:
        return analyse(file, known)
    except AlbumsortError as e:
        return e
    except MemoryError:
        return PhotoError("analysing it needs more memory than a photo may take")
    except Exception as e:  # whatever it is, it is this photo's: recorded with its name, and the run goes on
        return PassingPhotoError(f"unexpected {type(e).__name__}: {e}")


def _why_died(died: Died) -> str:
    if died.exit_code in _KILLED:
        return "its process was killed from outside (is memory short?); it is tried again on the next run"
    return "the decoder crashed; it is tried again on the next run"


def prepare_worker() -> None:
    """Leave Ctrl-C to the parent, bound the memory, and keep the decoders' chatter off the terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    if sys.platform == "linux":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = BYTES_A_WORKER if most == resource.RLIM_INFINITY else min(BYTES_A_WORKER, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def find_gone(index: Index) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the indexed photos that are not on the disk, and apart from them those of albums absent as a whole.

    An album without a single photo left may be a disk that is not plugged in, so it needs a closer look.
    """
    gone, there = list[Path](), set[Path]()
    roots = index.roots()
    for path in index.all_paths():
        if os.path.lexists(path):
            there.update(root for root in roots if path.is_relative_to(root))
        else:
            gone.append(path)
    absent: dict[Path, list[Path]] = {root: [] for root in roots if root not in there}
    single = list[Path]()
    for path in gone:
        album = next((root for root in absent if path.is_relative_to(root)), None)
        (single if album is None else absent[album]).append(path)
    return single, {root: paths for root, paths in absent.items() if paths or not root.is_dir()}


def default_roots(index: Index) -> tuple[Path, ...]:
    """Return the folders indexed before; raises UsageError if there are none."""
    roots = index.roots()
    if not roots:
        raise UsageError("nothing was indexed before: name a folder of photos, as in: albumsort index ~/Photos")
    return roots
