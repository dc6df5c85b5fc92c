"""The values of options: dates, ranges, percentages, lists of files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import UsageError
from ..query import Counted, Filters
from ..types import utc_text

if TYPE_CHECKING:
    from ..show.listing import Form


MOST = 2**63 - 1  # the largest number a database counts to


def listed_files(files_from: str | None) -> list[Path] | None:
    """Return the paths listed in a file, or on standard input for -."""
    if files_from is None:
        return None
    try:
        data = sys.stdin.buffer.read() if files_from == "-" else Path(files_from).read_bytes()
    except OSError as e:
        raise UsageError(f"cannot read the list {files_from}: {e.strerror}") from e
    separator = b"\0" if b"\0" in data else b"\n"
    lines = data.split(separator)
    if separator == b"\n":
        lines = [line.removesuffix(b"\r") for line in lines]
    return [Path(os.fsdecode(line)) for line in lines if line.strip()]


def chosen_form(ctx: typer.Context) -> Form:
    """Return the form asked for."""
    from ..show.listing import Form

    forms = {"as_json": Form.JSON, "nl": Form.LINES, "as_csv": Form.CSV, "null": Form.NULL}
    asked = [name for name in forms if ctx.params[name]]
    if len(asked) > 1:
        raise UsageError("choose one of --json, --nl, --csv and --null")
    return forms[asked[0]] if asked else Form.TABLE if sys.stdout.isatty() else Form.PATHS


def is_on_command_line(ctx: typer.Context, name: str) -> bool:
    """Return whether an option was given on the command line, not by the environment or a default."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def counted_faces(min_face: str, min_detection: float, min_sharpness: float) -> Counted:
    """Return which faces count; min_face is in percent."""
    return Counted(min_detection, _percent("--min-face", min_face), min_sharpness)


def _percent(option: str, text: str) -> float:
    """Return a share, 0-1, that is written in percent."""
    if not re.fullmatch(r"(\d{1,3}|\d{0,3}\.\d+) ?%?", text.strip()):
        raise UsageError(f"{option} {text!r}: write a number of percent, like 5 or 7.5")
    return float(text.strip().rstrip("% ")) / 100


def photo_filters(
    since: str | None, until: str | None, folders: Sequence[Path] | None, faces: str | None, counted: Counted
) -> Filters:
    """Return which photos are asked for; raises UsageError where a date or a range makes no sense."""
    return Filters(
        since=None if since is None else _date("--since", since, "0000-01-01T00:00:00Z"),
        until=None if until is None else _date("--until", until, "9999-12-31T23:59:59Z"),
        folders=tuple(Path(os.path.abspath(f)) for f in folders or ()),
        faces=None if faces is None else _range(faces),
        counted=counted,
    )


def _date(option: str, text: str, rest: str) -> str:
    """Complete 2024, 2024-07, 2024-07-31 or a time to a UTC time; `rest` is what a shorter date lacks."""
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?)?)?", text):
        return _no_date(option, text)
    if option == "--until" and len(text) == 7:  # the months' ends differ; texts compare all the same
        return f"{text}-31T23:59:59Z" if 1 <= int(text[5:]) <= 12 else _no_date(option, text)
    short = text.replace(" ", "T")
    if len(text) <= 16:
        short += rest[len(text) : -1]
    try:
        time = datetime.fromisoformat(short)
        return utc_text(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return _no_date(option, text)


def _no_date(option: str, text: str) -> str:
    raise UsageError(f"{option} {text!r} is no date; write it like 2024, 2024-07 or 2024-07-31")


def _range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:(\.\.)(\d*))?", text.strip())
    if not found:
        raise UsageError(f"--faces {text!r}: write a number, or a range like 2..5 or 2..")
    low = min(int(found[1]), MOST)
    high = low if not found[2] else min(int(found[3]), MOST) if found[3] else MOST
    if high < low:
        raise UsageError(f"--faces {text!r}: the range ends before it begins")
    return low, high
