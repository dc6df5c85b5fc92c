"""Canvases and candidates."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from face_runs import SkinTeacher, paint_face, row, rows
from helpers import ASTRONAUT_FACE, astronaut, need_tensorflow
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.faces import rows as face_rows
from albumsort.faces.rows import SCORE
from albumsort.networks import weights
from albumsort.training.common import shards
from albumsort.training.faces import candidates, effects
from albumsort.training.faces import canvases as face_canvases
from albumsort.training.faces import labels as face_labels
from albumsort.training.faces import photos as face_photos
from albumsort.training.faces.photos import Split


def test_a_crowd_is_drawn_next_to_a_face_and_covers_only_the_stated_share(labels):
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
def test_a_canvas_has_its_faces_at_the_boxes_of_its_rows(labels, seed):
    album = face_canvases.Album(face_photos.of_split(face_photos.read(labels), Split.TRAINING))
    pixels, faces = face_canvases.draw(album, np.random.default_rng(seed))
    assert pixels.shape == (face_canvases.SIDE, face_canvases.SIDE, 3)
    assert pixels.dtype == np.uint8
    assert (faces[:, :2] >= 0).all()
    assert (faces[:, :2] + faces[:, 2:4] <= face_canvases.SIDE).all()
    assert set(faces[:, SCORE]) <= {face_canvases.LEARN, face_canvases.IGNORE}


@settings(deadline=None, max_examples=25)
@given(angle=st.floats(-60, 60))
def test_a_turned_face_is_at_the_box_of_its_row(angle):
    pixels = np.zeros((240, 320, 3), np.uint8)
    drawn = paint_face(pixels, 60, 70, 80)
    seen, [face] = effects.tilted(pixels, rows(drawn), angle)
    [found] = SkinTeacher()(seen)
    assert np.allclose(face_rows.centres(rows(face)), face_rows.centres(rows(found)), atol=2)
    for x, y in face[face_rows.LANDMARKS].reshape(-1, 2)[:2]:
        assert seen[round(y), round(x)].max() < 60


def test_light_is_sometimes_very_low_or_of_low_contrast():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    drawn = [effects.lit(ramp, np.random.default_rng(seed)) for seed in range(500)]
    darkest, brightest = (np.array([f(pixels) for pixels in drawn]) for f in (np.min, np.max))
    dim = (brightest < 140) & (darkest == 0)
    faded = (darkest > 30) & (brightest - darkest < 0.75 * 255)
    assert 0.03 < dim.mean() < 0.25
    assert 0.03 < faded.mean() < 0.25


def test_some_photos_are_shown_at_a_slant_too_and_empty_ones_turned(labels):
    shown = [
        (photo, [pixels for pixels, _ in candidates._views(photo, np.random.default_rng(seed))])
        for photo in face_photos.read(labels)
        for seed in range(20)
    ]
    counts = {len(pixels) for photo, pixels in shown if not photo.empty}
    assert counts == {1, 2}
    assert all(len(pixels) == 2 for photo, pixels in shown if photo.empty)
    assert all(np.array_equal(pixels[0], photo.pixels) for photo, pixels in shown)
    assert not any(np.array_equal(first, second) for _, [first, *more] in shown for second in more)


def test_the_verifiers_targets_match_its_crops(monkeypatch):
    need_tensorflow()
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
            continue  # too dark to measure
        y, x = (np.mean(at) + 0.5 - pixels.shape[0] / 2 for at in np.nonzero(bright))
        assert np.allclose(answer[CENTRE] * SIDE, (x, y), atol=1.2)
        assert np.allclose(answer[POINTS] * SIDE, np.tile((x, y), 5), atol=1.2)
        assert np.allclose(np.exp(answer[SIZE]) * SIDE, np.sqrt(bright.sum()), atol=1.2)
        measured += 1
    assert measured > 150
    assert np.array_equal(crop, before[0])
    assert np.array_equal(row, before[1])


def test_candidates_are_clearly_faces_or_not_and_others_are_left_out():
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


def test_a_place_ruled_out_by_a_reviewer_is_a_certain_negative():
    need_tensorflow()
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
    """A grey canvas of several brightnesses, with a red face to learn and a blue one to ignore."""

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
def test_canvases_give_candidates_with_labels(tmp_path, every, numbers):
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
        assert (part["rows"][:, candidates.RULED_OUT] == 0).all()  # IGNORE is 0, like places that a reviewer ruled out
        assert set(part["sources"]) == {candidates.CANVAS}
    assert len(parts) == len(numbers)
    for number, part in zip(numbers, parts, strict=True):
        assert (part["crops"] == 40 + 20 * number).all(axis=3).any()  # the background of the faces


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_turns_with_its_photo(turns):
    pixels = np.zeros((100, 160, 3), np.uint8)
    pixels[20:30, 40:70] = 255
    turned, faces = candidates._quartered(pixels, rows(row(40, 20, 30, 10)), turns)
    assert turned.shape == ((160, 100, 3) if turns % 2 else (100, 160, 3))
    y, x = (slice(int(v.min()), int(v.max()) + 1) for v in np.nonzero(turned[..., 0]))
    assert faces[0, :4].tolist() == [x.start, y.start, x.stop - x.start, y.stop - y.start]
