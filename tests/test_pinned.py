"""Pinned detections and expressions of a few pictures: a change that moves them needs a new method number.

Earlier results stay in an index until the networks or the numbers in `settings` change. A changed constant without a
new number would leave albums with two kinds of results. Expressions are computed at the boxes pinned here, so that
detections of another processor, which differ by half a pixel, do not change them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from helpers import astronaut, encoded, landscape
from PIL import Image

from albumsort import analysis, settings
from albumsort.faces import crop as face_crop
from albumsort.faces import resize
from albumsort.photos import decode
from albumsort.types import Box, Detection, Face, Settings

MADE_WITH = Settings(finding="e0b06cddd3c4f6f4-13", classifying="bc8f16dbaff4067f-3", dating="1")
"""The networks and methods of these results."""

FOUND: dict[str, list[Detection]] = {
    "portrait": [
        Detection(
            Box(179.9, 61.2, 90.8, 110.9),
            ((203.7, 102.1), (245.6, 103.5), (223.1, 126.2), (205.8, 143.2), (240.5, 144.4)),
            0.9999,
        ),
    ],
    "small": [
        Detection(
            Box(763.4, 622.2, 31.8, 38.2),
            ((771.6, 636.1), (786.3, 636.6), (778.3, 644.5), (772.4, 650.5), (784.6, 650.9)),
            0.9996,
        ),
    ],
    "leaning": [
        Detection(
            Box(179.7, 60.9, 91.0, 111.0),
            ((212.8, 93.3), (248.9, 114.3), (218.1, 123.5), (195.1, 130.3), (224.9, 147.8)),
            0.9999,
        ),
    ],
    "two": [
        Detection(
            Box(175.3, 59.3, 89.1, 108.7),
            ((198.7, 99.3), (239.8, 100.8), (217.6, 123.0), (200.6, 139.7), (234.7, 140.9)),
            0.9999,
        ),
        Detection(
            Box(725.3, 156.1, 53.2, 64.7),
            ((739.2, 179.8), (763.9, 180.5), (750.7, 193.9), (740.6, 204.0), (761.0, 204.6)),
            0.9997,
        ),
    ],
    "on its side": [
        Detection(
            Box(60.8, 109.1, 111.5, 91.2),
            ((101.9, 176.4), (103.3, 134.3), (126.1, 157.0), (143.3, 174.3), (144.5, 139.4)),
            0.9999,
        ),
    ],
}


@dataclass(frozen=True)
class Seen:
    """The pinned values of a face.

    crop: the greys of its 4 x 4 parts. answers: probabilities of the emotions, in their order, of nothing, and of open
    eyes.
    """

    size: float
    sharpness: float
    crop: tuple[int, ...]
    answers: tuple[float | None, ...]


SEEN: dict[str, list[Seen]] = {
    "portrait": [
        Seen(
            0.2166,
            0.5491,
            (128, 168, 153, 64, 163, 182, 165, 120, 190, 184, 155, 150, 136, 203, 173, 179),
            (0.0002, 0.9966, 0.0002, 0.002, 0.0004, 0.0003, 0.0004, 0.0021, 0.9553),
        ),
    ],
    "small": [
        Seen(
            0.0255,
            0.4383,
            (136, 173, 156, 68, 170, 184, 165, 125, 189, 184, 154, 152, 142, 202, 172, 177),
            (0.0002, 0.996, 0.0002, 0.0025, 0.0004, 0.0003, 0.0004, 0.0024, 0.9562),
        ),
    ],
    "leaning": [
        Seen(
            0.2168,
            0.5431,
            (129, 168, 152, 62, 163, 182, 164, 119, 189, 183, 154, 150, 135, 202, 172, 178),
            (0.0002, 0.9967, 0.0002, 0.0019, 0.0004, 0.0003, 0.0004, 0.0021, 0.9553),
        ),
    ],
    "two": [
        Seen(
            0.209,
            0.5528,
            (126, 167, 152, 64, 161, 182, 166, 120, 189, 184, 155, 150, 134, 203, 173, 178),
            (0.0002, 0.9966, 0.0002, 0.0019, 0.0004, 0.0003, 0.0004, 0.0021, 0.9555),
        ),
        Seen(
            0.1244,
            0.5065,
            (129, 169, 154, 66, 163, 182, 166, 123, 189, 184, 155, 151, 136, 203, 173, 178),
            (0.0002, 0.9962, 0.0002, 0.0022, 0.0004, 0.0003, 0.0004, 0.0024, 0.9543),
        ),
    ],
    "on its side": [
        Seen(
            0.3484,
            0.5471,
            (129, 167, 150, 61, 160, 183, 164, 119, 189, 184, 155, 153, 131, 203, 174, 177),
            (0.0002, 0.9968, 0.0002, 0.0018, 0.0005, 0.0003, 0.0003, 0.002, 0.9543),
        ),
    ],
    "upset": [
        Seen(
            0.2166,
            0.5662,
            (128, 168, 153, 64, 163, 182, 165, 120, 189, 189, 155, 152, 138, 198, 169, 179),
            (0.0022, 0.2173, 0.019, 0.699, 0.0317, 0.0293, 0.0015, 0.0363, 0.9671),
        ),
    ],
}


def small() -> bytes:
    """A face of 38 pixels in a photo that is searched at half its size."""
    photo = landscape(2000, 1500)
    photo.paste(astronaut(180), (700, 600))
    return encoded(photo)


def leaning() -> bytes:
    turned = astronaut().rotate(-30, Image.Resampling.BICUBIC, center=(226, 116), fillcolor=(200, 200, 200))
    return encoded(turned, "PNG")


def two() -> bytes:
    photo = landscape(1000, 520)
    photo.paste(astronaut(500), (0, 0))
    photo.paste(astronaut(300), (620, 120))
    return encoded(photo, "PNG")


def on_its_side() -> bytes:
    return encoded(astronaut().crop((60, 0, 380, 320)).transpose(Image.Transpose.ROTATE_90), "PNG")


def upset() -> bytes:
    """The portrait with its mouth upside down."""
    photo, mouth = astronaut().copy(), (190, 135, 262, 175)
    photo.paste(photo.crop(mouth).transpose(Image.Transpose.FLIP_TOP_BOTTOM), mouth)
    return encoded(photo, "PNG")


PICTURES: dict[str, Callable[[], bytes]] = {
    "portrait": lambda: encoded(astronaut(), "PNG"),
    "small": small,
    "leaning": leaning,
    "two": two,
    "on its side": on_its_side,
    "upset": upset,
}


@dataclass(frozen=True)
class Pointed:
    """A detector that returns given faces."""

    found: list[Detection]

    def detect(self, pixels: resize.Pixels) -> list[Detection]:
        return self.found


def found_in(name: str) -> list[Detection]:
    result = analysis.analyse_bytes(PICTURES[name](), "", *analysis.load_networks())
    return [Detection(face.box, face.landmarks, face.detection) for face in result.faces]


def seen_in(name: str) -> list[Seen]:
    """Return the values at the pinned boxes; the upset face uses the portrait's."""
    data = PICTURES[name]()
    upright = decode.decode(data)
    there = [scaled(d, 1 / upright.scale) for d in FOUND["portrait" if name == "upset" else name]]
    result = analysis.analyse_upright(upright, data, "", Pointed(there), analysis.load_networks()[1])
    return [*map(seen, result.faces, face_crop.unpack(result.crops, len(result.faces)))]


