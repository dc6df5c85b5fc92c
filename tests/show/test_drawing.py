from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from helpers import astronaut, encoded, environment, face
from PIL import Image

from albumsort.errors import AlbumsortError
from albumsort.photos.upright import Upright
from albumsort.show import drawing
from albumsort.show.drawing import LONGEST_SIDE, SHORTEST_SIDE, draw
from albumsort.types import Box, Emotion, Face

GREY = 128


def plain(width: int, height: int) -> Upright:
    return Upright(np.full((height, width, 3), GREY, np.uint8), width, height, None)


def drawn(upright: Upright, faces: list[Face], folder: Path) -> np.ndarray:
    draw(upright, faces, folder / "seen.jpg")
    with Image.open(folder / "seen.jpg") as picture:
        return np.asarray(picture).astype(int)


def notes(faces: list[Face], width: int, height: int) -> list[Box]:
    return [note.box for note in drawing._notes(faces, 1.0, (width, height), drawing.DETAIL)[0]]


def shared(a: Box, b: Box) -> float:
    across = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    return max(0.0, across) * max(0.0, min(a.y + a.h, b.y + b.h) - max(a.y, b.y))


@pytest.mark.parametrize("size", [(100, 70), (1, 1), (3000, 2), (640, 480), (6000, 4000)])
def test_any_photo_is_drawn_at_the_same_legible_size(size: tuple[int, int], tmp_path: Path) -> None:
    picture = drawn(plain(*size), [face((0, 0, size[0] / 2, size[1] / 2), happy=0.9)], tmp_path)
    assert max(picture.shape[:2]) == LONGEST_SIDE


@pytest.mark.parametrize("upright_strip", [False, True])
def test_the_note_on_a_strip_is_whole(upright_strip: bool, tmp_path: Path) -> None:
    size, box = ((200, 8000), (0, 4000, 200, 200)) if upright_strip else ((8000, 200), (4000, 0, 200, 200))
    picture = drawn(plain(*size), [face(box, happy=0.9)], tmp_path)
    beside = (picture if upright_strip else picture.swapaxes(0, 1))[:, 50:]
    assert beside.shape[:2] == (LONGEST_SIDE, SHORTEST_SIDE - 50)
    written = np.argwhere(beside.max(axis=2) > 100)
    assert len(written) > 1000
    assert written[:, 1].max() < SHORTEST_SIDE - 50 - 20


@pytest.mark.parametrize(("width", "seen"), [(4 * LONGEST_SIDE, [(100, 100)]), (6 * LONGEST_SIDE, [])])
def test_a_panorama_with_room_for_its_notes_is_left_as_it_is(
    width: int, seen: list[tuple[int, int]], tmp_path: Path
) -> None:
    faces = [face((x, y, 300, 300), happy=0.9) for x, y in seen]
    assert drawn(plain(width, LONGEST_SIDE), faces, tmp_path).shape == (round(LONGEST_SIDE**2 / width), LONGEST_SIDE, 3)


@pytest.mark.parametrize("scale", [1, 4])
def test_the_box_is_drawn_where_the_face_is_in_the_full_size_photo(scale: int, tmp_path: Path) -> None:
    """The pixels may have been decoded smaller than the photo."""
    small = plain(400, 300)
    upright = Upright(small.pixels, 400 * scale, 300 * scale, None)
    picture = drawn(upright, [face((200 * scale, 100 * scale, 50 * scale, 60 * scale), happy=0.9)], tmp_path)
    left, top = 4 * 200, 4 * 100
    for y, x in ((top + 120, left), (top + 120, left + 200), (top, left + 100), (top + 240, left + 100)):
        assert np.abs(picture[y - 6 : y + 7, x - 6 : x + 7] - GREY).max() > 60
    assert np.abs(picture[100:, :400] - GREY).max() < 30


def test_notes_cover_neither_faces_nor_each_other_if_there_is_room() -> None:
    faces = [face((x, y, 120, 140), happy=0.9) for y in (300, 700) for x in (100, 400, 700, 1000, 1300)]
    boxes = notes(faces, 1600, 1200)
    assert len(boxes) == 10
    assert not any(shared(note, f.box) for note in boxes for f in faces)
    assert not any(shared(a, b) for a, b in combinations(boxes, 2))


def crowd(columns: int, rows: int, across: int, down: int) -> list[Face]:
    return [face((across * i, down * j, 16, 20), happy=0.9) for j in range(rows) for i in range(columns)]


