from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from helpers import ASTRONAUT_FACE, astronaut, encoded, landscape, overlap
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageFilter
from skimage.measure import blur_effect

from albumsort import types
from albumsort.faces import crop as face_crop
from albumsort.faces import detector as faces
from albumsort.faces import proposer, resize, sharpness, verifier
from albumsort.faces import rows as face_rows
from albumsort.faces.crop import crop
from albumsort.faces.detector import FaceDetector
from albumsort.faces.resize import Pixels
from albumsort.photos import decode
from albumsort.types import Box, Detection


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return faces.load_detector()


def bgr(picture: Image.Image) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])


def only(found: list[Detection]) -> Detection:
    assert len(found) == 1
    return found[0]


# detection


@pytest.mark.parametrize("side", [96, 128, 256, 512, 1024, 1600])
def test_the_astronauts_face_is_detected_at_any_size(detector: FaceDetector, side: int) -> None:
    face = only(detector.detect(bgr(astronaut(side))))
    assert overlap(face.box.scaled(512 / side), ASTRONAUT_FACE) > 0.7
    assert types.THRESHOLD <= face.score <= 1


def test_the_face_is_found_in_a_photo_that_was_decoded_smaller(detector: FaceDetector) -> None:
    upright = decode.decode(encoded(astronaut(2048)))
    assert upright.scale == 2
    face = only(detector.detect(upright.pixels))
    assert overlap(face.box.scaled(upright.scale * 512 / 2048), ASTRONAUT_FACE) > 0.7


@pytest.mark.parametrize("side", [320, 1280])
def test_confidence_does_not_depend_on_the_rest_of_the_photo(detector: FaceDetector, side: int) -> None:
    x, y = ASTRONAUT_FACE.x + ASTRONAUT_FACE.w / 2, ASTRONAUT_FACE.y + ASTRONAUT_FACE.h / 2
    reach = 0.4 * ASTRONAUT_FACE.h
    cut = astronaut().crop((round(x - reach), round(y - reach), round(x + reach), round(y + reach)))
    blurred = cut.resize((side, side)).convert("L").filter(ImageFilter.GaussianBlur(side / 60)).convert("RGB")
    assert only(detector.detect(bgr(blurred))).score > 0.99


def test_a_small_face_in_a_large_photo_is_found(detector: FaceDetector) -> None:
    photo = landscape(1600, 1200)
    photo.paste(astronaut(256), (1200, 700))
    found = [d.box for d in detector.detect(bgr(photo))]
    face = ASTRONAUT_FACE.scaled(0.5)
    assert [overlap(b, Box(1200 + face.x, 700 + face.y, face.w, face.h)) > 0.6 for b in found] == [True]


