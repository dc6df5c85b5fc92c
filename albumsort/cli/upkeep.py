"""`prune` and `doctor`: remove photos that are gone, and check the installation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .opening import index_file, is_quiet, open_index
from .options import Db, Quiet, Version, option
from .terminal import ask, print_paths, say


def prune(
    ctx: typer.Context,
    yes: Annotated[bool, option("--yes", help="Remove without asking.")] = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Remove photos from the index whose file is gone.

    No other command removes photos. Lists them, then asks. Asks separately about an album or link target that is
    missing as a whole, and about all photos of a folder that is now empty: their disk may be unplugged. With --yes,
    these are kept.
    """
    from ..index import folders, storing
    from ..photos.walk import is_gone
    from ..prune import find_gone

    with open_index(ctx, db) as database:
        gone, absent = find_gone(database)
        if not gone and not absent:
            with database.transaction():
                storing.forget(database, [])  # removes only results of contents that no photo has any more
            if not is_quiet(ctx, quiet):
                say("Nothing to remove: no indexed photo is gone.")
            return
        removed, roots = gone, list[Path]()
        if not yes:
            print_paths(gone)
            removed = gone if gone and ask(f"Remove these {len(gone)} photos and their results?") else []
        albums = folders.indexed_folders(database)
        for absentee, paths in absent.items():
            if yes and is_quiet(ctx, quiet):
                continue
            say(f"{_described(absentee, albums)} is missing ({len(paths)} photos). Is its disk unplugged?")
            if yes:
                say("Kept, because its disk may be unplugged; to remove it, run prune on a terminal without --yes")
            elif ask("Remove all of it?"):
                removed, roots = [*removed, *paths], [*roots, absentee]
        removed = [path for path in removed if is_gone(path)]  # a disk may be back since the question
        with database.transaction():
            storing.forget(database, removed, roots)
    if yes:  # last, because the reader of a pipe may stop early and end the program
        print_paths(removed)
    if not is_quiet(ctx, quiet):
        say(f"Removed {len(removed)} photos from the index." if removed or roots else "Nothing was removed.")


def _described(absentee: Path, albums: Sequence[Path]) -> str:
    """Return words for a missing link target, album or content of a folder."""
    if absentee.is_symlink():
        return f"The target of the link {absentee}"
    if absentee in albums or not absentee.is_dir():
        return f"The whole album {absentee}"
    return f"Everything in the folder {absentee}"


def doctor(ctx: typer.Context, db: Db = None, quiet: Quiet = False, version: Version = False) -> None:
    """Check the installation and the index.

    Checks versions, networks and their hashes, the database, and the image formats that can be decoded.
    """
    from .. import doctor as diagnosis
    from ..text import printable

    findings = diagnosis.examine(index_file(ctx, db))
    for finding in findings:
        if not (finding.ok and is_quiet(ctx, quiet)):
            print(f"{'ok' if finding.ok else 'BAD':4} {finding.what:24} {printable(finding.detail)}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
