"""Write results, failures and missing files to the index."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..dates import day_in_name
from ..types import FILE_NAME, Analysis, Emotion, Expression, PhotoFile, Settings, Taken
from .database import Database
from .label_sql import NOTHING
from .marks import marks_of
from .people import note_people
from .rows import FaceRow, row_of_face, values_of_expression
from .schema import EXCLUDED, GONE, HERE


def add_root(database: Database, root: Path) -> None:
    """Store a folder as an album, into which no command writes."""
    database.writer.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (os.fsencode(root),))


def save(database: Database, file: PhotoFile, analysis: Analysis, settings: Settings) -> None:
    """Store the analysis of a photo; replaces earlier results of the same content and the same path."""
    a = analysis
    database.writer.execute(
        "INSERT INTO contents (digest, found_with, classified_with, width, height) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET found_with = excluded.found_with,"
        " classified_with = excluded.classified_with, width = excluded.width, height = excluded.height",
        (a.digest, settings.finding, settings.classifying, a.width, a.height),
    )
    content = _content(database, analysis.digest)
    database.writer.execute("DELETE FROM faces WHERE content = ?", (content,))
    columns = ", ".join(f'"{column}"' for column in FaceRow._fields)
    database.writer.executemany(
        f"INSERT INTO faces (content, number, {columns}) VALUES (?, ?{', ?' * len(FaceRow._fields)})",
        [(content, number, *row_of_face(face)) for number, face in enumerate(analysis.faces)],
    )
    database.writer.execute("DELETE FROM crops WHERE content = ?", (content,))
    if analysis.crops:
        database.writer.execute("INSERT INTO crops (content, pixels) VALUES (?, ?)", (content, analysis.crops))
    if analysis.description:
        database.writer.execute(
            "INSERT OR REPLACE INTO descriptions (content, description) VALUES (?, ?)", (content, analysis.description)
        )
    if marks_of(database, analysis.digest):  # the analysis knows no marks
        note_people(database, analysis.digest)
    _save_photo(database, file, content, None, None)
    save_taken(database, content, analysis.taken, settings)


def save_known(database: Database, file: PhotoFile, digest: str, moved_from: Path | None) -> None:
    """Store a path whose content is known (see `knows`); `moved_from` is removed, as the file's former path."""
    if moved_from is not None:
        database.writer.execute("DELETE FROM photos WHERE path = ?", (os.fsencode(moved_from),))
    _save_photo(database, file, _content(database, digest), None, None)


def save_expressions(database: Database, content: int, expressions: Iterable[Expression], settings: Settings) -> None:
    """Store the expressions of all faces of a content, in order (see `unclassified`)."""
    database.writer.executemany(
        f"UPDATE faces SET {', '.join(f'{e} = :{e}' for e in Emotion)}, {NOTHING} = :nothing, eyes = :eyes"
        " WHERE content = :content AND number = :number",
        [values_of_expression(content, number, shown) for number, shown in enumerate(expressions)],
    )
    [digest] = database.writer.execute("SELECT digest FROM contents WHERE id = ?", (content,)).fetchone()
    note_people(database, digest)
    database.writer.execute("UPDATE contents SET classified_with = ? WHERE id = ?", (settings.classifying, content))


def save_taken(database: Database, content: int, taken: Taken | None, settings: Settings) -> None:
    """Store when the photos with a content were taken; those without a date get the day in their name, if any."""
    at, source = (None, None) if taken is None else (taken.at, taken.source)
    database.writer.execute(
        "UPDATE contents SET taken_at = ?, taken_from = ?, dated_with = ? WHERE id = ?",
        (at, source, settings.dating, content),
    )
    paths = database.writer.execute("SELECT path FROM photos WHERE content = ?", (content,)).fetchall()
    for (path,) in paths:
        _date_photo(database, path)


def distrust(database: Database, content: int) -> list[Path]:
    """Mark a content, so that the next run analyses its photos again; return their paths."""
    database.writer.execute("UPDATE contents SET found_with = '' WHERE id = ?", (content,))
    database.writer.execute(
        "DELETE FROM crops WHERE content = ?", (content,)
    )  # so that the damaged crops are not used again
    rows = database.connection.execute("SELECT path FROM photos WHERE content = ? ORDER BY path", (content,))
    return [Path(os.fsdecode(path)) for (path,) in rows]


def save_failure(database: Database, file: PhotoFile, reason: str, settings: Settings) -> None:
    """Store that a photo cannot be analysed, and why."""
    _save_photo(database, file, None, reason, settings.finding)


def save_transient_failure(database: Database, file: PhotoFile, reason: str) -> None:
    """Store a transient failure of a photo; earlier results are kept, and the next run tries again."""
    known = "SELECT 1 FROM photos WHERE path = ? AND content IS NOT NULL"
    if database.writer.execute(known, (os.fsencode(file.path),)).fetchone() is None:
        _save_photo(database, file, None, reason, None)


def mark_missing(database: Database, paths: Iterable[Path]) -> int:
    """Mark files as missing and keep their results; return how many were not marked before."""
    return database.writer.executemany(
        f"UPDATE photos SET missing = {GONE} WHERE path = ? AND missing <> {GONE}", ((os.fsencode(p),) for p in paths)
    ).rowcount


def mark_excluded(database: Database, paths: Iterable[Path]) -> None:
    """Mark files that `index` skips now, and keep their results: they are in no list until it finds them again."""
    database.writer.executemany(
        f"UPDATE photos SET missing = {EXCLUDED} WHERE path = ?", ((os.fsencode(p),) for p in paths)
    )


def mark_present(database: Database, paths: Iterable[Path]) -> None:
    """Remove the mark of unchanged files that were missing or excluded and are back."""
    database.writer.executemany(
        f"UPDATE photos SET missing = {HERE} WHERE path = ?", ((os.fsencode(p),) for p in paths)
    )


def forget(database: Database, paths: Iterable[Path], roots: Iterable[Path] = ()) -> None:
    """Remove photos, albums, and contents that no photo has any more."""
    database.writer.executemany("DELETE FROM roots WHERE path = ?", ((os.fsencode(r),) for r in roots))
    database.writer.executemany("DELETE FROM photos WHERE path = ?", ((os.fsencode(p),) for p in paths))
    database.writer.execute(
        "DELETE FROM contents WHERE NOT EXISTS (SELECT 1 FROM photos p WHERE p.content = contents.id)"
    )


def _content(database: Database, digest: str) -> int:
    return int(database.connection.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchone()[0])


def _save_photo(
    database: Database, file: PhotoFile, content: int | None, error: str | None, settings: str | None
) -> None:
    database.writer.execute(
        "INSERT INTO photos (path, size, mtime_ns, content, error, error_settings) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,"
        " content = excluded.content, error = excluded.error, error_settings = excluded.error_settings,"
        " missing = 0",
        (os.fsencode(file.path), file.size, file.mtime_ns, content, error, settings),
    )
    _date_photo(database, os.fsencode(file.path))


def _date_photo(database: Database, path: bytes) -> None:
    """Give a photo the date of its content, or else the day in its name."""
    day = day_in_name(os.fsdecode(os.path.basename(path)))
    database.writer.execute(
        "UPDATE photos SET (taken_at, taken_from) = (SELECT coalesce(c.taken_at, ?2),"
        " CASE WHEN c.taken_at IS NULL AND ?2 IS NOT NULL THEN ?3 ELSE c.taken_from END"
        " FROM contents c WHERE c.id = photos.content) WHERE path = ?1",
        (path, day, FILE_NAME),
    )
