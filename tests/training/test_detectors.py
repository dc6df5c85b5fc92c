"""Evaluating face detectors: matching, curves, figures, OpenCV's models, and the report."""

from __future__ import annotations

import csv
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers import ASTRONAUT_FACE, LANDMARKS, astronaut, encoded, landscape
from hypothesis import given
from hypothesis import strategies as st
from onnx_files import BRIGHT, POINTS, bright_cells
from PIL import Image
from typer.testing import CliRunner
from typer.testing import Result as Done

from albumsort.cli.app import app
from albumsort.errors import AlbumsortError, UsageError
from albumsort.training.common import page
from albumsort.training.detectors import figures as detector_figures
from albumsort.training.detectors import judging, matching, report, sheets, tables
from albumsort.training.detectors import photos as detector_photos
from albumsort.training.detectors.judging import Entrant, Result
from albumsort.training.detectors.matching import FALSE, IGNORED, Found, Judged
from albumsort.training.detectors.opencv import OpenCVDetector
from albumsort.training.detectors.photos import Labelled
from albumsort.types import Box, Detection


def seen(box: Box, score: float) -> Detection:
    return Detection(box, LANDMARKS, score)


def judged(boxes: list[tuple[Box, float]], faces: list[Box], ignored: list[Box] = [], name: str = "set") -> Judged:  # noqa: B006
    photo = Labelled(Path("photo.jpg"), name, tuple(faces), tuple(ignored))
    return matching.judge(photo, [seen(box, score) for box, score in sorted(boxes, key=lambda b: -b[1])])


# matching


def test_each_face_is_found_once_and_the_second_detection_is_false() -> None:
    face, far = Box(10, 10, 20, 20), Box(100, 100, 20, 20)
    verdicts = matching.match([Box(11, 10, 20, 20), Box(9, 9, 20, 20), far], [face], [far])
    assert verdicts == [0, FALSE, IGNORED]


def test_a_missed_face_lowers_recall_only() -> None:
    counts = judged([], [Box(0, 0, 9, 9)]).at(0.5)
    assert (counts.recall, counts.false) == (0.0, 0)


def test_a_detection_takes_the_face_it_overlaps_most() -> None:
    beside, on = Box(6, 0, 20, 20), Box(0, 0, 20, 20)
    assert matching.match([Box(1, 0, 20, 20)], [beside, on], []) == [1]


def test_boxes_of_a_smaller_decoded_photo_are_judged_at_full_size() -> None:
    photo = Labelled(Path("large.jpg"), "set", (Box(40, 40, 80, 80),))
    one = matching.judge(photo, [seen(Box(10, 10, 20, 20), 0.9)], scale=4)
    assert one.verdicts == (0,)
    assert one.detections[0].box == Box(40, 40, 80, 80)
    assert one.detections[0].landmarks[0] == (LANDMARKS[0][0] * 4, LANDMARKS[0][1] * 4)


# curves and figures

boxes = st.builds(Box, *[st.integers(0, 60).map(float)] * 2, *[st.integers(4, 40).map(float)] * 2)
photos = st.builds(
    judged,
    st.lists(st.tuples(boxes, st.floats(0.05, 1.0)), max_size=8),
    st.lists(boxes, max_size=5),
    st.lists(boxes, max_size=2),
    st.sampled_from(["a", "b", "all"]),
)


@given(st.lists(photos, min_size=1, max_size=6))
def test_recall_and_false_detections_only_rise_as_the_score_falls(many: list[Judged]) -> None:
    curve = detector_figures.curve_of(many)
    assert (np.diff(curve.score) < 0).all()
    assert (np.diff(curve.false) >= 0).all()
    assert ((curve.precision >= 0) & (curve.precision <= 1)).all()
    if any(j.photo.faces for j in many):
        assert (np.diff(curve.recall) >= 0).all()
        assert ((curve.recall >= 0) & (curve.recall <= 1)).all()