def test_a_crowd_is_drawn_larger_until_no_note_lies_on_a_face_or_another() -> None:
    faces = crowd(24, 8, 20, 30)
    picture, by, notes = drawing._laid_out(plain(800, 300), faces)
    assert (picture.size, by) == ((drawing.CROWD_SIDE, 1500), 5)
    assert [note.text for note in notes] == [str(number) for number in range(1, len(faces) + 1)]
    boxes = [face.box.scaled(by) for face in faces]
    assert not any(shared(note.box, box) for note in notes for box in boxes)
    assert not any(shared(a.box, b.box) for a, b in combinations(notes, 2))


def test_a_crowd_with_room_for_its_notes_is_drawn_as_large_as_any_photo() -> None:
    faces = crowd(9, 4, 85, 85)
    assert len(faces) > drawing.CROWD
    picture, _, notes = drawing._laid_out(plain(800, 500), faces)
    assert max(picture.size) == LONGEST_SIDE
    assert notes[0].text == "1 happy 90 %"


@pytest.mark.parametrize("corner", [(0, 0), (1400, 0), (0, 900), (1400, 900)])
def test_a_note_at_the_border_stays_in_the_picture(corner: tuple[int, int]) -> None:
    [note] = notes([face((*corner, 200, 300), sad=0.9)], 1600, 1200)
    assert 0 <= note.x <= note.x + note.w <= 1600
    assert 0 <= note.y <= note.y + note.h <= 1200


def test_the_note_of_a_face_that_fills_the_photo_covers_no_landmark() -> None:
    marks = ((500.0, 400.0), (1100.0, 400.0), (800.0, 650.0), (550.0, 900.0), (1050.0, 900.0))
    portrait = face((0, 0, 1600, 1200), happy=0.9)
    [note] = notes([replace(portrait, landmarks=marks, size=1)], 1600, 1200)
    assert shared(note, Box(500, 400, 600, 500)) == 0


def test_faces_next_to_each_other_are_numbered_as_the_text_numbers_them() -> None:
    texts = [drawing._text(number, face(happy=0.876), 3) for number in (1, 2)]
    assert [text.split()[:2] for text in texts] == [["1", "happy"], ["2", "happy"]]
    assert "face 0.90" in texts[0]
    assert "happy 87.6 %" in texts[0]
    assert drawing._text(3, face(happy=0.876), 0) == "3 happy 88 %"


def test_a_note_says_how_sure_the_label_is_beside_what_the_probabilities_are() -> None:
    moved = replace(face(neutral=0.6, sad=0.3), label=Emotion.SAD, sure=0.71)
    assert drawing._text(1, moved, 0) == "1 sad 71 %"
    lines = drawing._text(1, moved, 3).splitlines()
    assert lines[0].split() == ["1", "sad", "71", "%"]
    assert lines[2:4] == ["neutral 60.0 %", "sad 30.0 %"]


@pytest.mark.parametrize("emotion", [*Emotion, None])
def test_a_face_of_any_label_is_drawn_and_one_without_says_so(emotion: Emotion | None, tmp_path: Path) -> None:
    seen = replace(face((100, 100, 200, 200), happy=0.9), label=emotion, sure=None if emotion is None else 0.8)
    picture = drawn(plain(640, 480), [seen], tmp_path)
    assert np.abs(picture - GREY).max() > 60
    assert drawing._text(1, seen, 0) == ("1 no label" if emotion is None else f"1 {emotion} 80 %")


def test_every_label_has_a_colour_of_its_own() -> None:
    assert len({drawing.COLOURS[label] for label in (*Emotion, None)}) == 8


def test_a_photo_without_a_face_says_so_in_the_picture(tmp_path: Path) -> None:
    picture = drawn(plain(640, 480), [], tmp_path)
    assert picture[:60, :200].min() < 30
    assert np.abs(picture[100:] - GREY).max() < 10


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    portrait = np.asarray(astronaut(64))[..., ::-1].copy()
    with pytest.raises(AlbumsortError, match="exists already"):
        draw(Upright(portrait, 64, 64, None), [], tmp_path / "mine.jpg")
    assert (tmp_path / "mine.jpg").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.jpg"]


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
def test_an_incomplete_picture_never_gets_the_name(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(astronaut(512)))
    script = """if True:
        import resource, sys
        from albumsort.__main__ import main
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        main()
    """
    arguments = ["why", "photo.jpg", "--out", "drawn.jpg"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment(), cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, "cannot write drawn.jpg: File too large" in done.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_faces_are_drawn_with_their_numbers() -> None:
    faces = [face((100, 100, 50, 50)), face((400, 100, 50, 50))]
    for numbers, expected in (((), ["1", "2"]), ((2, 5), ["2", "5"])):
        notes, _ = drawing._notes(faces, 1.0, (800, 500), (0,), numbers)
        assert [note.text.split()[0] for note in notes] == expected
