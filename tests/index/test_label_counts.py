"""The counts of `stats` are those of the listed photos, with marks."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from any_faces import ANY_FACE
from helpers import face, save
from hypothesis import example, given, settings
from hypothesis import strategies as st

from albumsort.answers import ANSWERS, Shares
from albumsort.choosing.corrected import Mark
from albumsort.choosing.labels import Album
from albumsort.choosing.promise import UNSURE
from albumsort.index import counts, marking, queries, shares, storing
from albumsort.index.database import Database
from albumsort.query import Counted, Filters
from albumsort.types import Box, Emotion, Face, Kind, Photo

EQUAL = st.builds(  # few values, so that votes and areas are often equal
    lambda emotion, by, side, nothing: replace(face((0, 0, side, side), nothing=nothing, **{emotion: by}), detection=1),
    st.sampled_from(list(Emotion)),
    st.sampled_from([0.5, 0.75, 1.0]),
    st.sampled_from([60, 120]),
    st.sampled_from([0.0, 0.5]),
)
SHARES = st.lists(st.floats(0.01, 1), min_size=len(ANSWERS), max_size=len(ANSWERS)).map(
    lambda parts: {answer: part / sum(parts) for answer, part in zip(ANSWERS, parts, strict=True)}
)
Saying = tuple[int, int, Emotion | Kind]


def beside(faces: Sequence[Face]) -> list[Face]:
    """Return the faces beside each other, so that no two overlap."""
    return [replace(one, box=replace(one.box, x=1000.0 * place)) for place, one in enumerate(faces)]


def build(
    index: Database, photos: Sequence[Sequence[Face]], natural: Shares | None, album: Shares, marks: Sequence[Saying]
) -> None:
    """Save photos, every second one in an inner folder with shares of its own, and mark their faces."""
    for number, faces in enumerate(photos):
        save(index, f"/album/{'in/' * (number % 2)}{number}.jpg", beside(faces), digest=f"d{number}")
    with index.transaction():
        if natural is not None:
            shares.save_natural_shares(index, natural, due=False)
            for root, of in {"/album": natural, "/album/in": album}.items():
                storing.add_root(index, Path(root))
                shares.save_albums(index, [Album(Path(root), of, 9)])
        for number in range(len(photos)):
            marking.note_people(index, f"d{number}")
        for number, place, says in marks:
            if number < len(photos) and place < len(photos[number]):
                marking.save(index, [Mark(f"d{number}", beside(photos[number])[place].box, says)])


@settings(max_examples=150)
@given(
    photos=st.lists(st.lists(ANY_FACE, max_size=4) | st.lists(EQUAL, max_size=4), min_size=1, max_size=5),
    natural=st.none() | SHARES,
    album=SHARES,
    marks=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from([*Emotion, *Kind])), max_size=4),
    counted=st.sampled_from([Counted(), Counted(0.9), Counted(size=0.2), Counted(0.3, 0.1, 0.4)]),
)
@example([[face(disgust=0.5), face(happy=0.5)]], None, dict.fromkeys(ANSWERS, 0.125), [], Counted())
@example([[face(sad=1.0), face(sad=0.5)], [face(sad=0.5), face(sad=1.0)]], None, {}, [], Counted())
@example([[replace(face(happy=0.9), detection=0.4)]], None, {}, [(0, 0, Emotion.HAPPY)], Counted())
@example([[face(happy=0.9)]], None, {}, [(0, 0, Kind.NO_FACE)], Counted())
def test_counts_are_those_of_the_listed_photos(
    photos: list[list[Face]], natural: Shares | None, album: Shares, marks: list[Saying], counted: Counted
) -> None:
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        build(index, photos, natural, album, marks)
        listed = list(queries.photos(index, Filters(counted=counted), every=True))
        found = counts.stats(index, counted)
    assert (found.photos, found.faces) == (len(photos), sum(len(photo.faces) for photo in listed))
    assert found.labels == Counter(photo.label for photo in listed if photo.label)
    assert found.unlabelled == sum(photo.label is None and bool(photo.faces) for photo in listed)
    assert found.without_face == sum(not photo.faces for photo in listed)
    for label, sums in found.sureness.items():
        sures = [sure_of(photo) for photo in listed if photo.label is label]
        assert sums.right == pytest.approx(math.fsum(sures))
        assert sums.variance == pytest.approx(math.fsum(p * (1 - p) for p in sures), abs=1e-9)
        assert sums.unsure == sum(p < UNSURE for p in sures)


def sure_of(photo: Photo) -> float:
    assert photo.sure is not None
    return photo.sure


def test_a_mark_of_a_shadow_counts_as_a_face_and_a_mark_of_none_does_not(index: Database) -> None:
    shadow = replace(face(happy=0.9), detection=0.4)
    save(index, "/album/shadow.jpg", [shadow], digest="d1")
    save(index, "/album/statue.jpg", [face(happy=0.9)], digest="d2")
    before = counts.stats(index)
    assert (before.faces, before.unlabelled, before.without_face, dict(before.labels)) == (1, 0, 1, {Emotion.HAPPY: 1})
    with index.transaction():
        marking.mark(index, Path("/album/shadow.jpg"), 1, Emotion.SAD)
        marking.mark(index, Path("/album/statue.jpg"), 1, Kind.NO_FACE)
    after = counts.stats(index)
    assert (after.faces, after.unlabelled, after.without_face, dict(after.labels)) == (1, 0, 1, {Emotion.SAD: 1})


def test_marks_of_one_face_leave_the_label_to_the_others(index: Database) -> None:
    save(index, "/a.jpg", [face((0, 0, 100, 100), happy=0.9), face((300, 0, 90, 90), sad=0.9)], digest="d1")
    with index.transaction():
        marking.save(index, [Mark("d1", Box(0, 0, 100, 100), Kind.NO_FACE)])
    assert dict(counts.stats(index).labels) == {Emotion.SAD: 1}


def test_a_mark_that_says_nothing_new_changes_no_label(index: Database) -> None:
    """A query that asks for faces of low confidence counts them as people, also in a marked photo."""
    shadow = replace(face((0, 0, 200, 200), sad=0.9), detection=0.4, matters=False)
    save(index, "/a.jpg", [face((300, 0, 50, 50), happy=0.9), shadow], digest="d1")
    asked = Filters(counted=Counted(0.3))
    [before] = queries.photos(index, asked)
    with index.transaction():
        marking.save(index, [Mark("d1", Box(300, 0, 50, 50), Kind.FACE)])
    [after] = queries.photos(index, asked)
    assert before.label is after.label is Emotion.SAD
    assert dict(counts.stats(index, Counted(0.3)).labels) == {Emotion.SAD: 1}
