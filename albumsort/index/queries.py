"""Query photos: the best of an emotion, or all."""

from __future__ import annotations

import os
from bisect import insort
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ..choosing.labels import LabelRule
from ..query import By, Counted, Filters
from ..types import Emotion, Face, Photo
from .conditions import face_condition, filter_condition
from .database import Database
from .rows import (
    OF_FACE,
    OF_PHOTO,
    FaceRow,
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


def best(database: Database, emotion: Emotion, by: By, filters: Filters, least: float, limit: int) -> list[Photo]:
    """Return the photos with the highest scores, at least `least`; equal scores by path. A limit of -1 returns all."""
    score = {By.MAX: "max", By.MEAN: "avg", By.MIN: "min"}[by] + f"(f.{emotion})"
    with database.snapshot():
        rows = _first(database, emotion, score, filters, least, limit) if 0 < limit <= LOOKED_AT else None
        if rows is None:  # few or very many photos pass the filters: score them all
            where, values = filter_condition(database, filters)
            counted, least_face = face_condition(filters.counted)
            found = database.connection.execute(
                f"SELECT {OF_PHOTO}, {score} AS score FROM photos p JOIN contents c ON c.id = p.content"
                f" CROSS JOIN faces f ON f.content = c.id AND {counted} WHERE {where}"
                " GROUP BY +p.id HAVING score >= ?"
                " ORDER BY score DESC, p.path LIMIT ?",
                (*least_face, *values, least, limit),
            ).fetchall()
            rows = [scored_of_row(row) for row in found]
        rules = album_rules(database)
        photos = []
        for row in rows:
            path = Path(os.fsdecode(row.photo.path))
            faces = faces_of(database, row.photo.content, filters.counted, rules.of(path))
            photos.append(photo_of_row(path, row.photo, faces, row.score, emotion))
        return photos


def _first(
    database: Database, emotion: Emotion, score: str, filters: Filters, least: float, limit: int
) -> list[ScoredRow] | None:
    """Return the rows of `best`, searching the faces from the highest probability down.

    A photo's score is at most the probability of its best face, so the search ends when the faces fall below the
    scores found. Returns None if the search takes too long, as it does if few photos pass the filters.
    """
    where, values = filter_condition(database, filters)
    counted, least_face = face_condition(filters.counted)
    photo = (
        f"SELECT {OF_PHOTO}, (SELECT {score} FROM faces f WHERE f.content = c.id AND {counted}) AS score"
        f" FROM contents c JOIN photos p ON p.content = c.id WHERE c.id = ? AND score >= ? AND {where}"
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


def photos(database: Database, filters: Filters) -> Iterator[Photo]:
    """Yield every analysed photo that passes the filters, by path."""
    where, values = filter_condition(database, filters)
    counted, least = face_condition(filters.counted)
    with database.explained():
        rules = album_rules(database)
        rows = database.connection.execute(
            f"SELECT {OF_PHOTO}, {OF_FACE} FROM photos p JOIN contents c ON c.id = p.content"
            f" LEFT JOIN faces f ON f.content = c.id AND {counted} WHERE {where} ORDER BY p.path, f.number",
            (*least, *values),
        )
        for _, lines in groupby(rows, key=path_of_row):
            photo, faces = photo_and_faces(list(lines))
            path = Path(os.fsdecode(photo.path))
            rule = rules.of(path)
            yield photo_of_row(path, photo, tuple(face_of_row(face, rule) for face in faces))


def paths(database: Database, filters: Filters) -> Iterator[Path]:
    """Yield only the paths of `photos`, many times faster."""
    where, values = filter_condition(database, filters)
    with database.explained():
        for (path,) in database.connection.execute(
            f"SELECT p.path FROM photos p JOIN contents c ON c.id = p.content WHERE {where} ORDER BY p.path", values
        ):
            yield Path(os.fsdecode(path))


def faces_of(database: Database, content: int, counted: Counted, rule: LabelRule) -> tuple[Face, ...]:
    """Return the faces of a content that count, labelled by a rule."""
    where, least = face_condition(counted)
    rows = database.connection.execute(
        f"SELECT {OF_FACE} FROM faces f WHERE f.content = ? AND {where} ORDER BY f.number", (content, *least)
    )
    return tuple(face_of_row(FaceRow._make(row), rule) for row in rows)
