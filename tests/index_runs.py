"""Runs of `index`, and their results in the index."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from albumsort.errors import AlbumsortError
from albumsort.index import counts as index_counts
from albumsort.index import queries
from albumsort.index.database import Database
from albumsort.indexing import worker as indexing_worker
from albumsort.indexing.report import Report
from albumsort.query import Filters
from albumsort.types import Photo

PORTRAITS = ["astronaut.jpg", "turned.jpg"]
GOOD = ["astronaut.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]


def photos(database: Path) -> dict[str, Photo]:
    with Database(database) as index:
        return {photo.path.name: photo for photo in queries.photos(index, Filters(), every=True)}


def failures(database: Path) -> dict[str, str]:
    with Database(database) as index:
        return {path.name: reason for path, reason in index_counts.failures(index)}


def missing(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT path FROM photos WHERE missing = 1 ORDER BY path").fetchall()
    return [Path(os.fsdecode(path)).name for (path,) in rows]


def counts(report: Report) -> dict[str, int]:
    names = ("found", "analysed", "unchanged", "moved", "missing", "faces", "rescored")
    return {name: count for name in names if (count := getattr(report, name))} | (
        {"failed": len(report.failed)} if report.failed else {}
    )


def rows(database: Path) -> list[tuple[Any, ...]]:
    """Return everything in the index about photos, except the ids that join tables."""
    with closing(sqlite3.connect(database)) as raw:
        return raw.execute(
            "SELECT p.path, p.size, p.mtime_ns, p.error, p.error_settings, p.missing, c.digest, c.found_with,"
            " c.classified_with, c.width,"
            " c.height, c.dated_with, p.taken_at, p.taken_from,"
            " f.number, f.x, f.y, f.w, f.h, f.landmarks, f.detection, f.happy, f.sad,"
            ' f."nothing", f.eyes'
            " FROM photos p LEFT JOIN contents c ON c.id = p.content LEFT JOIN faces f ON f.content = c.id"
            " ORDER BY p.path, f.number"
        ).fetchall()


def tamper(database: Path) -> None:
    """Mark the results, to see whether they were kept or replaced."""
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE faces SET detection = 0.987")
        raw.commit()


def kept(photo: Photo) -> bool:
    return [face.detection for face in photo.faces] == [0.987]


def stored(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as raw:
            return int(raw.execute("SELECT count(*) FROM photos").fetchone()[0])
    except sqlite3.OperationalError:  # not created yet
        return 0


class Short:
    """An executor that fails after a number of photos."""

    size = 1

    def __init__(self, photos: int) -> None:
        self.left, self.sent = photos, list[int]()

    def __enter__(self) -> Short:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ahead(self, files: Any) -> Any:
        yield from files

    def work(self, take: Any, arguments: Any, interrupt: Any, meanwhile: Any) -> Any:
        while (file := take()) is not None:
            if not self.left:
                raise AlbumsortError("nobody is left to work")
            self.left -= 1
            task = arguments(file)
            self.sent.append(len(task[1]))
            yield file, indexing_worker.attempt(*task)
