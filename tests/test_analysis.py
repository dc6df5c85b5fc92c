from __future__ import annotations

import pickle
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import ASTRONAUT_FACE, astronaut, encoded, exif, landscape, overlap, stored
from PIL import Image, ImageFilter

from albumsort import analysis, types
from albumsort import settings as methods
from albumsort.analysis import analyse, analyse_bytes, load_networks
from albumsort.disk import contents
from albumsort.errors import PhotoError
from albumsort.faces import crop as face_crop
from albumsort.faces import detector, resize
from albumsort.networks import weights
from albumsort.photos import decode as photos
from albumsort.settings import settings
from albumsort.types import THRESHOLD, Analysis, Box, Detection, Emotion, Expression, Face, Known, PhotoFile, Taken


def analysed(data: bytes) -> Analysis:
    return analyse_bytes(data, contents.digest(data), *load_networks())


def only(result: Analysis) -> Face:
    [face] = sure(result)
    return face


def sure(result: Analysis) -> list[Face]:
    return [face for face in result.faces if face.detection >= THRESHOLD]


def on_disk(path: Path, data: bytes) -> PhotoFile:
    path.write_bytes(data)
    return PhotoFile(path, len(data), path.stat().st_mtime_ns)


def test_a_portrait_gives_its_face_its_emotion_and_its_date(tmp_path: Path) -> None:
    data = encoded(astronaut(), exif=exif(taken="2024:07:01 12:00:00", offset="+02:00"))
    result = analyse(on_disk(tmp_path / "a.jpg", data), frozenset())
    assert isinstance(result, Analysis)
    assert result.digest == contents.digest(data)
    assert (result.width, result.height) == (512, 512)
    assert result.taken == Taken("2024-07-01T12:00:00+02:00", "DateTimeOriginal")
    face = only(result)
    assert overlap(face.box, ASTRONAUT_FACE) > 0.7
    assert face.label is Emotion.HAPPY
    assert face.probabilities[Emotion.HAPPY] > 0.9
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_a_result_can_be_sent_between_processes() -> None:
    result = analysed(encoded(astronaut()))
    assert result.faces
    assert pickle.loads(pickle.dumps(result)) == result


def test_tasks_can_be_sent_to_worker_processes() -> None:
    assert pickle.loads(pickle.dumps(analyse)) is analyse
    assert isinstance(pickle.loads(pickle.dumps(PhotoError("because"))), PhotoError)


@pytest.mark.parametrize("side", [2000, 3900])
def test_boxes_are_in_full_size_pixels_at_any_decoding_scale(side: int) -> None:
    picture = astronaut(side)
    assert photos.decode(encoded(picture)).scale > 1.9
    reduced = analysed(encoded(picture))
    whole = analysed(encoded(picture, "PPM"))
    assert (reduced.width, reduced.height) == (whole.width, whole.height) == (side, side)
    assert overlap(only(reduced).box, only(whole).box) > 0.9
    assert overlap(only(reduced).box.scaled(512 / side), ASTRONAUT_FACE) > 0.7
    for point, other in zip(only(reduced).landmarks, only(whole).landmarks, strict=True):
        assert point == pytest.approx(other, abs=0.02 * side)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("side", [200, 300, 400])
