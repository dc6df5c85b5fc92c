"""The SQLite index: save, forget, query. All SQL of albumsort is here and in schema.py."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

from .errors import IndexFileError
from .schema import migrate
from .types import Analysis, Box, Emotion, Face, Photo, PhotoFile

BUSY_SECONDS = 30.0
FACE_COLUMNS = "f.x, f.y, f.w, f.h, f.landmarks, f.detection, f.label, " + ", ".join(f"f.{e}" for e in Emotion)
PHOTO_COLUMNS = "p.path, c.width, c.height, c.taken_at, c.digest, c.id"


class By(StrEnum):
    """How the faces of a photo make its score."""

    MAX = "max"
    MEAN = "mean"
    MIN = "min"


@dataclass(frozen=True)
class Filters:
    """Which photos a query is about; dates are UTC ISO 8601, folders absolute, faces an inclusive range."""

    since: str | None = None
    until: str | None = None
    folders: tuple[Path, ...] = ()
    faces: tuple[int, int] | None = None


@dataclass(frozen=True)
class State:
    """What the index holds of a file. current: made with today's weights and method."""

    size: int
    mtime_ns: int
    current: bool
    error: str | None
    missing: bool


@dataclass(frozen=True)
class Stats:
    """Counts over the whole index; labels counts photos by the label of their largest face."""

    photos: int
    faces: int
    labels: Mapping[Emotion, int]
    without_face: int
    failed: int
    missing: int
    roots: tuple[Path, ...]


