"""`moved`: follow an album that was moved, and notice one."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .opening import is_quiet, open_index
from .options import Db, Quiet, Version
from .terminal import say

if TYPE_CHECKING:
    from ..index.database import Database


def moved(
    ctx: typer.Context,
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The folder where the photos were.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The folder where they are now.")],
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Tell the index that the album at OLD, or a folder in it, is now at NEW.

    Nothing is analysed, and all results stay. OLD must not be there any more. If NEW was indexed too, its photos are in
    the index once afterwards.
    """
    from ..moved import follow

    with open_index(ctx, db) as database, database.alone():
        result = follow(database, Path(os.path.abspath(old)), Path(os.path.abspath(new)))
    if is_quiet(ctx, quiet):
        return
    parts = [f"{_photos(result.there)} now at {result.new}"]
    if result.doubles:
        parts.append(f"{result.doubles:,} had been indexed there before")
    if result.elsewhere:
        be = "is" if result.elsewhere == 1 else "are"
        parts.append(f"{result.elsewhere:,} {be} not there and will be marked missing by index")
    say("; ".join(parts))


def report_moved(database: Database) -> None:
    """Print for each album that was probably moved, what to do."""
    from ..moved import find_moved

    for found in find_moved(database):
        then = shlex.join(["albumsort", "moved", str(found.old), str(found.new)])
        say(
            f"The album {found.old} is not there any more, and {found.same:,} of its {found.known:,} photos are in"
            f" {found.new}. If it was moved, run: {then}"
        )


def _photos(number: int) -> str:
    return "1 photo is" if number == 1 else f"{number:,} photos are"
