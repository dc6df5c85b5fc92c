"""SQLite with the defaults of some systems."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from albumsort.index import database, opening


@pytest.fixture
def hasty_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite with the defaults of some builds: less waiting for the disk, and deleted data stays in the file."""
    connect = opening.connect

    def connect_hastily(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    for module in (opening, database):
        monkeypatch.setattr(module, "connect", connect_hastily)
