"""Bringing the index up to date: what is new, who works, what failed.

Plan (walk and compare), run (an executor analyses), write (this process alone), report. Nothing here
grows with the album but the list of what failed: files wait in temporary tables of the index.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from . import weights
from .errors import AlbumsortError, PassingPhotoError, PhotoError, UsageError
from .index import Index
from .methods import settings
from .readahead import read_ahead
from .timing import timed
from .types import THRESHOLD, Analysis, Confusion, PhotoFile, Settings, Shares
from .walk import Walk, find, is_gone
from .workers import Crew, Died, Hung

SECONDS_A_PHOTO = 60.0
BYTES_A_WORKER = 4 << 30
BATCH, BATCH_SECONDS = 64, 1.0
MOST_HELD = 10_000  # files of equal size that wait for each other in memory
MOST_SENT = 1000  # digests that go with a photo; more would not fit into a pipe while its reader is busy
PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>
_KILLED = (-signal.SIGTERM, -9)  # Windows has no SIGKILL

Outcome = Analysis | str | PhotoError
"""What came of a photo: its analysis, the digest of bytes known already, or why it failed."""


class Executor(Protocol):
    """Whoever analyses: this machine's processes, or a cluster's. Used as a context manager."""

    size: int

    def __enter__(self) -> object: ...

    def __exit__(self, *_: object) -> None: ...

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Yield files that will be analysed soon, having done what makes their turn short."""
        ...

    def work(
        self,
        take: Callable[[], PhotoFile | None],
        arguments: Callable[[PhotoFile], tuple[PhotoFile, frozenset[str], Settings]],
        interrupt: threading.Event,
        meanwhile: Callable[[], object],
    ) -> Iterator[tuple[PhotoFile, Attempt | Hung | Died]]:
        """Yield once for each file what came of `attempt`, like `Crew.work`."""
        ...


class Local(Crew[PhotoFile, "Attempt"]):
    """So many processes of this machine."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, attempt, prepare_worker, SECONDS_A_PHOTO)

    def ahead(self, files: Iterable[PhotoFile]) -> Generator[PhotoFile]:
        """Have the disk read while the processors decode."""
        return read_ahead(files)


@dataclass
class Plan:
    """What a run has to do; the files themselves wait in the index (see `Index.todo` and `Index.absent`).

    todo: how many are to be analysed; outdated: how many of them only because faces are found in another way now.
    stale: results, anywhere in the index, whose faces are only to be classified again. unchanged, failing: as on the
    last run; back: of those, what was missing.
    """

    todo: int = 0
    outdated: int = 0
    stale: int = 0
    unchanged: int = 0
    failing: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    back: list[Path] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Profile:
    """Where the time went. steps: the workers' seconds by step; writing: this process's; size: the workers."""

    steps: Mapping[str, float]
    writing: float
    seconds: float
    size: int

    @property
    def idle(self) -> float:
        """The workers' seconds without a photo: starting, and waiting for one."""
        return max(0.0, self.seconds * self.size - sum(self.steps.values()))


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
    profile: Profile

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
    index.begin_comparison()
    for path in paths or (default_roots(index) if listed is None else ()):
        root = Path(os.path.abspath(path))
        try:
            _check_name(index, root)
            if index.known_as(root, plan.roots) == root:
                _plan_root(plan, index, root, exclude)
            else:
                plan.skipped["folder or file named twice (a link)"] += 1
        except AlbumsortError as e:
            if paths:
                raise
            prune = " If it is gone for good, run albumsort prune on a terminal" if is_gone(root) else ""
            plan.unreadable.append((root, f"{e}{prune}"))
    walk = Walk()
    index.meet(_listed(plan, index, listed or (), exclude, walk))
    plan.skipped += walk.skipped
    plan.unreadable += walk.errors
    now = settings()
    compared = index.compare(now, everything=rescan)
    plan.todo, plan.outdated, plan.unchanged = compared.todo, compared.outdated, compared.unchanged
    plan.failing, plan.back = compared.failing, compared.back
    plan.stale = index.count_unclassified(now)
    return plan


