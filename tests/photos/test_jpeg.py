"""A JPEG is whole if its data bring every row, whatever follows them; otherwise it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import pytest
from helpers import astronaut, encoded
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from albumsort.errors import PhotoError
from albumsort.photos import markers
from albumsort.photos.decode import decode
from albumsort.photos.refusal import damaged
from albumsort.photos.upright import Pixels

EOI = markers.EOI
KINDS: dict[str, dict[str, int | bool]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "full colours": {"subsampling": 0},
    "restarts by rows": {"restart_marker_rows": 1},
    "restarts by blocks": {"restart_marker_blocks": 3},
    "progressive": {"progressive": True},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 5},
}
TRAILERS = {
    "nothing": b"",
    "zeros": bytes(20_000),
    "a maker's trailer": b"SEFH" * 30 + b"SEFT",
    "fill bytes": b"\xff" * 50,
    "an end marker and zeros": EOI + bytes(3000),
    "an end marker and a video": EOI + b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20,
    "a second picture": b"",  # filled in by `followed`
}


@dataclass(frozen=True)
class Drawn:
    """A whole JPEG, where the data of its last scan start and end, and its pixels."""

    data: bytes
    start: int
    end: int
    pixels: Pixels


@cache
def drawn(kind: str, mode: str = "RGB", ground: str = "") -> Drawn:
    picture = astronaut(200).resize((200, 168))
    if ground:
        picture.paste(ground, (0, 100, 200, 168))
    data = encoded(picture.convert(mode), quality=90, **KINDS[kind])
    found = markers.picture(data)
    assert data[found.end :] == EOI
    return Drawn(data, found.start, found.end, decode(data).pixels)


def followed(start: bytes, trailer: str, whole: Drawn) -> bytes:
    return start + (whole.data if trailer == "a second picture" else TRAILERS[trailer])


def missing(reason: str) -> tuple[int, int]:
    found = re.search(r"ends in the middle of the picture: ([\d,]+) of ([\d,]+) rows", reason)
    assert found, reason
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_with_all_rows_is_whole_whatever_follows(kind: str, trailer: str, mode: str) -> None:
    whole = drawn(kind, mode)
    assert np.array_equal(decode(followed(whole.data[:-2], trailer, whole)).pixels, whole.pixels)
    assert np.array_equal(decode(followed(whole.data, trailer, whole)).pixels, whole.pixels)


@pytest.mark.parametrize("ground", ["black", "white", "#808080"])
@pytest.mark.parametrize("kind", ["optimized", "progressive"])
def test_an_even_ground_is_not_taken_for_missing_rows(kind: str, ground: str) -> None:
    whole = drawn(kind, ground=ground)
    for trailer in (b"", EOI, bytes(5000)):
        assert np.array_equal(decode(whole.data[:-2] + trailer).pixels, whole.pixels)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(st.data())
def test_a_cut_picture_is_refused_whatever_follows(kind: str, data: st.DataObject) -> None:
    whole = drawn(kind)
    trailers = ["nothing", "zeros", "fill bytes", "a second picture"]
    trailer = data.draw(st.sampled_from(trailers if "progressive" in kind else list(TRAILERS)))
    first = markers.first_scan(whole.data)[0]
    # a text may pass for the data of the last blocks
    cut = data.draw(st.integers(first, whole.end - (1500 if trailer == "a maker's trailer" else 200)))
    with pytest.raises(PhotoError) as failed:
        decode(followed(whole.data[:cut], trailer, whole))
    if str(failed.value) != damaged("JPEG"):  # a cut within a progressive scan may leave a code that no decoder knows
        rows, height = missing(str(failed.value))
        assert height == 168
        assert 0 < rows <= height


@settings(max_examples=40)
@given(
    cut=st.integers(1, 200), kind=st.sampled_from(list(KINDS)), trailer=st.sampled_from(["nothing", "a second picture"])
)
@example(cut=30, kind="baseline", trailer="a second picture")
def test_the_last_bytes_are_missed_too(cut: int, kind: str, trailer: str) -> None:
    whole = drawn(kind)
    outcome = outcome_of(followed(whole.data[: whole.end - cut], trailer, whole))
    if isinstance(outcome, str):
        assert missing(outcome)[0] <= 168
    else:
        assert np.array_equal(outcome, whole.pixels), "the bits that lack change nothing"


def outcome_of(data: bytes) -> Pixels | str:
    """Return the pixels, or why the picture is refused."""
    try:
        return decode(data).pixels
    except PhotoError as e:
        return str(e)


@pytest.mark.parametrize("trailer", [b"", EOI, bytes(50_000), bytes(50_000) + EOI])
@pytest.mark.parametrize("kind", ["baseline", "full colours", "restarts by rows"])
def test_the_missing_rows_are_counted(kind: str, trailer: bytes) -> None:
    whole = drawn(kind)
    for share in (0.2, 0.5, 0.9):
        cut = whole.data[: whole.start + int((whole.end - whole.start) * share)]
        delivered = cv2.imdecode(np.frombuffer(cut + EOI, np.uint8), cv2.IMREAD_COLOR)
        same = (delivered == whole.pixels).all(axis=(1, 2))
        with pytest.raises(PhotoError) as failed:
            decode(cut + trailer)
        rows, height = missing(str(failed.value))
        assert rows == pytest.approx(height - int(same.argmin()), abs=16)


@pytest.mark.parametrize("trailer", ["nothing", "an end marker and zeros", "a second picture"])
def test_a_progressive_picture_without_its_last_scans_is_refused(trailer: str) -> None:
    whole = drawn("progressive")
    scans = [at.start() for at in re.finditer(b"\xff\xda", whole.data)]
    assert len(scans) > 5
    for scan in scans[1:]:
        with pytest.raises(PhotoError, match="168 of 168 rows are there only without their details"):
            decode(followed(whole.data[:scan], trailer, whole))


def test_data_that_are_damaged_in_the_middle_are_not_called_cut() -> None:
    whole = drawn("baseline")
    middle = (whole.start + whole.end) // 2
    with pytest.raises(PhotoError, match=r"damaged: the JPEG decoder failed, \d+ of 168 rows are missing"):
        decode(whole.data[:middle] + b"\xff\xc5\0\x02" + whole.data[middle:])


def test_a_large_cut_picture_is_refused_at_every_scale() -> None:
    data = encoded(astronaut(2048))
    with pytest.raises(PhotoError, match=r"[\d,]+ of 2,048 rows are missing"):
        decode(data[: len(data) // 2] + data)


def test_a_jpeg_of_twelve_bits_is_refused_by_that() -> None:
    data = bytearray(encoded(Image.new("RGB", (32, 32))))
    data[data.find(b"\xff\xc0") + 4] = 12
    with pytest.raises(PhotoError, match="12 bits"):
        decode(bytes(data))
