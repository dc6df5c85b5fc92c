"""Plan a run: walk the folders and compare them with the index."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import AlbumsortError, UsageError
from ..index import comparing, dating, folders, lookup
from ..index.database import Database
from ..photos.walk import LEFT_OUT, Walk, find, is_gone
from ..settings import settings
from ..types import PhotoFile
from .deleted import is_deleted


@dataclass
class Plan:
    """The work of a run; the files are listed in the index (see `comparing.todo` and `comparing.absent`).

    todo: number of files to analyse; outdated: how many of them only because the method of finding faces changed.
    stale: number of results, anywhere in the index, whose faces must only be classified again. undated: number of
    unchanged photos whose dates must only be read again. unchanged, failing:
    files that are as on the last run; back: those of them that were missing or excluded. left_out: known photos that
    are skipped now. rescan: analyse unchanged photos too.
    """

    rescan: bool = False
    todo: int = 0
    outdated: int = 0
    stale: int = 0
    undated: int = 0
    unchanged: int = 0
    failing: list[tuple[Path, str]] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    back: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def make_plan(
    database: Database,
    paths: Sequence[Path],
    listed: Iterable[Path] | None,
    exclude: Sequence[str],
    rescan: bool,
    note: Callable[[Path, str], object] = lambda path, reason: None,
) -> Plan:
    """Walk the folders and compare them with the index, without changing either.

    paths: folders or files; without paths and list, every folder indexed before. listed: files, some of which may be
    gone. note: called with each folder and file that is skipped, and why. Raises AlbumsortError if a named folder is
    absent, or has no photos but had some before: an unplugged disk must not look like an emptied album. If that
    happens to a folder indexed before, it is recorded as a failure, and the other folders are walked.
    """
    plan = Plan(rescan)
    comparing.begin_comparison(database)
    skipped = _Skipped(database, note)
    walk = Walk(note=skipped)
    for path in paths or (default_roots(database) if listed is None else ()):
        root = Path(os.path.abspath(path))
        try:
            _check_name(database, root)
            if folders.indexed_name(database, root, plan.roots) == root:
                _plan_root(plan, database, root, exclude, Walk(note=skipped))
            else:
                walk.skip(root, "folder or file named twice (a link)")
        except AlbumsortError as e:
            if paths:
                raise
            advice = f" If it was moved, run: {_moved(root)}; if it is gone for good, on a terminal: albumsort prune"
            plan.unreadable.append((root, f"{e}{advice if is_gone(root) else ''}"))
    comparing.meet(database, _listed(plan, database, listed or (), exclude, walk))
    plan.skipped += walk.skipped
    plan.unreadable += walk.errors
    skipped.flush()
    plan.left_out = _left_out(database, plan.roots)
    now = settings()
    compared = comparing.compare(database, now, everything=plan.rescan)
    plan.todo, plan.outdated, plan.unchanged = compared.todo, compared.outdated, compared.unchanged
    plan.failing, plan.back = compared.failing, compared.back
    plan.stale = lookup.count_unclassified(database, now)
    plan.undated = dating.note_undated(database, now)
    return plan


def _moved(root: Path) -> str:
    return f"{shlex.join(['albumsort', 'moved', str(root)])} NEW"


class _Skipped:
    """Passes on what a walk skips, and notes in the index what may hold known photos."""

    def __init__(self, database: Database, note: Callable[[Path, str], object]) -> None:
        self._database, self._note, self._waiting = database, note, list[Path]()

    def __call__(self, path: Path, reason: str) -> None:
        self._note(path, reason)
        if reason in LEFT_OUT:
            self._waiting.append(path)
            if len(self._waiting) >= comparing.MET_AT_ONCE:
                self.flush()

    def flush(self) -> None:
        comparing.note_skipped(self._database, self._waiting)
        self._waiting.clear()


def _left_out(database: Database, roots: Sequence[Path]) -> list[Path]:
    """Return the known photos to take out of the lists, except those in a skipped folder that is an album by name."""
    named = {*folders.indexed_folders(database), *roots}

    def is_named(path: Path, skipped: Path) -> bool:
        return any(album.is_relative_to(skipped) and path.is_relative_to(album) for album in named)

    found = {path for path, skipped in comparing.left_out(database) if not is_named(path, skipped)}
    return sorted(path for path in found if not is_gone(path))


def _check_name(database: Database, path: Path, soon: Iterable[Path] = ()) -> None:
    """Raise AlbumsortError if the index knows a path by another name: its photos would be indexed twice."""
    known = folders.indexed_name(database, path, soon)
    if known != path:
        raise AlbumsortError(f"{path} is already indexed as {known}; use that name")


def _plan_root(plan: Plan, database: Database, root: Path, exclude: Sequence[str], walk: Walk) -> None:
    others = [other for other in (*folders.indexed_folders(database), *plan.roots) if not other.is_relative_to(root)]
    count = comparing.meet(database, find(root, exclude, walk, others))
    _note_absent(database, root, count, walk)
    plan.skipped += walk.skipped
    plan.unreadable += walk.errors
    if root.is_dir():
        plan.roots.append(root)


def _listed(
    plan: Plan, database: Database, listed: Iterable[Path], exclude: Sequence[str], walk: Walk
) -> Iterator[PhotoFile]:
    """Yield the listed files; one that is gone is recorded as a failure, unless it was indexed and then deleted.

    The list may be old. What was never indexed may be a wrong name, and what is on an absent disk may not be deleted.
    """
    checked = set[Path]()  # folders; checking every file would take longer than everything else
    for path in (Path(os.path.abspath(path)) for path in listed):
        folder = path if os.path.isdir(path) else path.parent
        try:
            if folder not in checked:
                _check_name(database, folder, plan.roots)
                checked.add(folder)
            yield from find(path, exclude, walk)
        except AlbumsortError as e:
            known = is_gone(path) and lookup.knows_path(database, path)
            if known:
                comparing.note_absent(database, [path])
            if not known or not is_deleted(path, (*folders.indexed_folders(database), *plan.roots)):
                plan.unreadable.append((path, str(e)))


def _note_absent(database: Database, root: Path, found: int, walk: Walk) -> None:
    """Note the known files that are gone, except below a folder that could not be read."""
    unreadable = [folder for folder, _ in walk.errors]

    def gone() -> Iterator[tuple[Path, bool]]:
        for path, missing in comparing.unmet(database, root):
            if is_gone(path) and not any(path.is_relative_to(folder) for folder in unreadable):
                yield path, missing

    if not found:  # perhaps an unplugged disk: check this before noting anything
        missing_before = [missing for _, missing in gone()]
        newly = missing_before.count(False)
        if newly and len(missing_before) == comparing.count_known(database, root):
            raise AlbumsortError(
                f"{root} has no photos now, but {newly} were indexed there. Is its disk mounted? Nothing was changed; "
                "if the photos are gone for good, run: albumsort prune"
            )
    comparing.note_absent(database, (path for path, _ in gone()))


def default_roots(database: Database) -> tuple[Path, ...]:
    """Return the folders indexed before; raises UsageError if there are none."""
    roots = folders.indexed_folders(database)
    if not roots:
        raise UsageError("no folder was indexed before; name one, like: albumsort index ~/Photos")
    return roots
