"""The photos that show an emotion best: corrected by marks, one for each moment, and spread out."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..choosing.frames import best_frame, in_order
from ..choosing.passing import passes
from ..choosing.scores import score
from ..choosing.spread import group, spread_out
from ..query import Question, Spread
from ..types import Photo
from .absent import listed_condition
from .conditions import PEOPLE, face_condition
from .copies import later_rows
from .database import Database
from .paths import Sql
from .ranked import Rank, Ranked, Search, ranked
from .reader import Reader
from .rows import PhotoRow


class _Entry(NamedTuple):
    """A photo with its rank; of several files with the same bytes, ranks differ by path."""

    rank: Rank
    row: PhotoRow
    photo: Photo


def best(database: Database, question: Question) -> list[Photo]:
    """Return the photos that show an emotion best, the best first; equal scores by path."""
    with database.snapshot():
        found = _Best(database, question)
        if question.spread is None:
            entries = list(islice(found.entries(), question.n))
        else:
            entries = found.spread(question.spread)
        return [found.complete(entry) for entry in entries]


def frames_behind(database: Database, question: Question, photos: Iterable[Photo]) -> dict[Path, list[Photo]]:
    """Return by path the other frames of the moment that each photo of `best` is shown for, the best first."""
    if question.every:
        return {}
    with database.snapshot():
        found = _Best(database, question)
        return {
            photo.path: [frame for frame in found.frames(photo.moment) if frame.path != photo.path]
            for photo in photos
            if photo.moment is not None
        }


class _Best:
    def __init__(self, database: Database, question: Question) -> None:
        self._database, self._question = database, question
        self._reader = Reader(database, question.filters.counted)
        self.condition = listed_condition(database, question.filters)
        self._search = Search(database, question, self.condition)

    def spread(self, spread: Spread) -> list[_Entry]:
        """Return the entries that share out the places."""
        n = self._question.n

        def count_groups() -> int:
            return _count_groups(self._database, self._question, spread, self.condition)

        every = self.entries()
        if n is None:
            every = iter(read := list(every))
            n = len(read)
        return spread_out(every, n, lambda entry: group(entry.photo, spread), count_groups) if n else []

    def entries(self) -> Iterator[_Entry]:
        """Yield the photos from the best down: for each moment one, by the rank of the frame that is shown.

        That frame may rank lower than the one by which the moment is found, so it waits for its turn.
        """
        if self._question.every:
            yield from (entry for _, entry in self._passing())
            return
        waiting, shown = list[_Entry](), set[int]()
        for bound, entry in self._passing():
            while waiting and waiting[0].rank < bound:
                yield heapq.heappop(waiting)
            moment = entry.photo.moment
            if moment is None:
                heapq.heappush(waiting, entry)
            elif moment not in shown:
                shown.add(moment)
                heapq.heappush(waiting, self._best_frame(moment))
        while waiting:
            yield heapq.heappop(waiting)

    def complete(self, entry: _Entry) -> Photo:
        """Return the photo with its score and its other paths."""
        photo = entry.photo if self._question.every else self._with_copies(entry)
        return replace(photo, score=-entry.rank.minus_score, emotion=self._question.emotion)

    def _passing(self) -> Iterator[tuple[Rank, _Entry]]:
        """Yield every photo that passes the filters after a lower bound of all ranks to come, the best bound first."""
        marked = sorted(self._marked(), key=lambda entry: entry.rank)
        others = map(self._entry, ranked(self._database, self._question, self.condition, self._reader.marks))
        for first in heapq.merge(marked, others, key=lambda entry: entry.rank):
            for entry in self._first_passing(first):
                yield first.rank, entry

    def _entry(self, one: Ranked) -> _Entry:
        return _Entry(one.rank, one.row, self._reader.photo(one.row))

    def _marked(self) -> Iterator[_Entry]:
        """Yield the photos that the user marked; their scores are not those in the index."""
        for content in self._reader.marks:
            yield from self._scored("c.id = ?", content)

    def _best_frame(self, moment: int) -> _Entry:
        """Return the best frame of a moment among those that pass the filters."""
        frames = self._frames(moment)
        shown = best_frame([self._with_copies(entry) for entry in frames], self._question.emotion)
        entry = next(entry for entry in frames if entry.photo.path == shown.path)
        return entry._replace(photo=shown)

    def frames(self, moment: int) -> list[Photo]:
        """Return the frames of a moment that pass the filters, the best first."""
        return in_order([self._with_copies(entry) for entry in self._frames(moment)], self._question.emotion)

    def _frames(self, moment: int) -> list[_Entry]:
        return [entry for first in self._scored("p.moment = ?", moment) for entry in self._first_passing(first)]

    def _first_passing(self, first: _Entry) -> Iterator[_Entry]:
        """Yield the photo by its first path that passes the filters, if one does."""
        if passes(first.photo, self._question.filters):
            yield first
        elif not self._question.every:
            yield from islice(self._copies(first), 1)

    def _with_copies(self, entry: _Entry) -> Photo:
        return replace(entry.photo, also=tuple(other.photo.path for other in self._copies(entry)))

    def _copies(self, entry: _Entry) -> Iterator[_Entry]:
        """Yield the later paths of a photo that pass the filters; in other albums, faces may have other labels."""
        for row in later_rows(self._database, entry.row, self.condition):
            photo = self._reader.photo(row)
            if passes(photo, self._question.filters):
                yield _Entry(entry.rank._replace(path=row.path), row, photo)

    def _scored(self, which: str, value: int) -> Iterator[_Entry]:
        """Yield the photos of a content `c` or moment that meet the condition and have a score that is high enough."""
        for entry in map(self._entry, self._search.where(which, value)):
            if entry.row.content in self._reader.marks:
                found = score(entry.photo.faces, self._question.emotion, self._question.by)
                if found is None:
                    continue
                best, *ties = found
                entry = entry._replace(rank=Rank(-best, tuple(-tie for tie in ties), entry.row.path))
            if -entry.rank.minus_score >= self._question.least:
                yield entry


def _count_groups(database: Database, question: Question, spread: Spread, condition: Sql) -> int:
    """Return how many days, months or folders the photos have, at most, that may be among the best."""
    where, values = condition
    counted, least_face = face_condition(question.filters.counted)
    # without the letters of the name, the path ends with its folder
    folder = f"rtrim(CAST(p.path AS TEXT), replace(CAST(p.path AS TEXT), '{os.sep}', ''))"
    of = {
        Spread.DAY: "coalesce(substr(p.taken_at, 1, 10), '')",
        Spread.MONTH: "coalesce(substr(p.taken_at, 1, 7), '')",
        Spread.FOLDER: folder,
    }[spread]
    [count] = database.connection.execute(
        f"SELECT count(DISTINCT {of}) FROM photos p JOIN contents c ON c.id = p.content WHERE {where}"
        f" AND (EXISTS (SELECT 1 FROM faces f WHERE f.content = c.id AND {PEOPLE} AND {counted}"
        f" AND f.{question.emotion} >= ?) OR c.digest IN (SELECT digest FROM marks))",
        (*values, *least_face, question.least),
    ).fetchone()
    return int(count)