def test_a_small_face_is_classified_from_more_pixels_than_it_was_detected_in(
    side: int, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A JPEG is decoded at a fraction of its size: enough to detect a face, but not always to classify it."""
    photo = landscape(4000, 3000)
    photo.paste(astronaut(side), (1000, 900))
    jpeg = encoded(stored(photo, orientation), exif=exif(orientation))
    close, whole = analysed(jpeg), analysed(encoded(photo, "PPM"))
    monkeypatch.setattr(analysis, "ENOUGH", 0.0)
    as_found = analysed(jpeg)
    crops = [face_crop.unpack(result.crops, 1)[0].astype(float) for result in (close, as_found, whole)]
    detail = [cv2.Laplacian(crop, cv2.CV_64F).std() for crop in crops]
    assert detail[0] > 0.5 * detail[2] > 0
    assert detail[0] > 1.4 * detail[1]
    assert only(close).box == only(as_found).box
    assert overlap(only(close).box, only(whole).box) > 0.7
    sharp, blurred = only(close).sharpness, only(as_found).sharpness
    assert sharp is not None
    assert blurred is not None
    assert sharp > blurred + 0.05


@pytest.mark.parametrize(("side", "is_read_closer"), [(63, True), (65, False)])
def test_a_face_detected_in_less_than_32_pixels_is_classified_from_more(side: int, is_read_closer: bool) -> None:
    class Finder:
        def detect(self, pixels: resize.Pixels) -> list[Detection]:
            return [Detection(Box(300, 300, side / 2 - 5, side / 2), ((310.0, 310.0),) * 5, 0.9)]

    stripes = encoded(Image.fromarray(np.tile(np.uint8([0, 255]), (1500, 1000))))  # grey when decoded at half size
    upright = photos.decode(stripes)
    assert upright.scale == 2
    result = analysis.analyse_upright(upright, stripes, "", Finder(), load_networks()[1])
    assert (face_crop.unpack(result.crops, 1).std() > 20) == is_read_closer


@pytest.mark.parametrize(("closest", "sides"), [(4500, [4000]), (1999, [2000]), (900, [1000])])
def test_a_huge_photo_is_not_decoded_whole_for_a_small_face(
    closest: int, sides: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = landscape(4000, 3000)
    photo.paste(astronaut(160), (1000, 900))
    data, decoded = encoded(photo), []
    upright = photos.decode(data)
    monkeypatch.setattr(analysis, "CLOSEST", closest)
    decode = photos.decode
    monkeypatch.setattr(photos, "decode", lambda *given: decoded.append(decode(*given)) or decoded[-1])
    analysis.analyse_upright(upright, data, "", *load_networks())
    assert [max(u.pixels.shape) for u in decoded] == sides


@pytest.mark.parametrize(("times", "found"), [(1, 0), (4, 1)])
def test_the_size_of_a_face_is_measured_in_the_full_size_photo(times: int, found: int) -> None:
    """In the pixels for detection the face is under nine pixels wide; in the larger JPEG, four times that."""
    photo = landscape(1000 * times, 750 * times)
    photo.paste(astronaut(38 * times), (300 * times, 250 * times))
    assert photos.decode(encoded(photo)).scale == times
    assert len(sure(analysed(encoded(photo)))) == found


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_boxes_are_in_the_upright_photo(orientation: int) -> None:
    picture = landscape(700, 520)
    picture.paste(astronaut(), (0, 8))
    turned = analysed(encoded(stored(picture, orientation), exif=exif(orientation)))
    plain = analysed(encoded(picture))
    assert (turned.width, turned.height) == (700, 520)
    assert overlap(only(turned).box, only(plain).box) > 0.9
    assert only(turned).label is only(plain).label is Emotion.HAPPY


def test_every_face_has_its_own_expression() -> None:
    picture = landscape(1000, 520)
    picture.paste(astronaut(500), (0, 0))
    picture.paste(astronaut(400), (560, 60))
    result = analysed(encoded(picture))
    assert len(sure(result)) == 2
    assert all(face.label is Emotion.HAPPY for face in sure(result))
    assert all(analysis.FLOOR <= face.detection <= 1 for face in result.faces)


def test_labels_assume_an_ordinary_album() -> None:
    seen, natural = only(analysed(encoded(astronaut()))), weights.natural_shares()
    anybody = natural[Emotion.HAPPY] / (1 - natural[None])
    assert seen.sure == pytest.approx(seen.probabilities[Emotion.HAPPY] - seen.nothing * anybody)
    assert seen.eyes is not None
    assert seen.eyes > 0.5


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270])
def test_a_face_on_its_side_is_found_and_judged_upright(turn: Image.Transpose) -> None:
    x, y, w, h = ASTRONAUT_FACE.x - 60, ASTRONAUT_FACE.y, ASTRONAUT_FACE.w, ASTRONAUT_FACE.h
    seen = only(analysed(encoded(astronaut().crop((60, 0, 380, 320)).transpose(turn))))
    corner = (y, 320 - x - w) if turn is Image.Transpose.ROTATE_90 else (320 - y - h, x)
    assert overlap(seen.box, Box(*corner, h, w)) > 0.6
    assert all(seen.box.x < x < seen.box.x + seen.box.w for x, _ in seen.landmarks)
    assert all(seen.box.y < y < seen.box.y + seen.box.h for _, y in seen.landmarks)
    assert seen.label is Emotion.HAPPY
    assert seen.probabilities[Emotion.HAPPY] > 0.9


def slanting(angle: int) -> Image.Image:
    """Return the astronaut, turned around her face."""
    about, grey = (226, 116), (200, 200, 200)
    return astronaut().rotate(angle, center=about, resample=Image.Resampling.BICUBIC, fillcolor=grey)


@pytest.mark.parametrize("angle", [-50, -35, -20, 20, 35, 50])
def test_a_face_at_a_slant_is_found(angle: int) -> None:
    seen = only(analysed(encoded(slanting(angle))))
    assert overlap(seen.box, ASTRONAUT_FACE) > 0.5
    assert seen.label is Emotion.HAPPY


@pytest.mark.parametrize("angle", [-75, -50, -35, 35, 50])
def test_a_face_at_a_slant_is_judged_upright(angle: int) -> None:
    seen = [analysed(encoded(picture)) for picture in (slanting(angle), astronaut())]
    judged, upright = (face_crop.unpack(result.crops, len(result.faces))[0].ravel() for result in seen)
    assert np.corrcoef(judged, upright)[0, 1] > 0.4  # without turning the crop: .36 at most


@pytest.mark.parametrize("cut", [0.15, 0.3])
def test_the_box_of_a_face_at_the_border_is_cut_to_the_photo(cut: float) -> None:
    left = round(ASTRONAUT_FACE.x + cut * ASTRONAUT_FACE.w)
    seen = only(analysed(encoded(astronaut().crop((left, 0, 512, 512)))))
    assert seen.box.x == 0
    assert overlap(seen.box, Box(0, ASTRONAUT_FACE.y, (1 - cut) * ASTRONAUT_FACE.w, ASTRONAUT_FACE.h)) > 0.6
    assert seen.label is Emotion.HAPPY


def test_each_face_has_its_size_and_its_sharpness() -> None:
    sharp = only(analysed(encoded(astronaut(800).crop((0, 0, 800, 400)))))
    soft = only(analysed(encoded(astronaut(800).crop((0, 0, 800, 400)).filter(ImageFilter.GaussianBlur(6)))))
    assert sharp.size == max(sharp.box.w, sharp.box.h) / 400
    assert sharp.size == pytest.approx(ASTRONAUT_FACE.h / 512 * 800 / 400, rel=0.15)
    assert sharp.sharpness is not None
    assert soft.sharpness is not None
    assert 1 > sharp.sharpness > soft.sharpness + 0.1 > 0.1


def test_detections_of_low_confidence_are_kept_with_their_confidence() -> None:
    sure, unsure = detector.load_detector(), detector.load_detector(analysis.FLOOR)
    crowd = landscape(900, 420)
    for x, blur in ((0, 0), (220, 9), (440, 12), (660, 15)):
        crowd.paste(astronaut(220).filter(ImageFilter.GaussianBlur(blur)), (x, 60))
    pixels = photos.decode(encoded(crowd, "PNG")).pixels
    every = unsure.detect(pixels)
    assert [d for d in every if d.score >= types.THRESHOLD] == sure.detect(pixels)
    assert min(d.score for d in every) >= analysis.FLOOR


def test_a_photo_without_a_face_is_a_result() -> None:
    assert analysed(encoded(landscape())).faces == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_the_smallest_photos_are_results(size: tuple[int, int]) -> None:
    result = analysed(encoded(landscape().resize(size), "PNG"))
    assert (result.width, result.height, result.faces) == (*size, ())


def test_known_content_is_not_analysed_again(tmp_path: Path) -> None:
    broken = b"no picture, but known"
    file = on_disk(tmp_path / "a.jpg", broken)
    assert analyse(file, frozenset([contents.digest(broken)])) == Known(contents.digest(broken))


def test_a_picture_that_cannot_be_decoded_fails_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="this is a text file"):
        analyse(on_disk(tmp_path / "a.jpg", b"no picture"), frozenset())


def test_a_file_that_changed_since_the_walk_fails_with_advice(tmp_path: Path) -> None:
    file = on_disk(tmp_path / "a.jpg", encoded(astronaut(100)))
    with pytest.raises(PhotoError, match="run index again"):
        analyse(replace(file, size=file.size - 1), frozenset())


@pytest.mark.parametrize(("name", "step"), [("FINDING_METHOD", "finding"), ("CLASSIFYING_METHOD", "classifying")])
def test_a_new_method_makes_only_its_own_step_stale(monkeypatch: pytest.MonkeyPatch, name: str, step: str) -> None:
    today = asdict(settings())
    monkeypatch.setattr(methods, name, "another")
    tomorrow = asdict(settings())
    assert {key for key in today if today[key] != tomorrow[key]} == {step}


@pytest.mark.parametrize(
    ("network", "step"), [("face_proposer", "finding"), ("face_verifier", "finding"), ("emotion", "classifying")]
)
@pytest.mark.parametrize("key", ["sha256", "calibration", "natural", "shares", "labels"])
def test_a_new_network_makes_only_its_own_step_stale(
    monkeypatch: pytest.MonkeyPatch, network: str, step: str, key: str
) -> None:
    today, shipped = asdict(settings()), weights.manifest()
    changed = replace(shipped[network], details={**shipped[network].details, key: "another"})
    monkeypatch.setattr(weights, "manifest", lambda: {**shipped, network: changed})
    tomorrow = asdict(settings())
    assert {key for key in today if today[key] != tomorrow[key]} == {step}


@pytest.mark.parametrize("side", [160, 512])
def test_stored_crops_give_identical_answers(side: int) -> None:
    picture = landscape(1200, 520)
    for x in (0, 600):
        picture.paste(astronaut(side), (x, 0))
    result = analysed(encoded(picture))
    crops = face_crop.unpack(result.crops, len(result.faces))
    expressions = load_networks()[1].classify(crops, [face.detection for face in result.faces])
    assert len(expressions) >= 2
    assert expressions == [Expression(face.probabilities, face.nothing, face.eyes) for face in result.faces]


def test_a_photo_without_a_face_stores_no_crops() -> None:
    assert analysed(encoded(landscape())).crops == b""