@given(st.lists(photos, min_size=1, max_size=6), st.floats(0, 1))
def test_a_point_of_the_curve_is_what_a_detector_with_that_threshold_would_have_done(
    many: list[Judged], threshold: float
) -> None:
    def with_threshold(j: Judged) -> Judged:
        return matching.judge(j.photo, [d for d in j.detections if d.score >= threshold])

    alone = sum((with_threshold(j).at(0.0) for j in many), Found())
    assert alone == sum((j.at(threshold) for j in many), Found())
    curve = detector_figures.curve_of(many)
    there = curve.score >= threshold
    assert (curve.false[there][-1] if there.any() else 0) == alone.false
    if alone.faces:
        assert (curve.recall[there][-1] if there.any() else 0) == pytest.approx(alone.recall)


@given(st.lists(photos, min_size=1, max_size=8))
def test_every_photo_is_in_its_set_and_once_in_all_whatever_the_sets_are_called(many: list[Judged]) -> None:
    groups = detector_figures.groups(many)
    assert groups["all"] == many
    assert len(groups.get("with faces", [])) + len(groups.get("without a face", [])) == len(many)
    assert all(len(groups[name]) == sum(j.photo.set == name for j in many) for name in ("a", "b") if name in groups)


@given(st.lists(photos, min_size=1, max_size=6), st.floats(0, 1))
def test_sizes_and_bins_of_the_score_add_up_to_the_whole(many: list[Judged], threshold: float) -> None:
    total = sum((j.at(threshold) for j in many), Found())
    sizes = detector_figures.by_size(many, threshold)
    assert sum(there for *_, there, _ in sizes) == total.faces
    assert sum(found for *_, found in sizes) == total.found
    all_of_them = sum((j.at(0.0) for j in many), Found())
    bins = detector_figures.reliability(many)
    assert sum(there for *_, there, _ in bins) == all_of_them.found + all_of_them.false
    assert sum(right for *_, right in bins) == all_of_them.found


def test_the_figures_carry_counts_intervals_and_the_overlap_of_what_was_found() -> None:
    face = Box(0, 0, 10, 10)
    good, bad = judged([(face, 0.9)], [face]), judged([(Box(50, 50, 10, 10), 0.6)], [face])
    figures = detector_figures.figures([good, bad] * 20, 0.5)
    assert figures.counts == Found(40, 40, 20, 20)
    assert figures.recall.low < figures.recall.value == 0.5 < figures.recall.high
    assert figures.false.low < figures.false.value == 50 < figures.false.high
    assert figures.overlap == 1.0
    surer = detector_figures.figures([good, bad] * 20, 0.7)
    assert (surer.counts.found, surer.counts.false, surer.false.high) == (20, 0, 0)


def test_without_faces_there_is_no_recall_but_there_are_false_detections() -> None:
    figures = detector_figures.figures([judged([(Box(0, 0, 9, 9), 0.8)], [])] * 3, 0.5)
    assert np.isnan([figures.recall.value, figures.recall.low, figures.overlap]).all()
    assert figures.false.value == 100


def test_another_detector_is_compared_at_an_equal_number_of_false_detections(tmp_path: Path) -> None:
    (tmp_path / "bright.onnx").write_bytes(bright_cells())
    cells = Image.new("L", (256, 64))
    for i, grey in enumerate((255, 200, 150, 100)):  # four "faces" for OpenCV, of falling score; none for ours
        cells.paste(grey, (64 * i, 0, 64 * i + BRIGHT, BRIGHT))
    cells.convert("RGB").save(tmp_path / "cells.png")
    faces = (Box(0, 0, BRIGHT, BRIGHT), Box(64, 0, BRIGHT, BRIGHT))
    photo = Labelled(tmp_path / "cells.png", "drawn", faces)
    (ours, theirs), failed = judging.run(judging.entrants([tmp_path / "bright.onnx"]), [photo])
    assert not failed
    assert ours.judged[0].detections == ()
    assert ours.level is None
    assert theirs.level == pytest.approx((200 / 255) ** 0.5, abs=0.01)
    assert theirs.judged[0].at(theirs.level) == Found(1, 2, 2, 0)


