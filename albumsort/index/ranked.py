"""Search the photos that show an emotion, from the best down, and no further than the caller reads."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator
from typing import NamedTuple

from ..query import By, Question
from .conditions import PEOPLE, face_condition
from .database import Database
from .paths import Sql
from .rows import OF_PHOTO, PhotoRow

ROUNDING = 1e-9
"""The mean of equal probabilities can exceed them by a rounding error; it is smaller than this."""
LOOKED_AT = 5_000
"""Number of photos after which the search from the highest probability down stops."""
AT_ONCE = 2_000
"""Number of photos that are sorted at first if all must be scored; each further time four times as many."""


class Rank(NamedTuple):
    """The sort key of a photo; the lowest is the best. ties: of By.EVERYONE, see `choosing.everyone`."""

    minus_score: float
    ties: tuple[float, ...]
    path: bytes


class Ranked(NamedTuple):
    """A photo with its rank."""

    rank: Rank
    row: PhotoRow


def ranked(database: Database, question: Question, condition: Sql, without: Container[int]) -> Iterator[Ranked]:
    """Yield the photos that meet the condition, the best first; equal scores by path.

    Equal files are one photo, by its first path, unless the question asks for every file. without: the ids of contents
    to leave out.
    """
    search = Search(database, question, condition)
    seen = set[bytes]()
    for one in search.down():
        if one is None:  # few photos pass the filters: score them all
            yield from (
                other for other in search.all() if other.row.path not in seen and other.row.content not in without
            )
            return
        if one.row.content not in without:
            seen.add(one.row.path)
            yield one


class Search:
    """Searches the photos that meet a condition; scores are those of the stored faces, without the user's marks."""

    def __init__(self, database: Database, question: Question, condition: Sql) -> None:
        self._database, self._question = database, question
        self._where, self._values = condition
        self._counted, self._least_face = face_condition(question.filters.counted)
        self._counted += f" AND {PEOPLE}"
        # of equal files the first path, with the other columns of its row, as SQLite has it
        self._columns = OF_PHOTO.replace("p.path", "min(p.path) AS path")
        self._entry = "p.id" if question.every else "c.id"

    def down(self) -> Iterator[Ranked | None]:
        """Search the faces from the highest probability down; yields None if that takes too long, and ends.

        A photo's score is at most the probability of its best face, so a photo comes before all whose faces follow.
        """
        emotion, least = self._question.emotion, self._question.least
        faces = self._database.connection.execute(
            f"SELECT f.content, f.{emotion} FROM faces f WHERE f.{emotion} >= ? AND {self._counted}"
            f" ORDER BY f.{emotion} DESC",
            (least, *self._least_face),
        )
        found, visited = list[Ranked](), set[int]()
        for content, probability in faces:
            while found and -found[0].rank.minus_score > probability + ROUNDING:
                yield heapq.heappop(found)
            if content in visited:
                continue
            if len(visited) >= LOOKED_AT:
                yield None
                return
            visited.add(content)
            for one in self.where("c.id = ?", content):
                if -one.rank.minus_score >= least:
                    heapq.heappush(found, one)
        while found:
            yield heapq.heappop(found)

    def where(self, which: str, value: int) -> list[Ranked]:
        """Return the photos of a content `c` or moment; the score is -1 where nobody matters."""
        scores, values = self._scores()
        rows = self._database.connection.execute(
            f"SELECT {self._columns}, {scores} FROM photos p JOIN contents c ON c.id = p.content"
            f" WHERE {which} AND {self._where} GROUP BY {self._entry}",
            (*values, value, *self._values),
        ).fetchall()
        return [_ranked_of_row(row) for row in rows]

    def all(self) -> Iterator[Ranked]:
        """Yield every photo from the best down, scoring all of them."""
        scores, values = self._scores()
        count, offset = AT_ONCE, 0
        names = [f"s{number}" for number in range(scores.count(" AS s"))]
        while True:
            rows = self._database.connection.execute(
                f"SELECT {self._columns}, {scores} FROM photos p JOIN contents c ON c.id = p.content"
                f" WHERE {self._where} GROUP BY +{self._entry} HAVING s0 >= ?"
                f" ORDER BY {', '.join(f'{name} DESC' for name in names)}, path LIMIT ? OFFSET ?",
                (*values, *self._values, self._question.least, count, offset),
            ).fetchall()
            yield from map(_ranked_of_row, rows)
            if len(rows) < count:
                return
            count, offset = 4 * count, offset + count

    def _scores(self) -> Sql:
        """Return SQL for the score of content `c`, and for what breaks ties."""
        emotion = self._question.emotion
        parts = {
            By.MAX: [f"max(f.{emotion})"],
            By.MEAN: [f"avg(f.{emotion})"],
            By.MIN: [f"min(f.{emotion})"],
            By.EVERYONE: [
                f"min(f.{emotion})",
                f"avg(f.{emotion})",
                "min(coalesce(f.sharpness, 0.0))",
                "min(coalesce(f.eyes, 1.0))",
            ],
        }[self._question.by]
        each = [
            f"(SELECT {part} FROM faces f WHERE f.content = c.id AND {self._counted}) AS s{number}"
            for number, part in enumerate(parts)
        ]
        return ", ".join(each), self._least_face * len(each)


def _ranked_of_row(row: tuple[object, ...]) -> Ranked:
    end = len(PhotoRow._fields)
    photo = PhotoRow._make(row[:end])
    score, *ties = (-1.0 if value is None else float(value) for value in row[end:])  # type: ignore[arg-type]
    return Ranked(Rank(-score, tuple(-tie for tie in ties), photo.path), photo)
