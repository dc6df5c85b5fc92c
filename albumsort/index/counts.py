"""Counts over the whole index, and the photos that failed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..choosing.labels import Album
from ..query import USUAL, Counted, Filters
from ..types import Emotion
from .absent import count_absent, listed_condition
from .conditions import face_condition, filter_condition
from .database import Database
from .folders import indexed_folders
from .label_sql import count_labels
from .schema import EXCLUDED, GONE, HERE
from .shares import album_rules

NO_FILTER = Filters()


@dataclass(frozen=True)
class Stats:
    """Counts over the whole index.

    labels: number of photos by the label of their largest face; unlabelled: photos whose largest face has no label.
    failed: number of failed photos that are not missing, because a deleted photo is no failure. undated: number of
    listed photos without a date. albums: the roots with known shares. absent: by album whose folder is not
    there now, the number of its photos that are neither missing nor excluded.
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


def stats(database: Database, counted: Counted = USUAL) -> Stats:
    """Count all photos, including missing and excluded ones, and the faces that count."""
    one = database.connection.execute
    where, least = face_condition(counted)
    with database.snapshot():
        rules = album_rules(database)
        counts = dict(one(*count_labels(rules, (where, least))).fetchall())
        unlabelled = counts.pop(None, 0)
        labels = {Emotion(label): count for label, count in counts.items()}
        photos, without_result, failed, missing, excluded, undated = one(
            "SELECT count(*), coalesce(sum(error IS NOT NULL), 0),"
            f" coalesce(sum(error IS NOT NULL AND missing = {HERE}), 0), coalesce(sum(missing = {GONE}), 0),"
            f" coalesce(sum(missing = {EXCLUDED}), 0),"
            f" coalesce(sum(taken_at IS NULL AND error IS NULL AND missing = {HERE}), 0) FROM photos"
        ).fetchone()
        faces = one(
            f"SELECT count(*) FROM photos p JOIN faces f ON f.content = p.content WHERE {where}", least
        ).fetchone()[0]
        roots = indexed_folders(database)
        absent = count_absent(database)
    without_face = photos - without_result - unlabelled - sum(labels.values())
    albums = tuple(sorted(rules.albums, key=lambda album: album.root))
    return Stats(
        photos, faces, labels, unlabelled, without_face, failed, missing, excluded, undated, roots, albums, absent
    )


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
