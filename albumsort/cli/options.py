"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__


def setting(name: str, **more: Any) -> Any:
    """Return an option that is a setting: the environment variable ALBUMSORT_NAME can set it for every run."""
    return typer.Option(name, envvar=f"ALBUMSORT_{name.removeprefix('--').replace('-', '_').upper()}", **more)


def option(*names: str, **more: Any) -> Any:
    """Return an option for one run only: a forgotten environment variable must not delete or skip anything."""
    return typer.Option(*names, **more)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"albumsort {__version__}")
        raise typer.Exit


def is_number(value: float) -> float:
    """Refuse a value that is no number (NaN): it would pass every check of its range, and no photo would match."""
    if value != value:
        raise typer.BadParameter("give a number from 0 to 1")
    return value


DB_HELP = "Index file.  [default: in the user's data folder]"
Db = Annotated[Path | None, setting("--db", help=DB_HELP, metavar="FILE", show_default=False)]
Quiet = Annotated[bool, setting("--quiet", help="Print errors only.")]
Version = Annotated[bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)]
AsJson = Annotated[bool, option("--json", help="Print one JSON document.")]
AsLines = Annotated[bool, option("--nl", help="Print one JSON object per line.")]
AsCsv = Annotated[bool, option("--csv", help="Print CSV with a header.")]
AsNull = Annotated[bool, option("--null", "-0", help="Print paths ending in NUL, for xargs -0.")]


@dataclass
class Common:
    """Options before the command."""

    db: Path | None = None
    quiet: bool = False
