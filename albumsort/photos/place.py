"""Tell whether a photo's file names the place where it was taken, from its bytes and without decoding it."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import islice

from . import png

_STARTS = b"II*\0", b"MM\0*"  # of EXIF blocks in every format, and of TIFF and RAW files
_GPS_DIRECTORY, _LATITUDE, _LONGITUDE = 0x8825, 2, 4
_RATIONAL = 5
_MOST = 16
"""Number of places looked at for each start of a block: photos have a few, a forged file could have millions."""
_XMP_NAMES = b"GPSLatitude", b"photoshop:City", b"Iptc4xmpCore:Location"


def names_place(data: bytes) -> bool:
    """Whether a photo or sidecar has coordinates in EXIF or XMP, or a city or location in XMP.

    Damaged blocks count as none.
    """
    if _has_name(data):
        return True
    view = memoryview(data)  # a slice of it is no copy
    if any(_has_coordinates(view[start:]) for start in _blocks(data)):
        return True
    # a PNG may compress its XMP
    return data.startswith(png.SIGNATURE) and any(_has_name(text) for _, text in png.read(io.BytesIO(data)))


def _has_name(xmp: bytes) -> bool:
    return any(name in xmp for name in _XMP_NAMES)


def _blocks(data: bytes) -> Iterator[int]:
    """Yield where an EXIF block may start; formats put it in different places, some before and some after pixels."""
    if data[:2] in (b"II", b"MM"):  # some RAW files are TIFFs with a signature of their own
        yield 0
    for start in _STARTS:
        yield from islice(_found(data, start), _MOST)


def _found(data: bytes, start: bytes) -> Iterator[int]:
    at = data.find(start, 1)
    while at >= 0:
        yield at
        at = data.find(start, at + 1)


def _has_coordinates(block: memoryview) -> bool:
    order = "<" if bytes(block[:2]) == b"II" else ">"
    try:
        (first,) = struct.unpack_from(f"{order}I", block, 4)
        tags = _directory(block, first, order)
        if _GPS_DIRECTORY in tags:
            tags = _directory(block, tags[_GPS_DIRECTORY][2], order)
        # Canon's CR3 has a block of its own for these tags
        return all(_is_number(block, tags.get(tag), order) for tag in (_LATITUDE, _LONGITUDE))
    except struct.error:
        return False


def _directory(block: memoryview, at: int, order: str) -> dict[int, tuple[int, int, int]]:
    """Return type, count and value (or offset) of the tags in a TIFF directory."""
    (count,) = struct.unpack_from(f"{order}H", block, at)
    entries = (struct.unpack_from(f"{order}HHII", block, at + 2 + 12 * i) for i in range(count))
    return {tag: (kind, length, value) for tag, kind, length, value in entries}


def _is_number(block: memoryview, entry: tuple[int, int, int] | None, order: str) -> bool:
    """Whether a tag holds degrees, minutes and seconds; cameras without a fix write 0/0."""
    if entry is None or entry[:2] != (_RATIONAL, 3):
        return False
    _, denominator = struct.unpack_from(f"{order}II", block, entry[2])
    return bool(denominator)
