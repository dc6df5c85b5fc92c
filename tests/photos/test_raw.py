"""RAW files: the camera's preview is used if it is large enough, otherwise the file is developed."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from helpers import ASTRONAUT_FACE, astronaut, encoded, overlap
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from raw_files import dng

from albumsort.errors import PhotoError
from albumsort.faces import detector
from albumsort.photos import decode, raw
from albumsort.photos import upright as photo_upright
from albumsort.types import Box, Taken

TAKEN = "2024:05:06 07:08:09"


def wide(side: int = 1024) -> Image.Image:
    """Return the portrait in the left part of a wider picture, so that a turn is visible."""
    picture = Image.new("RGB", (side, side * 3 // 4), (60, 70, 80))
    picture.paste(astronaut(side * 3 // 4), (0, 0))
    return picture


def seen(data: bytes) -> tuple[photo_upright.Upright, list[Box]]:
    upright = decode.decode(data)
    return upright, [d.box.scaled(upright.scale) for d in detector.load_detector().detect(upright.pixels)]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("preview", [None, 300, 1024])
def test_a_raw_file_comes_upright_with_its_date_and_face(preview: int | None, orientation: int) -> None:
    quarters = {1: 0, 6: 1, 3: 2, 8: 3}[orientation]  # anticlockwise turns of the camera
    lying = wide().rotate(90 * quarters, expand=True)
    upright, found = seen(dng(lying, preview, orientation, TAKEN))
    assert (upright.width, upright.height) == (1024, 768)
    assert upright.taken == Taken("2024-05-06T07:08:09", "DateTime")
    expected = ASTRONAUT_FACE.scaled(768 / 512)
    assert max((overlap(box, expected) for box in found), default=0) > 0.6


def test_the_cameras_preview_is_used_if_it_is_large_enough() -> None:
    assert decode.decode(dng(wide(), 1000)).pixels.shape == (750, 1000, 3)
    assert decode.decode(dng(wide(), 300)).pixels.shape == (384, 512, 3)


@pytest.mark.parametrize("preview", [None, 1024])
def test_colours_and_brightness_are_those_of_the_picture(preview: int | None) -> None:
    pixels = decode.decode(dng(wide(), preview)).pixels.astype(float)
    expected = np.asarray(wide().resize(pixels.shape[1::-1], Image.Resampling.BOX), float)[:, :, ::-1]
    assert np.abs(pixels - expected).mean() < 8


def test_other_pictures_are_not_taken_for_raw() -> None:
    for format in ("JPEG", "PNG", "TIFF", "WEBP"):
        assert not raw.is_raw(io.BytesIO(encoded(astronaut(64), format)))
    assert raw.is_raw(io.BytesIO(dng(wide(64))))


def test_a_tiff_of_a_camera_maker_stays_a_tiff() -> None:
    exif = Image.Exif()
    exif[271] = "Canon"
    data = encoded(astronaut(64), "TIFF", exif=exif)
    assert not raw.is_raw(io.BytesIO(data))
    assert decode.decode(data).pixels.shape == (64, 64, 3)


def test_a_raw_file_that_claims_too_many_pixels_is_refused_before_it_is_developed() -> None:
    data = dng(wide(64))
    for tag, side in ((256, 64), (257, 48)):
        entry = struct.pack("<HHII", tag, 4, 1, side)
        assert entry in data
        data = data.replace(entry, struct.pack("<HHII", tag, 4, 1, 20_000))
    with pytest.raises(PhotoError, match="20000 x 20000 is more than 300 million pixels"):
        decode.decode(data)


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.9])
def test_a_raw_file_cut_short_is_refused_in_plain_words(keep: float) -> None:
    data = dng(wide(256))
    with pytest.raises(PhotoError, match=r"the RAW file is damaged|not a picture|damaged"):
        decode.decode(data[: int(len(data) * keep)])


@given(at=st.integers(0, 20_000), value=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_file_with_any_wrong_byte_is_read_or_refused(at: int, value: int) -> None:
    damaged = bytearray(DAMAGED)
    damaged[-1 - at % len(damaged)] = value  # the directories are at the end
    try:
        pixels = decode.decode(bytes(damaged)).pixels
    except PhotoError:
        return
    assert pixels.shape[2] == 3


DAMAGED = dng(wide(96), 64)
