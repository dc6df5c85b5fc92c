"""A description is small, and the same wherever and at whatever size a picture is described."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moment_frames import pictures

from albumsort.choosing.likeness import LENGTH, likeness
from albumsort.photos.description import describe

PINNED = bytes.fromhex(
    "a9b9b9b9b9a9a9a9a9a99898988847b9b9b9b9b9a9a9a9a9a99898987835a9b9b9b9b9a9a9a9a9a99898885835a9b9b9b9a9"
    "a9a9a9a9999898883636a9b9b9b9a9a9a9a9a9989898683557a9b9b9b9a9a9a9a9a9999888473578b9b9b9a9a9a9a9a99998"
    "9878363688a9b9b9a9a9a9a9a999989858245888a9b9a9a9a9a9a9a998988837357898a9b9a9a9a9a9a99998987825478898"
    "a9b9a9a9a9a9a99998885724689898a9b9b9a9a9a9a99898883626789898a9b9b9a9a9a9999898682447889898a9b9a9a9a9"
    "a9999888472468989898a9b9a9a9a9a99998782636889898980c30557aa1c7ee"
)


def test_a_description_fits_into_256_bytes() -> None:
    assert {len(describe(one)) for one in pictures()} == {LENGTH}
    assert LENGTH <= 256


@pytest.mark.parametrize("by", [0.5, 1.5, 4.0])
def test_the_size_of_a_picture_hardly_matters(by: float) -> None:
    for picture in pictures()[:8]:
        sized = np.asarray(cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA), np.uint8)
        assert likeness(describe(picture), describe(sized)) > 0.9


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255), st.integers(0, 3))
def test_every_picture_has_a_description(height: int, width: int, grey: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    for pixels in (noise, np.full((height, width, 3), grey, np.uint8), np.repeat(noise, 50, axis=1)):
        assert len(describe(pixels)) == LENGTH
        assert describe(pixels) == describe(pixels.copy())


def test_pixels_need_not_be_contiguous() -> None:
    picture = pictures()[0]
    assert describe(np.asfortranarray(picture)) == describe(picture)
    assert describe(picture[:, ::-1]) == describe(np.ascontiguousarray(picture[:, ::-1]))


def test_the_description_is_pinned() -> None:
    """Stored descriptions are compared with new ones, so a change needs a new number of the method."""
    ramp = np.add.outer(np.arange(96), 2 * np.arange(128)) % 251
    described = describe(np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2))
    steps = [
        [(one >> 4) - (other >> 4), (one & 15) - (other & 15)] for one, other in zip(described, PINNED, strict=True)
    ]
    assert np.abs(steps[:225]).max() <= 1  # processors round differently
    assert np.mean(np.abs(steps[:225])) < 0.01
    assert np.array([*described[225:]]) == pytest.approx(np.array([*PINNED[225:]]), abs=1)
