"""Counts over the whole index, and the photos that failed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..answers import Shares
from ..choosing.labels import Album, AlbumRules
from ..choosing.promise import UNSURE, Promise, Sureness, are_ordinary, promise, sureness
from ..query import USUAL, Counted, Filters
from ..types import Emotion, Photo
from .absent import count_absent, listed_condition
from .conditions import face_condition, filter_condition
from .database import Database
from .folders import indexed_folders
from .label_sql import count_labels
from .reader import Reader
from .schema import EXCLUDED, GONE, HERE
from .shares import album_rules

NO_FILTER = Filters()
_UNMARKED = "f.content NOT IN (SELECT c.id FROM marks m JOIN contents c ON c.digest = m.digest)"
"""SQL for "the user marked no face in the photo of this face"."""


@dataclass(frozen=True)
class Stats:
    """Counts over the whole index.

    labels: number of photos by label; unlabelled: photos with a face, but without a label; sureness: by label.
    failed: number of failed photos that are not missing, because a deleted photo is no failure. undated: number of
    listed photos without a date. albums: the roots with known shares. absent: by album whose folder is not
    there now, the number of its photos that are neither missing nor excluded. natural: shares in ordinary albums.
    """

    photos: int
    faces: int
    labels: Mapping[Emotion, int]
    unlabelled: int
    without_face: int
    failed: int
    missing: int
    excluded: int
    undated: int
    roots: tuple[Path, ...]
    albums: tuple[Album, ...]
    absent: Mapping[Path, int]
    natural: Shares
    sureness: Mapping[Emotion, Sureness]


def stats(database: Database, counted: Counted = USUAL) -> Stats:
    """Count all photos, including missing and excluded ones, and the faces that count."""
    one = database.connection.execute
    where, least = face_condition(counted)
    with database.snapshot():
        rules = album_rules(database)
        corrected = _marked_photos(database, counted)
        by_label = _sureness(database, rules, counted, corrected)
        labels = {label: of.photos for label, of in by_label.items()}
        photos, without_result, failed, missing, excluded, undated = one(
            "SELECT count(*), coalesce(sum(error IS NOT NULL), 0),"
            f" coalesce(sum(error IS NOT NULL AND missing = {HERE}), 0), coalesce(sum(missing = {GONE}), 0),"
            f" coalesce(sum(missing = {EXCLUDED}), 0),"
            f" coalesce(sum(taken_at IS NULL AND error IS NULL AND missing = {HERE}), 0) FROM photos"
        ).fetchone()
        faces, with_face = one(
            "SELECT count(*), count(DISTINCT p.id) FROM photos p CROSS JOIN faces f ON f.content = p.content"
            f" WHERE {where} AND {_UNMARKED}",
            least,
        ).fetchone()
        faces += sum(len(photo.faces) for photo in corrected)
        with_face += sum(bool(photo.faces) for photo in corrected)
        roots = indexed_folders(database)
        absent = count_absent(database)
    without_face, unlabelled = photos - without_result - with_face, with_face - sum(labels.values())
    albums = tuple(sorted(rules.albums, key=lambda album: album.root))
    return Stats(
        photos=photos,
        faces=faces,
        labels=labels,
        sureness=by_label,
        unlabelled=unlabelled,
        without_face=without_face,
        failed=failed,
        missing=missing,
        excluded=excluded,
        undated=undated,
        roots=roots,
        albums=albums,
        absent=absent,
        natural=rules.natural,
    )


def promises(totals: Stats) -> dict[Emotion, Promise]:
    """Return by label what to expect of the labels; without labels that no photo has."""
    ordinary = is_ordinary(totals)
    return {label: promise(of, ordinary) for label, of in totals.sureness.items() if of.photos}


def is_ordinary(totals: Stats) -> bool:
    """Return whether the expressions in all albums are about as common as in ordinary ones."""
    return are_ordinary(totals.albums, totals.natural)


def _marked_photos(database: Database, counted: Counted) -> list[Photo]:
    """Return the photos that the user marked, with the faces that count, corrected."""
    reader = Reader(database, counted)
    return [photo for content in reader.marks for photo in reader.photos("c.id = ?", content)]


def _sureness(
    database: Database, rules: AlbumRules, counted: Counted, corrected: Iterable[Photo]
) -> dict[Emotion, Sureness]:
    """Return by label how sure the labels of all photos are; those that the user marked are certain."""
    where, least = face_condition(counted)
    rows = database.connection.execute(*count_labels(rules, (f"{where} AND {_UNMARKED}", least), UNSURE)).fetchall()
    found = {tuple(Emotion)[place]: Sureness(*sums) for place, *sums in rows if place is not None}
    for photo in corrected:
        if photo.label is not None:
            found[photo.label] = found.get(photo.label, Sureness()) + sureness([photo.sure or 0.0])
    return found


def missing(database: Database) -> int:
    """Count the photos that were missing on their last run."""
    with database.explained():
        return int(database.connection.execute(f"SELECT count(*) FROM photos WHERE missing = {GONE}").fetchone()[0])


def count_undated(database: Database, filters: Filters) -> int:
    """Count the photos that pass all filters but those for dates, and have no date."""
    where, values = listed_condition(database, replace(filters, since=None, until=None, undated=True))
    with database.explained():
        undated = f"SELECT count(*) FROM photos p CROSS JOIN contents c ON c.id = p.content WHERE {where}"
        return int(database.connection.execute(undated, values).fetchone()[0])


def excluded(database: Database) -> Counter[Path]:
    """Count by folder the photos that the last run skipped though the index knows them."""
    with database.explained():
        rows = database.connection.execute(f"SELECT path FROM photos WHERE missing = {EXCLUDED} ORDER BY path")
        return Counter(Path(os.fsdecode(path)).parent for (path,) in rows)


def count_failures(database: Database) -> int:
    """Count the failed photos, without those that were missing or excluded on their last run."""
    with database.explained():
        failed = f"SELECT count(*) FROM photos WHERE error IS NOT NULL AND missing = {HERE}"
        return int(database.connection.execute(failed).fetchone()[0])


def failures(database: Database, filters: Filters = NO_FILTER) -> list[tuple[Path, str]]:
    """Return the failed photos by path, each with the reason; the only filters are folders and missing."""
    where, values = filter_condition(database, Filters(folders=filters.folders, missing=filters.missing))
    with database.explained():
        rows = database.connection.execute(
            f"SELECT p.path, p.error FROM photos p WHERE p.error IS NOT NULL AND {where} ORDER BY p.path", values
        ).fetchall()
    return [(Path(os.fsdecode(path)), error) for path, error in rows]