def _check_name(index: Index, path: Path, soon: Iterable[Path] = ()) -> None:
    """Raise AlbumsortError if what is named is in a folder of the index by another name: it would be in it twice."""
    known = index.known_as(path, soon)
    if known != path:
        raise AlbumsortError(f"{path} is the same as {known}, the name by which it is indexed; name it so")


def _plan_root(plan: Plan, index: Index, root: Path, exclude: Sequence[str]) -> None:
    walk = Walk()
    others = [other for other in (*index.roots(), *plan.roots) if not other.is_relative_to(root)]
    met = index.meet(find(root, exclude, walk, others))
    _note_absent(index, root, met, walk)
    plan.skipped += walk.skipped
    plan.unreadable += walk.errors
    if root.is_dir():
        plan.roots.append(root)


def _listed(
    plan: Plan, index: Index, listed: Iterable[Path], exclude: Sequence[str], walk: Walk
) -> Iterator[PhotoFile]:
    """Yield the files of a list, which may be older than the disk: what is gone is a failure of its own."""
    named = set[Path]()  # folders by their right names: a look for each file would take longer than all the rest
    for path in (Path(os.path.abspath(path)) for path in listed):
        folder = path if os.path.isdir(path) else path.parent
        try:
            if folder not in named:
                _check_name(index, path, plan.roots)
                named.add(folder)
            yield from find(path, exclude, walk)
        except AlbumsortError as e:
            plan.unreadable.append((path, str(e)))
            if is_gone(path) and index.knows_path(path):
                index.note_absent([path])


def _note_absent(index: Index, root: Path, met: int, walk: Walk) -> None:
    """Note the known files that are not there; below a folder that could not be read nothing counts as gone."""
    unreadable = [folder for folder, _ in walk.errors]

    def gone() -> Iterator[tuple[Path, bool]]:
        for path, missing in index.unmet(root):
            if is_gone(path) and not any(path.is_relative_to(folder) for folder in unreadable):
                yield path, missing

    if not met:  # nothing is noted before it is clear that the folder is not just absent
        missing_before = [missing for _, missing in gone()]
        newly = missing_before.count(False)
        if newly and len(missing_before) == index.count_known(root):
            raise AlbumsortError(
                f"{root} holds no photo now, but {newly} were indexed there. Is the disk mounted? Nothing was changed; "
                "if they are gone for good, albumsort prune forgets them"
            )
    index.note_absent(path for path, _ in gone())


def run(index: Index, plan: Plan, executor: Executor, rescan: bool, progress: Callable[[], object]) -> Report:
    """Classify again what is stale, have analysed what the plan names, store it, and estimate the albums' shares.

    `progress` is called after every result classified anew and after every photo.

    Ctrl-C ends the run early with what is done kept. Raises AlbumsortError if nothing can work at all
    (weights, database, disk).
    """
    start = time.monotonic()
    weights.check()  # a damaged installation is one clear error here, not one for every photo
    now, steps = settings(), Counter[str]()
    natural, confusion = weights.natural_shares(), weights.confusion()
    writer = _Writer(index, now, note_fresh=rescan)

    def known(size: int) -> frozenset[str]:
        return writer.unwritten(size) | (index.fresh(size) if rescan else index.digests(size, now))

    with index.transaction():
        for root in plan.roots:
            index.add_root(root)
        index.save_natural_shares(natural, due=bool(plan.todo or plan.stale or plan.back))
        index.mark_present(plan.back)
    with _ctrl_c() as interrupt:
        rescored, damaged = _rescored(index, interrupt, progress) if plan.stale else (0, [])
        try:
            for file, outcome, seconds in outcomes(index.todo(), known, executor, interrupt, writer.keep_up):
                writer.add(file, outcome)
                steps.update(seconds)
                progress()
        except AlbumsortError:  # nobody can work any more; what was done by then is kept
            writer.finish(mark_absent=False)
            raise
    interrupted = interrupt.is_set()
    writer.finish(mark_absent=not interrupted)
    if writer.newly_missing or index.shares_due():
        _estimate_shares(index, natural, confusion)
    failed = (*plan.unreadable, *plan.failing, *writer.failed, *damaged)
    elapsed = time.monotonic() - start
    return Report(
        found=plan.todo + plan.unchanged + len(plan.failing),
        analysed=writer.analysed,
        unchanged=plan.unchanged + writer.unchanged,
        moved=writer.moved,
        missing=writer.missing,
        failed=tuple(sorted(failed, key=lambda f: str(f[0]))),
        faces=writer.faces,
        rescored=rescored,
        seconds=elapsed,
        skipped=plan.skipped,
        interrupted=interrupted,
        profile=Profile(dict(steps), writer.seconds, elapsed, min(executor.size, plan.todo)),
    )