class Index:
    """An open index. Opening brings an older database up to date; a new one is readable by its owner only."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the database; raises IndexFileError if it is absent (unless `create`), damaged or not ours."""
        self.path = path
        if create:
            _make_private(path)
        elif not path.is_file():
            raise IndexFileError(f"there is no index at {path} yet; run: albumsort index FOLDER")
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            with self._explained():
                self._connection.execute("PRAGMA foreign_keys = ON")
                migrate(self._connection)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, with the file and what to do."""
        try:
            yield
        except IndexFileError as e:
            raise IndexFileError(f"cannot use {self.path}: {e}") from e
        except sqlite3.OperationalError as e:
            if "locked" in str(e) or "busy" in str(e):
                why = "another albumsort is writing to it; try again when that one is done"
            elif "full" in str(e):
                why = "the disk is full; make room and run index again, it goes on where it stopped"
            else:
                why = str(e)
            raise IndexFileError(f"cannot use {self.path}: {why}") from e
        except sqlite3.DatabaseError as e:
            raise IndexFileError(
                f"cannot use {self.path}: {e}. It is damaged or no index; it was left as it is. "
                "Move it away to start a new index, or name another file with --db"
            ) from e

    # writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is saved inside appear whole or not at all."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def add_root(self, root: Path) -> None:
        """Remember a folder as an album, into which nothing may be written."""
        self._connection.execute("INSERT OR IGNORE INTO roots VALUES (?)", (os.fsencode(root),))

    def save(self, file: PhotoFile, analysis: Analysis, settings: str) -> None:
        """Store what a photo shows, in place of what was known of the same bytes and of the same path."""
        self._connection.execute(
            "INSERT INTO contents (digest, settings, width, height, taken_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET settings = excluded.settings, width = excluded.width,"
            " height = excluded.height, taken_at = excluded.taken_at",
            (analysis.digest, settings, analysis.width, analysis.height, analysis.taken_at),
        )
        content = self._content(analysis.digest)
        self._connection.execute("DELETE FROM faces WHERE content = ?", (content,))
        self._connection.executemany(
            f"INSERT INTO faces VALUES ({', '.join('?' * (9 + len(Emotion)))})",
            [_face_row(content, number, face) for number, face in enumerate(analysis.faces)],
        )
        self._save_photo(file, content, None, None)

    def save_known(self, file: PhotoFile, digest: str, moved_from: Path | None) -> None:
        """Store a path whose bytes are known (see `knows`); with `moved_from`, that path takes the new name."""
        if moved_from is not None:
            self._connection.execute("DELETE FROM photos WHERE path = ?", (os.fsencode(moved_from),))
        self._save_photo(file, self._content(digest), None, None)

    def save_failure(self, file: PhotoFile, reason: str, settings: str) -> None:
        """Store that a photo cannot be analysed, and why."""
        self._save_photo(file, None, reason, settings)

    def save_passing_failure(self, file: PhotoFile, reason: str) -> None:
        """Store that a photo could not be analysed this time; results it has stay, and it is tried again."""
        known = "SELECT 1 FROM photos WHERE path = ? AND content IS NOT NULL"
        if self._connection.execute(known, (os.fsencode(file.path),)).fetchone() is None:
            self._save_photo(file, None, reason, None)

    def mark_missing(self, paths: Iterable[Path]) -> None:
        """Mark files that are not there now; their results stay."""
        self._connection.executemany("UPDATE photos SET missing = 1 WHERE path = ?", ((os.fsencode(p),) for p in paths))

    def mark_present(self, paths: Iterable[Path]) -> None:
        """Take the mark off files that are back, unchanged."""
        self._connection.executemany("UPDATE photos SET missing = 0 WHERE path = ?", ((os.fsencode(p),) for p in paths))

    def forget(self, paths: Iterable[Path], roots: Iterable[Path] = ()) -> None:
        """Remove photos, what no other photo's bytes show, and albums."""
        self._connection.executemany("DELETE FROM roots WHERE path = ?", ((os.fsencode(r),) for r in roots))
        self._connection.executemany("DELETE FROM photos WHERE path = ?", ((os.fsencode(p),) for p in paths))
        self._connection.execute(
            "DELETE FROM contents WHERE NOT EXISTS (SELECT 1 FROM photos p WHERE p.content = contents.id)"
        )

    def _content(self, digest: str) -> int:
        return int(self._connection.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchone()[0])

    def _save_photo(self, file: PhotoFile, content: int | None, error: str | None, settings: str | None) -> None:
        self._connection.execute(
            "INSERT INTO photos (path, size, mtime_ns, content, error, error_settings) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
            " content = excluded.content, error = excluded.error, error_settings = excluded.error_settings,"
            " missing = 0",
            (os.fsencode(file.path), file.size, file.mtime_ns, content, error, settings),
        )

    # reading

    def states(self, root: Path, settings: str) -> dict[Path, State]:
        """Return what is known of every file under a folder (or of the one file)."""
        where, values = _under(root)
        with self._explained():
            rows = self._connection.execute(
                "SELECT p.path, p.size, p.mtime_ns, coalesce(c.settings, p.error_settings) = ?, p.error, p.missing"
                f" FROM photos p LEFT JOIN contents c ON c.id = p.content WHERE {where}",
                (settings, *values),
            )
            return {
                Path(os.fsdecode(path)): State(size, mtime, bool(current), error, bool(missing))
                for path, size, mtime, current, error, missing in rows
            }

    def digests(self, settings: str) -> dict[int, set[str]]:
        """Return the current digests by file size: only a file of such a size can be a moved or copied one."""
        found: dict[int, set[str]] = {}
        with self._explained():
            for size, digest in self._connection.execute(
                "SELECT DISTINCT p.size, c.digest FROM photos p JOIN contents c ON c.id = p.content"
                " WHERE c.settings = ?",
                (settings,),
            ):
                found.setdefault(size, set()).add(digest)
        return found

    def knows(self, digest: str) -> bool:
        """Return whether there is a result for bytes of this digest."""
        row = self._connection.execute("SELECT 1 FROM contents WHERE digest = ?", (digest,)).fetchone()
        return row is not None

    def paths_of(self, digest: str) -> list[Path]:
        """Return every path whose bytes have this digest."""
        rows = self._connection.execute(
            "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content WHERE c.digest = ? ORDER BY p.path",
            (digest,),
        )
        return [Path(os.fsdecode(path)) for (path,) in rows]

    def roots(self) -> tuple[Path, ...]:
        """Return the folders that were indexed."""
        with self._explained():
            rows = self._connection.execute("SELECT path FROM roots ORDER BY path").fetchall()
        return tuple(Path(os.fsdecode(path)) for (path,) in rows)

    def albums(self) -> set[Path]:
        """Return the folders that were indexed, and those inside them that links lead to elsewhere."""
        roots = self.roots()
        holding = {path.parent for path in self.all_paths()}
        folders = {folder for deepest in holding for folder in (deepest, *deepest.parents)}
        inside = (folder for folder in folders if any(root in folder.parents for root in roots))
        return {*roots, *(folder for folder in inside if folder.is_symlink())}

    def best(self, emotion: Emotion, by: By, filters: Filters, least: float, limit: int) -> list[Photo]:
        """Return the photos of highest score (at least `least`), equal scores by path."""
        score = {By.MAX: "max", By.MEAN: "avg", By.MIN: "min"}[by]
        where, values = _where(filters)
        with self._explained():
            rows = self._connection.execute(
                f"SELECT {PHOTO_COLUMNS}, s.score FROM"
                f" (SELECT content, {score}({emotion}) AS score FROM faces GROUP BY content) s"
                " JOIN photos p ON p.content = s.content JOIN contents c ON c.id = s.content"
                f" WHERE s.score >= ? AND {where} ORDER BY s.score DESC, p.path LIMIT ?",
                (least, *values, limit),
            ).fetchall()
            return [_photo(row[:5], self._faces(row[5]), row[6], emotion) for row in rows]

    def photos(self, filters: Filters) -> Iterator[Photo]:
        """Yield every analysed photo that is there, by path."""
        where, values = _where(filters)
        with self._explained():
            rows = self._connection.execute(
                f"SELECT {PHOTO_COLUMNS}, {FACE_COLUMNS} FROM photos p JOIN contents c ON c.id = p.content"
                f" LEFT JOIN faces f ON f.content = c.id WHERE {where} ORDER BY p.path, f.number",
                values,
            )
            for _, group in groupby(rows, key=lambda row: row[0]):
                lines = list(group)
                yield _photo(lines[0][:5], tuple(_face(line[6:]) for line in lines if line[6] is not None))

    def paths(self, filters: Filters) -> Iterator[Path]:
        """Yield the paths of `photos` alone, many times faster."""
        where, values = _where(filters)
        with self._explained():
            for (path,) in self._connection.execute(
                f"SELECT p.path FROM photos p JOIN contents c ON c.id = p.content WHERE {where} ORDER BY p.path", values
            ):
                yield Path(os.fsdecode(path))

    def stats(self) -> Stats:
        """Count everything, missing photos included."""
        one = self._connection.execute
        with self._explained():
            largest = one(
                "SELECT label, count(*) FROM (SELECT f.label, max(f.w * f.h) FROM photos p"
                " JOIN faces f ON f.content = p.content GROUP BY p.id) GROUP BY label"
            )
            labels = Counter({Emotion(label): count for label, count in largest})
            photos, failed, missing = one(
                "SELECT count(*), coalesce(sum(error IS NOT NULL), 0), coalesce(sum(missing), 0) FROM photos"
            ).fetchone()
            faces = one("SELECT count(*) FROM photos p JOIN faces f ON f.content = p.content").fetchone()[0]
        return Stats(photos, faces, labels, photos - failed - labels.total(), failed, missing, self.roots())

    def all_paths(self) -> Iterator[Path]:
        """Yield every path the index knows, failed and missing ones too."""
        with self._explained():
            for (path,) in self._connection.execute("SELECT path FROM photos ORDER BY path"):
                yield Path(os.fsdecode(path))

    def failures(self) -> list[tuple[Path, str]]:
        """Return the photos that could not be analysed, with the reasons."""
        with self._explained():
            rows = self._connection.execute(
                "SELECT path, error FROM photos WHERE error IS NOT NULL ORDER BY path"
            ).fetchall()
        return [(Path(os.fsdecode(path)), error) for path, error in rows]

    def integrity(self) -> str:
        """Return SQLite's own verdict: "ok" or what is wrong."""
        with self._explained():
            return str(self._connection.execute("PRAGMA integrity_check").fetchone()[0])

    def _faces(self, content: int) -> tuple[Face, ...]:
        rows = self._connection.execute(
            f"SELECT {FACE_COLUMNS} FROM faces f WHERE f.content = ? ORDER BY f.number", (content,)
        )
        return tuple(_face(row) for row in rows)


