"""Run commands in this process."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

from helpers import EVEN
from typer.testing import CliRunner, Result

from albumsort.answers import ANSWERS
from albumsort.choosing.labels import Album
from albumsort.cli.app import app
from albumsort.index import shares as index_shares
from albumsort.index import storing
from albumsort.index.database import Database


def invoke(*arguments: str | Path, db: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in this process; an unexpected exception fails the test."""
    chosen = {"ALBUMSORT_DB": str(db)} if db else {}
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={**chosen, **(env or {})}, prog_name="albumsort")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(result: Result | subprocess.CompletedProcess[str]) -> list[str]:
    """Return the names of the listed photos, relative to the library."""
    paths = result.stdout.splitlines()
    return [path.partition("/library/")[2] for path in paths]


def share_out(library: SimpleNamespace, **named: float) -> None:
    """Give the library's album these shares; the other answers share the rest up to 1."""
    rest = (1 - sum(named.values())) / (len(ANSWERS) - len(named))
    with Database(library.database) as index, index.transaction():
        index_shares.save_natural_shares(index, EVEN, due=False)
        shares = {answer: named.get(str(answer or "nothing"), rest) for answer in ANSWERS}
        index_shares.save_albums(index, [Album(library.folder, shares, 1204)])


def exported(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def forget_about(library: SimpleNamespace, *names: str) -> None:
    """Delete photos, and mark them as missing in the index."""
    with Database(library.database) as index, index.transaction():
        for name in names:
            (library.folder / name).unlink()
        storing.mark_missing(index, (library.folder / name for name in names))


def stored(library: SimpleNamespace) -> int:
    with closing(sqlite3.connect(library.database)) as raw:
        return int(raw.execute("SELECT count(*) FROM photos").fetchone()[0])
