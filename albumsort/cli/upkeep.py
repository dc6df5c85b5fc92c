"""`prune` and `doctor`: what is gone, and what is wrong."""

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
    yes: Annotated[bool, option("--yes", help="Do not ask.")] = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Forget photos whose file is gone.

    No other command forgets. Shows what it would forget and asks; an album that is absent as a whole, and in one
    all that a link led to or that lay in a folder now empty, is asked about apart, and kept under --yes: its disk
    may be unplugged.
    """
    from ..index import folders, storing
    from ..photos.walk import is_gone
    from ..prune import find_gone

    with open_index(ctx, db) as database:
        gone, absent = find_gone(database)
        if not gone and not absent:
            with database.transaction():
                storing.forget(database, [])  # but for what files showed before they changed
            if not is_quiet(ctx, quiet):
                say("Nothing to forget: every indexed photo is there.")
            return
        forgotten, roots = gone, list[Path]()
        if not yes:
            print_paths(gone)
            forgotten = gone if gone and ask(f"Forget these photos ({len(gone)}) and their results?") else []
        albums = folders.indexed_folders(database)
        for absentee, paths in absent.items():
            if yes and is_quiet(ctx, quiet):
                continue
            say(f"{_whole(absentee, albums)} is not there ({len(paths)} photos). Is its disk unplugged?")
            if yes:
                say("It is kept: --yes does not speak for what may be a disk; run prune on a terminal to forget it")
            elif ask("Forget all of it?"):
                forgotten, roots = [*forgotten, *paths], [*roots, absentee]
        forgotten = [path for path in forgotten if is_gone(path)]  # a disk may have come back while this waited
        with database.transaction():
            storing.forget(database, forgotten, roots)
    if yes:  # only now: whoever reads it may stop reading
        print_paths(forgotten)
    if not is_quiet(ctx, quiet):
        say(f"Forgotten: {len(forgotten)} photos" if forgotten or roots else "Nothing was forgotten.")


def _whole(absentee: Path, albums: Sequence[Path]) -> str:
    """Say what it is of which nothing is left."""
    if absentee.is_symlink():
        return f"What the link {absentee} led to"
    if absentee in albums or not absentee.is_dir():
        return f"The whole album {absentee}"
    return f"All that was in the folder {absentee}"


def doctor(ctx: typer.Context, db: Db = None, quiet: Quiet = False, version: Version = False) -> None:
    """Check the installation and the index.

    Versions, networks and their hashes, the database, and what can be decoded here.
    """
    from .. import doctor as diagnosis
    from ..text import printable

    findings = diagnosis.examine(index_file(ctx, db))
    for finding in findings:
        if not (finding.ok and is_quiet(ctx, quiet)):
            print(f"{'ok' if finding.ok else 'BAD':4} {finding.what:24} {printable(finding.detail)}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
