"""Parse the values of options: dates, ranges, percentages, lists of files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from .. import dates
from ..errors import UsageError
from ..photos import lists
from ..query import MOST, Counted, Filters


def listed_files(files_from: str | None) -> list[Path] | None:
    """Return the paths listed in a file, or on standard input for "-"; raises UsageError if it is not a list."""
    if files_from is None:
        return None
    with explained_list(files_from) as data:
        return lists.parse(data)


@contextmanager
def explained_list(files_from: str) -> Iterator[bytes]:
    """Give the bytes of a list, or of standard input for "-"; a UsageError inside gets the name of the list.

    Raises UsageError if the list cannot be read.
    """
    where = "on standard input" if files_from == "-" else files_from
    try:
        data = sys.stdin.buffer.read() if files_from == "-" else Path(files_from).read_bytes()
    except OSError as e:
        raise UsageError(f"cannot read the list {where}: {e.strerror}") from e
    try:
        yield data
    except UsageError as e:
        raise UsageError(f"cannot use the list {where}: {e}") from e


def is_on_command_line(ctx: typer.Context, name: str) -> bool:
    """Return whether the command line sets an option (not the environment or a default)."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def counted_faces(min_face: str, min_detection: float, min_sharpness: float) -> Counted:
    """Return which faces count; min_face is in percent."""
    return Counted(min_detection, _percent("--min-face", min_face), min_sharpness)


def _percent(option: str, text: str) -> float:
    """Return a percentage as a share, 0-1."""
    if not re.fullmatch(r"(\d{1,3}|\d{0,3}\.\d+) ?%?", text.strip()):
        raise UsageError(f"{option} {text!r}: write a percentage, like 5 or 7.5")
    return float(text.strip().rstrip("% ")) / 100


def photo_filters(
    since: str | None, until: str | None, folders: Sequence[Path] | None, faces: str | None, counted: Counted
) -> Filters:
    """Return the filters for photos; raises UsageError for an invalid date or range."""
    return Filters(
        since=_bound("--since", since, dates.start_of),
        until=_bound("--until", until, dates.end_of),
        folders=tuple(Path(os.path.abspath(f)) for f in folders or ()),
        faces=None if faces is None else _range(faces),
        counted=counted,
    )


def _bound(option: str, text: str | None, complete: Callable[[str], str]) -> str | None:
    try:
        return None if text is None else complete(text)
    except UsageError as e:
        raise UsageError(f"{option} {e}") from e


def _range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,30})(?:(\.\.)(\d{0,30}))?", text.strip())
    if not found:
        raise UsageError(f"--faces {text!r}: write a number, or a range like 2..5 or 2..")
    low = min(int(found[1]), MOST)
    high = low if not found[2] else min(int(found[3]), MOST) if found[3] else MOST
    if high < low:
        raise UsageError(f"--faces {text!r}: the second number is smaller than the first")
    return low, high
