"""The view `album` shows in SQL what `list` shows."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from any_faces import ANY_FACE
from helpers import face, save
from hypothesis import given, settings
from hypothesis import strategies as st
from index_rows import fail

from albumsort.answers import ANSWERS, Shares
from albumsort.choosing.corrected import Mark
from albumsort.choosing.labels import Album
from albumsort.choosing.matters import judged
from albumsort.index import marking, queries, shares, storing
from albumsort.index.database import Database
from albumsort.query import Filters
from albumsort.types import Emotion, Face, Kind

COLUMNS = ["path", "day", "taken_at", "label", "sure", *Emotion, "faces", "moment", "mark"]


def rows(database: Path) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(database)) as raw:
        raw.row_factory = sqlite3.Row
        return raw.execute("SELECT * FROM album ORDER BY path").fetchall()


def test_every_listed_photo_is_a_row_with_the_columns_that_are_documented(index: Database, database: Path) -> None:
    save(index, "/album/a.jpg", [face(happy=0.9), face((50, 50, 20, 20), sad=0.9)], "2024-07-01T22:00:00+09:00")
    save(index, "/album/b.jpg")
    save(index, "/album/gone.jpg", [face(happy=0.9)])
    fail(index, Path("/album/broken.jpg"))
    with index.transaction():
        storing.mark_missing(index, [Path("/album/gone.jpg")])
    first, second = rows(database)
    assert list(first.keys()) == COLUMNS
    assert (first["path"], first["day"], first["label"], first["faces"]) == ("/album/a.jpg", "2024-07-01", "happy", 2)
    assert first["taken_at"] == "2024-07-01T22:00:00+09:00"
    assert tuple(second) == ("/album/b.jpg", *[None] * (4 + len(Emotion)), 0, None, None)


SHARES = st.lists(st.floats(0.01, 1), min_size=len(ANSWERS), max_size=len(ANSWERS)).map(
    lambda parts: {answer: part / sum(parts) for answer, part in zip(ANSWERS, parts, strict=True)}
)


@settings(max_examples=100)
@given(
    photos=st.lists(st.lists(ANY_FACE, max_size=4), min_size=1, max_size=4),
    natural=st.none() | SHARES,
    album=st.none() | SHARES,
    inner=st.none() | SHARES,
    marks=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([*Emotion, *Kind])), max_size=3),
)
def test_labels_and_probabilities_are_those_of_the_list(
    photos: list[list[Face]],
    natural: Shares | None,
    album: Shares | None,
    inner: Shares | None,
    marks: list[tuple[int, int, Emotion | Kind]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        for number, faces in enumerate(photos):
            apart = [face_at(one, place) for place, one in enumerate(faces)]
            save(index, f"/album/{'in/' * (number % 2)}{number}.jpg", judged(apart), digest=f"d{number}")
        with index.transaction():
            if natural:
                shares.save_natural_shares(index, natural, due=False)
                known = {"/album": album, "/album/in": inner}
                for root, of in known.items():
                    if of:
                        storing.add_root(index, Path(root))
                        shares.save_albums(index, [Album(Path(root), of, 9)])
            for number, place, says in marks:
                if number < len(photos) and place < len(photos[number]):
                    box = face_at(photos[number][place], place).box
                    marking.save(index, [Mark(f"d{number}", box, says)])
        found = rows(Path(folder, "index.sqlite"))
        listed = list(queries.photos(index, Filters()))
    assert [row["path"] for row in found] == [str(photo.path) for photo in listed]
    for row, photo in zip(found, listed, strict=True):
        assert row["label"] == photo.label
        assert row["sure"] == (None if photo.sure is None else pytest.approx(photo.sure))
        decides = photo.deciding_face
        assert (row["faces"], row["mark"]) == (len(photo.faces), photo.marked)
        shown = None if decides is None else list(decides.probabilities.values())
        assert [row[e] for e in Emotion] == ([None] * len(Emotion) if shown is None else pytest.approx(shown))


def face_at(one: Face, place: int) -> Face:
    """Return the face beside the others, so that no two overlap."""
    return replace(one, box=replace(one.box, x=1000.0 * place))
