from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import xxhash
from helpers import astronaut, encoded, exif, face, index_album, landscape, quarters, save, stored
from hypothesis import settings

from albumsort import settings as methods
from albumsort.index import storing
from albumsort.index.database import Database

settings.register_profile("albumsort", deadline=None, database=None)  # machines may be slow; keep no examples on disk
settings.load_profile("albumsort")

REPOSITORY = Path(__file__).parent.parent


def pytest_configure() -> None:
    """Restore Ctrl-C: shells make background processes ignore it, and the programs under test would inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _nobodys_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, _nobodys_data: Path) -> None:
    """Keep the developer's settings and index out of the tests."""
    monkeypatch.setenv("XDG_DATA_HOME", str(_nobodys_data))
    for name in [*os.environ]:
        if name.startswith("ALBUMSORT_") and name != "ALBUMSORT_TEST_PHOTOS":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def photo_bytes() -> dict[str, bytes]:
    """The files of a small album: two portraits, two pictures without a face, and a broken one."""
    return {
        "astronaut.jpg": encoded(astronaut(), exif=exif(taken="2024:07:01 12:00:00", offset="+02:00")),
        "turned.jpg": encoded(stored(astronaut(400), 6), exif=exif(6)),
        "landscape.jpg": encoded(landscape()),
        "drawing.png": encoded(quarters(120, 80), "PNG"),
        "broken.jpg": encoded(astronaut(200))[:3000],
    }


@pytest.fixture
def album(tmp_path: Path, photo_bytes: dict[str, bytes]) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for name, data in photo_bytes.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A path for an index that does not exist yet."""
    return tmp_path / "index.sqlite"


@pytest.fixture
def index(database: Path) -> Iterator[Database]:
    with Database(database, create=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, photo_bytes: dict[str, bytes]) -> SimpleNamespace:
    """An indexed album, for tests that only read: its folder, database and report."""
    folder = tmp_path_factory.mktemp("indexed")
    (folder / "album").mkdir()
    for name, data in photo_bytes.items():
        (folder / "album" / name).write_bytes(data)
    report = index_album(folder / "index.sqlite", folder / "album")
    return SimpleNamespace(album=folder / "album", database=folder / "index.sqlite", report=report)


@pytest.fixture
def library(tmp_path: Path) -> SimpleNamespace:
    """Files with invented results, for tests of commands that only read the index."""
    folder = tmp_path / "library"
    photos = {
        "beach/party.jpg": ([face(happy=0.9)], "2024-07-01T10:00:00"),
        "beach/grin.jpg": ([face(happy=0.7, neutral=0.25)], "2024-07-31T23:30:00"),
        "beach2/crowd.jpg": ([face((0, 0, 38, 38), happy=0.8), face((20, 20, 90, 90), sad=0.6)], "2023-01-01T00:00:00"),
        "rain.jpg": ([face(sad=0.8)], None),
        "row.jpg": ([face(anger=0.85)], "2022-12-31T23:59:59"),
        "wait.jpg": ([face(neutral=0.95)], None),
        "shock.jpg": ([face(surprise=0.8, neutral=0.19)], None),
        "hills.jpg": ([], "2024-07-02T00:00:00"),
    }
    with Database(tmp_path / "library.sqlite", create=True) as index:
        for name, (faces, taken_at) in photos.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
            save(index, path, faces, taken_at, xxhash.xxh3_128_hexdigest(name.encode()), methods.settings())
        with index.transaction():
            storing.add_root(index, folder)
    return SimpleNamespace(folder=folder, database=tmp_path / "library.sqlite")


@pytest.fixture(scope="session")
def shared_photos() -> Path:
    """Photos outside the repository; tests that need them are skipped without them."""
    folder = Path(os.environ.get("ALBUMSORT_TEST_PHOTOS") or REPOSITORY.parent / "shared" / "photos")
    if not folder.is_dir():
        pytest.skip(f"needs the photos in {folder}, which are not part of the repository (ALBUMSORT_TEST_PHOTOS)")
    return folder
