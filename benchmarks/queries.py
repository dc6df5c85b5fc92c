"""Measure queries on indexes of growing size: time with start-up, size of the index, and query plans.

usage: python benchmarks/queries.py [N ...=10000 100000 1000000]

Each photo has 0 to 4 faces, 1.5 on average, with random expressions; half of the photos are in moments of three.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from measuring import albumsort, measure

from albumsort.index import comparing, counts, lookup, queries
from albumsort.index import shares as index_shares
from albumsort.index.best import best
from albumsort.index.database import Database
from albumsort.index.label_sql import NOTHING
from albumsort.indexing import shares as album_shares
from albumsort.networks.weights import confusion, natural_shares
from albumsort.query import By, Filters, Question
from albumsort.settings import settings
from albumsort.types import Emotion

COMMANDS = (
    ["--version"],
    ["top", "happy"],
    ["top", "sad", "--by", "mean", "--since", "2024"],
    ["top", "happy", "--min-face", "10", "--min-detection", "0.8"],
    ["top", "happy", "--path", "/album/007"],
    ["top", "fear", "--faces", "4", "--min-score", ".5"],
    ["top", "happy", "--by", "everyone"],
    ["top", "happy", "--spread", "day"],
    ["top", "happy", "--spread", "folder"],
    ["top", "happy", "--sure", ".9"],
    ["top", "happy", "--eyes", "open"],
    ["top", "happy", "--all"],
    ["top", "happy", "--by", "everyone", "--faces", "2..", "--eyes", "open"],
    ["top", "happy", "--spread", "month", "--sure", ".8", "--since", "2010"],
    ["top", "sad", "--by", "everyone", "--spread", "day", "--path", "/album/007"],
    ["stats"],
    ["list"],
    ["list", "--nl"],
)
REPEATS = 3
FACES = (0, 1, 1, 1, 1, 2, 2, 4)
AT_ONCE = 20_000


def fill(path: Path, photos: int) -> None:
    """Write an index of photos that do not exist; their album is the root folder, which is always there."""
    now = settings()  # otherwise every command would count the photos that wait for an update
    with Database(path, create=True):
        pass
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA synchronous = OFF")
        for first in range(0, photos, AT_ONCE):
            numbers = range(first, min(photos, first + AT_ONCE))
            faces = {number: list(_faces(number)) for number in numbers}
            raw.executemany(
                "INSERT INTO contents (id, digest, found_with, classified_with, dated_with, width, height)"
                " VALUES (?, ?, ?, ?, ?, 4032, 3024)",
                ((n + 1, f"{n:032x}", now.finding, now.classifying, now.dating) for n in numbers),
            )
            columns = ", ".join(Emotion)
            raw.executemany(
                "INSERT INTO faces (content, number, x, y, w, h, landmarks, detection, size, sharpness,"
                f" {columns}, {NOTHING}, eyes, matters) VALUES ({', '.join('?' * (12 + len(Emotion)))}, 1)",
                ((n + 1, k, *face) for n in numbers for k, face in enumerate(faces[n])),
            )
            raw.executemany(  # as large as real ones; never read here
                "INSERT INTO crops (content, pixels) VALUES (?, ?)",
                ((n + 1, random.randbytes(1800 * len(faces[n]))) for n in numbers if faces[n]),
            )
            raw.executemany(
                "INSERT INTO photos (path, size, mtime_ns, content, taken_at, taken_from, moment)"
                " VALUES (?, ?, ?, ?, ?, 'DateTimeOriginal', ?)",
                ((_path(n), 3_000_000 + n, n, n + 1, _time(n), _moment(n)) for n in numbers),
            )
            raw.execute("INSERT OR IGNORE INTO roots (path) VALUES (CAST('/' AS BLOB))")
            raw.commit()
    with Database(path) as index:
        album_shares.estimate(index, natural_shares(), confusion())


def _path(number: int) -> bytes:
    return f"/album/{number % 500:03}/IMG_{number:07}.jpg".encode()


def _moment(number: int) -> int | None:
    """Return the same number for the three frames of a moment; half of the photos are on their own."""
    return 1 + number - number % 6 if number % 6 < 3 else None


def _time(number: int) -> str:
    return f"{2000 + number % 25}-0{1 + number % 9}-1{number % 10}T12:00:00"


def _faces(number: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(number)
    for _ in range(chance.choice(FACES)):
        weights = [chance.random() ** 4 for _ in Emotion]
        shares = [weight / sum(weights) for weight in weights]
        box = chance.random() * 3000, chance.random() * 2000, 200 + chance.random() * 500, 300
        detection, size, sharpness = 0.3 + 0.7 * chance.random(), max(box[2:]) / 3024, chance.random()
        points = "[[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]"
        yield (*box, points, detection, size, sharpness, *shares, chance.random() ** 8, chance.random())


def plans(path: Path) -> None:
    """Print SQLite's query plan for each statement of a few queries."""
    since = Filters(since="2024")
    stored = settings()
    with Database(path) as index:
        connection = index.connection
        questions = {
            "top happy": lambda: best(index, Question(Emotion.HAPPY, n=20)),
            "top happy, all of a folder": lambda: best(
                index, Question(Emotion.HAPPY, By.MEAN, Filters(folders=(Path("/album/007"),)))
            ),
            "list --since 2024": lambda: next(queries.photos(index, since), None),
            "stats": lambda: counts.stats(index),
            "index: the shares of an album": lambda: index_shares.sample(index, Path("/album"), album_shares.FACES),
            "index: one photo": lambda: lookup.digests(index, 3_000_001, stored),
            "index: the album": lambda: (
                comparing.begin_comparison(index),
                comparing.compare(index, stored, everything=False),
            ),
        }
        for question, ask in questions.items():
            statements = list[str]()
            connection.set_trace_callback(statements.append)
            ask()
            connection.set_trace_callback(None)
            print(f"\n{question}")
            shapes = set[tuple[str, ...]]()
            for statement in statements:
                if not statement.lstrip().startswith(("SELECT", "INSERT INTO temp", "UPDATE", "DELETE FROM p")):
                    continue
                steps = tuple(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
                if steps not in shapes:
                    print("  " + " | ".join(steps))
                    shapes.add(steps)


def main(sizes: list[int]) -> None:
    """Print the median seconds of each command at each size."""
    columns: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for photos in sizes:
            path = Path(folder) / f"{photos}.sqlite"
            start = time.perf_counter()
            fill(path, photos)
            filled, size = time.perf_counter() - start, path.stat().st_size / photos
            print(f"{photos} photos filled in {filled:.0f} s", file=sys.stderr)
            column = [f"{photos}", f"{size:.0f}"]
            for command in COMMANDS:
                runs = [measure(albumsort(*command), {"ALBUMSORT_DB": str(path)}) for _ in range(REPEATS)]
                seconds, cpu = (statistics.median(getattr(run, what) for run in runs) for what in ("seconds", "cpu"))
                column.append(f"{seconds:.3f} {cpu:.3f} {max(run.peak for run in runs):4.0f}")
            columns.append(column)
        print("each: seconds, CPU seconds, peak MiB")
        for name, *values in zip(
            ["photos", "bytes per photo", *(" ".join(command) for command in COMMANDS)], *columns, strict=True
        ):
            print(f"{name:40}" + "".join(f"{value:>22}" for value in values))
        plans(path)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000])
