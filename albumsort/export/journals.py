"""The journals of an index: the report of each export, kept beside the index, so that every export can be undone."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import AlbumsortError
from . import report as reports
from .items import Action, Item, Link
from .report import Journal, Mark

KEPT = 100
"""Number of exports whose journals are kept."""
_NAME = re.compile(r"([0-9]{6,})\.csv")


class Records:
    """Where an export is recorded: in its report, in the journals of the index, in both or in neither.

    The report must be written; the journal is given up if it cannot be.
    """

    def __init__(self, report: Journal | None, kept: Journal | None, give_up: Callable[[Exception], None]) -> None:
        self._report, self._kept, self._give_up = report, kept, give_up
        self.any_written = False

    def photo(self, item: Item, link: Link) -> None:
        """Record the result for a photo."""
        self.any_written |= item.action in (Action.WRITE, Action.MERGE)
        self._note(lambda journal: journal.photo(item, link))

    def folder(self, path: Path) -> None:
        """Record that a folder was created."""
        self._note(lambda journal: journal.folder(path))

    def _note(self, note: Callable[[Journal], None]) -> None:
        if self._kept is not None:
            try:
                note(self._kept)
            except AlbumsortError as e:
                self._kept = None
                self._give_up(e)
        if self._report is not None:
            note(self._report)


@contextmanager
def recording(report: Path | None, folder: Path | None, into: Path, tell: Callable[[str], None]) -> Iterator[Records]:
    """Record an export to a folder in a new report and a new journal; tells if there is no journal.

    A journal is removed at the end if its export wrote nothing, and with each new one, the oldest beyond KEPT.
    Raises AlbumsortError if the report exists or cannot be written.
    """

    def give_up(error: Exception) -> None:
        cause = error.__cause__ if isinstance(error, AlbumsortError) else error
        why = cause.strerror if isinstance(cause, OSError) else error
        advice = "To undo this export, use its report" if report else "Without --report, it cannot be undone"
        tell(f"cannot keep a journal of this export in {folder}: {why}. {advice}")

    export = secrets.token_hex(16)
    with ExitStack() as stack:
        written = None if report is None else stack.enter_context(Journal.create(report, into, export))
        kept = path = None
        if folder is not None:
            try:
                path, kept = _create(folder, into, export)
            except (AlbumsortError, OSError) as e:
                give_up(e)
        records = Records(written, kept, give_up)
        try:
            yield records
        finally:
            if kept is not None and path is not None:
                with suppress(AlbumsortError), kept:  # if it was given up, its complete lines still count
                    pass
                obsolete = _numbered(path.parent)[:-KEPT] if records.any_written else [path]
                for journal in obsolete:
                    with suppress(OSError):  # the next export tries again
                        journal.unlink()


def last(folder: Path) -> tuple[Path, Path] | None:
    """Return the journal and the destination of the last export that was not undone; None if there is none.

    An export of which files were left for a reason that may pass is not undone yet.
    Raises AlbumsortError if the destination of that export is gone: its disk may be unplugged, and to undo the export
    before that one instead would be a surprise. Also if a journal cannot be read.
    """
    waiting = _waiting(folder)
    found = next(waiting, None)
    if found is not None and not found[1].is_dir():
        before = next(waiting, None)
        advice = (
            f". If you deleted it, undo the export before with: albumsort export --undo {before[0]}" if before else ""
        )
        raise AlbumsortError(
            f"{found[1]}, where the last export wrote, is gone; if it is on a disk, connect the disk{advice}"
        )
    return found


def of_same_export(folder: Path, report: Path) -> Path | None:
    """Return the journal of the export that a report records; None if there is none, or if it is the report itself."""
    export = _export(report)
    for journal in _numbered(folder) if export else ():
        if _export(journal) == export:
            return None if os.path.samefile(journal, report) else journal
    return None


def _export(report: Path) -> str:
    """Return what identifies the export of a report; empty in those of older versions."""
    lines = reports.read(report, most=1 << 16)
    return lines[0].digest if lines and lines[0].action == Mark.INTO else ""


def _waiting(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the journals of exports that were not undone, newest first, with their destinations."""
    for journal in reversed(_numbered(folder)):
        lines = reports.read(journal)
        actions = {line.action for line in lines}
        if actions & {Action.WRITE, Action.MERGE} and Mark.CLOSED not in actions:
            yield journal, Path(lines[0].destination)


def _numbered(folder: Path) -> list[Path]:
    """Return the journals in a folder, oldest first, without those of exports that were killed at once."""
    try:
        names = [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
    except OSError:  # no export was recorded yet, or the next step reports the problem
        return []
    journals = (folder / name for name in sorted(names, key=lambda name: int(name.removesuffix(".csv"))))
    return [journal for journal in journals if _has_lines(journal)]


def _has_lines(journal: Path) -> bool:
    try:
        return journal.stat().st_size > 0
    except OSError:  # another export removed it, because it was the oldest
        return False


def _create(folder: Path, into: Path, export: str) -> tuple[Path, Journal]:
    """Create the next journal, which only its owner can read: it lists photos by what they show."""
    folder.mkdir(mode=0o700, exist_ok=True)
    number = max((int(journal.stem) for journal in _numbered(folder)), default=0)
    while True:
        number += 1
        path = folder / f"{number:06}.csv"
        try:
            return path, Journal.create(path, into, export, mode=0o600)
        except AlbumsortError as e:
            if not isinstance(e.__cause__, FileExistsError):  # else another export just took this number
                raise
