"""Labels, canvases, candidates and calibration of the face detector, and one small training on drawn faces."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers import ASTRONAUT_FACE, astronaut, landscape
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from albumsort.cli.app import app
from albumsort.errors import UsageError
from albumsort.faces import rows as face_rows
from albumsort.faces.resize import Pixels
from albumsort.faces.rows import SCORE
from albumsort.faces.scores import Calibration
from albumsort.networks import weights
from albumsort.training.common import shards
from albumsort.training.faces import calibration, candidates, effects
from albumsort.training.faces import canvases as face_canvases
from albumsort.training.faces import labels as face_labels
from albumsort.training.faces import photos as face_photos
from albumsort.training.faces import reviews as face_reviews
from albumsort.training.faces.photos import Split

SKIN = (120, 160, 230)


def row(x: float, y: float, w: float, h: float, score: float = 1.0) -> np.ndarray:
    """A face whose landmarks are where they are in the drawn ones."""
    points = [(0.33, 0.38), (0.67, 0.38), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)]
    return np.array([x, y, w, h, *(v for a, b in points for v in (x + a * w, y + b * h)), score], np.float32)


def rows(*each: np.ndarray) -> np.ndarray:
    return np.stack(each) if each else face_rows.none()


def paint_face(pixels: Pixels, x: int, y: int, side: int) -> np.ndarray:
    """Draw a face of skin colour, which nothing else here has, and return its row."""
    drawn = row(x, y, side, side)
    centre = (x + side // 2, y + side // 2)
    cv2.ellipse(pixels, centre, (side // 2, side // 2), 0, 0, 360, SKIN, -1)
    for i in range(2):
        cv2.circle(pixels, tuple(int(v) for v in drawn[4 + 2 * i : 6 + 2 * i]), max(1, side // 12), (40, 30, 30), -1)
    mouth = (centre[0], y + round(0.75 * side))
    cv2.ellipse(pixels, mouth, (side // 5, side // 12), 0, 0, 360, (60, 40, 160), -1)
    return drawn


class SkinTeacher:
    """Knows a face by its colour, at any size and mirrored."""

    def __call__(self, pixels: Pixels) -> np.ndarray:
        skin = (np.abs(pixels.astype(int) - SKIN).max(axis=2) < 25).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(skin)
        return rows(*(row(x, y, w, h, 0.9) for x, y, w, h, area in found[1:] if area > 12))


def photo(folder: Path, name: str, faces: int, random: np.random.Generator) -> None:
    pixels = np.ascontiguousarray(np.asarray(landscape(320, 240))[:, :, ::-1])
    pixels = np.clip(pixels + random.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
    for _ in range(3):
        x, y = (int(v) for v in random.integers(0, 300, 2))
        cv2.rectangle(pixels, (x, y), (x + 30, y + 20), [int(v) for v in random.integers(0, 110, 3)], -1)
    for i in range(faces):
        paint_face(pixels, 20 + 100 * i + int(random.integers(20)), int(random.integers(10, 140)), 40 + 20 * i)
    cv2.imwrite(str(folder / name), pixels)


# rows


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 500, width=32), min_size=4, max_size=4), st.floats(600, 900, width=32))
def test_mirrored_twice_a_face_is_where_it_was_and_its_eyes_keep_their_sides(box, width):
    face = rows(row(*box))
    once = face_rows.mirrored(face, width)
    assert once[0, 4] <= once[0, 6] + 1e-3
    assert np.allclose(face_rows.mirrored(once, width), face, atol=1e-3)


def test_overlap_is_intersection_over_union_of_every_pair():
    shared = face_rows.overlaps(rows(row(0, 0, 10, 10)), rows(row(0, 0, 10, 10), row(5, 0, 10, 10), row(20, 0, 5, 5)))
    assert shared[0].tolist() == pytest.approx([1, 1 / 3, 0])


def test_a_face_that_a_window_cuts_keeps_its_visible_part_and_says_how_much_it_is():
    cut, share = face_rows.clipped(rows(row(-5, 0, 10, 10)), 0, 0, 100, 100)
    assert cut[0, :4].tolist() == [0, 0, 5, 10]
    assert share.tolist() == pytest.approx([0.5])


# labels


def test_what_several_views_show_is_one_face_where_it_is():
    pixels = np.full((200, 300, 3), 90, np.uint8)
    expected = paint_face(pixels, 60, 50, 80)
    found = face_labels.label(SkinTeacher(), pixels)
    assert len(found) == 1
    assert found[0, :14] == pytest.approx(expected[:14], abs=3)
    assert found[0, SCORE] == pytest.approx(0.9, abs=0.01)


def test_what_one_view_alone_shows_is_no_sure_face():
    pixels = np.zeros((100, 100, 3), np.uint8)

    def once(view: Pixels) -> np.ndarray:
        return rows(row(10, 10, 30, 30, 0.8)) if view.shape == (150, 150, 3) else face_rows.none()

    found = face_labels.label(once, pixels)
    assert face_labels.UNSURE <= found[0, SCORE] < face_labels.FACE


def test_drawn_boxes_are_faces_drawn_as_the_teacher_draws_them_where_it_sees_them():
    seen = rows(row(12, 10, 30, 34, 0.6), row(200, 200, 20, 20, 0.4))
    boxes = np.array([[10, 10, 30, 30], [100, 100, 30, 30]], np.float32)
    known = face_labels.with_boxes(seen, boxes)
    assert known[:, SCORE].tolist() == pytest.approx([1, 1, 0.4])
    assert known[0, :4].tolist() == [12, 10, 30, 34]
    assert known[1, :4].tolist() == [100, 100, 30, 30]
    assert face_labels.has_landmarks(known).tolist() == [True, False, True]


def test_a_file_that_is_no_detector_is_refused_by_name(tmp_path):
    (tmp_path / "teacher.onnx").write_bytes(b"no network")
    with pytest.raises(UsageError, match=r"teacher\.onnx is no model of OpenCV's FaceDetectorYN"):
        face_labels.OpenCvTeacher(tmp_path / "teacher.onnx")


# photos


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Path:
    """Drawn photos: of people, and of a source where most show nobody."""
    folder = tmp_path_factory.mktemp("album")
    random = np.random.default_rng(0)
    for i in range(60):
        photo(folder, f"party-{i:03}.png", 1 + i % 3, random)
    for i in range(60):
        photo(folder, f"street-{i:03}.png", int(i % 20 == 0), random)
    (folder / "street-broken.png").write_bytes(b"\x89PNG broken")
    return folder


@pytest.fixture(scope="module")
def labels(album, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("labels")
    face_photos.label_all(face_photos.gather([album], None, ()), SkinTeacher, folder)
    return folder


def test_every_photo_that_can_be_read_is_labelled_in_pixels_of_its_own(labels):
    labelled = face_photos.read(labels)
    assert len(labelled) == 120
    for some in labelled[::10]:
        assert len(SkinTeacher()(np.asarray(some.pixels))) == len(some.faces)
        x, y, w, h = (int(v) for v in some.faces[0, :4]) if len(some.faces) else (0, 0, 0, 0)
        assert not w or np.abs(some.pixels[y + h // 8, x + w // 2].astype(int) - SKIN).max() < 40


def test_photos_are_split_by_their_names_and_only_empty_ones_are_held_out(labels):
    labelled = face_photos.read(labels)
    by_split = {split: face_photos.of_split(labelled, split) for split in Split}
    assert {p.source for p in by_split[Split.HELD_OUT]} == {"street"}
    assert all(p.empty for p in by_split[Split.HELD_OUT])
    assert len(by_split[Split.TRAINING]) > 80
    assert by_split[Split.VALIDATION]
    assert [p.split for p in face_photos.read(labels)] == [p.split for p in labelled]


def test_a_photo_of_people_without_a_face_is_not_believed_to_show_none(tmp_path):
    random = np.random.default_rng(1)
    for i in range(6):
        photo(tmp_path, f"party-{i}.png", int(i > 0), random)
    face_photos.label_all(face_photos.gather([tmp_path], None, ()), SkinTeacher, tmp_path / "labels")
    assert {p.name: p.split for p in face_photos.read(tmp_path / "labels")}["party-0.png"] is Split.UNUSED


def test_boxes_are_taken_of_the_named_sets_only(tmp_path):
    random = np.random.default_rng(1)
    entries = []
    for name, faces in (("mask-1.png", 1), ("group-1.png", 2)):
        photo(tmp_path, name, faces, random)
        entries.append({"file": name, "set": name[:-6], "boxes": [[1, 2, 30, 40]] * faces, "ignore": []})
    (tmp_path / "boxes.json").write_text(json.dumps(entries))
    taken = face_photos.gather([], tmp_path, ("mask",))
    assert [(d.path.name, d.boxes.tolist()) for d in taken] == [("mask-1.png", [[1, 2, 30, 40]])]
    with pytest.raises(UsageError, match="no photo"):
        face_photos.gather([], tmp_path, ("cats",))


# reviews


def review(folder: Path, *lines: str) -> Path:
    path = folder / face_photos.REVIEWED
    path.write_text("\n".join(["photo,verdict,x,y,w,h", *lines, ""]))
    return path


def test_a_reviewer_overrules_the_teacher_and_sees_what_it_overlooked(tmp_path):
    lines = "a.jpg,face,0,0,40,40", "a.jpg,other,101,100,40,40", "a.jpg,unsure,200,0,40,40", "a.jpg,face,300,0,40,40"
    reviews = face_reviews.read(review(tmp_path, *lines, "b.jpg,empty,,,,"))
    assert (reviews["a.jpg"].empty, reviews["b.jpg"].empty) == (False, True)
    seen = rows(row(0, 0, 40, 40, 0.4), row(100, 100, 40, 40, 0.9), row(200, 0, 40, 40, 0.8), row(0, 200, 40, 40, 0.7))
    corrected = reviews["a.jpg"].correct(seen)
    assert corrected[:, SCORE].tolist() == pytest.approx([1, 0, face_labels.UNSURE, 0.7, 1])
    assert np.array_equal(corrected[:4, :SCORE], seen[:, :SCORE])  # boxes and landmarks stay the teacher's
    assert corrected[4, :4].tolist() == [300, 0, 40, 40]
    assert face_labels.has_landmarks(corrected).tolist() == [True, True, True, True, False]
    assert reviews["b.jpg"].correct(seen)[:, SCORE].tolist() == [0, 0, 0, 0]
    assert seen[0, SCORE] == np.float32(0.4)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_each_verdict_is_about_one_place_the_nearest(order, tmp_path):
    lines = ["a.jpg,face,0,0,40,40", "a.jpg,other,16,0,40,40"]
    judged = face_reviews.read(review(tmp_path, *(lines[i] for i in order)))["a.jpg"]
    assert judged.correct(rows(row(0, 0, 40, 40, 0.6)))[:, [0, SCORE]].tolist() == [[0, 1], [16, 0]]
    both = judged.correct(rows(row(0, 0, 40, 40, 0.6), row(18, 0, 40, 40, 0.5)))
    assert both[:, [0, SCORE]].tolist() == [[0, 1], [18, 0]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("file,x\n", "first line is not photo,verdict,x,y,w,h"),
        ("", "first line is not"),
        ("photo,verdict,x,y,w,h\na.jpg,cat,1,2,3,4\n", "line 2, is no verdict: a.jpg,cat"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,,4\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,3\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\n\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,3,4,5\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,0,4\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,nan,4\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,-1,2,inf,4\n", "line 2, is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,empty,,,,\na.jpg,face,1,2,3,4\n", "a.jpg is said to be empty, and to have"),
        (b"photo,verdict,x,y,w,h\n\xff\xfe\n", "not a CSV in UTF-8"),
        ("photo,verdict,x,y,w,h\n" + "x" * 200_000, "not a CSV in UTF-8"),
    ],
)
def test_what_is_no_review_is_refused_by_name_and_line(content, reason, tmp_path):
    path = tmp_path / "verdicts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=reason) as refused:
        face_reviews.read(path)
    assert str(path) in str(refused.value)


def test_a_table_as_spreadsheets_write_it_is_a_review(tmp_path):
    path = tmp_path / "verdicts.csv"
    path.write_bytes("\ufeffphoto,verdict,x,y,w,h\r\nü.jpg,face,-1,2.5,3,4\r\n".encode())
    (one,) = face_reviews.read(path).items()
    assert (one[0], one[1].judged[0, :4].tolist()) == ("ü.jpg", [-1, 2.5, 3, 4])


def test_a_review_changes_what_is_learnt_and_no_photos_split(labels, tmp_path):
    before = face_photos.read(labels)
    people = next(p for p in before if p.split is Split.TRAINING and len(p.faces) == 2)
    street = next(p for p in before if p.split is Split.TRAINING and p.source == "street" and len(p.faces) == 1)
    place = ",".join(f"{v:.0f}" for v in street.faces[0, :4])
    one = ",".join(f"{v:.0f}" for v in people.faces[1, :4])
    copy = tmp_path / "labels"
    shutil.copytree(labels, copy)
    review(copy, f"{street.name},other,{place}", f"{people.name},other,{one}")
    after = face_photos.read(copy)
    assert [(p.name, p.split) for p in after] == [(p.name, p.split) for p in before]
    by_name = {p.name: p for p in after}
    assert by_name[street.name].empty
    assert by_name[street.name].faces[:, SCORE].tolist() == [0]
    assert (len(by_name[people.name].sure), len(by_name[people.name].seen)) == (1, 1)
    changed = {p.name for p, q in zip(before, after, strict=True) if not np.array_equal(p.faces, q.faces)}
    assert changed == {street.name, people.name}


def test_photos_of_people_are_learnt_from_where_a_face_or_surely_none_was_seen(tmp_path):
    random = np.random.default_rng(1)
    for i in range(9):
        photo(tmp_path, f"party-{i}.png", int(i > 2), random)
    labels = tmp_path / "labels"
    face_photos.label_all(face_photos.gather([tmp_path], None, ()), SkinTeacher, labels)
    before = {p.name: p for p in face_photos.read(labels)}
    learnt = [name for name, p in before.items() if p.split is Split.TRAINING]
    assert len(learnt) >= 3
    place = ",".join(f"{v:.0f}" for v in before[learnt[1]].faces[0, :4])
    said = "party-0.png,empty,,,,", "party-1.png,face,9,9,30,30", f"{learnt[0]},empty,,,,", f"{learnt[1]},other,{place}"
    review(labels, *said)
    after = {p.name: p for p in face_photos.read(labels)}
    splits = [after[name].split for name in ("party-0.png", "party-1.png", "party-2.png", *learnt[:3])]
    assert splits == [Split.TRAINING] * 2 + [Split.UNUSED] + [Split.TRAINING, Split.UNUSED, Split.TRAINING]
    assert [after[name].empty for name in ("party-0.png", "party-1.png", learnt[0])] == [True, False, True]


def test_canvases_show_what_a_reviewer_ruled_out_like_any_other_place(labels):
    photos = face_photos.of_split(face_photos.read(labels), Split.TRAINING)
    ruled_out = [p for p in photos if len(p.faces) == 2]
    for p in ruled_out:
        p.faces[:, SCORE] = 0
    without = [replace(p, faces=p.faces[p.faces[:, SCORE] > 0]) for p in photos]
    assert len(ruled_out) > 10
    for seed in range(20):
        pixels, faces = face_canvases.draw(face_canvases.Album(photos), np.random.default_rng(seed))
        others = face_canvases.draw(face_canvases.Album(without), np.random.default_rng(seed))
        assert np.array_equal(pixels, others[0])
        assert np.array_equal(faces, others[1])


# shards


class Squares:
    """Work that fails from a number on."""

    def __init__(self, first_bad: int) -> None:
        self.first_bad = first_bad

    def __call__(self, number: int) -> shards.Arrays:
        if number >= self.first_bad:
            raise ValueError(number)
        return {"square": np.array([number**2])}


def test_an_interrupted_stage_goes_on_with_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match=r"^[34]$"):
        shards.make(tmp_path, range(5), Squares(3), "squares")
    assert len(shards.read(tmp_path)) >= 1
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("0*/square.npy")}
    shards.make(tmp_path, range(5), Squares(9), "squares")
    assert [part["square"].item() for part in shards.read(tmp_path)] == [0, 1, 4, 9, 16]
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


# canvases and candidates


def test_a_crowd_stands_beside_a_face_and_covers_no_more_than_it_says(labels):
    album = face_canvases.Album(face_photos.of_split(face_photos.read(labels), Split.TRAINING))
    states, shares = [], []
    for seed in range(300):
        random = np.random.default_rng(seed)
        canvas = face_canvases._Canvas(random)
        canvas.pixels[:] = 255, 0, 255
        first = rows(row(130, 130, 60, 60, face_canvases.LEARN))
        canvas.faces = first.copy()
        canvas.crowd(*album.with_face(random, evenness=0.5))
        stays = (canvas.faces[:, :4] == first[:, :4]).all(axis=1)
        states.append(canvas.faces[stays, SCORE].tolist())
        shares.append(float((canvas.pixels[130:190, 130:190] != (255, 0, 255)).any(axis=2).mean()))
        beside = canvas.faces[~stays]
        if len(beside) == 1 and beside[0, SCORE] == face_canvases.LEARN:
            x, y, w, h = beside[0, :4]
            assert 20 < abs(x + w / 2 - 160) < 100
            assert abs(y + h / 2 - 160) < 60
            assert max(w, h) < 60 * 2.6
    for state, share in zip(states, shares, strict=True):
        if abs(share - face_canvases.COVERED) > 0.03 and abs(share - face_canvases.HIDDEN) > 0.03:
            if share > face_canvases.HIDDEN:
                assert state == []
            else:
                assert state == [face_canvases.LEARN if share < face_canvases.COVERED else face_canvases.IGNORE]
    assert np.mean([0.05 < share < face_canvases.COVERED for share in shares]) > 0.2


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_canvas_shows_its_faces_where_its_rows_say(labels, seed):
    album = face_canvases.Album(face_photos.of_split(face_photos.read(labels), Split.TRAINING))
    pixels, faces = face_canvases.draw(album, np.random.default_rng(seed))
    assert pixels.shape == (face_canvases.SIDE, face_canvases.SIDE, 3)
    assert pixels.dtype == np.uint8
    assert (faces[:, :2] >= 0).all()
    assert (faces[:, :2] + faces[:, 2:4] <= face_canvases.SIDE).all()
    assert set(faces[:, SCORE]) <= {face_canvases.LEARN, face_canvases.IGNORE}


@settings(deadline=None, max_examples=25)
@given(angle=st.floats(-60, 60))
def test_a_face_at_a_slant_is_where_its_row_says(angle):
    pixels = np.zeros((240, 320, 3), np.uint8)
    drawn = paint_face(pixels, 60, 70, 80)
    seen, [face] = effects.tilted(pixels, rows(drawn), angle)
    [found] = SkinTeacher()(seen)
    assert np.allclose(face_rows.centres(rows(face)), face_rows.centres(rows(found)), atol=2)
    for x, y in face[face_rows.LANDMARKS].reshape(-1, 2)[:2]:
        assert seen[round(y), round(x)].max() < 60


def test_now_and_then_light_leaves_only_dark_or_only_a_part_of_the_greys():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    drawn = [effects.lit(ramp, np.random.default_rng(seed)) for seed in range(500)]
    darkest, brightest = (np.array([f(pixels) for pixels in drawn]) for f in (np.min, np.max))
    dim = (brightest < 140) & (darkest == 0)
    faded = (darkest > 30) & (brightest - darkest < 0.75 * 255)
    assert 0.03 < dim.mean() < 0.25
    assert 0.03 < faded.mean() < 0.25


def test_some_photos_are_shown_at_a_slant_too_and_empty_ones_turned(labels):
    shown = [
        (photo, [pixels for pixels, _ in candidates._shown(photo, np.random.default_rng(seed))])
        for photo in face_photos.read(labels)
        for seed in range(20)
    ]
    counts = {len(pixels) for photo, pixels in shown if not photo.empty}
    assert counts == {1, 2}
    assert all(len(pixels) == 2 for photo, pixels in shown if photo.empty)
    assert all(np.array_equal(pixels[0], photo.pixels) for photo, pixels in shown)
    assert not any(np.array_equal(first, second) for _, [first, *more] in shown for second in more)


def test_what_the_verifier_is_shown_lies_where_its_answer_says(monkeypatch):
    from albumsort.training.faces import verifier
    from albumsort.training.faces.candidates import CENTRE, COLUMNS, POINTS, SIDE, SIZE, TRUE

    monkeypatch.setattr(verifier, "COVERED_SHARE", 0.0)
    crop = np.full((SIDE, SIDE, 3), 20, np.uint8)
    crop[24:44, 18:38] = 240
    row = np.zeros(COLUMNS, np.float32)
    row[TRUE], row[CENTRE], row[SIZE] = 1, (-4 / SIDE, 2 / SIDE), np.log(20 / SIDE)
    row[POINTS] = np.tile(row[CENTRE], 5)
    before, measured = (crop.copy(), row.copy()), 0
    for seed in range(300):
        pixels, answer = verifier.varied(crop, row, np.random.default_rng(seed))
        bright = pixels.mean(axis=2) > (int(pixels.max()) + int(np.median(pixels))) / 2
        if int(pixels.max()) - int(np.median(pixels)) < 120:
            continue  # too little light to measure
        y, x = (np.mean(at) + 0.5 - pixels.shape[0] / 2 for at in np.nonzero(bright))
        assert np.allclose(answer[CENTRE] * SIDE, (x, y), atol=1.2)
        assert np.allclose(answer[POINTS] * SIDE, np.tile((x, y), 5), atol=1.2)
        assert np.allclose(np.exp(answer[SIZE]) * SIDE, np.sqrt(bright.sum()), atol=1.2)
        measured += 1
    assert measured > 150
    assert np.array_equal(crop, before[0])
    assert np.array_equal(row, before[1])


def test_candidates_are_faces_or_none_and_what_lies_between_is_left_out():
    faces = rows(row(100, 100, 40, 40), row(300, 100, 40, 40, face_labels.UNSURE))
    found = rows(
        row(104, 100, 40, 40, 0.9), row(118, 100, 40, 40, 0.5), row(10, 10, 20, 20, 0.3), row(300, 100, 40, 40)
    )
    judged, kept = candidates.judge(found, faces)
    assert kept.tolist() == [True, False, True, False]
    assert judged[:, candidates.TRUE].tolist() == [1, 0]
    unit = 40 * candidates.VERIFIER_CONTEXT
    assert judged[0, candidates.CENTRE].tolist() == pytest.approx([-4 / unit, 0])
    assert np.exp(judged[0, candidates.SIZE]).tolist() == pytest.approx([40 / unit, 40 / unit])
    assert not judged[1, 1 : candidates.PROPOSAL].any()


def test_what_a_reviewer_ruled_out_is_a_candidate_that_is_none_for_sure():
    from albumsort.training.faces.verifier import Candidates

    faces = rows(row(100, 100, 40, 40), row(200, 100, 40, 40, 0), row(110, 100, 40, 40, 0))
    found = rows(row(202, 100, 40, 40), row(101, 100, 40, 40), row(10, 10, 20, 20))
    judged, kept = candidates.judge(found, faces)
    assert kept.all()
    assert judged[:, candidates.TRUE].tolist() == [0, 1, 0]
    assert judged[:, candidates.RULED_OUT].tolist() == [1, 0, 0]
    part = {"crops": np.zeros((3, 64, 64, 3), np.uint8), "rows": judged, "sources": np.array(["a"] * 3)}
    assert Candidates([part]).settled.tolist() == [True, True, False]


@dataclass(frozen=True)
class TwoFaces:
    """A grey canvas, lighter from part to part, with a red face that is to be learnt and a blue one that is not."""

    def __call__(self, part: int) -> shards.Arrays:
        side, scale, red = face_canvases.SIDE, 150 / 512, np.array([0.5, 1, 1])
        pixels = np.full((side, side, 3), 40 + 20 * part, np.uint8)
        portrait = np.asarray(astronaut(150).convert("L"))[..., None]
        faces = []
        for x, learnt in ((5, face_canvases.LEARN), (165, face_canvases.IGNORE)):
            pixels[:150, x : x + 150] = portrait * (red if learnt == face_canvases.LEARN else red[::-1])
            box = ASTRONAUT_FACE.scaled(scale)
            faces.append([0, *row(box.x + x, box.y, box.w, box.h, learnt)])
        return {"pixels": pixels[None], "faces": np.array(faces, np.float32)}


@pytest.mark.parametrize(("every", "numbers"), [(candidates.ONE_OF, [0, 4]), (1, [0, 1, 2, 3, 4])])
def test_canvases_give_candidates_where_something_is_to_be_learnt(tmp_path, every, numbers):
    canvases, folder, proposer = tmp_path / "canvases", tmp_path / "candidates", tmp_path / "proposer.tflite"
    proposer.write_bytes(weights.load("face_proposer")[0])
    shards.make(canvases, range(5), TwoFaces(), "canvases")
    candidates.collect_from_canvases(folder, canvases, proposer, 3, every)
    parts = shards.read(folder)
    for part in parts:
        true = part["rows"][:, candidates.TRUE] == 1
        blue, _, red = part["crops"][true][:, 24:40, 24:40].astype(float).mean(axis=(1, 2)).T
        assert len(red)
        assert (red > 1.3 * blue).all()
        face = part["crops"][true][0][16:48, 16:48, 1]
        alike = [cv2.matchTemplate(one[..., 1], face, cv2.TM_CCOEFF_NORMED).max() for one in part["crops"][~true]]
        assert max(alike) < 0.7
        assert (part["rows"][:, candidates.RULED_OUT] == 0).all()  # IGNORE is 0, as is what a reviewer rules out
        assert set(part["sources"]) == {candidates.CANVAS}
    assert len(parts) == len(numbers)
    for number, part in zip(numbers, parts, strict=True):
        assert (part["crops"] == 40 + 20 * number).all(axis=3).any()  # what is behind the faces


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_turns_with_its_photo(turns):
    pixels = np.zeros((100, 160, 3), np.uint8)
    pixels[20:30, 40:70] = 255
    turned, faces = candidates._quartered(pixels, rows(row(40, 20, 30, 10)), turns)
    assert turned.shape == ((160, 100, 3) if turns % 2 else (100, 160, 3))
    y, x = (slice(int(v.min()), int(v.max()) + 1) for v in np.nonzero(turned[..., 0]))
    assert faces[0, :4].tolist() == [x.start, y.start, x.stop - x.start, y.stop - y.start]


# calibration


def test_a_face_is_found_once_and_what_nobody_is_sure_of_counts_neither_way():
    faces = rows(row(0, 0, 20, 20), row(50, 50, 20, 20, face_labels.UNSURE))
    found = rows(row(1, 0, 20, 20), row(0, 1, 20, 20), row(50, 50, 20, 20), row(90, 90, 9, 9))
    right, counted = calibration.matched(found, faces)
    assert right.tolist() == [True, False, False, False]
    assert counted.tolist() == [True, True, False, True]


def test_the_calibration_makes_a_score_of_one_half_right_half_of_the_time():
    random = np.random.default_rng(0)
    true_one = Calibration(0.4, 1.3, -0.7)
    scores = random.uniform(0.01, 0.99, (20_000, 2)).astype(np.float32)
    true = random.random(len(scores)) < true_one(*scores.T)
    fitted = calibration.fit(calibration.Judged(scores, scores[:, 0], true, 1, 1))
    assert [fitted.proposal, fitted.verification, fitted.offset] == pytest.approx([0.4, 1.3, -0.7], abs=0.08)


# training


@pytest.fixture(scope="module")
def trained(album, tmp_path_factory) -> dict[str, Any]:
    """A detector trained on drawn faces, interrupted within the proposer."""
    pytest.importorskip("tensorflow")
    from albumsort.training.faces import fitting, shipping

    run = tmp_path_factory.mktemp("training") / "run"
    recipe = fitting.FaceRecipe(
        canvases=64,
        checked=8,
        steps_an_epoch=28,
        proposer_epochs=(5, 1),
        proposer_batch=4,
        verifier_epochs=(2, 1),
        verifier_batch=16,
        averaging=0.9,
    )
    drawn = face_photos.gather([album], None, ())

    def train(watch: Any = iter) -> Any:
        return shipping.train(drawn, SkinTeacher, "skin", recipe, run, "test", watch)

    class Stop(fitting.Scored):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt
            super().on_epoch_begin(epoch, logs)

    whole, fitting.Scored = fitting.Scored, Stop
    try:
        with pytest.raises(KeyboardInterrupt):
            train()
    finally:
        fitting.Scored = whole
    return {"run": run, "recipe": recipe, "drawn": drawn, "result": train()}


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_its_losses_fall(trained):
    lines = history(trained["run"] / "proposer-0")
    assert [line["epoch"] for line in lines] == [str(i + 1) for i in range(5)]
    assert float(lines[-1]["loss"]) < 0.6 * float(lines[0]["loss"])
    assert float(lines[-1]["validation_loss"]) < 0.7 * float(lines[0]["validation_loss"])
    (later,) = history(trained["run"] / "proposer-1")
    assert float(later["loss"]) < float(lines[1]["loss"])  # it began with what the first cycle left
    assert len(history(trained["run"] / "verifier-1")) == 1


@pytest.mark.slow
def test_the_detector_that_was_trained_finds_a_drawn_face(trained, tmp_path, monkeypatch):
    from albumsort.faces import detector as faces
    from albumsort.networks import weights
    from albumsort.training.faces import shipping

    (tmp_path / "manifest.json").write_text('{"networks": {}}')
    shipping.install(trained["run"], tmp_path)
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    weights.manifest.cache_clear()
    try:
        detector = faces.load_detector(floor=0.1)
    finally:
        weights.manifest.cache_clear()
    pixels = np.ascontiguousarray(np.asarray(landscape(320, 240))[:, :, ::-1])
    expected = paint_face(pixels, 130, 60, 60)
    best = detector.detect(pixels)[0]
    found = rows(row(best.box.x, best.box.y, best.box.w, best.box.h))
    assert face_rows.overlaps(found, expected[None])[0, 0] > 0.5


@pytest.mark.slow
def test_a_run_is_evaluated_instead_of_what_ships(trained, tmp_path):
    pixels = np.ascontiguousarray(np.asarray(landscape(320, 240))[:, :, ::-1])
    expected = paint_face(pixels, 130, 60, 60)
    cv2.imwrite(str(tmp_path / "drawn.png"), pixels)
    known = [{"file": "drawn.png", "set": "drawn", "boxes": [[float(v) for v in expected[:4]]]}]
    (tmp_path / "boxes.json").write_text(json.dumps(known))

    def evaluated(*options: Any) -> Any:
        arguments = ["model", "evaluate", "--network", "faces", "--boxes", tmp_path, *options]
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def recall(run: Path) -> str:
        (line,) = [line for line in evaluated("--run", run).stdout.splitlines() if line.startswith("drawn")]
        return line

    assert "1.000" in recall(trained["run"])
    blind = tmp_path / "blind"
    shutil.copytree(trained["run"], blind)
    entries = json.loads((blind / "entries.json").read_text())
    entries["face_verifier"]["calibration"][2] = -30.0
    (blind / "entries.json").write_text(json.dumps(entries))
    assert "0.000 [0.000" in recall(blind)
    (tmp_path / "unfinished").mkdir()
    refused = evaluated("--run", tmp_path / "unfinished")
    assert (refused.exit_code, "holds no finished face detector" in refused.stderr) == (1, True)


@pytest.mark.slow
def test_the_proposer_in_integers_answers_nearly_as_the_one_that_was_trained(trained):
    from albumsort.faces import proposer as face_proposer
    from albumsort.networks.litert import Network
    from albumsort.training.faces import fitting, networks

    network = Network((trained["run"] / "face_proposer.tflite").read_bytes())
    learnt = fitting.averaged("proposer", trained["run"] / "proposer-1")
    pixels = np.ascontiguousarray(np.asarray(landscape(300, 200))[:, :, ::-1])
    paint_face(pixels, 130, 60, 60)
    given = face_proposer.proposer_input(pixels, networks.NEIGHBOURS)
    assert given.shape == (1, 224, 80, 12)
    assert np.array_equal(given[0, :200, :75].reshape(200, 300, 3) + np.int16(128), pixels)
    ours, expected = network(given)[0], np.asarray(learnt(given + np.float32(128)))[0]
    assert ours.shape == (28, 40, 5)
    for part in (slice(0, 1), slice(1, 3), slice(3, 5)):
        a, b = ours[..., part], expected[..., part]
        assert np.abs(a - b).mean() < 0.15 * b.std(), part


@pytest.mark.slow
def test_a_run_belongs_to_its_recipe_its_photos_and_its_teacher(trained):
    from albumsort.training.faces import shipping

    other = replace(trained["recipe"], seed=1)
    with pytest.raises(UsageError, match="another recipe"):
        shipping.train(trained["drawn"], SkinTeacher, "skin", other, trained["run"], "test", iter)
    with pytest.raises(UsageError, match="other photos or another teacher"):
        shipping.train(trained["drawn"], SkinTeacher, "eyes", trained["recipe"], trained["run"], "test", iter)


@pytest.mark.slow
def test_the_verifier_learns_on_from_a_finished_one_and_from_what_a_reviewer_ruled_out(trained, tmp_path):
    from albumsort.networks.litert import Network
    from albumsort.training.faces import fitting, shipping, verifier
    from albumsort.training.faces.verifier import Candidates

    start = shipping.Start.read(str(trained["run"]))
    labels = face_photos.read(trained["run"] / "labels")
    groups = [p for p in labels if p.split is Split.TRAINING and len(p.sure) > 1]
    lines = [f"{p.name},other,{','.join(f'{v:.0f}' for v in face[:4])}" for p in groups for face in p.sure[1:]]
    recipe = replace(trained["recipe"], proposer_epochs=(), verifier_epochs=(2,), steps_an_epoch=40)
    run = tmp_path / "run"
    shutil.copytree(trained["run"] / "labels", run / "labels")

    def train(recipe: Any, lines: list[str], start: Any = start) -> Any:
        reviewed = review(tmp_path, *lines)
        return shipping.train(trained["drawn"], SkinTeacher, "skin", recipe, run, "on", iter, reviewed, start)

    with pytest.raises(UsageError, match="no epochs for the proposer"):
        train(recipe, lines, None)
    with pytest.raises(UsageError, match="no round for the verifier"):
        train(replace(recipe, verifier_epochs=()), lines)
    with pytest.raises(UsageError, match="no verdict"):
        train(recipe, ["a.jpg,cat,,,,"])
    with pytest.raises(UsageError, match=r"speaks of a\.jpg: no photos"):
        train(recipe, ["a.jpg,empty,,,,"])
    assert not (run / "recipe.json").exists()
    made = train(recipe, lines)
    assert made.proposer.read_bytes() == start.proposer
    assert made.entries["face_proposer"]["command"] == "test"
    assert made.entries["face_verifier"]["command"] == "on"
    assert set(made.entries["face_verifier"]["inputs"]) == {"method", "photos", "names", "teacher", "reviewed", "start"}
    assert "corrected by a reviewer" in made.entries["face_verifier"]["data"]
    with pytest.raises(UsageError, match="review or start"):
        train(recipe, lines[1:])

    learnt = Candidates(shards.read(run / "candidates-0"))
    assert learnt.true.sum() > 50
    assert (learnt.rows[:, candidates.RULED_OUT] > 0).sum() > 50
    same = fitting.taken("verifier", start.verifier, verifier.some(learnt, 200))
    crops = np.stack([learnt.crop(i)[8:56, 8:56] for i in range(0, len(learnt), 7)]).astype(np.float32)
    ours, theirs = np.asarray(same(crops, training=False)), Network(start.verifier)(crops)
    assert 1 / (1 + np.exp(-ours[:, 0])) == pytest.approx(theirs[:, 0], abs=0.1)
    assert ours[:, 1:] == pytest.approx(theirs[:, 1:], abs=0.1)


@pytest.mark.slow
def test_the_proposer_of_a_file_answers_as_the_file_does(trained):
    from albumsort.networks.litert import Network
    from albumsort.training.common.layers import BatchNorm
    from albumsort.training.faces import conversion, fitting, shipping
    from albumsort.training.faces import proposer as face_proposing

    model, random = fitting.averaged("proposer", trained["run"] / "proposer-1"), np.random.default_rng(0)
    for layer in model.layers:  # a block begins by adding nothing, and after so few steps still adds little
        if isinstance(layer, BatchNorm) and np.abs(np.array(layer.gamma)).max() < 0.5:
            layer.gamma.assign(random.uniform(0.3, 1, layer.gamma.shape))
    content = conversion.proposer_to_litert(model, shipping.shown(trained["run"] / "labels", 0))
    pixels, _ = face_proposing.Batches(shards.read(trained["run"] / "canvases"), 16, 1, 0)[0]
    taken = np.asarray(fitting.taken("proposer", content, pixels)(pixels.astype(np.float32), training=False))
    network = Network(content)
    given = np.concatenate([network((one ^ 128).view(np.int8)[None]) for one in pixels])
    for i in range(given.shape[-1]):  # without what the blocks add it is .64; how much that is depends on the processor
        assert np.corrcoef(taken[..., i].ravel(), given[..., i].ravel())[0, 1] > 0.7, i


@pytest.mark.slow
def test_a_deeper_verifier_begins_with_the_answers_of_the_file(monkeypatch):
    pytest.importorskip("tensorflow")
    from albumsort.networks.litert import Network
    from albumsort.training.faces import conversion, fitting, networks

    random = np.random.default_rng(0)
    monkeypatch.setattr(networks, "VERIFIER_BLOCKS", (1, 1))
    shallow = networks.verifier()
    for weight in shallow.trainable_variables:
        if not np.array(weight).any():  # what begins with 0: scales of blocks, offsets, answers
            weight.assign(random.normal(0, 0.3, weight.shape))
    content = conversion.verifier_to_litert(shallow)
    monkeypatch.undo()
    crops = random.integers(0, 256, (50, 48, 48, 3)).astype(np.uint8)
    deeper = fitting.taken("verifier", content, crops)
    assert deeper.count_params() > shallow.count_params()
    given, expected = (Network(c)(crops.astype(np.float32)) for c in (conversion.verifier_to_litert(deeper), content))
    assert np.ptp(expected[:, 1:], axis=0).min() > 1.5
    assert given == pytest.approx(expected, abs=0.1)  # of integers of 8 bits


@pytest.mark.slow
def test_another_network_is_no_start(trained):
    from albumsort.errors import AlbumsortError
    from albumsort.training.faces import fitting

    crops = np.zeros((4, 48, 48, 3), np.uint8)
    for content in ((trained["run"] / "face_proposer.tflite").read_bytes(), weights.load("emotion")[0]):
        with pytest.raises(AlbumsortError, match="it is another network"):
            fitting.taken("verifier", content, crops)


@pytest.mark.slow
def test_the_entries_tell_what_the_networks_were_made_of(trained):
    entries = trained["result"].entries
    assert set(entries) == {"face_proposer", "face_verifier"}
    assert len(entries["face_verifier"]["calibration"]) == 3
    assert entries["face_proposer"]["data"].endswith("by skin")
    assert sum((trained["run"] / entry["file"]).stat().st_size for entry in entries.values()) < 1_500_000
    assert {path.name for path in (trained["run"] / "report").iterdir()} >= {"curves.png", "reliability.png"}


# the command


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--network", "cats"], "No such command 'cats'"),
        (["faces"], "Missing option '--photos'"),
        (["faces", "--photos", "."], "Missing option '--teacher'"),
        (["faces", "--photos", ".", "--teacher", "none.onnx"], "none.onnx: no such file"),
        (["--network", "faces", "--photos", ".", "--epochs", "2"], "No such option: --epochs"),
        (
            ["--network=faces", "--photos", ".", "--teacher", __file__, "--reviewed", "none.csv"],
            "none.csv: no such file of verdicts",
        ),
        (["emotion", "--data", "x.csv", "--photos", "."], "No such option: --photos"),
        (["--data", "x.csv", "--reviewed", "x.csv"], "--judged and --reviewed are learnt beside natural faces"),
        (["emotion"], "Missing option '--data'"),
    ],
)
def test_the_command_says_what_it_needs(options, reason, tmp_path):
    pytest.importorskip("tensorflow")
    done = CliRunner().invoke(app, ["model", "train", *options, "--run", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert reason in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_finished_detector_is_no_start(tmp_path):
    pytest.importorskip("tensorflow")
    photo(tmp_path, "party.png", 1, np.random.default_rng(0))
    options = ["--photos", tmp_path, "--teacher", __file__, "--start", tmp_path, "--run", tmp_path / "run"]
    done = CliRunner().invoke(app, ["model", "train", "--network", "faces", *(str(option) for option in options)])
    assert done.exit_code == 1
    assert f"{tmp_path} holds no finished face detector" in done.stderr
    assert not (tmp_path / "run").exists()
