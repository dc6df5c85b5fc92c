"""Marks are kept by content and box, so nothing that happens to photos and results loses them."""

from __future__ import annotations

import pytest
from helpers import face, save
from index_rows import A, B, C

from albumsort.choosing.corrected import Mark
from albumsort.errors import UsageError
from albumsort.index import marking, marks, storing
from albumsort.index.database import Database
from albumsort.types import Box, Emotion, Kind

FACES = [face((0, 0, 100, 100), happy=0.9), face((200, 0, 50, 50), sad=0.8)]
FIRST, SECOND = (one.box for one in FACES)


def say(index: Database, digest: str, box: Box, says: Emotion | Kind) -> int:
    with index.transaction():
        return marks.save_marks(index, [Mark(digest, box, says)])


def test_a_mark_replaces_the_earlier_one_of_the_same_face_only(index: Database) -> None:
    assert say(index, "d1", FIRST, Emotion.SAD) == 1
    assert say(index, "d1", SECOND, Kind.NO_FACE) == 1
    assert say(index, "d2", FIRST, Emotion.ANGER) == 1
    assert say(index, "d1", Box(5, 5, 98, 97), Emotion.HAPPY) == 1
    assert say(index, "d1", FIRST, Emotion.HAPPY) == 0
    moved = Mark("d1", Box(5, 5, 98, 97), Emotion.HAPPY)
    assert marks.marks_of(index, "d1") == (Mark("d1", SECOND, Kind.NO_FACE), moved)
    assert marks.all_marks(index) == [
        Mark("d1", SECOND, Kind.NO_FACE),
        Mark("d2", FIRST, Emotion.ANGER),
        moved,
    ]


def test_undo_removes_the_marks_of_a_face_or_of_a_photo(index: Database) -> None:
    for digest in ("d1", "d2"):
        for box in (FIRST, SECOND):
            say(index, digest, box, Emotion.SAD)
    with index.transaction():
        assert marks.remove_marks(index, "d1", Box(2, 2, 99, 99)) == 1
        assert marks.remove_marks(index, "d2") == 2
        assert marks.remove_marks(index, "d3") == 0
    assert marks.all_marks(index) == [Mark("d1", SECOND, Emotion.SAD)]


def test_a_photo_is_marked_by_the_number_of_its_face_or_by_the_largest(index: Database) -> None:
    save(index, A, FACES, digest="d1")
    with index.transaction():
        assert marking.mark(index, A, None, Emotion.SAD).number == 1
        assert marking.mark(index, A, 2, Kind.NO_FACE).number == 2
        assert not marking.mark(index, A, 2, Kind.NO_FACE).changed
    assert marks.all_marks(index) == [Mark("d1", FIRST, Emotion.SAD), Mark("d1", SECOND, Kind.NO_FACE)]


@pytest.mark.parametrize("number", [0, 3])
def test_a_face_that_is_not_there_is_not_marked(index: Database, number: int) -> None:
    save(index, A, FACES, digest="d1")
    save(index, B, [], digest="d2")
    with index.transaction():
        with pytest.raises(UsageError, match=f"no face {number}, but faces 1 to 2"):
            marking.mark(index, A, number, Emotion.SAD)
        with pytest.raises(UsageError, match="no face was found"):
            marking.mark(index, B, None, Emotion.SAD)
        with pytest.raises(UsageError, match="not in the index"):
            marking.mark(index, C, None, Emotion.SAD)


def test_marks_outlive_their_photos_and_results(index: Database) -> None:
    save(index, A, FACES, digest="d1")
    say(index, "d1", FIRST, Emotion.SAD)
    with index.transaction():
        storing.forget(index, [A])
    assert marks.all_marks(index) == [Mark("d1", FIRST, Emotion.SAD)]


def test_judged_are_listed_photos_and_only_what_was_drawn_counts_as_random(index: Database) -> None:
    save(index, A, FACES, digest="d1")
    save(index, B, FACES, digest="d1")
    save(index, C, FACES, digest="d3")
    with index.transaction():
        [(photo, number)] = marking.draw(index, 1)
        assert number == 1
        assert marking.draw(index, 9)[0][0].digest != photo.digest
        assert marking.draw(index, 9) == []
    other = {"d1": "d3", "d3": "d1"}[photo.digest]
    with index.transaction():
        index.writer.execute("DELETE FROM drawn WHERE digest = ?", (other,))
    for digest in ("d1", "d3"):
        say(index, digest, FIRST, Emotion.SAD)
        say(index, digest, SECOND, Kind.NO_FACE)
    say(index, "gone", FIRST, Emotion.SAD)
    found = [(one.photo.digest, one.label, one.says, one.drawn) for one in marking.judged(index)]
    assert found == [
        ("d1", Emotion.HAPPY, Emotion.SAD, photo.digest == "d1"),
        ("d1", Emotion.SAD, Kind.NO_FACE, False),
        ("d3", Emotion.HAPPY, Emotion.SAD, photo.digest == "d3"),
        ("d3", Emotion.SAD, Kind.NO_FACE, False),
    ]