def _make_private(path: Path) -> None:
    """Create the file, where it is new, readable by its owner only: it tells who is in the photos."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as e:
        raise IndexFileError(f"cannot make the index {path}: {e.strerror}; name another file with --db") from e


def _under(folder: Path) -> tuple[str, tuple[bytes, ...]]:
    """SQL for "this path or anything below it": a range, so that the index on path serves it."""
    path = os.fsencode(folder)
    below = path.rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
    return "(p.path = ? OR (p.path >= ? AND p.path < ?))", (path, below, below[:-1] + bytes([below[-1] + 1]))


def _where(filters: Filters) -> tuple[str, tuple[Any, ...]]:
    parts, values = ["p.missing = 0"], list[Any]()
    if filters.since is not None:
        parts.append("c.taken_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        parts.append("c.taken_at <= ?")
        values.append(filters.until)
    if filters.folders:
        ranges = [_under(folder) for folder in filters.folders]
        parts.append("(" + " OR ".join(sql for sql, _ in ranges) + ")")
        values.extend(v for _, bounds in ranges for v in bounds)
    if filters.faces is not None:
        parts.append("(SELECT count(*) FROM faces n WHERE n.content = c.id) BETWEEN ? AND ?")
        values.extend(filters.faces)
    return " AND ".join(parts), tuple(values)


def _face_row(content: int, number: int, face: Face) -> tuple[Any, ...]:
    box = face.box
    probabilities = (face.probabilities[e] for e in Emotion)
    landmarks = json.dumps([[round(x, 2), round(y, 2)] for x, y in face.landmarks])
    return (content, number, box.x, box.y, box.w, box.h, landmarks, face.detection, face.label.value, *probabilities)


def _face(row: tuple[Any, ...]) -> Face:
    landmarks = tuple((float(x), float(y)) for x, y in json.loads(row[4]))
    return Face(Box(*row[:4]), landmarks, row[5], dict(zip(Emotion, row[7:], strict=True)), Emotion(row[6]))


def _photo(
    row: tuple[Any, ...], faces: tuple[Face, ...], score: float | None = None, emotion: Emotion | None = None
) -> Photo:
    path, width, height, taken_at, digest = row
    return Photo(Path(os.fsdecode(path)), width, height, taken_at, digest, faces, score, emotion)
