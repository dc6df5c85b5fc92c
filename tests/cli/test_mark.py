"""`mark`: what the user says of faces."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import invoke
from helpers import face, save

from albumsort.choosing.corrected import Mark
from albumsort.index import marks, storing
from albumsort.index.database import Database
from albumsort.types import Emotion, Kind


def stored(database: Path) -> list[Mark]:
    with Database(database) as index:
        return marks.all_marks(index)


def test_several_faces_are_marked_at_once(library: SimpleNamespace) -> None:
    rain, crowd = library.folder / "rain.jpg", library.folder / "beach2/crowd.jpg"
    result = invoke("mark", rain, "unhappy", f"{crowd}#1", "no-face", crowd, "Happy", db=library.database)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{rain}: the face shows sad",
        f"{crowd}: face 1 of 2 is no face",
        f"{crowd}: face 2 of 2 shows happy",
    ]
    assert [mark.says for mark in stored(library.database)] == [Emotion.SAD, Kind.NO_FACE, Emotion.HAPPY]
    again = invoke("mark", rain, "sad", db=library.database)
    assert again.stderr == f"{rain}: the face shows sad, as marked before\n"


def test_undo_takes_marks_back(library: SimpleNamespace) -> None:
    crowd = library.folder / "beach2/crowd.jpg"
    invoke("mark", f"{crowd}#1", "sad", f"{crowd}#2", "sad", db=library.database)
    assert "1 mark removed" in invoke("mark", f"{crowd}#2", "undo", db=library.database).stderr
    assert len(stored(library.database)) == 1
    assert "1 mark removed" in invoke("mark", crowd, "undo", db=library.database).stderr
    assert stored(library.database) == []
    assert "no marks removed" in invoke("mark", crowd, "undo", db=library.database).stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["rain.jpg"], "has no pair"),
        (["rain.jpg", "gloomy"], "'gloomy' is not an emotion"),
        (["rain.jpg", "sad", "none.jpg", "sad"], "none.jpg is not in the index"),
        (["rain.jpg#2", "sad"], "has no face 2, but faces 1 to 1"),
        (["hills.jpg", "sad"], "no face was found"),
        ([], "name photos and what they show"),
        (["rain.jpg", "sad", "--random", "3"], "name photos and what they show"),
    ],
)
def test_a_wrong_mark_is_refused_and_none_is_made(
    library: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str
) -> None:
    monkeypatch.chdir(library.folder)
    result = invoke("mark", *words, db=library.database)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert stored(library.database) == []


def test_marks_go_to_another_index_as_json_lines(library: SimpleNamespace, tmp_path: Path) -> None:
    crowd, file = library.folder / "beach2/crowd.jpg", tmp_path / "marks.jsonl"
    invoke("mark", f"{crowd}#1", "no-face", library.folder / "rain.jpg", "anger", db=library.database)
    before = stored(library.database)
    assert f"2 marks written to {file}" in invoke("mark", "--export", file, db=library.database).stderr
    objects = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(set(one), one["mark"]) for one in objects] == [
        ({"hash", "box", "mark"}, "no-face"),
        ({"hash", "box", "mark"}, "anger"),
    ]
    assert str(tmp_path) not in file.read_text()
    other = tmp_path / "other.sqlite"
    Database(other, create=True).close()
    assert "2 marks read" in invoke("mark", "--import", file, db=other).stderr
    assert stored(other) == before
    assert "0 of them new" in invoke("mark", "--import", file, db=other).stderr
    invoke("mark", "--random", "9", db=library.database)
    invoke("mark", "--export", tmp_path / "drawn.jsonl", db=library.database)
    assert "drawn" not in file.read_text()
    invoke("mark", "--import", tmp_path / "drawn.jsonl", db=other)
    with Database(library.database) as here, Database(other) as there:
        marked = {mark.digest for mark in before}
        assert marks.drawn(there) == marks.drawn(here) & marked
    assert "already exists" in invoke("mark", "--export", file, db=library.database).stderr


def test_marks_are_not_written_into_an_album(library: SimpleNamespace) -> None:
    result = invoke("mark", "--export", library.folder / "marks.jsonl", db=library.database)
    assert result.exit_code == 2
    assert not (library.folder / "marks.jsonl").exists()


GOOD = json.dumps({"hash": "0" * 32, "box": [1, 2, 3, 4], "mark": "sad"})


@pytest.mark.parametrize(
    "bad",
    [
        "no",
        "[]",
        "{}",
        GOOD.replace("sad", "gloomy"),
        GOOD.replace("[1, 2, 3, 4]", "[1, 2, 3]"),
        GOOD.replace("1,", "NaN,").replace("3,", "NaN,"),
        GOOD.replace("0" * 32, "../x"),
        "[" * 100_000,
        GOOD.replace("1,", "NaN,"),
        GOOD.replace("3,", "-3,"),
        GOOD.replace("1,", f"{'9' * 400},"),
    ],
    ids=range(11),
)
def test_one_bad_line_imports_nothing(library: SimpleNamespace, tmp_path: Path, bad: str) -> None:
    file = tmp_path / "marks.jsonl"
    file.write_text(f"{GOOD}\n{bad}\n")
    result = invoke("mark", "--import", file, db=library.database)
    assert result.exit_code == 2
    assert f"{file}, line 2: this is no mark" in result.stderr
    assert stored(library.database) == []


def test_random_lists_each_photo_with_a_face_once(library: SimpleNamespace) -> None:
    drawn = invoke("mark", "--random", "4", db=library.database).stdout.splitlines()
    drawn += invoke("mark", "--random", "9", db=library.database).stdout.splitlines()
    assert len(drawn) == 7
    assert len(set(drawn)) == 7
    assert f"{library.folder / 'beach2/crowd.jpg'}#2\tsad" in drawn
    assert "hills" not in "".join(drawn)
    last = invoke("mark", "--random", "1", db=library.database)
    assert (last.stdout, last.exit_code) == ("", 0)
    assert "drawn or marked before" in last.stderr


def test_a_name_that_ends_like_a_number_is_a_name(library: SimpleNamespace) -> None:
    odd = library.folder / "trip#2"
    with Database(library.database) as index:
        save(index, odd, [face(happy=0.9)])
    assert re.search(r"trip#2: the face shows sad", invoke("mark", odd, "sad", db=library.database).stderr)
    assert re.search(r"trip#2: the face shows anger", invoke("mark", f"{odd}#1", "anger", db=library.database).stderr)


def test_random_draws_only_photos_that_are_there_and_in_which_somebody_matters(library: SimpleNamespace) -> None:
    with Database(library.database) as index:
        save(index, "/unplugged/gone.jpg", [face(happy=0.9)])
        for number in range(30):
            pattern = replace(face(happy=0.9), detection=0.4, matters=False)
            save(index, library.folder / f"pattern {number}.jpg", [pattern])
        with index.transaction():
            storing.add_root(index, Path("/unplugged"))
    drawn = invoke("mark", "--random", "7", db=library.database).stdout
    assert len(drawn.splitlines()) == 7
    assert "unplugged" not in drawn
    assert "pattern" not in drawn