def test_every_face_of_a_large_crowd_is_found(detector: FaceDetector) -> None:
    """A crowd has more candidates than faces: earlier, only as many were kept as there are faces here."""
    columns, rows, width, height = 24, 13, 40, 55
    face = astronaut(128).crop((36, 6, 36 + width, 6 + height))
    crowd = Image.new("RGB", (columns * width, rows * height))
    for i in range(columns * rows):
        crowd.paste(face, (i % columns * width, i // columns * height))
    found = detector.detect(bgr(crowd))
    box = ASTRONAUT_FACE.scaled(0.25)
    for i in range(columns * rows):
        there = Box(i % columns * width + box.x - 36, i // columns * height + box.y - 6, box.w, box.h)
        assert any(overlap(d.box, there) > 0.5 for d in found), i
    assert len(found) == columns * rows


def test_every_face_is_detected_most_confident_first(detector: FaceDetector) -> None:
    photo = landscape(1000, 900)
    places = [(20, 20, 400), (520, 30, 256), (600, 480, 360)]
    for x, y, side in places:
        photo.paste(astronaut(side), (x, y))
    found = detector.detect(bgr(photo))
    expected = [ASTRONAUT_FACE.scaled(side / 512) for _, _, side in places]
    expected = [Box(x + b.x, y + b.y, b.w, b.h) for (x, y, _), b in zip(places, expected, strict=True)]
    assert len(found) == 3
    assert all(max(overlap(d.box, b) for d in found) > 0.6 for b in expected)
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)


def test_the_landmarks_are_eyes_nose_and_mouth_inside_the_face(detector: FaceDetector) -> None:
    face = only(detector.detect(bgr(astronaut())))
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
    assert right_mouth[0] < left_mouth[0]
    box = face.box
    assert all(box.x < x < box.x + box.w and box.y < y < box.y + box.h for x, y in face.landmarks)


def test_two_detections_never_overlap_much(detector: FaceDetector) -> None:
    crowd = Image.new("RGB", (1200, 800), (90, 110, 130))
    for i in range(12):
        crowd.paste(astronaut(240), (i % 6 * 180, i // 6 * 380 + i % 2 * 60))
    found = detector.detect(bgr(crowd))
    assert len(found) >= 8
    assert all(overlap(a.box, b.box) <= face_rows.FACE_OVERLAP + 0.01 for a, b in combinations(found, 2))


@pytest.mark.parametrize("side", [64, 512])
def test_a_lower_floor_adds_detections_and_changes_none(detector: FaceDetector, side: int) -> None:
    generous = faces.load_detector(0.05)
    photo = landscape(700, 600)
    photo.paste(astronaut(side), (90, 60))
    found, more = detector.detect(bgr(photo)), generous.detect(bgr(photo))
    assert [d for d in more if d.score >= types.THRESHOLD] == found
    assert all(d.score >= 0.05 for d in more)


@pytest.mark.parametrize(("side", "found"), [(28, 0), (38, 0), (60, 1), (80, 1)])
def test_a_face_too_small_to_classify_is_not_detected(detector: FaceDetector, side: int, found: int) -> None:
    photo = landscape()
    photo.paste(astronaut(side), (300, 200))
    seen = detector.detect(bgr(photo))
    assert len(seen) == found
    assert all(max(d.box.w, d.box.h) >= faces.SMALLEST for d in faces.load_detector(0.0).detect(bgr(photo)))
    assert len(faces.load_detector(smallest=0).detect(bgr(photo))) == 1


def test_a_lying_face_too_small_to_classify_is_not_detected(detector: FaceDetector) -> None:
    lying = bgr(astronaut(128).rotate(90))
    assert len(detector.detect(lying)) == 1
    assert faces.load_detector(smallest=50).detect(lying) == []


def nothing() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        "flat": np.full((300, 400, 3), 128, np.uint8),
        "black": np.zeros((512, 512, 3), np.uint8),
        "noise": random.integers(0, 256, (480, 640, 3), np.uint8),
        "soft noise": cv2.GaussianBlur(random.integers(0, 256, (480, 640, 3), np.uint8), (0, 0), 6),
        "landscape": bgr(landscape()),
        "one pixel": np.zeros((1, 1, 3), np.uint8),
        "one row": np.full((1, 3000, 3), 200, np.uint8),
        "one column": np.full((3000, 1, 3), 200, np.uint8),
    }


@pytest.mark.parametrize("name", nothing())
def test_no_face_is_detected_where_there_is_none(detector: FaceDetector, name: str) -> None:
    assert detector.detect(nothing()[name]) == []


def blurred(side: int, radius: float) -> Image.Image:
    """Return the astronaut's head at this size, blurred to lower the detector's confidence."""
    return (
        astronaut().crop((60, 0, 380, 320)).resize((side, side)).filter(ImageFilter.GaussianBlur(radius * side / 320))
    )


def on_its_side(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_90)


def test_lying_faces_are_searched_for_unless_an_upright_face_is_certain(detector: FaceDetector) -> None:
    scores, found = [], []
    for radius in np.arange(9, 11, 0.125).tolist():
        photo = Image.new("RGB", (800, 400))
        photo.paste(blurred(400, radius))
        photo.paste(on_its_side(blurred(400, 0)), (400, 0))
        seen = detector.detect(bgr(photo))
        scores.append(only([face for face in seen if face.box.x < 400]).score)
        found.append(any(face.box.x > 400 and face.score > 0.99 for face in seen))
    assert found == [score < 0.99 for score in scores]
    assert max(score for score in scores if score < 0.99) > 0.98
    assert min(score for score in scores if score > 0.99) < 0.995


def test_a_lying_face_needs_more_confidence_than_an_upright_one(
    detector: FaceDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    radii = np.arange(8, 11, 0.25).tolist()
    lying = [bgr(on_its_side(blurred(side, radius))) for side in (200, 280) for radius in radii]
    found = [len(detector.detect(photo)) for photo in lying]
    monkeypatch.setattr(faces, "LYING_THRESHOLD", types.THRESHOLD)
    scores = [only(detector.detect(photo)).score for photo in lying]
    assert found == [score >= 0.97 for score in scores]
    assert max(score for score in scores if score < 0.97) > 0.96
    assert min(score for score in scores if score > 0.97) < 0.98


def rows(*boxes: tuple[float, float, float, float, float]) -> face_rows.Floats:
    made = np.zeros((len(boxes), 15), np.float32)
    made[:, [0, 1, 2, 3, 14]] = np.reshape(boxes, (-1, 5))
    return made


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        ((10, 10, 100, 100, 0.8), 1),  # the same face, slightly shifted
        ((40, 40, 20, 20, 0.95), 1),  # its eye: the more confident of the two stays
        ((70, 20, 60, 60, 0.8), 2),  # a face half behind it
        ((100, 0, 100, 100, 0.8), 2),  # its neighbour
    ],
)
def test_two_detections_of_one_face_are_one(second: tuple[float, float, float, float, float], kept: int) -> None:
    found = rows((0, 0, 100, 100, 0.9), second)
    left = found[face_rows.distinct(found)]
    assert len(left) == kept
    assert left[0, 14] == pytest.approx(max(0.9, second[4]))
    assert len(face_rows.distinct(rows())) == 0


@pytest.mark.parametrize("turns", [1, 3])
def test_detections_in_a_turned_photo_are_turned_back(turns: int) -> None:
    photo = np.zeros((50, 80), np.uint8)
    photo[10:30, 5:15] = 1
    turned = np.rot90(photo, turns)
    (top, left), (bottom, right) = np.argwhere(turned).min(axis=0), np.argwhere(turned).max(axis=0) + 1
    found = rows((left, top, right - left, bottom - top, 0.9))
    found[0, 4:14] = [left, top, right, top] + [left, bottom] * 3
    [back] = face_rows.turned_back(found, turns, 80, 50)
    assert back[:4].tolist() == [5, 10, 10, 20]
    assert {tuple(p) for p in back[4:14].reshape(5, 2).tolist()} <= {(5, 10), (15, 10), (5, 30), (15, 30)}


def test_detection_leaves_the_pixels_alone(detector: FaceDetector) -> None:
    pixels = bgr(astronaut())
    before = pixels.copy()
    detector.detect(pixels)
    assert (pixels == before).all()


def test_the_same_pixels_always_give_the_same_faces(detector: FaceDetector) -> None:
    first = detector.detect(bgr(astronaut()))
    detector.detect(bgr(landscape()))
    assert detector.detect(bgr(astronaut())) == first


# crops


def test_the_larger_a_face_the_more_its_finest_grain_averages_out() -> None:
    grain = np.repeat(np.random.default_rng(0).integers(0, 256, (700, 700, 1), dtype=np.uint8), 3, axis=2)
    left = [float(face_crop.crop(grain, Box(100.3, 100.7, side, side)).std()) for side in range(50, 401, 10)]
    assert all(larger < 1.05 * smaller for smaller, larger in pairwise(left))
    assert left[-1] < left[0] / 3


@pytest.mark.parametrize("side", [10, 48, 60, 300])
@pytest.mark.parametrize("centre", [(0, 0), (299, 199), (299, 0), (150, 100)])
def test_a_crop_of_a_plain_photo_is_plain_even_beyond_its_border(side: int, centre: tuple[int, int]) -> None:
    pixels = np.full((200, 300, 3), 77, np.uint8)
    face = crop(pixels, Box(centre[0] - side / 2, centre[1] - side / 2, side, side))
    assert (face.shape, face.dtype) == ((64, 64), np.uint8)
    assert (face == 77).all()


def test_beyond_the_border_a_crop_repeats_it() -> None:
    ramp = np.arange(200, dtype=np.uint8)
    pixels = np.repeat(np.tile(ramp, (200, 1))[:, :, None], 3, axis=2)
    side = 64 / face_crop.CROP_WIDTH  # one pixel of the crop is one of the photo
    face = crop(pixels, Box(-side / 2, 80, side, side))
    assert (face[:, :32] == 0).all()
    assert (face[:, 32:] == np.arange(32)).all()


def test_a_crop_is_the_square_around_the_longer_side_a_little_lower() -> None:
    y, x = np.mgrid[0:256, 0:256]
    pixels = np.stack([x, x, x], axis=2).astype(np.uint8), np.stack([y, y, y], axis=2).astype(np.uint8)
    box, side, lower = Box(58, 18, 140, 220), 0.88 * 220, 0.03 * 220
    across, down = (crop(p, box).astype(float) for p in pixels)
    first, last = -side / 2 + side / 128 - 0.5, side / 2 - side / 128 - 0.5  # the centres of its outermost pixels
    assert across[32, [0, 63]] == pytest.approx([128 + first, 128 + last], abs=0.8)
    assert down[[0, 63], 32] == pytest.approx([128 + lower + first, 128 + lower + last], abs=0.8)


@pytest.mark.parametrize("side", [112, 300])
@pytest.mark.parametrize("lean", [-180, -135, -90, -45, -21, 21, 30, 60, 90, 179])
def test_a_slanting_face_gives_the_crop_of_the_upright_one(lean: float, side: int) -> None:
    picture = pixels(astronaut(round(512 * side / 112)).filter(ImageFilter.GaussianBlur(4)))
    box = Box(180, 60, 90, 112).scaled(side / 112)
    middle = box.x + box.w / 2, box.y + box.h / 2
    turn = cv2.getRotationMatrix2D((middle[0] - 0.5, middle[1] - 0.5), -lean, 1.0)
    slanting = cv2.warpAffine(picture, turn, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101)
    assert np.abs(crop(slanting, box, lean).astype(int) - crop(picture, box)).mean() < 2
    assert np.abs(crop(slanting, box).astype(int) - crop(picture, box)).mean() > 10


@pytest.mark.parametrize("lean", [-60, -30, 50, 60])
def test_the_landmarks_of_a_slanting_face_are_those_of_the_upright_one(detector: FaceDetector, lean: float) -> None:
    picture = pixels(astronaut())
    upright = only(detector.detect(picture))
    box = upright.box
    turn = cv2.getRotationMatrix2D((box.x + box.w / 2, box.y + box.h / 2), -lean, 1.0)
    slanting = cv2.warpAffine(picture, turn, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    found = only(detector.detect(slanting))
    expected = np.column_stack([upright.landmarks, np.ones(5)]) @ turn.T
    distances = np.linalg.norm(np.array(found.landmarks) - expected, axis=1)
    assert distances.max() < 0.06 * max(box.w, box.h)
    assert found.lean - upright.lean == pytest.approx(lean, abs=10)


@pytest.mark.parametrize("side", [60, 400])
def test_a_square_at_a_slant_is_whole_to_its_corners(side: int) -> None:
    plain = np.full((700, 700, 3), 200, np.uint8)
    assert (resize.square(plain, 350, 350, side, 96, cv2.BORDER_CONSTANT, 45) == 200).all()


def test_a_face_that_leans_a_little_is_left_as_it_is() -> None:
    box = Box(180, 60, 90, 112)
    assert (crop(pixels(astronaut()), box, -face_crop.UPRIGHT) == crop(pixels(astronaut()), box)).all()


# sharpness


@given(arrays(np.uint8, (96, 96), elements=st.integers(0, 255)))
@settings(max_examples=20)
def test_sharpness_is_one_minus_the_reference_blur_metric(grey: Pixels) -> None:
    if grey.max() == grey.min():
        return
    side = 96 / face_crop.CROP_WIDTH
    seen = sharpness.sharpness(np.repeat(grey[..., None], 3, axis=2), Box(48 - side / 2, 48 - side / 2, side, side))
    assert seen == pytest.approx(1 - blur_effect(grey, h_size=11), abs=0.02)


def test_blurring_lowers_sharpness_at_any_contrast() -> None:
    portrait = astronaut()
    seen = [
        sharpness.sharpness(pixels(portrait.filter(ImageFilter.GaussianBlur(r))), ASTRONAUT_FACE)
        for r in (0, 1, 2, 4, 8)
    ]
    assert seen == sorted(seen, reverse=True)
    assert 0.4 < seen[0] < 1
    assert 0 < seen[-1] < 0.2
    pale = (pixels(portrait) // 2 + 60).astype(np.uint8)
    assert sharpness.sharpness(pale, ASTRONAUT_FACE) == pytest.approx(seen[0], abs=0.03)
    assert sharpness.sharpness(np.full((50, 50, 3), 9, np.uint8), Box(10, 10, 20, 20)) == 0


@given(arrays(np.float32, (3, 15), elements=st.floats(0.125, 0.875, width=32)))
def test_outputs_for_a_mirrored_crop_are_mirrored_back(answers: npt.NDArray[np.float32]) -> None:
    mirrored = answers.copy()
    mirrored[:, 1] *= -1  # the centre; then the landmarks, left and right
    mirrored[:, 5:] = (answers[:, 5:].reshape(3, 5, 2)[:, [1, 0, 2, 4, 3]] * [-1, 1]).reshape(3, 10)
    np.testing.assert_allclose(verifier._unmirrored(mirrored), answers, rtol=1e-5)


def test_a_more_confident_second_look_raises_the_confidence() -> None:
    rows = np.zeros((2, 15), np.float32)
    rows[:, face_rows.SCORE] = 0.2, 0.6
    assert verifier._mean([rows[:1], rows[:1]])[0, face_rows.SCORE] == pytest.approx(0.2)
    assert 0.2 < verifier._mean([rows[:1], rows[1:]])[0, face_rows.SCORE] < 0.6


def test_two_faces_in_neighbouring_cells_are_both_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heat:
        """Two neighbouring hot cells, each with its own box, and below a weaker one with the first box."""

        channels = 12

        def __init__(self, model: bytes, shapes: int) -> None:
            pass

        def __call__(self, pixels: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
            answers = np.full((1, 8, 8, 5), -9.0, np.float32)
            answers[..., 1:] = 0
            answers[0, 3, 3:5, 0] = 2.0, 1.0
            answers[0, 4, 3, :3] = 0.5, 0.0, -1.0
            return answers

    monkeypatch.setattr(proposer, "Network", Heat)
    found = proposer.Proposer(b"")(np.zeros((64, 64, 3), np.uint8))
    assert found[:, :4].tolist() == [[24, 24, 8, 8], [32, 24, 8, 8]]
    assert found[:, face_rows.SCORE].tolist() == pytest.approx(1 / (1 + np.exp([-2.0, -1.0])))


def test_a_view_of_other_size_has_the_same_middle() -> None:
    rows = np.zeros((1, 15), np.float32)
    rows[0, :4] = 10, 20, 30, 50
    larger = face_rows.enlarged(rows, 1.2)
    assert larger[0, :4] == pytest.approx([7, 15, 36, 60])
    assert face_rows.enlarged(larger, 1 / 1.2)[0, :4] == pytest.approx([10, 20, 30, 50])
    assert rows[0, :4].tolist() == [10, 20, 30, 50]


def test_a_likely_face_is_verified_wider_narrower_and_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's outputs are those of one face that is always in the centre."""

    class Middle:
        seen: ClassVar[list[npt.NDArray[np.float32]]] = []

        def __init__(self, model: bytes, shapes: int) -> None:
            pass

        def __call__(self, crops: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            self.seen.append(crops)
            answers = np.zeros((len(crops), 15), np.float32)
            answers[:, 0] = 0.5
            enlarged = [1.0] if len(crops) == 1 else [1 / 1.2, 1.2, 1 / 1.2, 1.2]
            answers[:, 3:5] = np.log(enlarged)[:, None] - np.log(verifier.VERIFIER_CONTEXT)
            return answers

    monkeypatch.setattr(verifier, "Network", Middle)
    picture = pixels(astronaut())
    rows = np.zeros((1, 15), np.float32)
    rows[0, :4], rows[0, face_rows.SCORE] = (180, 60, 100, 100), 0.9
    found = verifier.Verifier(b"")(picture, rows)
    first, second = Middle.seen
    assert (len(first), len(second)) == (1, 4)
    assert found[0, :4] == pytest.approx(rows[0, :4], abs=0.01)
    assert found[0, face_rows.SCORE] == pytest.approx(0.5)
    assert np.array_equal(second[:2, :, ::-1], second[2:])
    far, near = second[:2]
    middle = cv2.resize(first[0], (40, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(far[4:44, 4:44] - middle).mean() < 8
    assert np.abs(near - cv2.resize(first[0][4:44, 4:44], (48, 48))).mean() < 8


def test_a_large_face_is_averaged_not_sampled() -> None:
    chequered = np.indices((960, 960)).sum(axis=0) % 2 * 255
    pixels = np.repeat(chequered.astype(np.uint8)[:, :, None], 3, axis=2)
    face = crop(pixels, Box(100, 100, 700, 700))
    assert np.abs(face.astype(int) - 127).max() <= 3


def test_the_crop_does_not_depend_on_the_scale_of_the_photo() -> None:
    crops = [crop(bgr(astronaut(side)), ASTRONAUT_FACE.scaled(side / 512)).astype(int) for side in (512, 1024, 2048)]
    assert np.abs(crops[0] - crops[1]).mean() < 3
    assert np.abs(crops[1] - crops[2]).mean() < 3


# the proposer's input


@pytest.mark.parametrize(
    ("size", "seen"),
    [((968, 648), (960, 640)), ((300, 200), (320, 224)), ((40, 33), (64, 64)), ((960, 640), (960, 640))],
)
def test_the_proposer_sees_whole_cells_of_nearly_the_whole_photo(size: tuple[int, int], seen: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    before = pixels.copy()
    given = proposer.proposer_input(pixels, 4)
    assert given.shape == (1, seen[1], seen[0] // 4, 12)
    back = (given.reshape(seen[1], seen[0], 3) + np.int16(128)).astype(np.uint8)
    width, height = min(size[0], seen[0]), min(size[1], seen[1])
    assert np.array_equal(back[:height, :width], pixels[:height, :width])
    assert (back[height:] == resize.PADDING).all()
    assert (back[:, width:] == resize.PADDING).all()
    assert np.array_equal(pixels, before)


# on real photos


@pytest.mark.slow
def test_faces_are_found_in_photos_of_groups_masks_and_scenes(detector: FaceDetector, shared_photos: Path) -> None:
    from albumsort.training.detectors.judging import evaluate
    from albumsort.training.detectors.matching import Found

    counts = evaluate(detector, shared_photos / "boxes", iter)
    groups = sum((counts[name] for name in ("dlib", "fddb", "wider_train", "wider_val")), Found())
    assert (counts["all"].photos, groups.photos) == (502, 25)
    assert counts["all"].recall >= 0.91
    assert counts["all"].false <= 510  # some faces with a mask have no box in the reference
    assert groups.recall >= 0.82
    assert groups.false <= 12


# packing crops


SHAPES = [(0, 64, 64), *((n, side, side) for n in range(1, 5) for side in (48, 64))]  # today's side, and the older


@given(arrays(np.uint8, st.sampled_from(SHAPES), elements=st.integers(0, 255)))
def test_packing_crops_is_lossless(crops: Pixels) -> None:
    back = face_crop.unpack(face_crop.pack(list(crops)), len(crops))
    assert back.dtype == np.uint8
    assert np.array_equal(back, crops)


def test_packing_noise_is_lossless_and_a_face_is_compressed() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    assert np.array_equal(face_crop.unpack(face_crop.pack(list(noise)), 3), noise)
    portrait = crop(pixels(astronaut()), ASTRONAUT_FACE)
    assert len(face_crop.pack([portrait])) < 64 * 64 * 0.85


@pytest.mark.parametrize("damage", [b"", b"\x78", b"x" * 100])
def test_invalid_packed_crops_are_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match="damaged crops"):
        face_crop.unpack(damage, 1)


def test_a_changed_bit_or_a_wrong_count_is_detected() -> None:
    packed = bytearray(face_crop.pack([crop(pixels(astronaut()), ASTRONAUT_FACE)]))
    with pytest.raises(ValueError, match="damaged crops"):
        face_crop.unpack(bytes(packed), 2)
    for at in range(0, len(packed), 97):
        changed = bytearray(packed)
        changed[at] ^= 1
        with pytest.raises(ValueError, match="damaged crops"):
            face_crop.unpack(bytes(changed), 1)


def pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture)[..., ::-1].copy()


# shrinking


@pytest.mark.parametrize("size", [(1824, 1368), (1001, 667), (960, 720), (4000, 31)])
@pytest.mark.parametrize("side", [960, 320])
def test_a_picture_is_shrunk_as_by_averaging(size: tuple[int, int], side: int) -> None:
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    wave = 128 + 60 * np.sin(x / 37) + 60 * np.cos(y / 53)
    pixels = np.repeat(wave[:, :, None], 3, axis=2).astype(np.uint8)
    ours = resize.shrunk(pixels, side)
    averaged = cv2.resize(pixels, ours.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert max(ours.shape[:2]) == side
    assert np.abs(ours.astype(int) - averaged).mean() < 2
