"""`why` shows marks, and its numbers are those of `mark`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import invoke
from helpers import astronaut, index_album
from PIL import Image

from albumsort.index import marking
from albumsort.index.database import Database


@pytest.fixture
def couple(tmp_path: Path) -> SimpleNamespace:
    """A photo of two heads of different sizes, and a copy in a folder that is not indexed."""
    album = tmp_path / "album"
    album.mkdir()
    picture = Image.new("RGB", (900, 520), (120, 130, 140))
    picture.paste(astronaut(), (0, 0))
    picture.paste(astronaut(360), (530, 80))
    picture.save(album / "couple.png")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(album / "couple.png", tmp_path / "elsewhere" / "copy.png")
    index_album(tmp_path / "index.sqlite", album)
    return SimpleNamespace(photo=album / "couple.png", database=tmp_path / "index.sqlite")


def why(couple: SimpleNamespace, *options: str, photo: Path | None = None) -> str:
    return invoke("why", photo or couple.photo, *options, db=couple.database).stdout


def listed(couple: SimpleNamespace) -> dict[str, object]:
    [photo] = json.loads(invoke("list", "--json", db=couple.database).stdout)
    return dict(photo)


def test_why_numbers_faces_as_mark_does(couple: SimpleNamespace) -> None:
    with Database(couple.database) as index:
        photo = marking.photo_at(index, couple.photo)
    assert photo is not None
    lines = why(couple, "--min-detection", "0").splitlines()
    numbered = [line for line in lines if line.startswith("Face ")]
    boxes = [line.split(";")[0] for line in lines if line.startswith("  box ")]
    assert [line.split()[1] for line in numbered] == [str(number) for number in range(1, 1 + len(photo.faces))]
    expected = [[round(v) for v in (f.box.x, f.box.y, f.box.w, f.box.h)] for f in photo.faces]
    assert boxes == [f"  box {', '.join(map(str, box))}" for box in expected]


@pytest.mark.parametrize(
    ("number", "says", "sentence"),
    [
        (1, "sad", "You marked face 1 as sad; its label without marks: happy"),
        (2, "anger", "You marked face 2 as anger; its label without marks: happy"),
        (1, "face", "You marked face 1 as a face; its label without marks: happy"),
        (1, "no-face", "You marked face 1 as no face."),
        (2, "no-face", "You marked face 2 as no face."),
    ],
)
def test_why_says_what_is_marked_and_agrees_with_the_list(
    couple: SimpleNamespace, number: int, says: str, sentence: str
) -> None:
    before = why(couple)
    assert "You marked" not in before
    assert invoke("mark", f"{couple.photo}#{number}", says, db=couple.database).exit_code == 0
    shown = why(couple)
    [said] = [line for line in shown.splitlines() if line.startswith("You marked")]
    assert said.startswith(sentence)
    assert f"Face {3 - number} looks happy" in shown
    assert ("1 face;" if says == "no-face" else "2 faces;") in shown
    seen = json.loads(why(couple, "--json"))
    for key in ("label", "sure", "marked", "faces"):
        assert seen[key] == listed(couple)[key]
    copy = json.loads(why(couple, "--json", photo=couple.photo.parents[1] / "elsewhere" / "copy.png"))
    assert (copy["label"], copy["marked"]) == (seen["label"], seen["marked"])


def test_numbers_stay_when_a_face_is_marked_as_none(couple: SimpleNamespace) -> None:
    invoke("mark", f"{couple.photo}#1", "no-face", f"{couple.photo}#2", "sad", db=couple.database)
    assert (listed(couple)["label"], listed(couple)["marked"]) == ("sad", "sad")
    assert "You marked face 2 as sad" in why(couple)
    said = invoke("mark", couple.photo, "anger", db=couple.database).stderr
    assert "face 2 of 2 shows anger" in said
    invoke("mark", f"{couple.photo}#2", "no-face", db=couple.database)
    assert (listed(couple)["label"], listed(couple)["faces"], listed(couple)["marked"]) == (None, [], "no-face")
    assert "no faces; " in why(couple)
    assert invoke("mark", couple.photo, "happy", db=couple.database).exit_code == 0
    assert listed(couple)["label"] == "happy"


def test_a_drawing_leaves_out_a_face_that_is_none(couple: SimpleNamespace, tmp_path: Path) -> None:
    why(couple, "--out", str(tmp_path / "before.jpg"))
    invoke("mark", f"{couple.photo}#1", "no-face", db=couple.database)
    why(couple, "--out", str(tmp_path / "after.jpg"))
    assert (tmp_path / "before.jpg").read_bytes() != (tmp_path / "after.jpg").read_bytes()