def _rescored(
    index: Index, interrupt: threading.Event, progress: Callable[[], object]
) -> tuple[int, list[tuple[Path, str]]]:
    from .rescoring import rescore  # the networks take longer to import than a run with nothing to do

    return rescore(index, interrupt, progress)


def _estimate_shares(index: Index, natural: Shares, confusion: Confusion) -> None:
    from .album_shares import estimate  # numpy takes longer to import than a run with nothing to do

    estimate(index, natural, confusion)


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

    def __init__(self, index: Index, settings: Settings, note_fresh: bool) -> None:
        self._index, self._settings, self._note_fresh = index, settings, note_fresh
        self._waiting: list[tuple[PhotoFile, Outcome]] = []
        self._written = time.monotonic()
        self.analysed = self.unchanged = self.moved = self.missing = self.newly_missing = self.faces = 0
        self.failed: list[tuple[Path, str]] = []
        self.seconds = 0.0

    def add(self, file: PhotoFile, outcome: Outcome) -> None:
        self._waiting.append((file, outcome))
        if len(self._waiting) >= BATCH:
            self._write()
        self.keep_up()

    def keep_up(self) -> None:
        """Write what has waited long enough; called while nothing comes, too: all workers may be at slow photos."""
        if self._waiting and time.monotonic() - self._written > BATCH_SECONDS:
            self._write()

    def unwritten(self, size: int) -> frozenset[str]:
        """Return the digests of files of this size that are analysed, but not stored yet."""
        analysed = ((file, outcome) for file, outcome in self._waiting if isinstance(outcome, Analysis))
        return frozenset(outcome.digest for file, outcome in analysed if file.size == size)

    def finish(self, mark_absent: bool) -> None:
        self._write()
        if not mark_absent:
            self.missing = self._index.count_absent()
        else:
            gone = [path for path in self._index.absent() if is_gone(path)]  # some may be back since the walk
            with self._index.transaction():
                self.newly_missing = self._index.mark_missing(gone)
            self.missing = len(gone)

    def _write(self) -> None:
        start = time.monotonic()
        with self._index.transaction():
            for file, outcome in self._waiting:
                self._store(file, outcome)
        self._waiting.clear()
        self._written = time.monotonic()
        self.seconds += self._written - start

    def _store(self, file: PhotoFile, outcome: Outcome) -> None:
        match outcome:
            case Analysis():
                former = self._former(file, outcome.digest)
                self._index.save(file, outcome, self._settings)
                if self._note_fresh:
                    self._index.note_fresh(file.size, outcome.digest)
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
        if file.path in self._index.paths_of(digest):
            return None
        while (former := self._index.take_absent(digest)) is not None and not is_gone(former):
            pass  # it is back since the walk
        return former


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
        queue = _Queue(soon)
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
            return PassingPhotoError(
                f"analysing it took longer than {SECONDS_A_PHOTO:.0f} s; given up, it is tried again on the next run"
            )
        case Died():
            return PassingPhotoError(_why_died(answer))
    outcome = answer.outcome
    if isinstance(outcome, AlbumsortError) and not isinstance(outcome, PhotoError):
        raise outcome
    return outcome


