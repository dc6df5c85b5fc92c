"""Default places of albumsort's files."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UsageError

NO_HOME = "there is no home folder: HOME is not set, and this user has no account here"


def index_file() -> Path:
    """Return the path of the index in the user's data folder; it need not exist yet.

    Raises UsageError if the user has no home folder, as in a container.
    """
    from platformdirs import user_data_path  # here, because commands with --db do not need it

    try:
        folder = user_data_path("albumsort", appauthor=False)
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():  # some versions return a path in "~", which would become a folder of that name
        raise UsageError(f"{NO_HOME}. Name the index file with --db or ALBUMSORT_DB")
    return folder / "index.sqlite"


def exports_folder(index: Path) -> Path:
    """Return the folder beside an index with the journals of its exports; all links to an index share one."""
    return Path(f"{os.path.realpath(index)}.exports")
