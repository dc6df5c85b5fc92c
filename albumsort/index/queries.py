"""Query photos: the best of an emotion, or all. Files with the same bytes are one photo with several paths."""

from __future__ import annotations

import os
from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ..choosing import ranking
from ..choosing.labels import AlbumRules, LabelRule
from ..query import By, Counted, Filters
from ..types import Emotion, Face, Photo
from .absent import listed_condition
from .conditions import face_condition
from .database import Database
from .paths import Sql
from .rows import (
    OF_FACE,
    OF_PHOTO,
    FaceRow,
    PhotoRow,
    ScoredRow,
    face_of_row,
    path_of_row,
    photo_and_faces,
    photo_of_row,
    scored_of_row,
)
from .shares import album_rules

ROUNDING = 1e-9
"""The mean of equal probabilities can exceed them by a rounding error; it is smaller than this."""
LOOKED_AT = 5_000
"""Number of photos after which the search from the highest probability down stops."""


def best(
    database: Database, emotion: Emotion, by: By, filters: Filters, least: float, limit: int, every: bool = False
) -> list[Photo]:
    """Return the photos with the highest scores, at least `least`; equal scores by path. A limit of -1 returns all.

    every: return each file with the same bytes as a photo of its own.
    """
    with database.snapshot():
        condition = listed_condition(database, filters)
        ranked = _Ranked(emotion, by, filters, least, limit, condition, every)
        rows = _first(database, ranked) if 0 < limit <= LOOKED_AT else None
        if rows is None:  # few or very many photos pass the filters: score them all
            rows = _all(database, ranked)
        rules = album_rules(database)
        photos = []
        for row in rows:
            path = Path(os.fsdecode(row.photo.path))
            faces = faces_of(database, row.photo.content, filters.counted, rules.of(path))
            also = () if every else tuple(_others(database, row.photo, condition))
            photos.append(photo_of_row(path, row.photo, faces, row.score, emotion, also))
        return photos


class _Ranked(NamedTuple):
    """The parameters of `best`, and SQL for the photos that may be in it."""

    emotion: Emotion
    by: By
    filters: Filters
    least: float
    limit: int
    condition: Sql
    every: bool

    @property
    def columns(self) -> str:
        """The columns of a ScoredRow; of several files with the same bytes, of the first path, as SQLite has it."""
        return OF_PHOTO.replace("p.path", "min(p.path) AS path")

    @property
    def entry(self) -> str:
        """What is one photo: a file, or a content."""
        return "p.id" if self.every else "c.id"

    @property
    def score(self) -> Sql:
        """SQL for the score of content `c`."""
        function = {By.MAX: "max", By.MEAN: "avg", By.MIN: "min"}[self.by]
        counted, least = face_condition(self.filters.counted)
        return f"(SELECT {function}(f.{self.emotion}) FROM faces f WHERE f.content = c.id AND {counted})", least


def _all(database: Database, ranked: _Ranked) -> list[ScoredRow]:
    """Return the rows of `best`, scoring every photo that passes the filters."""
    where, values = ranked.condition
    score, least_face = ranked.score
    found = database.connection.execute(
        f"SELECT {ranked.columns}, {score} AS score FROM photos p JOIN contents c ON c.id = p.content WHERE {where}"
        f" GROUP BY +{ranked.entry} HAVING score >= ? ORDER BY score DESC, path LIMIT ?",
        (*least_face, *values, ranked.least, ranked.limit),
    )
    return [scored_of_row(row) for row in found]


def _first(database: Database, ranked: _Ranked) -> list[ScoredRow] | None:
    """Return the rows of `best`, searching the faces from the highest probability down.

    A photo's score is at most the probability of its best face, so the search ends when the faces fall below the
    scores found. Returns None if the search takes too long, as it does if few photos pass the filters.
    """
    where, values = ranked.condition
    score, least_face = ranked.score
    emotion, least, limit = ranked.emotion, ranked.least, ranked.limit
    counted, _ = face_condition(ranked.filters.counted)
    photo = (
        f"SELECT {ranked.columns}, {score} AS score FROM contents c JOIN photos p ON p.content = c.id"
        f" WHERE c.id = ? AND score >= ? AND {where} GROUP BY {ranked.entry}"
    )
    found, visited = list[ScoredRow](), set[int]()
    faces = database.connection.execute(
        f"SELECT f.content, f.{emotion} FROM faces f WHERE f.{emotion} >= ? AND {counted} ORDER BY f.{emotion} DESC",
        (least, *least_face),
    )
    for content, probability in faces:
        if len(found) >= limit and probability < found[limit - 1].score - ROUNDING:
            break
        if content in visited:
            continue
        if len(visited) >= LOOKED_AT:
            return None
        visited.add(content)
        for row in database.connection.execute(photo, (*least_face, content, least, *values)):
            insort(found, scored_of_row(row), key=lambda row: (-row.score, row.photo.path))
    return found[:limit]


