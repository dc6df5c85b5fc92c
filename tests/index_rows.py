"""Rows for tests of the index."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from helpers import NOW

from albumsort.index import best as index_best
from albumsort.index import comparing, queries, storing
from albumsort.index.comparing import Changes
from albumsort.index.database import Database
from albumsort.query import By, Filters, Question
from albumsort.types import Emotion, Photo, PhotoFile, Settings

HAPPY = Emotion.HAPPY
BEFORE = Settings("found before", "classified now", "dated now")
A, B, C = Path("/album/a.jpg"), Path("/album/b.jpg"), Path("/album/c.jpg")


def fail(index: Database, path: Path, reason: str = "broken", settings: Settings = NOW) -> None:
    with index.transaction():
        storing.save_failure(index, PhotoFile(path, 10, 20), reason, settings)


def mark_missing(index: Database, *paths: Path) -> None:
    with index.transaction():
        storing.mark_missing(index, paths)


def asked(
    index: Database, emotion: Emotion, by: By, filters: Filters, least: float, limit: int, every: bool = False
) -> list[Photo]:
    """Return the best photos; a limit of -1 returns all."""
    return index_best.best(index, Question(emotion, by, filters, least, None if limit < 0 else limit, every))


def best(index: Database, emotion: Emotion = HAPPY, by: By = By.MAX, limit: int = -1, **filters: object) -> list[str]:
    return names(asked(index, emotion, by, Filters(**filters), 0.0, limit))  # type: ignore[arg-type]


def listed(index: Database, **filters: object) -> list[str]:
    found = Filters(**filters)  # type: ignore[arg-type]
    photos = names(queries.photos(index, found, every=True))
    assert [path.name for path in queries.paths(index, found, every=True)] == photos
    return photos


def names(photos: Iterable[Photo]) -> list[str]:
    return [photo.path.name for photo in photos]


def known(index: Database, root: Path = Path("/")) -> list[Path]:
    """Return the known files in a folder."""
    comparing.begin_comparison(index)
    return sorted(path for path, _ in comparing.unmet(index, root))


def compared(index: Database, *files: PhotoFile, settings: Settings = NOW, everything: bool = False) -> Changes:
    comparing.begin_comparison(index)
    assert comparing.meet(index, files) == len(files)
    return comparing.compare(index, settings, everything)


def changed(index: Database, *paths: Path, settings: Settings = NOW) -> list[Path]:
    """Return which of these files, as `save` writes them, are to be analysed."""
    found = compared(index, *(PhotoFile(path, 1000, 2000) for path in paths), settings=settings)
    files = [file.path for file in comparing.todo(index)]
    assert found.todo == len(files) == len(paths) - found.unchanged - len(found.failing)
    return files


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
