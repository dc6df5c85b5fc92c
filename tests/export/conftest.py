"""The places of an export."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    return folder


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "out"
