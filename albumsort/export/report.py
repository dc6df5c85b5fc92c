"""The report of an export: a CSV file with one line per photo, from which undo reads what was written.

Every field is quoted, because names may contain line ends. Paths are absolute, so that no spreadsheet reads a name as a
formula. Names that are not UTF-8 are kept byte for byte.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from contextlib import suppress
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ..errors import AlbumsortError
from .items import Item, Link

COLUMNS = ("source", "destination", "hash", "action", "reason", "link", "written_hash")
_OLDER = COLUMNS[:-1]  # of reports from before copies could differ from their photos; undo may append to them


class Mark(StrEnum):
    """Actions of lines without a photo.

    INTO: the destination, with the export's identity as `hash`; FOLDER: a created folder; UNDONE: a removed path;
    CLOSED: an undo went through all lines, and what it left stays for good.
    """

    INTO = "into"
    FOLDER = "folder"
    UNDONE = "undone"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report, unchecked. written: the content hash of a file whose content is not its source's."""

    source: str = ""
    destination: str = ""
    digest: str = ""
    action: str = ""
    reason: str = ""
    link: str = ""
    written: str = ""


class Journal:
    """A report being written: each line reaches the operating system before the call that writes it returns."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file

    @classmethod
    def create(cls, path: Path, into: Path, export: str = "", mode: int = 0o666) -> Journal:
        """Create the report of an export to a folder; raises AlbumsortError if the file exists.

        export: identifies the export, if several files record it. mode: the file's permissions, less the umask.
        """
        try:
            file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        except FileExistsError as e:
            raise AlbumsortError(f"{path} already exists; choose another name for the report") from e
        except OSError as e:
            raise _unwritable(path, e) from e
        journal = cls(path, file)
        try:
            journal._write(COLUMNS, astuple(Line(destination=str(into), digest=export, action=Mark.INTO)))
        except BaseException:  # the report is empty: leave the name free for the next run
            with suppress(OSError):
                file.close()
            path.unlink()
            raise
        return journal

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """Open a report to append after its last complete line."""
        try:
            file = open(path, "r+b")  # noqa: SIM115 (closed by __exit__)
            file.truncate(len(_complete_lines(file.read())))
            file.seek(0, os.SEEK_END)
        except OSError as e:
            raise AlbumsortError(f"cannot record the removals in {path}: {e.strerror or e}; make it writable") from e
        return cls(path, file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as e:
            if error is None:
                raise _unwritable(self._path, e) from e

    def photo(self, item: Item, link: Link) -> None:
        """Record the result for a photo or sidecar."""
        place = str(item.source), str(item.destination)
        self._note(Line(*place, item.digest, item.action, item.reason, link, item.written))

    def folder(self, path: Path) -> None:
        """Record that a folder was created."""
        self._note(Line(destination=str(path), action=Mark.FOLDER))

    def undone(self, path: Path) -> None:
        """Record that a path of this report no longer exists."""
        self._note(Line(destination=str(path), action=Mark.UNDONE))

    def closed(self) -> None:
        """Record that an undo went through all lines."""
        self._note(Line(action=Mark.CLOSED))

    def _note(self, line: Line) -> None:
        self._write(astuple(line))

    def _write(self, *rows: tuple[str, ...]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
        try:
            self._file.write(text.getvalue().encode("utf-8", sys.getfilesystemencodeerrors()))
            self._file.flush()
        except OSError as e:
            raise _unwritable(self._path, e) from e


def _unwritable(path: Path, error: OSError) -> AlbumsortError:
    return AlbumsortError(
        f"cannot write the report {path}: {error.strerror or error}; make room, or choose another place for it"
    )


def read(path: Path, most: int = -1) -> list[Line]:
    """Return the complete lines of a report; raises AlbumsortError if the file is not a report.

    most: the number of bytes to read at most. A line that is cut off, as by a kill, is left out. The content of the
    lines is not checked: they may be forged.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(most)
    except OSError as e:
        raise AlbumsortError(f"cannot read the report {path}: {e.strerror or e}") from e
    try:
        text = _complete_lines(data).decode("utf-8", sys.getfilesystemencodeerrors()).removeprefix("\ufeff")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as e:
        raise AlbumsortError(f"{path} is not a report of albumsort export: {e}") from e
    columns = {len(COLUMNS), len(_OLDER)}
    if not rows or tuple(rows[0]) not in (COLUMNS, _OLDER) or any(len(row) not in columns for row in rows):
        raise AlbumsortError(f"{path} is not a report of albumsort export, or is from another version")
    return [Line(*row) for row in rows[1:]]


def _complete_lines(data: bytes) -> bytes:
    """Return a report without an incomplete last line."""
    end = len(data)
    while end and (data[end - 1 : end] != b"\n" or data.count(b'"', 0, end) % 2):
        end = data.rfind(b"\n", 0, end - 1) + 1
    return data[:end]
