"""Default places of albumsort's files."""

from __future__ import annotations

from pathlib import Path


def index_file() -> Path:
    """Return the path of the index in the user's data folder; it need not exist yet."""
    from platformdirs import user_data_path  # here, because commands with --db do not need it

    return user_data_path("albumsort", appauthor=False) / "index.sqlite"