def test_landmarks_are_compared_in_box_sides_on_faces_that_both_detected() -> None:
    face, other = Box(0, 0, 40, 20), Box(100, 0, 40, 20)
    photo = Labelled(Path("photo.jpg"), "set", (face, other))
    moved = tuple((x + 3, y + 4) for x, y in LANDMARKS)
    ours = matching.judge(photo, [seen(face, 0.9), seen(other, 0.8)])
    theirs = matching.judge(photo, [Detection(face, moved, 0.7), Detection(other, moved, 0.4)])
    assert detector_figures.landmark_errors([ours], [theirs], 0.5).tolist() == pytest.approx([5 / 40])


# reading listings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON"),
        ('{"file": "a.jpg"}', "no list of photos"),
        ('[{"file": "a.jpg", "set": "s", "boxes": []}, 7]', "entry 2 does not have the form"),
        ('[{"file": "a.jpg", "boxes": []}]', "entry 1 does not have the form"),
        ('[{"file": "a.jpg", "set": "s", "boxes": [[1, 2, 3]]}]', "entry 1 does not have the form"),
        ('[{"file": 5, "set": "s", "boxes": []}]', "entry 1 does not have the form"),
        ('[{"file": "a.jpg", "set": "s", "boxes": [[1, 2, 3, "wide"]]}]', "entry 1 does not have the form"),
    ],
)
def test_a_listing_of_another_form_is_refused_with_the_entry(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "boxes.json").write_text(content)
    with pytest.raises(UsageError, match=said):
        detector_photos.labelled(tmp_path)


