"""The pixels of every kind of TIFF are right, or the kind is refused by its name."""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile
from helpers import astronaut, quarters, stored

from albumsort.errors import PhotoError, TransientPhotoError
from albumsort.photos.decode import decode
from albumsort.photos.full import load
from albumsort.types import Taken

COLOURS = np.asarray(astronaut(96).resize((96, 80)))
GREY = COLOURS[:, :, 1]
SMALL = COLOURS[::4, ::4]
TYPES = ["u1", "u2", "u4", "i2", "i4", "f4", "f8"]


def shares(picture: np.ndarray[Any, Any], kind: str) -> np.ndarray[Any, Any]:
    """Return a picture as numbers of a type: of floating-point numbers, 1 is white."""
    kind_of_number = np.dtype(kind)
    return (picture / 255 * (1 if kind[0] == "f" else float(np.iinfo(kind_of_number).max))).astype(kind_of_number)


def tiff(*pages: tuple[np.ndarray[Any, Any], dict[str, Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for picture, page in pages:
            photometric = "rgb" if picture.ndim == 3 else "minisblack"
            writer.write(picture, metadata=None, **{"photometric": photometric, **page})
    return file.getvalue()


def planes(picture: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    return np.moveaxis(picture, 2, 0), {"planarconfig": "separate"}


def off(data: bytes, expected: np.ndarray[Any, Any]) -> int:
    """Return the largest difference of a decoded picture from its source."""
    seen = decode(data).pixels[:, :, ::-1].astype(int)
    wanted = expected if expected.ndim == 3 else np.repeat(expected[:, :, None], 3, axis=2)
    assert seen.shape == wanted.shape
    return int(np.abs(seen - wanted).max())


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("picture", [COLOURS, GREY], ids=["colour", "grey"])
def test_numbers_of_every_type_are_scaled(picture: np.ndarray[Any, Any], kind: str) -> None:
    for compression, tile, order in itertools.product((None, "zlib"), (None, (32, 32)), "<>"):
        page = {"compression": compression, "tile": tile}
        assert off(tiff((shares(picture, kind), page), byteorder=order), picture) <= 1, (compression, tile, order)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_separate_planes_are_joined(kind: str, compression: str | None) -> None:
    for order in "<>":
        picture, page = planes(shares(COLOURS, kind))
        assert off(tiff((picture, {**page, "compression": compression}), byteorder=order), COLOURS) <= 1


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_a_picture_with_a_transparency_is_read(kind: str) -> None:
    opaque = np.dstack([COLOURS, np.full_like(GREY, 255)])
    page = {"extrasamples": ["unassalpha"]}
    assert off(tiff((shares(opaque, kind), page)), COLOURS) <= 1
    picture, separate = planes(shares(opaque, kind))
    assert off(tiff((picture, {**page, **separate})), COLOURS) <= 1


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("layout", "orientation"),
    [({"rowsperstrip": 16}, 1), ({"rowsperstrip": 16}, 3), ({"tile": (32, 32)}, 1)],
    ids=["strips", "turned strips", "tiles"],
)
@pytest.mark.parametrize("options", [{"byteorder": "<"}, {"byteorder": ">"}, {"byteorder": "<", "bigtiff": True}])
def test_transparency_in_a_separate_plane_shows_white(
    compression: str | None, layout: dict[str, Any], orientation: int, options: dict[str, Any]
) -> None:
    opaque = np.tile(np.linspace(0, 255, COLOURS.shape[1]).astype(np.uint8), (len(COLOURS), 1))
    share = opaque[:, :, None] / 255
    expected = COLOURS * share + 255 * (1 - share)
    picture, page = planes(shares(np.dstack([COLOURS, opaque]), "u2"))
    page |= {"extrasamples": ["unassalpha"], "compression": compression, **layout}
    page |= {"extratags": [(274, "H", 1, orientation, True)]}
    assert off(tiff((picture, page), **options), expected if orientation == 1 else expected[::-1, ::-1]) <= 2


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_white_may_be_zero(kind: str) -> None:
    assert off(tiff((shares(255 - GREY, kind), {"photometric": "miniswhite"})), GREY) <= 1


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_inks_become_colours(kind: str) -> None:
    inks = np.dstack([255 - COLOURS, np.zeros_like(GREY)])
    assert off(tiff((shares(inks, kind), {"photometric": "separated", "planarconfig": "contig"})), COLOURS) <= 1


def test_a_palette_is_applied() -> None:
    steps = np.arange(256, dtype=np.uint16) * 257
    palette = np.stack([steps, steps[::-1], steps])
    expected = np.dstack([GREY, 255 - GREY, GREY])
    assert off(tiff((GREY, {"photometric": "palette", "colormap": palette})), expected) <= 1


def test_a_bigtiff_is_read() -> None:
    assert off(tiff((SMALL, {"subfiletype": 1}), (shares(COLOURS, "f4"), {}), bigtiff=True), COLOURS) <= 1


@pytest.mark.parametrize("colours", [1, 3])
def test_numbers_of_twelve_bits_are_scaled_by_twelve_bits(colours: int) -> None:
    picture = COLOURS if colours == 3 else GREY
    pairs = (picture.astype(int) * 4095 // 255).reshape(len(picture), -1, 2)
    packed = np.stack([pairs[..., 0] >> 4, (pairs[..., 0] & 15) << 4 | pairs[..., 1] >> 8, pairs[..., 1] & 255], -1)
    rows = packed.astype(np.uint8).tobytes()
    bits = 122  # offset of the bits of each channel, if they do not fit into their entry
    entries = [
        (256, 4, 1, picture.shape[1]), (257, 4, 1, len(picture)), (258, 3, colours, 12 if colours == 1 else bits),
        (259, 3, 1, 1), (262, 3, 1, 1 if colours == 1 else 2), (273, 4, 1, bits + 6), (277, 3, 1, colours),
        (278, 4, 1, len(picture)), (279, 4, 1, len(rows)),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    data = head + bytes(4) + struct.pack("<3H", 12, 12, 12) + rows
    assert len(head) + 4 == bits
    assert off(data, picture) <= 1


@pytest.mark.parametrize("largest", [255, 65535])
def test_integers_of_32_bits_may_use_a_smaller_range(largest: int) -> None:
    assert off(tiff(((GREY / 255 * largest).astype("i4"), {})), GREY) <= GREY.max() / 254


def test_bright_lights_do_not_darken_a_picture_in_floating_point_numbers() -> None:
    picture = shares(COLOURS, "f4")
    picture[0, 0] = 1000
    picture[0, 1] = np.inf
    picture[0, 2] = np.nan
    seen = decode(tiff((picture, {}))).pixels[:, :, ::-1].astype(int)
    assert np.abs(seen[1:] - COLOURS[1:]).max() <= 3
    assert (seen[0, :3] == [[255], [255], [0]]).all()


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_kind_is_turned_upright_once(kind: str, orientation: int) -> None:
    turned = np.asarray(stored(quarters(48, 32), orientation))
    tags = [(274, "H", 1, orientation, True)]
    assert off(tiff((shares(turned, kind), {"extratags": tags})), np.asarray(quarters(48, 32))) <= 1
    if kind != "f4":
        picture, page = planes(shares(turned, kind))
        assert off(tiff((picture, {**page, "extratags": tags})), np.asarray(quarters(48, 32))) <= 1


REDUCED = {"subfiletype": 1}


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize(
    ("before", "after"),
    [([(SMALL, REDUCED)], []), ([(SMALL, REDUCED)] * 2, []), ([], [(SMALL, REDUCED)]), ([], [(COLOURS[::-1], {})])],
    ids=["a thumbnail first", "two thumbnails first", "a thumbnail last", "several pages"],
)
def test_the_first_full_size_page_is_the_picture(before: list[Any], after: list[Any], kind: str) -> None:
    assert off(tiff(*before, (shares(COLOURS, kind), {}), *after), COLOURS) <= 1


def test_a_file_with_only_a_thumbnail_is_that_picture() -> None:
    assert off(tiff((SMALL, REDUCED)), SMALL) == 0


def test_a_full_size_picture_may_be_a_part_of_the_thumbnails_page() -> None:
    assert off(tiff((SMALL, {**REDUCED, "subifds": 1}), (COLOURS, {})), COLOURS) == 0


@pytest.mark.parametrize(
    ("picture", "page", "name"),
    [
        (*planes(shares(COLOURS, "f4")), "32-bit floating-point TIFF, in separate planes"),
        (*planes(shares(COLOURS, "u4")), "32-bit TIFF, in separate planes"),
        (shares(COLOURS, "f2"), {}, "16-bit floating-point TIFF"),
        (*planes(np.dstack([shares(COLOURS, "u2"), shares(GREY, "u2")])), "16-bit CMYK TIFF, in separate planes"),
        (shares(COLOURS, "u2"), {"photometric": "cielab"}, "16-bit LAB TIFF"),
        (shares(COLOURS, "u2"), {"photometric": "icclab"}, "16-bit LAB TIFF"),
        (
            shares(GREY, "u2"),
            {"photometric": "palette", "colormap": np.zeros((3, 65536), np.uint16)},
            "16-bit palette TIFF",
        ),
    ],
)
def test_a_kind_that_no_decoder_reads_is_named(picture: np.ndarray[Any, Any], page: dict[str, Any], name: str) -> None:
    colours = {"photometric": "separated"} if "CMYK" in name else {}
    with pytest.raises(PhotoError, match=name):
        decode(tiff((picture, {**page, **colours})))


def test_a_photo_in_a_tiff_keeps_its_date() -> None:
    taken = [(306, "s", 20, "2020:02:29 08:00:00", True)]
    for kind in ("u1", "f4"):
        found = decode(tiff((shares(COLOURS, kind), {"extratags": taken}))).taken
        assert found == Taken("2020-02-29T08:00:00", "DateTime")


@pytest.mark.parametrize("tag", [256, 257, 258, 262, 284, 339])
@pytest.mark.parametrize(
    ("kind", "value"),
    [(2, b"abc\0"), (11, struct.pack("<f", np.nan)), (11, struct.pack("<f", np.inf)), (9, struct.pack("<i", -1))],
    ids=["text", "nan", "infinity", "negative"],
)
def test_a_damaged_tag_is_a_reason_and_no_other_error(tag: int, kind: int, value: bytes) -> None:
    for page in ((shares(GREY, "f4"), {}), planes(shares(COLOURS, "u2"))):
        data = bytearray(tiff(page))
        (first,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, first)
        entries = [first + 2 + 12 * i for i in range(count)]
        entry = next((at for at in entries if struct.unpack_from("<H", data, at) == (tag,)), None)
        if entry is None:
            continue
        struct.pack_into("<HI4s", data, entry + 2, kind, 4 if kind == 2 else 1, value)
        assert all(is_read_or_refused_for_good(read, bytes(data)) for read in (decode, load))


def is_read_or_refused_for_good(read: Callable[[bytes], object], data: bytes) -> bool:
    """Whether no error makes the next run try again; any error other than PhotoError fails the test."""
    try:
        read(data)
    except PhotoError as e:
        return not isinstance(e, TransientPhotoError)
    return True


def claiming(data: bytes, **numbers: int) -> bytes:
    """Return a little-endian TIFF whose first page claims another width or height."""
    changed = bytearray(data)
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if (name := {256: "width", 257: "height"}.get(tag)) in numbers:
            struct.pack_into("<HII", changed, entry + 2, 4, 1, numbers[name])
    return bytes(changed)


def test_wide_numbers_need_no_more_memory_than_the_largest_picture_of_bytes() -> None:
    small = tiff((shares(COLOURS, "f8"), {"compression": "zlib", "rowsperstrip": 80}))
    with pytest.raises(PhotoError, match="9000 x 6000 pixels of 3 x 64 bits need more memory than 300 million pixels"):
        decode(claiming(small, width=9_000, height=6_000))
    with pytest.raises(PhotoError, match="18000 x 18000 is more than 300 million pixels"):
        decode(claiming(small, width=18_000, height=18_000))


def test_a_tall_picture_is_scaled_alike_in_all_rows() -> None:
    tall = np.concatenate([COLOURS] * 7)
    assert off(tiff((shares(tall, "f8"), {})), tall) <= 1


@pytest.mark.parametrize("tile", [None, (32, 32)], ids=["strips", "tiles"])
@pytest.mark.parametrize(("kind", "is_planar"), [("u2", True), ("f4", False)])
def test_a_picture_whose_last_piece_lies_beyond_the_end_is_refused(
    kind: str, is_planar: bool, tile: tuple[int, int] | None
) -> None:
    picture, page = planes(shares(COLOURS, kind)) if is_planar else (shares(COLOURS, kind), {})
    data = tiff((picture, {**page, "tile": tile}))
    assert off(data, COLOURS) <= 1
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        last = file.pages[0].dataoffsets[-1]  # type: ignore[union-attr]
    with pytest.raises(PhotoError, match="ends in the middle of the picture"):
        decode(data[: last + 10])
    with pytest.raises(PhotoError, match="ends in the middle of the picture"):
        decode(data[:last])
