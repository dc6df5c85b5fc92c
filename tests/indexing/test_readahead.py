"""Files are requested in advance; results do not depend on it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from albumsort.indexing import readahead
from albumsort.indexing.readahead import read_ahead
from albumsort.types import PhotoFile


def numbered(count: int, size: int = 1) -> list[PhotoFile]:
    return [PhotoFile(Path(f"/{number}.jpg"), size, 0) for number in range(count)]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the names of the requested files."""
    names: list[str] = []
    monkeypatch.setattr(readahead, "_fetch", lambda path, block: names.append(path.name))
    return names


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 100])
def test_files_come_in_order_each_once(count: int) -> None:
    assert list(read_ahead(numbered(count))) == numbered(count)


@pytest.mark.parametrize(("size", "most"), [(1, 33), (50 << 20, 3), (1 << 40, 1)])
def test_only_the_next_files_are_requested(fetched: list[str], size: int, most: int) -> None:
    taken = []

    def files() -> Iterator[PhotoFile]:
        for file in numbered(100, size):
            taken.append(file)
            yield file

    ahead = read_ahead(files())
    for number in range(50):
        assert next(ahead) == numbered(100, size)[number]
        assert len(taken) - number <= most
    ahead.close()


def test_the_next_files_are_fetched_while_the_first_is_worked_on(fetched: list[str]) -> None:
    ahead = read_ahead(numbered(100))
    assert next(ahead).path.name == "0.jpg"
    for _ in range(500):
        if "32.jpg" in fetched:
            break
        time.sleep(0.01)
    assert fetched[-1] == "32.jpg"
    ahead.close()


def test_unreadable_files_do_not_block(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "photo.jpg").write_bytes(b"x" * 3_000_000)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
    names = ["gone.jpg", "folder.jpg", "pipe.jpg", "photo.jpg"]
    files = [PhotoFile(tmp_path / name, 1, 0) for name in names]
    assert list(read_ahead(files)) == files


def test_without_a_system_call_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    (tmp_path / "photo.jpg").write_bytes(b"x" * 2_500_000)
    block = bytearray(readahead.BLOCK)
    readahead._fetch(tmp_path / "photo.jpg", block)
    assert block == b"x" * readahead.BLOCK


def test_its_thread_ends_with_it(fetched: list[str]) -> None:
    before = threading.active_count()
    ahead = read_ahead(numbered(100))
    next(ahead)
    ahead.close()
    for _ in range(500):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
