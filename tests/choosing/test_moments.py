"""Frames of one moment become one entry; other photos, brackets and panoramas stay as they are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest
from helpers import environment
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from moment_frames import START, burst_descriptions, burst_of, frame, party, pictures
from skimage import data
from variants import exposed

from albumsort.choosing.moments import moments
from albumsort.choosing.timelines import Frame
from albumsort.photos import decode
from albumsort.photos.description import describe

Groups = list[tuple[int, ...]]
SCENES = [0, 4, 8, 12, 16, 20, 28, 32, 37, 44]


@pytest.fixture(scope="module")
def album() -> list[Frame]:
    """200 photos: 15 frames of each of ten scenes, 35 other photos, and one of the scenes again a month later."""
    others = [describe(picture) for number, picture in enumerate(pictures()) if number not in SCENES][:35]
    return party([burst_descriptions(scene) for scene in SCENES], others)


def without_times(frames: list[Frame]) -> list[Frame]:
    """The month between the two visits is a gap of a thousand numbers."""
    month_later = (START + timedelta(days=20)).isoformat()
    return [
        replace(one, taken=None, name=f"DSC{one.id + 1000 * (str(one.taken) > month_later):05}.JPG") for one in frames
    ]


def with_two_cameras(frames: list[Frame]) -> list[Frame]:
    """Every second scene and photo is from a camera whose clock is a year off."""

    def year_off(one: Frame) -> Frame:
        taken = datetime.fromisoformat(str(one.taken)) - timedelta(days=365)
        return replace(one, taken=taken.isoformat(), camera="other")

    return [year_off(one) if one.id < 185 and one.id // 17 % 2 else one for one in frames]


ALBUMS: dict[str, Callable[[list[Frame]], list[Frame]]] = {
    "with times": list,
    "with numbers": without_times,
    "with two cameras": with_two_cameras,
    "with unnamed cameras": lambda frames: [
        replace(one, camera=None, name=one.name.replace("IMG", "DSC" if one.camera == "other" else "IMG"))
        for one in with_two_cameras(frames)
    ],
}


def assert_one_entry_a_moment(frames: list[Frame], found: Groups) -> None:
    several = sorted(sorted(group) for group in found if len(group) > 1)
    bursts = [list(range(17 * number, 17 * number + 15)) for number in range(10)]
    assert several == [*bursts, list(range(185, 200))]
    assert len(found) == 10 + 1 + 35


@pytest.mark.parametrize("kind", ALBUMS)
def test_a_moment_is_one_entry(album: list[Frame], kind: str) -> None:
    frames = ALBUMS[kind](album)
    assert len(frames) == 200
    assert_one_entry_a_moment(frames, moments(frames))


@pytest.mark.parametrize("kind", ALBUMS)
def test_a_moment_of_real_photos_is_one_entry(shared_photos: Path, kind: str) -> None:
    files = sorted((shared_photos / "boxes").glob("mask-*.webp"))[::7][:45]
    pixels = [decode.decode(file.read_bytes()).pixels for file in files]
    frames = ALBUMS[kind](party([burst_of(one) for one in pixels[:10]], [describe(one) for one in pixels[10:]]))
    assert_one_entry_a_moment(frames, moments(frames))


def test_the_order_of_the_frames_changes_nothing(album: list[Frame]) -> None:
    mixed = [album[at] for at in np.random.default_rng(1).permutation(len(album))]
    assert moments(mixed) == moments(album)


def groups(*frames: Frame) -> Groups:
    return [group for group in moments(frames) if len(group) > 1]


def test_nothing_heavy_is_loaded_without_frames_to_compare() -> None:
    script = (
        "import sys; from albumsort.choosing.moments import moments; moments([]);"
        " print([name for name in ('numpy', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# time


def test_weak_likeness_is_enough_within_seconds_only() -> None:
    first, second = burst_descriptions(0)[0], weakly_like(burst_descriptions(0)[0])
    assert groups(frame(0, first, 0), frame(1, second, 3)) == [(0, 1)]
    assert groups(frame(0, first, 0), frame(1, second, 4)) == []


def weakly_like(description: bytes) -> bytes:
    """The upper rows of the picture, and those of another below."""
    return description[: 15 * 6] + burst_descriptions(5)[0][15 * 6 :]


def test_strong_likeness_is_enough_within_minutes_only() -> None:
    picture = burst_descriptions(0)
    assert groups(frame(0, picture[0], 0), frame(1, picture[1], 300)) == [(0, 1)]
    assert groups(frame(0, picture[0], 0), frame(1, picture[1], 301)) == []


def test_a_moment_ends_after_ten_minutes() -> None:
    frames = [frame(number, burst_descriptions(0)[0], 100.0 * number) for number in range(10)]
    assert groups(*frames) == [(0, 1, 2, 3, 4, 5, 6), (7, 8, 9)]


def test_a_scene_that_drifts_is_not_one_moment() -> None:
    photo = np.ascontiguousarray(data.astronaut()[..., ::-1])
    steps = [cv2.addWeighted(photo, 1 - at / 12, np.ascontiguousarray(photo[::-1]), at / 12, 0) for at in range(13)]
    described = [describe(np.asarray(step, np.uint8)) for step in steps]
    found = groups(*(frame(number, one, number) for number, one in enumerate(described)))
    assert len(found) > 1
    assert all(0 not in group or 12 not in group for group in found)


def test_another_photo_in_between_does_not_divide_a_moment() -> None:
    first, other = burst_descriptions(0), burst_descriptions(5)[0]
    assert groups(frame(0, first[0], 0), frame(1, other, 1), frame(2, first[1], 2)) == [(0, 2)]


def test_a_clock_that_stands_still_counts_as_none() -> None:
    others = [describe(picture) for picture in pictures()]
    frames = [frame(number, one, 0) for number, one in enumerate([*others, *burst_descriptions(0)[:2]])]
    apart = [replace(one, name=f"IMG_{one.id * 10:04}.jpg") for one in frames]
    assert groups(*apart) == []
    assert len(groups(*(replace(one, taken=one.taken and f"{one.taken[:-2]}{one.id:02}") for one in apart))) >= 1


# names


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1234.jpg", "IMG_1237.jpg"),
        ("DSC01234.JPG", "DSC01235.JPG"),
        ("IMG_1234.jpg", "IMG_1234(1).jpg"),
        ("photo 12.jpg", "photo 13.jpg"),
        ("IMG-20240701-WA0007.jpg", "IMG-20240701-WA0008.jpg"),
        ("PXL_20240701_101500123.jpg", "PXL_20240701_101501123.jpg"),
        ("2024-07-01 10.15.00.jpg", "2024-07-01 10.15.09.jpg"),
    ],
)
def test_names_tell_that_photos_are_near(names: tuple[str, str]) -> None:
    a, b = burst_descriptions(0)[:2]
    frames = [
        frame(number, one, 0, name=name, taken=None)
        for number, (name, one) in enumerate(zip(names, (a, b), strict=True))
    ]
    assert groups(*frames) == [(0, 1)]


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1234.jpg", "IMG_1238.jpg"),
        ("IMG_1234.jpg", "DSC_1235.jpg"),
        ("IMG-20240701-WA0007.jpg", "IMG-20240801-WA0008.jpg"),
        ("PXL_20240701_101500123.jpg", "PXL_20240701_102101123.jpg"),
        ("beach.jpg", "beach too.jpg"),
    ],
)
def test_names_tell_that_photos_are_not_near(names: tuple[str, str]) -> None:
    a, b = burst_descriptions(0)[:2]
    frames = [
        frame(number, one, 0, name=name, taken=None)
        for number, (name, one) in enumerate(zip(names, (a, b), strict=True))
    ]
    assert groups(*frames) == []


def test_photos_of_different_days_are_not_near() -> None:
    a, b = burst_descriptions(0)[:2]
    assert groups(frame(1, a, 0, taken="2024-07-01"), frame(2, b, 0, taken="2024-07-01")) == [(1, 2)]
    assert groups(frame(1, a, 0, taken="2024-07-01"), frame(2, b, 0, taken="2024-07-02")) == []


def test_photos_of_different_folders_or_cameras_are_not_near() -> None:
    a, b = burst_descriptions(0)[:2]
    assert groups(frame(1, a, 0), frame(2, b, 1, folder="other")) == []
    assert groups(frame(1, a, 0), frame(2, b, 1, camera="other")) == []


# equal files


def test_equal_files_are_always_one_entry() -> None:
    one = frame(1, burst_descriptions(0)[0], 0, digest="same")
    far = frame(2, burst_descriptions(0)[0], 9e7, digest="same", folder="copies", camera="other")
    undescribed = replace(far, id=3, name="x.jpg", taken=None, description=None)
    assert groups(one, far, undescribed, frame(4, None, 1)) == [(1, 2, 3)]


def test_photos_without_a_description_stay_alone() -> None:
    assert groups(frame(1, None, 0), frame(2, None, 0)) == []


def test_a_description_of_another_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="index the photo again"):
        moments([frame(1, b"short", 0), frame(2, b"short", 1)])


def test_no_frames_have_no_moments() -> None:
    assert moments([]) == []


# brackets


@pytest.mark.parametrize(
    "stops",
    [
        (-2, 0, 2),
        (2, 0, -2),
        (0, -2, 2),
        (0, 2, -2),
        (-1, 0, 1),
        (-2, -1, 0, 1, 2),
        (0, -1, 1, -2, 2),
        (0, -2, 2) * 2,
        (-2, 0, 2) * 15,
    ],
)
@pytest.mark.parametrize("scene", [0, 8, 12])
def test_exposure_brackets_stay(stops: tuple[int, ...], scene: int) -> None:
    described = [describe(exposed(pictures()[scene], one)) for one in stops]
    frames = [frame(number, one, number // 2) for number, one in enumerate(described)]
    assert groups(*frames) == []
    assert groups(*(replace(one, taken=None) for one in frames)) == []


@pytest.mark.parametrize(
    "stops",
    [
        *((0, 2), (0, 0, 0), (0, 0, 2), (0, 2, 0), (-2, 0, 2, 0), (0, 1, 1.1), (0, 0.2, 0.4)),
        (-2, 2, 0),  # an unusual order
        (-2.5, 0, 0.7),  # uneven steps
        (0, -2, 2, -2, 0, 2),  # two orders
    ],
)
def test_other_series_of_exposures_are_moments(stops: tuple[float, ...]) -> None:
    described = [describe(exposed(pictures()[0], one)) for one in stops]
    frames = [frame(number, one, number // 2) for number, one in enumerate(described)]
    assert groups(*frames) == [tuple(range(len(stops)))]


def test_a_slow_series_of_exposures_is_a_moment() -> None:
    described = [describe(exposed(pictures()[0], one)) for one in (-2, 0, 2)]
    assert groups(*(frame(number, one, number * 3) for number, one in enumerate(described))) == [(0, 1, 2)]


def test_copies_do_not_hide_a_bracket() -> None:
    described = [describe(exposed(pictures()[0], one)) for one in (-2, 0, 2)]
    frames = [frame(number, one, number) for number, one in enumerate(described)]
    copies = [replace(one, id=one.id + 10, name=one.name.replace(".", "(1).")) for one in frames]
    assert groups(*frames, *copies) == [(0, 10), (1, 11), (2, 12)]


# panoramas


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "retina", "hubble_deep_field"])
@pytest.mark.parametrize("step", [0.15, 0.2, 0.3])
@pytest.mark.parametrize("turned", [False, True])
def test_panoramas_stay(name: str, step: float, turned: bool) -> None:
    photo = np.asarray(getattr(data, name)())[..., ::-1]
    photo = photo.transpose(1, 0, 2) if turned else photo
    width = int(photo.shape[1] / (1 + 4 * step))
    views = [photo[:, int(at * step * width) :][:, :width] for at in range(5)]
    assert groups(*(frame(number, describe(view), 2 * number) for number, view in enumerate(views))) == []


def test_a_horizon_does_not_make_a_moment() -> None:
    random = np.random.default_rng(0)
    sea = np.zeros((200, 1000, 3))
    sea[:90], sea[90:] = (230, 200, 170), (110, 80, 40)
    for _ in range(60):
        cv2.circle(sea, (int(random.integers(1000)), int(random.integers(70, 110))), 6, (60, 90, 60), -1)
    views = [np.ascontiguousarray(sea[:, at * 150 : at * 150 + 300]).astype(np.uint8) for at in range(5)]
    frames = [frame(number, describe(view), 2 * number) for number, view in enumerate(views)]
    assert groups(*frames) == []
    assert groups(*frames[:2]) == []  # two frames of a panorama have no direction


# properties


@hypothesis_settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 400), st.integers(0, 9)), max_size=25),
    st.randoms(),
)
def test_every_frame_is_in_one_moment(drawn: list[tuple[int, int | None, int]], random: Random) -> None:
    pictures = burst_descriptions(0)
    frames = [
        replace(
            frame(number, pictures[picture] if picture else None, seconds or 0, digest=str(content)),
            taken=None if seconds is None else (START + timedelta(seconds=seconds)).isoformat(),
        )
        for number, (picture, seconds, content) in enumerate(drawn)
    ]
    found = moments(frames)
    assert sorted(one for group in found for one in group) == list(range(len(frames)))
    for one in frames:
        mine = next(group for group in found if one.id in group)
        assert all(other.id in mine for other in frames if other.digest == one.digest)
    random.shuffle(frames)
    assert moments(frames) == found