def photos(database: Database, filters: Filters, least: float = 0.0, every: bool = False) -> Iterator[Photo]:
    """Yield every analysed photo that passes the filters and is sure (see `ranking.is_sure`), by path.

    every: yield each file with the same bytes as a photo of its own.
    """
    condition = where, values = listed_condition(database, filters)
    counted, least_face = face_condition(filters.counted)
    with database.explained():
        rules = album_rules(database)
        rows = database.connection.execute(
            f"SELECT {OF_PHOTO}, {OF_FACE} FROM photos p JOIN contents c ON c.id = p.content"
            f" LEFT JOIN faces f ON f.content = c.id AND {counted} WHERE {where} ORDER BY p.path, f.number",
            (*least_face, *values),
        )
        several, listed = frozenset() if every else _contents_of_several(database), set[int]()
        for _, lines in groupby(rows, key=path_of_row):
            row, faces = photo_and_faces(list(lines))
            if row.content in listed:
                continue
            photo = _named(Path(os.fsdecode(row.path)), row, faces, rules)
            if not ranking.is_sure(photo, least):
                continue
            if row.content in several:
                listed.add(row.content)
                others = _others(database, row, condition)
                sure = (path for path in others if ranking.is_sure(_named(path, row, faces, rules), least))
                photo = replace(photo, also=tuple(sure))
            yield photo


def _named(path: Path, row: PhotoRow, faces: Sequence[FaceRow], rules: AlbumRules) -> Photo:
    """Return the photo for one of its paths: in another album, the same faces may have other labels."""
    rule = rules.of(path)
    return photo_of_row(path, row, tuple(face_of_row(face, rule) for face in faces))


def paths(
    database: Database,
    filters: Filters,
    every: bool = False,
    note_copy: Callable[[], object] = lambda: None,
) -> Iterator[Path]:
    """Yield only the paths of `photos`, many times faster; `note_copy` is called for each file left out as a copy."""
    where, values = listed_condition(database, filters)
    with database.explained():
        rows = database.connection.execute(
            f"SELECT p.path, p.content FROM photos p JOIN contents c ON c.id = p.content WHERE {where} ORDER BY p.path",
            values,
        )
        several, listed = frozenset() if every else _contents_of_several(database), set[int]()
        for path, content in rows:
            if content in several:
                if content in listed:
                    note_copy()
                    continue
                listed.add(content)
            yield Path(os.fsdecode(path))


def _contents_of_several(database: Database) -> frozenset[int]:
    """Return the contents of more than one file, which are usually few."""
    rows = database.connection.execute("SELECT content FROM photos GROUP BY content HAVING count(content) > 1")
    return frozenset(content for (content,) in rows)


def _others(database: Database, row: PhotoRow, condition: Sql) -> list[Path]:
    """Return the later paths of a photo's content that meet a condition, in order."""
    where, values = condition
    rows = database.connection.execute(
        "SELECT p.path FROM photos p JOIN contents c ON c.id = p.content"
        f" WHERE p.content = ? AND p.path > ? AND {where} ORDER BY p.path",
        (row.content, row.path, *values),
    )
    return [Path(os.fsdecode(path)) for (path,) in rows]


def faces_of(database: Database, content: int, counted: Counted, rule: LabelRule) -> tuple[Face, ...]:
    """Return the faces of a content that count, labelled by a rule."""
    where, least = face_condition(counted)
    rows = database.connection.execute(
        f"SELECT {OF_FACE} FROM faces f WHERE f.content = ? AND {where} ORDER BY f.number", (content, *least)
    )
    return tuple(face_of_row(FaceRow._make(row), rule) for row in rows)