def test_ignored_faces_may_be_left_out_of_the_listing(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text('[{"file": "a.jpg", "set": "s", "boxes": [[1, 2, 3, 4]]}]')
    assert detector_photos.labelled(tmp_path) == [Labelled(tmp_path / "a.jpg", "s", (Box(1, 2, 3, 4),))]


# OpenCV's models


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "modèle.onnx"
    path.write_bytes(bright_cells())
    return path


def test_opencvs_detector_returns_our_detections(model: Path) -> None:
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[64:96, 128:160], pixels[128:160, 0:32], pixels[32:64, 32:64] = 255, 128, 1
    first, second, third = OpenCVDetector(model, 0.05).detect(pixels)
    assert first.box == Box(128, 64, 32, 32)
    assert first.landmarks == tuple((128 + 32 * x, 64 + 32 * y) for x, y in POINTS)
    assert [d.score for d in (first, second, third)] == pytest.approx([1, (128 / 255) ** 0.5, 255**-0.5], abs=0.01)
    assert len(OpenCVDetector(model, 0.5).detect(pixels)) == 2


def test_opencvs_detector_shrinks_a_large_photo_and_returns_full_size_boxes(model: Path) -> None:
    pixels = np.zeros((640, 5120, 3), np.uint8)
    pixels[128:256, 256:384] = 255
    (found,) = OpenCVDetector(model, 0.5).detect(pixels)
    assert found.box == Box(256, 128, 128, 128)
    assert found.landmarks[0] == (256 + 32, 128 + 32)


@pytest.mark.parametrize("content", [b"", b"no model", bright_cells()[:5000]], ids=["empty", "text", "cut"])
def test_a_file_that_is_not_a_model_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(AlbumsortError, match=r"broken\.onnx is no model"):
        OpenCVDetector(path, 0.5)


def test_a_network_that_finds_no_faces_is_refused_as_well(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(bright_cells().replace(b"cls_32", b"other_"))
    with pytest.raises(AlbumsortError, match=r"other\.onnx is no model"):
        OpenCVDetector(path, 0.5)


# the command and its report


def evaluate(*options: str | Path) -> Done:
    """Run the command in this process; a warning or an unexpected exception fails the test."""
    done = CliRunner().invoke(app, ["model", "evaluate", "--network", "faces", *map(str, options)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


EVIL = "<script>alert('$x_{')&\"\u202e"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command's report; the photos, the model and a set have hostile names."""
    folder = tmp_path_factory.mktemp("reported")
    boxes, empty = folder / "boxes", folder / "no <b>faces"
    boxes.mkdir()
    empty.mkdir()
    portrait = "p" * 40 + "&.jpg" if os.name == "nt" else "<script>alert(1)&" + "p" * 40 + ".jpg"
    (boxes / portrait).write_bytes(encoded(astronaut()))
    (boxes / "missed.jpg").write_bytes(encoded(landscape()))
    (boxes / "broken.jpg").write_bytes(encoded(astronaut(200))[:3000])
    (empty / "hill.jpg").write_bytes(encoded(landscape()))
    cells = Image.new("RGB", (96, 96))
    cells.paste((255, 255, 255), (32, 32, 64, 64))
    cells.save(empty / "cell.png")
    face = [ASTRONAUT_FACE.x, ASTRONAUT_FACE.y, ASTRONAUT_FACE.w, ASTRONAUT_FACE.h]
    entries = [
        {"file": portrait, "set": EVIL, "boxes": [face], "ignore": []},
        {"file": "missed.jpg", "set": "drawn", "boxes": [[100, 100, 40, 50]], "ignore": [[0, 0, 20, 20]]},
        {"file": "broken.jpg", "set": "drawn", "boxes": []},
    ]
    (boxes / "boxes.json").write_text(json.dumps(entries))
    model = folder / "<i>bright.onnx"
    model.write_bytes(bright_cells())
    done = evaluate("--boxes", boxes, "--no-faces", empty, "--against", model, "--report", folder / "report")
    (folder / "stdout").write_text(done.stdout, encoding="utf-8")
    (folder / "stderr").write_text(done.stderr, encoding="utf-8")
    (folder / "code").write_text(str(done.exit_code))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows refuses such names itself")


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_judged(reported: Path) -> None:
    assert (reported / "code").read_text() == "1", (reported / "stderr").read_text()
    said = (reported / "stderr").read_text(encoding="utf-8")
    assert f"failed: {reported / 'boxes' / 'broken.jpg'}" in said
    assert "Traceback" not in said
    shown = (reported / "stdout").read_text(encoding="utf-8")
    assert "alert" in shown
    assert "\u202e" not in shown


def test_the_figures_are_those_of_the_photos(reported: Path) -> None:
    figures = {(r["set"], r["detector"], r["score"]): r for r in rows_of(reported / "report" / "figures.csv")}
    ours, theirs = figures["all", "albumsort", "0.5"], figures["without a face", "<i>bright", "0.7"]
    assert [ours[name] for name in ("photos", "faces", "found", "false", "recall")] == ["4", "2", "1", "0", "0.5"]
    assert float(ours["mean_overlap"]) > 0.7
    assert [theirs[name] for name in ("photos", "faces", "recall")] == ["2", "0", ""]
    assert int(theirs["false"]) >= 1
    assert float(theirs["false_per_100_photos"]) == 50 * int(theirs["false"])
    assert figures["no <b>faces", "albumsort", "0.5"]["photos"] == "2"


def test_every_file_of_the_report_exists_and_is_readable(reported: Path) -> None:
    folder = reported / "report"
    text = (folder / "report.html").read_text(encoding="utf-8")
    shown = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {"curve.png", "sets.png", "scores.png", "sizes.png", "reliability.png", "missed-1-1.png"} <= set(shown)
    assert {"false-2-1.png", "figures.csv", "sizes.csv", "times.csv", "landmarks.csv"} <= set(shown)
    assert all(f"{name}.csv" in text for name in ("curve", "reliability", "detections", "faces"))
    for name in shown:
        if name.endswith(".png"):
            with Image.open(folder / name) as picture:
                assert np.asarray(picture.convert("L")).std() > 5, name
        else:
            assert rows_of(folder / name) or name == "landmarks.csv", name


def test_every_face_and_detection_is_listed_with_its_result(reported: Path) -> None:
    folder = reported / "report"
    portrait, missed = rows_of(folder / "faces.csv")
    assert float(portrait["albumsort"]) > 0.9
    assert missed["albumsort"] == ""
    of_us = [r for r in rows_of(folder / "detections.csv") if r["detector"] == "albumsort" and float(r["score"]) > 0.5]
    assert [(r["file"], r["verdict"]) for r in of_us] == [(portrait["file"], "face 0")]
    assert Path(portrait["file"]).is_file()


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


def test_no_name_becomes_part_of_the_page(reported: Path) -> None:
    text = (reported / "report" / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert" in text
    assert Elements(text).tags <= {"meta", "title", "style", "h1", "h2", "p", "a", "img", "table", "tr", "th", "td"}
    assert "\u202e" not in text


@given(st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_no_text_of_any_kind_becomes_part_of_a_page(tmp_path_factory, title: str, cells: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "page.html"
    page.write(path, title, [page.Table(title, cells, [cells], title, title), page.Picture(title, title)], title)
    allowed = {"meta", "title", "style", "h1", "h2", "p", "a", "img", "table", "tr", "th", "td"}
    assert Elements(path.read_text(encoding="utf-8")).tags <= allowed


def test_photos_without_faces_can_be_evaluated_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "hill.jpg").write_bytes(encoded(landscape()))
    done = evaluate("--no-faces", tmp_path / "empty", "--report", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("without a face"))
    assert re.match(r"without a face +albumsort +0\.50 +1 +0 +- +0 +0\.0 ", line)
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "--boxes DIR"),
        (["--boxes", "."], 2, "has no boxes.json"),
        (["--no-faces", "gone"], 1, "gone"),
        (["--no-faces", "photos", "--against", "gone.onnx"], 1, "gone.onnx: No such file"),
        (["--no-faces", "photos", "--against", "text.onnx"], 1, "text.onnx is no model"),
        (["--no-faces", "photos", "--report", "text.onnx"], 1, "File exists: text.onnx"),
        (["--no-faces", "nothing"], 1, "no photo could be read"),
    ],
    ids=str,
)
def test_errors_are_printed_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "nothing"):
        (tmp_path / name).mkdir()
    (tmp_path / "photos" / "hill.jpg").write_bytes(encoded(landscape(60, 40)))
    (tmp_path / "text.onnx").write_text("no model")
    done = evaluate(*options)
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


# contact sheets


def test_the_largest_misses_and_most_confident_false_faces_come_first() -> None:
    small, large, found = Box(0, 0, 10, 12), Box(40, 0, 30, 30), Box(100, 0, 20, 20)
    one = judged([(found, 0.9), (small, 0.3), (Box(0, 90, 9, 9), 0.6), (Box(60, 90, 9, 9), 0.8)], [small, large, found])
    missed = sheets.misses([one], 0.5)
    assert [(t.centre, t.caption) for t in missed] == [(large, "30 px, no score"), (small, "12 px, score 0.30")]
    assert [t.caption for t in sheets.false_faces([one], 0.5)] == ["9 px, 0.80", "9 px, 0.60"]


def test_sheets_have_a_fixed_number_of_tiles_and_any_face_fits(tmp_path: Path) -> None:
    photo = tmp_path / ("n" * 100 + ".png")
    astronaut().save(photo)
    places = [Box(-20, -20, 50, 50), Box(500, 500, 40, 40), Box(0, 0, 512, 512), Box(100, 100, 1, 1)]
    tiles = [sheets.Tile(photo, box, (box,), (), "?") for box in places] * 15
    files = sheets.write(tmp_path, "all", tiles)
    assert files == ["all-1.png", "all-2.png"]
    with Image.open(tmp_path / "all-1.png") as full, Image.open(tmp_path / "all-2.png") as rest:
        assert full.width == rest.width == sheets.COLUMNS * sheets.TILE
        assert full.height == 3 * rest.height
    assert sheets.write(tmp_path, "none", []) == []


def test_a_report_without_any_detection_is_drawn(tmp_path: Path) -> None:
    class Blind:
        def detect(self, pixels: object) -> list[Detection]:
            return []

    landscape(64, 48).save(tmp_path / "hill.png")
    photo = Labelled(tmp_path / "hill.png", "drawn", (Box(5, 5, 20, 20),))
    result = Result(Entrant("blind", Blind(), (0.5,)), (matching.judge(photo, []),))
    shown = report.write(tmp_path / "report", [result], tables.rows([result]), [])
    assert "1 of 1 missed by blind" in shown.read_text()
