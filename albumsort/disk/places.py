"""Where albumsort keeps its files if nobody says otherwise."""

from __future__ import annotations

from pathlib import Path


def index_file() -> Path:
    """Return the index in the user's data folder, which need not exist yet."""
    from platformdirs import user_data_path  # here, because a command with --db needs it not

    return user_data_path("albumsort", appauthor=False) / "index.sqlite"
