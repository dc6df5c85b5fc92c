"""The score for `--by everyone`: invented faces, and drawn scenes of six people."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from any_faces import ANY_FACE, FACES, sized
from helpers import face
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from six_people import frowning, people, scene, smiling
from skimage import data as skimage_data
from test_matters import matters

import albumsort
from albumsort.choosing import everyone as scoring
from albumsort.choosing.everyone import Everyone
from albumsort.choosing.matters import Reason, judged, reasons
from albumsort.types import Emotion, Face

HAPPY = Emotion.HAPPY


def everyone(faces: Sequence[Face], emotion: Emotion) -> Everyone | None:
    return scoring.everyone(judged(faces), emotion)


EMOTIONS = st.sampled_from(list(Emotion))


def test_nobody_has_no_score() -> None:
    assert everyone([], HAPPY) is None
    assert everyone([sized(90, detection=0.6, nothing=0.98, happy=0.9)], HAPPY) is None


@given(FACES, EMOTIONS)
def test_the_one_who_shows_it_least_decides(faces: list[Face], emotion: Emotion) -> None:
    found = everyone(faces, emotion)
    shown = [f.probabilities[emotion] for f, counted in zip(faces, matters(faces), strict=True) if counted]
    assert (None if found is None else found.least) == min(shown, default=None)


@given(FACES, ANY_FACE, EMOTIONS)
def test_adding_a_face_that_does_not_matter_changes_nothing(faces: list[Face], added: Face, emotion: Emotion) -> None:
    if not matters([*faces, added])[-1]:
        assert everyone([*faces, added], emotion) == everyone(faces, emotion)


@given(FACES, EMOTIONS, st.randoms())
def test_the_order_of_faces_has_no_effect_on_the_score(faces: list[Face], emotion: Emotion, chance: Random) -> None:
    mixed = [*faces]
    chance.shuffle(mixed)
    assert everyone(mixed, emotion) == everyone(faces, emotion)


def test_equal_scores_are_ordered_by_the_mean_then_sharpness_then_open_eyes() -> None:
    low = face(happy=0.5)
    photos = {
        "closed eyes": [low, face(happy=0.9, eyes=0.2)],
        "open eyes": [low, face(happy=0.9, eyes=0.8)],
        "sharp": [replace(low, sharpness=0.55), replace(face(happy=0.9, eyes=0.1), sharpness=0.6)],
        "higher mean": [low, replace(face(happy=0.95, eyes=0.1), sharpness=0.4)],
        "higher score": [replace(face(happy=0.6, eyes=0.1), sharpness=0.1)],
    }
    for lower, higher in pairwise(photos):
        assert key(photos[lower]) < key(photos[higher]), higher


def test_hidden_eyes_and_unknown_sharpness() -> None:
    unknown = replace(face(happy=0.5, eyes=None), sharpness=None)
    assert everyone([unknown], HAPPY) == Everyone(0.5, 0.5, 0.0, 1.0)


def key(faces: Sequence[Face]) -> Everyone:
    found = everyone(faces, HAPPY)
    assert found is not None
    return found


# drawn scenes


def seen(picture: Image.Image, folder: Path) -> list[Face]:
    """Return the faces that count in a picture."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    (folder / "scene.png").write_bytes(stream.getvalue())
    return [f for f in albumsort.analyse(folder / "scene.png").faces if f.detection >= 0.5]


def ordered_by_everyone(folder: Path, happy: Sequence[Image.Image]) -> list[bool]:
    """Return for twenty scenes, the best by everyone first, whether someone frowns; someone does in half of them."""
    found = []
    for number in range(20):
        frown = number % 2 == 1
        faces = seen(scene(number, people(number, frown, happy)), folder)
        assert matters(faces) == (True,) * 6
        found.append((key(faces), frown))
    return [frown for _, frown in sorted(found, reverse=True)]


def test_scenes_where_all_smile_come_first(tmp_path: Path) -> None:
    assert ordered_by_everyone(tmp_path, [smiling()]) == [False] * 10 + [True] * 10


def test_a_blurred_bystander_a_small_one_and_a_cat_change_nothing(tmp_path: Path) -> None:
    picture = scene(1, people(1, False, [smiling()]))
    before = key(seen(picture, tmp_path))
    blurred = frowning().filter(ImageFilter.GaussianBlur(4))
    cat = Image.fromarray(skimage_data.cat()).crop((20, 0, 260, 240)).resize((140, 140))
    for other, reason in (
        (blurred, Reason.BLURRED),
        (frowning().resize((48, 60)), Reason.SMALL),
        (cat, Reason.DOUBTFUL),  # the detector takes it for a face
    ):
        crowded = picture.copy()
        crowded.paste(other, (700, 20))
        faces = seen(crowded, tmp_path)
        assert [*filter(None, reasons(faces))] == [reason]
        assert key(faces)[:2] == pytest.approx(before[:2], abs=0.01)


def test_scenes_of_several_people_where_all_smile_come_first(shared_photos: Path, tmp_path: Path) -> None:
    found = list[Image.Image]()
    for path in sorted((shared_photos / "album" / "happy").iterdir())[:60]:
        faces = [f for f in albumsort.analyse(path).faces if f.detection >= 0.5]
        if len(faces) == 1 and faces[0].box.longer_side >= 90 and faces[0].probabilities[HAPPY] > 0.95:
            found.append(head(path, faces[0]))
    assert len(found) >= 6
    assert ordered_by_everyone(tmp_path, found) == [False] * 10 + [True] * 10


def head(path: Path, of: Face) -> Image.Image:
    """Return the head of this face; beyond the border of the photo it is black."""
    side, x, y = 1.8 * of.box.longer_side, of.box.x + of.box.w / 2, of.box.y + of.box.h / 2
    with Image.open(path) as photo:
        return photo.convert("RGB").crop(
            tuple(map(round, (x - 0.4 * side, y - side / 2, x + 0.4 * side, y + side / 2)))
        )
