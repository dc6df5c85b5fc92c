"""Open the index of a command, and report outdated results and absent albums."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..disk import places
from ..query import Filters
from .options import Common
from .terminal import say
from .values import is_on_command_line

if TYPE_CHECKING:
    from ..index.database import Database


def report_outdated(ctx: typer.Context, database: Database, quiet: bool) -> None:
    """Print how many photos have results of an older albumsort, unless quiet."""
    if not is_quiet(ctx, quiet):
        say_outdated(count_outdated(database))


def count_outdated(database: Database) -> int:
    """Count the photos with results of an older albumsort."""
    from ..errors import WeightsError
    from ..index import lookup
    from ..settings import settings

    try:
        return lookup.count_outdated(database, settings())
    except WeightsError:  # a damaged installation can still list photos; `index` and `doctor` report the damage
        return 0


def say_outdated(waiting: int) -> None:
    """Print how many photos an older albumsort analysed, and what to do."""
    if waiting:
        say(f"{waiting} photos were analysed by an older albumsort. To update them, run index on their folders")


def report_absent(ctx: typer.Context, database: Database, filters: Filters, quiet: bool) -> None:
    """Print how many photos are left out because their album is not there now, unless quiet."""
    from ..index import absent

    if not is_quiet(ctx, quiet):
        say_absent(absent.count_unlisted(database, filters))


def say_absent(counts: Mapping[Path, int]) -> None:
    """Print for each absent album how many photos are not listed, and what to do."""
    for album, count in counts.items():
        photos = "1 photo of {} is" if count == 1 else f"{count:,} photos of {{}} are"
        state = "is empty" if album.is_dir() else "is not there"
        moved = f"{shlex.join(['albumsort', 'moved', str(album)])} NEW"
        say(f"{photos.format(album)} not listed: the folder {state}. Plug in its disk, or run: {moved}")


def open_index(ctx: typer.Context, db: Path | None, create: bool = False) -> Database:
    """Open the index file that `index_file` returns."""
    from ..index.database import Database

    hushed = is_quiet(ctx, bool(ctx.params.get("quiet")))
    return Database(index_file(ctx, db), create=create, tell=(lambda message: None) if hushed else say)


def index_file(ctx: typer.Context, db: Path | None) -> Path:
    """Return the index file named by the command line, the environment or the default, in this order."""
    before = ctx.find_object(Common) or Common()
    if before.db is not None and not is_on_command_line(ctx, "db"):
        return before.db
    if db is not None:
        return db
    return places.index_file()


def is_quiet(ctx: typer.Context, quiet: bool) -> bool:
    """Return whether --quiet was given, before or after the command."""
    return quiet or (ctx.find_object(Common) or Common()).quiet
