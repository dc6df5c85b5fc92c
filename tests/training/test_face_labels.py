"""Training data of a detector: rows, labels, photos, reviews, shards."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from face_runs import SKIN, SkinTeacher, paint_face, photo, review, row, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.errors import UsageError
from albumsort.faces import rows as face_rows
from albumsort.faces.resize import Pixels
from albumsort.faces.rows import SCORE
from albumsort.training.common import shards
from albumsort.training.faces import canvases as face_canvases
from albumsort.training.faces import labels as face_labels
from albumsort.training.faces import photos as face_photos
from albumsort.training.faces import reviews as face_reviews
from albumsort.training.faces.photos import Split

# rows


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 500, width=32), min_size=4, max_size=4), st.floats(600, 900, width=32))
def test_mirroring_twice_restores_a_face_and_keeps_its_eyes_in_order(box, width):
    face = rows(row(*box))
    once = face_rows.mirrored(face, width)
    assert once[0, 4] <= once[0, 6] + 1e-3
    assert np.allclose(face_rows.mirrored(once, width), face, atol=1e-3)


def test_overlap_is_intersection_over_union_of_every_pair():
    shared = face_rows.overlaps(rows(row(0, 0, 10, 10)), rows(row(0, 0, 10, 10), row(5, 0, 10, 10), row(20, 0, 5, 5)))
    assert shared[0].tolist() == pytest.approx([1, 1 / 3, 0])


def test_a_face_cut_by_a_window_keeps_its_visible_part_and_its_share():
    cut, share = face_rows.clipped(rows(row(-5, 0, 10, 10)), 0, 0, 100, 100)
    assert cut[0, :4].tolist() == [0, 0, 5, 10]
    assert share.tolist() == pytest.approx([0.5])


# labels


def test_detections_of_several_views_are_merged_into_one_face():
    pixels = np.full((200, 300, 3), 90, np.uint8)
    expected = paint_face(pixels, 60, 50, 80)
    found = face_labels.label(SkinTeacher(), pixels)
    assert len(found) == 1
    assert found[0, :14] == pytest.approx(expected[:14], abs=3)
    assert found[0, SCORE] == pytest.approx(0.9, abs=0.01)


def test_a_detection_of_one_view_alone_is_unsure():
    pixels = np.zeros((100, 100, 3), np.uint8)

    def once(view: Pixels) -> np.ndarray:
        return rows(row(10, 10, 30, 30, 0.8)) if view.shape == (150, 150, 3) else face_rows.none()

    found = face_labels.label(once, pixels)
    assert face_labels.UNSURE <= found[0, SCORE] < face_labels.FACE


def test_annotated_boxes_are_replaced_by_the_teachers_boxes_where_it_detects_them():
    seen = rows(row(12, 10, 30, 34, 0.6), row(200, 200, 20, 20, 0.4))
    boxes = np.array([[10, 10, 30, 30], [100, 100, 30, 30]], np.float32)
    known = face_labels.with_boxes(seen, boxes)
    assert known[:, SCORE].tolist() == pytest.approx([1, 1, 0.4])
    assert known[0, :4].tolist() == [12, 10, 30, 34]
    assert known[1, :4].tolist() == [100, 100, 30, 30]
    assert face_labels.has_landmarks(known).tolist() == [True, False, True]


def test_a_file_that_is_no_detector_is_refused_by_name(tmp_path):
    (tmp_path / "teacher.onnx").write_bytes(b"no network")
    with pytest.raises(UsageError, match=r"teacher\.onnx is no model for OpenCV's FaceDetectorYN"):
        face_labels.OpenCvTeacher(tmp_path / "teacher.onnx")


# photos


def test_every_readable_photo_is_labelled_in_its_own_pixels(labels):
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


def test_a_photo_of_people_without_a_detection_is_not_a_negative(tmp_path):
    random = np.random.default_rng(1)
    for i in range(6):
        photo(tmp_path, f"party-{i}.png", int(i > 0), random)
    face_photos.label_all(face_photos.gather([tmp_path], None, ()), SkinTeacher, tmp_path / "labels")
    assert {p.name: p.split for p in face_photos.read(tmp_path / "labels")}["party-0.png"] is Split.UNUSED


def test_only_boxes_of_the_named_sets_are_used(tmp_path):
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


def test_a_reviewer_overrules_the_teacher_and_adds_missed_faces(tmp_path):
    lines = "a.jpg,face,0,0,40,40", "a.jpg,other,101,100,40,40", "a.jpg,unsure,200,0,40,40", "a.jpg,face,300,0,40,40"
    reviews = face_reviews.read(review(tmp_path, *lines, "b.jpg,empty,,,,"))
    assert (reviews["a.jpg"].empty, reviews["b.jpg"].empty) == (False, True)
    seen = rows(row(0, 0, 40, 40, 0.4), row(100, 100, 40, 40, 0.9), row(200, 0, 40, 40, 0.8), row(0, 200, 40, 40, 0.7))
    corrected = reviews["a.jpg"].correct(seen)
    assert corrected[:, SCORE].tolist() == pytest.approx([1, 0, face_labels.UNSURE, 0.7, 1])
    assert np.array_equal(corrected[:4, :SCORE], seen[:, :SCORE])  # boxes and landmarks are still the teacher's
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
        ("photo,verdict,x,y,w,h\na.jpg,cat,1,2,3,4\n", "line 2 is no verdict: a.jpg,cat"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,,4\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,3\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\n\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,3,4,5\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,0,4\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,1,2,nan,4\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,face,-1,2,inf,4\n", "line 2 is no verdict"),
        ("photo,verdict,x,y,w,h\na.jpg,empty,,,,\na.jpg,face,1,2,3,4\n", "a.jpg has the verdict empty and verdicts on"),
        (b"photo,verdict,x,y,w,h\n\xff\xfe\n", "not a CSV in UTF-8"),
        ("photo,verdict,x,y,w,h\n" + "x" * 200_000, "not a CSV in UTF-8"),
    ],
)
def test_an_invalid_review_is_refused_by_name_and_line(content, reason, tmp_path):
    path = tmp_path / "verdicts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=reason) as refused:
        face_reviews.read(path)
    assert str(path) in str(refused.value)


def test_a_table_saved_by_a_spreadsheet_is_a_valid_review(tmp_path):
    path = tmp_path / "verdicts.csv"
    path.write_bytes("\ufeffphoto,verdict,x,y,w,h\r\nü.jpg,face,-1,2.5,3,4\r\n".encode())
    (one,) = face_reviews.read(path).items()
    assert (one[0], one[1].judged[0, :4].tolist()) == ("ü.jpg", [-1, 2.5, 3, 4])


def test_a_review_changes_labels_but_not_the_split(labels, tmp_path):
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


def test_photos_of_people_are_used_if_a_face_or_certainly_none_was_seen(tmp_path):
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


def test_canvases_include_places_that_a_reviewer_ruled_out(labels):
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
    """Work that fails from a number onwards."""

    def __init__(self, first_bad: int) -> None:
        self.first_bad = first_bad

    def __call__(self, number: int) -> shards.Arrays:
        if number >= self.first_bad:
            raise ValueError(number)
        return {"square": np.array([number**2])}


def test_an_interrupted_stage_resumes_with_the_missing_part(tmp_path):
    with pytest.raises(ValueError, match=r"^[34]$"):
        shards.make(tmp_path, range(5), Squares(3), "squares")
    assert len(shards.read(tmp_path)) >= 1
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("0*/square.npy")}
    shards.make(tmp_path, range(5), Squares(9), "squares")
    assert [part["square"].item() for part in shards.read(tmp_path)] == [0, 1, 4, 9, 16]
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