def scaled(found: Detection, by: float) -> Detection:
    return replace(found, box=found.box.scaled(by), landmarks=tuple((x * by, y * by) for x, y in found.landmarks))


def seen(face: Face, crop: resize.Pixels) -> Seen:
    parts = cv2.resize(crop.astype(np.float32), (4, 4), interpolation=cv2.INTER_AREA).ravel()
    answers = *face.probabilities.values(), face.nothing, face.eyes
    return Seen(face.size, face.sharpness or 0, tuple(map(round, parts.tolist())), answers)


def are_alike(found: Detection, before: Detection) -> bool:
    """Whether two faces agree within a hundredth of their size; other processors differ by a third of that."""
    places = [[d.box.x, d.box.y, d.box.w, d.box.h, *itertools.chain(*d.landmarks)] for d in (found, before)]
    near = pytest.approx(places[1], abs=0.01 * before.box.longer_side)
    return places[0] == near and found.score == pytest.approx(before.score, abs=0.002)


def are_cut_alike(seen: Seen, before: Seen) -> bool:
    measured = (seen.size, seen.sharpness) == pytest.approx((before.size, before.sharpness), abs=0.002)
    return measured and seen.crop == pytest.approx(before.crop, abs=1)


def are_read_alike(seen: Seen, before: Seen) -> bool:
    """Whether the answers agree; other processors differ in the fourth decimal."""
    return seen.answers == pytest.approx(before.answers, rel=0.05, abs=0.001)


def test_the_pinned_results_belong_to_the_current_networks_and_methods() -> None:
    assert settings.settings() == MADE_WITH, "write into this file what the new networks and methods find and see"


@pytest.mark.parametrize("name", FOUND)
def test_detections_change_only_with_the_method_number(name: str) -> None:
    found = found_in(name)
    if len(found) != len(FOUND[name]) or not all(map(are_alike, found, FOUND[name])):
        pytest.fail(advice(name, "FINDING_METHOD", found))


@pytest.mark.parametrize("name", SEEN)
def test_expressions_change_only_with_the_method_number(name: str) -> None:
    seen = seen_in(name)
    assert len(seen) == len(SEEN[name])
    if not all(map(are_cut_alike, seen, SEEN[name])):
        pytest.fail(advice(name, "FINDING_METHOD", seen))
    if not all(map(are_read_alike, seen, SEEN[name])):
        pytest.fail(advice(name, "CLASSIFYING_METHOD", seen))


def advice(name: str, method: str, now: object) -> str:
    return (
        f"the results of {name!r} are not those of {method} {getattr(settings, method)}: change that number in"
        f" albumsort/settings.py, or the photos of every index keep results of before, and write here: {now}"
    )
