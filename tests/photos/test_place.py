from __future__ import annotations

import io
import struct

import planted
import pytest
from helpers import encoded, exif, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags

from albumsort.photos.place import names_place

PICTURE = quarters(64, 48)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("place", [True, False])
def test_coordinates_are_found_in_the_exif_of_every_format(format: str, place: bool) -> None:
    block = planted.exif(place=place)
    data = encoded(PICTURE, format, exif=block if format == "HEIF" else block.tobytes())
    assert names_place(data) == place


def test_coordinates_are_found_in_xmp() -> None:
    assert names_place(encoded(PICTURE, xmp=planted.XMP))
    assert not names_place(encoded(PICTURE, xmp=planted.XMP.replace(b"GPSL", b"gpsl")))


def test_the_block_of_a_canon_raw_file_is_found() -> None:
    degrees = [struct.pack("<6I", *(1, 1) * 3)] * 2
    entries = [struct.pack("<HHII", tag, 5, 3, at) for tag, at in ((2, 38), (4, 62))]
    # its first directory is the one with the coordinates
    block = struct.pack("<4sIH", b"II*\0", 8, 2) + b"".join(entries) + bytes(4) + b"".join(degrees)
    assert names_place(b"\0\0\0\x18ftypcrx " + bytes(9) + b"CMT4" + block)


def test_a_camera_without_a_fix_names_no_place() -> None:
    block = exif()
    block.get_ifd(ExifTags.IFD.GPSInfo).update({0: b"\2\3\0\0", 29: "2024:07:01"})
    assert not names_place(encoded(PICTURE, exif=block))
    data = bytearray(encoded(PICTURE, exif=planted.exif()))
    degrees = data.index(b"\0\0\0\x30\0\0\0\1")  # 48/1
    data[degrees : degrees + 8] = bytes(8)
    assert not names_place(bytes(data))


@given(st.binary(max_size=200), st.sampled_from((b"II*\0", b"MM\0*", b"IIRO")))
def test_no_bytes_are_too_broken(data: bytes, start: bytes) -> None:
    names_place(start + data)
    names_place(data + start + data)


def test_a_damaged_block_counts_as_none() -> None:
    whole = planted.exif().tobytes()
    buffer = io.BytesIO(whole)
    for length in range(len(whole)):
        assert not names_place(buffer.getvalue()[: min(length, 60)])
        names_place(whole[:length])
