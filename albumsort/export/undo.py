"""Remove the files that an export wrote, by its report: no others, no changed ones, and no photo's only copy."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Generator, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..albums import find_album
from ..disk import whole
from ..errors import AlbumsortError
from ..query import FOLDERS
from . import report as journal
from .items import Action, Link
from .report import Journal, Line, Mark
from .run import claimed
from .sidecar import kept_as


class Fate(StrEnum):
    """The result for a file or folder of an export. GONE: it no longer existed. RESTORE: a sidecar is as before."""

    REMOVE = "remove"
    RESTORE = "restore"
    GONE = "gone"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Undone:
    """The result for a file or folder, with the reason if it was left.

    may_pass: whether a file was left for a reason that may pass, such as an album on a disk that is not connected.
    """

    path: Path
    fate: Fate
    reason: str = ""
    is_folder: bool = False
    may_pass: bool = False


class _LeftError(Exception):
    """A file must not be removed; the message gives the reason. may_pass: as in `Undone`."""

    def __init__(self, reason: str, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


def undo(report: Path, albums: Collection[Path], dry_run: bool = False, twin: Path | None = None) -> Generator[Undone]:
    """Remove the files that a report lists as written, then the created folders that are empty.

    A report may be forged, and files may have changed since. So a file is removed only if it is in a place of an
    export, outside the albums, and unchanged; a copy only if its original still exists with the same bytes. A sidecar
    that existed before gets its old bytes back. Removals are recorded in the report, so that a file restored later is
    not removed again. The report is closed at the end, unless a file was left for a reason that may pass. dry_run
    changes nothing. twin: another record of the same export; what one of them lists as removed counts, and both are
    updated if possible.
    Raises AlbumsortError if the report cannot be read or written, or while an export is writing there.
    """
    lines = journal.read(report)
    root = _root(report, lines, albums)
    present = root.is_dir()
    with ExitStack() as stack:
        notes: list[Journal] = []
        lock = stack.enter_context(ExitStack())
        if not dry_run:
            if present:
                lock.enter_context(claimed(root))
            lines = journal.read(report)  # complete, now that no export appends to it
            notes.append(stack.enter_context(Journal.reopen(report)))
            if twin is not None:
                with suppress(AlbumsortError):  # such as an index on a read-only disk
                    notes.append(stack.enter_context(Journal.reopen(twin)))
        is_complete = True
        for result in _outcomes(lines, twin, _Folders(root, albums), dry_run, lock):
            is_complete &= not result.may_pass
            # if its folder is gone too, its disk may be unplugged
            if result.fate in (Fate.REMOVE, Fate.RESTORE) or (result.fate is Fate.GONE and result.path.parent.is_dir()):
                for note in notes:
                    note.undone(result.path)
            yield result
        if present and is_complete:
            for note in notes:
                note.closed()


def _outcomes(
    lines: list[Line], twin: Path | None, folders: _Folders, dry_run: bool, lock: ExitStack
) -> Generator[Undone]:
    """Remove the files, then the folders; yields the result for each."""
    sources = {line.source for line in lines}
    others = [] if twin is None else journal.read(twin)
    undone = {line.destination for line in (*lines, *others) if line.action == Mark.UNDONE}
    lines = [line for line in lines if line.destination not in undone]
    removed: set[Path] = set()
    for line in lines:
        if line.action == Action.WRITE:
            result = _remove(line, sources, folders, dry_run)
        elif line.action == Action.MERGE:
            result = _restore(line, folders, dry_run)
        else:
            continue
        if result.fate in (Fate.REMOVE, Fate.RESTORE):
            # a restored sidecar stays; its kept original has its name now
            removed.add(Path(line.source) if result.fate is Fate.RESTORE else result.path)
        yield result
    lock.close()  # the lock file is in one of the folders
    for folder in folders.created(line.destination for line in lines if line.action == Mark.FOLDER):
        if folder_result := _remove_folder(folder, removed, dry_run):
            if folder_result.fate is Fate.REMOVE:
                removed.add(folder)
            yield folder_result


def _root(report: Path, lines: list[Line], albums: Iterable[Path]) -> Path:
    into = lines[0].destination if lines and lines[0].action == Mark.INTO else ""
    if not _is_plain(into):
        raise AlbumsortError(f"{report} does not name the destination of its export; nothing is removed")
    if os.path.realpath(into) != into:
        raise AlbumsortError(f"{into} has become a symbolic link since {report} was written; nothing is removed")
    if album := find_album(Path(into), albums):
        raise AlbumsortError(f"{into} is in the indexed album {album}; nothing is removed from an album")
    return Path(into)


def _is_plain(path: str) -> bool:
    """Whether a path is absolute and normalised, without `..` or NUL."""
    return os.path.isabs(path) and os.path.normpath(path) == path and "\0" not in path


class _Folders:
    """The folders of an export; checks that they are unchanged and outside the albums."""

    def __init__(self, root: Path, albums: Collection[Path]) -> None:
        self._root, self._albums = root, albums
        self._folders = {root / name for name in FOLDERS}
        self._reasons: dict[Path, str] = {}

    def check(self, destination: str) -> Path:
        """Return the path of a file in a place of an export; raises _LeftError for other paths."""
        file = Path(destination)
        if not _is_plain(destination) or self._root not in file.parents:
            raise _LeftError(f"it is not in {self._root}")
        if file.parent not in self._folders or not re.match(r"[0-9]{4,}-.|.+\.xmp$", file.name):
            raise _LeftError("no export writes a file of this name")
        if file.parent not in self._reasons:
            self._reasons[file.parent] = self._why_not(file.parent)
        if reason := self._reasons[file.parent]:
            raise _LeftError(reason)
        return file

    def created(self, named: Iterable[str]) -> list[Path]:
        """Return the named folders that an export to the root may have created, innermost first."""
        known = {self._root, *self._root.parents, *self._folders}
        plain = {Path(name) for name in named if _is_plain(name)}
        return sorted((p for p in plain & known if not self._why_not(p)), key=lambda p: (-len(p.parts), p))

    def _why_not(self, folder: Path) -> str:
        if os.path.realpath(folder) != str(folder):
            return f"{folder} is a symbolic link"
        if album := find_album(folder, self._albums):
            return f"it is in the indexed album {album}"
        return ""


def _remove(line: Line, sources: Collection[str], folders: _Folders, dry_run: bool) -> Undone:
    try:
        file = folders.check(line.destination)
        if line.destination in sources:
            raise _LeftError("the report also names it as an original")
        if not os.path.lexists(file):
            return Undone(file, Fate.GONE)
        _check(line, file)
        if not dry_run:
            os.unlink(file)
    except _LeftError as e:
        return Undone(Path(line.destination), Fate.LEFT, str(e), may_pass=e.may_pass)
    except OSError as e:
        return Undone(Path(line.destination), Fate.LEFT, f"cannot remove it: {e.strerror or e}", may_pass=True)
    return Undone(file, Fate.REMOVE)


def _restore(line: Line, folders: _Folders, dry_run: bool) -> Undone:
    """Give a sidecar the bytes that it had before the export; they were kept in a file beside it.

    A sidecar that is gone gets them too.
    """
    try:
        file, kept = folders.check(line.destination), Path(line.source)
        if not kept_as(kept, file):
            raise _LeftError(f"{kept} is not where an export keeps the original of a sidecar")
        is_there = os.path.lexists(file)
        if not os.path.lexists(kept):
            if is_there:
                raise _LeftError(f"{kept}, with the bytes that it had before the export, is gone")
            return Undone(file, Fate.GONE)
        for path, digest in ((file, line.written), (kept, line.digest))[not is_there :]:
            if not stat.S_ISREG(os.lstat(path).st_mode) or whole.digest(path) != digest:
                raise _LeftError(f"{path} was changed since it was written")
        if not dry_run and is_there:
            os.replace(kept, file)
        elif not dry_run:
            whole.place(kept, file)
    except _LeftError as e:
        return Undone(Path(line.destination), Fate.LEFT, str(e), may_pass=e.may_pass)
    except OSError as e:
        return Undone(Path(line.destination), Fate.LEFT, f"cannot restore it: {e.strerror or e}", may_pass=True)
    return Undone(file, Fate.RESTORE)


def _check(line: Line, file: Path) -> None:
    """Raise _LeftError if a file was changed, or may be the only copy of its photo."""
    status = os.lstat(file)
    if line.link == Link.SOFT:
        if not stat.S_ISLNK(status.st_mode) or os.readlink(file) != os.path.abspath(line.source):
            raise _LeftError("it is no longer the link that was exported")
        return
    original = _original(line.source)
    is_same = original is not None and os.path.samestat(status, original)
    if line.link == Link.HARD:
        if not is_same or status.st_nlink < 2:
            reason = "it is no longer the link that was exported; it may be the only copy"
            raise _LeftError(reason, may_pass=_is_absent(line.source))
    elif is_same:
        raise _LeftError("it is the same file as its original")
    elif not stat.S_ISREG(status.st_mode) or whole.digest(file) != (line.written or line.digest):
        raise _LeftError("it was changed since it was written")
    elif original is None or whole.digest(Path(line.source)) != line.digest:
        reason = f"it may be the only copy: {line.source} is gone or was changed"
        raise _LeftError(reason, may_pass=_is_absent(line.source))


def _is_absent(source: str) -> bool:
    """Whether there is no original under its name: its disk may be unplugged."""
    return _is_plain(source) and not os.path.exists(source)


def _original(source: str) -> os.stat_result | None:
    if not _is_plain(source):
        return None
    try:
        status = os.stat(source)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _remove_folder(folder: Path, removed: Collection[Path], dry_run: bool) -> Undone | None:
    """Remove a folder if it is empty; returns None if it is gone."""
    try:
        if not folder.is_dir():
            return None
        others = [name for name in os.listdir(folder) if folder / name not in removed]
        if dry_run:
            others = [name for name in others if not whole.is_temporary(name)]
        if others:
            return Undone(folder, Fate.LEFT, f"it holds other files, such as {others[0]}", is_folder=True)
        if not dry_run:
            folder.rmdir()
    except OSError as e:
        return Undone(folder, Fate.LEFT, f"cannot remove it: {e.strerror or e}", is_folder=True)
    return Undone(folder, Fate.REMOVE, is_folder=True)
