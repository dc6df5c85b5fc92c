"""The report of an export: a CSV file that grows by a line for each photo, and is read back to undo the export.

Every field is quoted, as names may hold line ends, and paths are absolute, so that no spreadsheet takes a name for a
formula. Names that are not UTF-8 stand in it byte for byte.
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
from ..types import Item, Link

COLUMNS = ("source", "destination", "hash", "action", "reason", "link")


class Mark(StrEnum):
    """The actions that are no photo's. INTO: where the export goes; FOLDER: one it made; UNDONE: what is removed."""

    INTO = "into"
    FOLDER = "folder"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report, as it stands there."""

    source: str = ""
    destination: str = ""
    digest: str = ""
    action: str = ""
    reason: str = ""
    link: str = ""


class Journal:
    """A report that is being written: each line is with the system before the call that writes it returns."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file

    @classmethod
    def create(cls, path: Path, into: Path) -> Journal:
        """Begin the report of an export into a folder; raises AlbumsortError if the file exists."""
        try:
            file = open(path, "xb")  # noqa: SIM115 (closed by __exit__)
        except FileExistsError as e:
            raise AlbumsortError(f"{path} exists already; choose another name for the report") from e
        except OSError as e:
            raise _unwritable(path, e) from e
        journal = cls(path, file)
        try:
            journal._write(COLUMNS)
            journal._note(Line(destination=str(into), action=Mark.INTO))
        except BaseException:  # nothing is reported yet: let the next run have the name
            with suppress(OSError):
                file.close()
            path.unlink()
            raise
        return journal

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """Go on with a report behind its last whole line."""
        try:
            file = open(path, "r+b")  # noqa: SIM115 (closed by __exit__)
            file.truncate(len(_whole(file.read())))
            file.seek(0, os.SEEK_END)
        except OSError as e:
            raise AlbumsortError(f"cannot note in {path} what is removed: {e.strerror or e}; make it writable") from e
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
        """Note what became of a photo."""
        self._note(Line(str(item.source), str(item.destination), item.digest, item.action, item.reason, link))

    def folder(self, path: Path) -> None:
        """Note that a folder was made."""
        self._note(Line(destination=str(path), action=Mark.FOLDER))

    def undone(self, path: Path) -> None:
        """Note that what a line of this report names is not there any more."""
        self._note(Line(destination=str(path), action=Mark.UNDONE))

    def _note(self, line: Line) -> None:
        self._write(astuple(line))

    def _write(self, fields: tuple[str, ...]) -> None:
        row = io.StringIO(newline="")
        csv.writer(row, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(fields)
        try:
            self._file.write(row.getvalue().encode("utf-8", sys.getfilesystemencodeerrors()))
            self._file.flush()
        except OSError as e:
            raise _unwritable(self._path, e) from e


def _unwritable(path: Path, error: OSError) -> AlbumsortError:
    return AlbumsortError(
        f"cannot write the report {path}: {error.strerror or error}; make room, or choose another place"
    )


def read(path: Path) -> list[Line]:
    """Return the whole lines of a report; one that a kill cut off names nothing. Raises AlbumsortError for no report.

    What the lines say is not checked: anybody may have written them.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise AlbumsortError(f"cannot read the report {path}: {e.strerror or e}") from e
    try:
        text = _whole(data).decode("utf-8", sys.getfilesystemencodeerrors()).removeprefix("\ufeff")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as e:
        raise AlbumsortError(f"{path} is not a report of albumsort export: {e}") from e
    if not rows or tuple(rows[0]) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise AlbumsortError(f"{path} is not a report of albumsort export, or of another version")
    return [Line(*row) for row in rows[1:]]


def _whole(data: bytes) -> bytes:
    """Return a report without the line at its end that was not written to its end."""
    end = len(data)
    while end and (data[end - 1 : end] != b"\n" or data.count(b'"', 0, end) % 2):
        end = data.rfind(b"\n", 0, end - 1) + 1
    return data[:end]