class _Queue:
    """Hands out files in order, but of equal size, which may be copies, one at a time: copies are analysed once.

    Where equal sizes prove to mean nothing, as in uncompressed formats, files of that size wait no more.
    """

    def __init__(self, files: Iterable[PhotoFile]) -> None:
        self._files, self._again = iter(files), deque[PhotoFile]()
        self._held: defaultdict[int, deque[PhotoFile]] = defaultdict(deque)
        self._busy, self._meaningless = set[int](), set[int]()
        self._count = 0

    def take(self) -> PhotoFile | None:
        """Return a file to analyse now, or None until one is done or if none is left."""
        while self._count < MOST_HELD and (file := self._next()) is not None:
            if file.size not in self._busy or file.size in self._meaningless:
                self._busy.add(file.size)
                return file
            self._held[file.size].append(file)
            self._count += 1
        return None

    def _next(self) -> PhotoFile | None:
        return self._again.popleft() if self._again else next(self._files, None)

    def done(self, file: PhotoFile, no_copy: bool) -> None:
        """Let files of that size go on: the next one, or all if this was `no_copy` of one of equal size."""
        self._busy.discard(file.size)
        if no_copy:
            self._meaningless.add(file.size)
        if file.size not in self._held:
            return
        held = self._held[file.size]
        for _ in range(len(held) if no_copy else 1):
            self._again.append(held.popleft())
            self._count -= 1
        if not held:
            del self._held[file.size]


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
    from .analysis import analyse  # only workers need the networks

    try:
        if settings() != needed:  # this process started later, with what was there then
            return AlbumsortError("albumsort was changed while it ran; what was analysed is kept. Run index again")
        return analyse(file, known)
    except AlbumsortError as e:
        return e
    except MemoryError:
        return PassingPhotoError("analysing it takes more memory than there was; it is tried again on the next run")
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


def find_gone(index: Index) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Return the indexed photos that are not on the disk, and apart from them those of albums absent as a whole.

    An album without a single photo left may be a disk that is not plugged in, so it needs a closer look; so does the
    folder, gone itself, of photos that were indexed one by one, and within an album a link that leads to none any more
    and a folder in which nothing at all is left.
    """
    gone, there, folders = list[Path](), set[Path](), set[Path]()
    roots = index.roots()
    for path in index.all_paths():
        if is_gone(path):
            gone.append(path)
        else:
            there.update(root for root in roots if path.is_relative_to(root))
            folders.add(path.parent)
    absent: dict[Path, list[Path]] = {root: [] for root in roots if root not in there}
    unplugged = functools.cache(lambda folder: _unplugged(folder, folders))
    single = list[Path]()
    for path in gone:
        album = next((root for root in absent if path.is_relative_to(root)), None) or unplugged(path.parent)
        if album is None and is_gone(path.parent) and not any(path.is_relative_to(root) for root in roots):
            album = path.parent
        (single if album is None else absent.setdefault(album, [])).append(path)
    return single, {root: paths for root, paths in absent.items() if paths or not root.is_dir()}


def _unplugged(folder: Path, used: Iterable[Path]) -> Path | None:
    """Return where a disk may be missing that held a folder of photos.

    That is the link next above it, or itself, if none of the folders in use lies below that link; else the folder
    that is still there, if it is as empty as those that disks are mounted on.
    """
    upwards = folder, *folder.parents
    link = next((above for above in upwards if os.path.islink(above)), None)
    if link is not None and not any(one.is_relative_to(link) for one in used):
        return link
    left = next(above for above in upwards if not is_gone(above))
    return None if not left.is_dir() or any(left.iterdir()) else left


def default_roots(index: Index) -> tuple[Path, ...]:
    """Return the folders indexed before; raises UsageError if there are none."""
    roots = index.roots()
    if not roots:
        raise UsageError("nothing was indexed before: name a folder of photos, as in: albumsort index ~/Photos")
    return roots
