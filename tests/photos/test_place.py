from __future__ import annotations

import io
import struct
from typing import Any

import planted
import pytest
from helpers import encoded, exif, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, PngImagePlugin

from albumsort.photos.place import names_place

PICTURE = quarters(64, 48)
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" %s/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("place", [True, False])
def test_coordinates_are_found_in_the_exif_of_every_format(format: str, place: bool) -> None:
    block = planted.exif(place=place)
    data = encoded(PICTURE, format, exif=block if format == "HEIF" else block.tobytes())
    assert names_place(data) == place


def test_coordinates_are_found_in_xmp() -> None:
    assert names_place(encoded(PICTURE, xmp=XMP % b'exif:GPSLatitude="48,51.5N"'))
    assert not names_place(encoded(PICTURE, xmp=XMP % b'exif:GPSAltitude="3/1"'))


@pytest.mark.parametrize("name", [b"photoshop:City", b"Iptc4xmpCore:Location"])
def test_a_city_or_location_in_xmp_names_a_place(name: bytes) -> None:
    assert names_place(encoded(PICTURE, xmp=XMP % (name + b'="Paris"')))
    assert names_place(encoded(PICTURE, "WEBP", xmp=XMP % b"" + b"<%s>Paris</%s>" % (name, name)))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(("value", "place"), [(b'photoshop:City="Paris"', True), (b'photoshop:Credit="me"', False)])
def test_xmp_is_found_in_the_texts_of_a_png(compressed: bool, value: bytes, place: bool) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", (XMP % value).decode(), zip=compressed)
    data = encoded(PICTURE, "PNG", pnginfo=text)
    assert (value in data) is not compressed
    assert names_place(data) is place


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*"])
def test_a_file_full_of_starts_is_not_read_through_for_each(start: bytes) -> None:
    looked: list[int] = []

    class Counted(bytes):
        def find(self, *arguments: Any) -> int:
            looked.append(0)
            return super().find(*arguments)

    assert not names_place(Counted(start * 100_000))
    assert len(looked) < 100


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
