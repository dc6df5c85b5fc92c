"""Find the tags that tell when a photo was taken, in all blocks of its file, without decoding pixels."""

from __future__ import annotations

import io
from collections import ChainMap
from collections.abc import Callable, Iterator
from typing import BinaryIO

from PIL import ExifTags, Image, JpegImagePlugin, PsdImagePlugin

from ..types import Taken
from . import iptc, png, tiff, xmp
from .dates import Fix, Tag, choose

EXIF_MARK, XMP_MARK = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
"""How the blocks of a JPEG begin."""
EXIF_DATES = {
    ExifTags.Base.DateTimeOriginal: ("DateTimeOriginal", ExifTags.Base.OffsetTimeOriginal),
    ExifTags.Base.DateTimeDigitized: ("DateTimeDigitized", ExifTags.Base.OffsetTimeDigitized),
    ExifTags.Base.DateTime: ("DateTime", ExifTags.Base.OffsetTime),
}
INSIDE = ExifTags.Base.ExifOffset, ExifTags.Base.GPSInfo
"""Tags of the first directory that are places of others."""
GPS_DAY, GPS_TIME = ExifTags.GPS.GPSDateStamp, ExifTags.GPS.GPSTimeStamp
XMP_TAG, IPTC_TAG = 700, 33723
"""Tags of a TIFF's first directory that contain whole blocks."""
WANTED = {*EXIF_DATES, *(offset for _, offset in EXIF_DATES.values()), *INSIDE, GPS_DAY, GPS_TIME, XMP_TAG, IPTC_TAG}
IPTC_RESOURCE, EXIF_RESOURCE, XMP_RESOURCE = 0x0404, 0x0422, 0x0424
"""Photoshop's names for the blocks, in its own files and in its segment of a JPEG."""

Found = tuple[list[Tag], list[Fix]]


def taken(image: Image.Image, file: BinaryIO) -> Taken | None:
    """Return when an opened image was taken, or None if its file tells no date that makes sense.

    file: the bytes of the image's file, moved by this. A block that cannot be read hides no other. Raises OSError if
    the file cannot be read.
    """
    tags, fixes = list[Tag](), list[Fix]()
    for more_tags, more_fixes in _blocks(image, file):
        tags += more_tags
        fixes += more_fixes
    return choose(tags, fixes)


def packets(image: Image.Image, file: BinaryIO) -> Iterator[bytes]:
    """Yield the XMP packets in the file of an opened image. Raises OSError like `taken`."""
    if image.format == "PNG":
        for keyword, data in png.read(file):
            if keyword == "XML:com.adobe.xmp":
                yield data
            elif keyword == "Raw profile type xmp":
                yield png.profile(data).removeprefix(XMP_MARK)
        return
    if image.format == "TIFF":
        yield from packets_of_tiff(file)
        return
    yield from _segments(image, XMP_MARK, "xmp")
    yield _resources(image).get(XMP_RESOURCE, b"")


def packets_of_tiff(file: BinaryIO) -> Iterator[bytes]:
    """Yield the XMP packet of a TIFF, or of a RAW file that is one. Raises OSError if the file cannot be read."""
    yield from (value.data for value in tiff.first_directory(file, {XMP_TAG}).values())


def exif(*files: BinaryIO) -> Found:
    """Return the dates in an EXIF block or TIFF, and in the XMP and IPTC inside it. Raises OSError like `taken`.

    files: usually one; some RAW files have a TIFF for each directory.
    """
    directories = [directory for file in files for directory in _directories(file)]
    known = ChainMap(*directories)
    tags = [
        Tag(name, directory[tag].data, known[offset].data if offset in known else None)
        for directory in directories
        for tag, (name, offset) in EXIF_DATES.items()
        if tag in directory
    ]
    readers: dict[int, Callable[[bytes], list[Tag]]] = {XMP_TAG: xmp.read, IPTC_TAG: iptc.read}
    for tag, read in readers.items():
        tags += read(known[tag].data) if tag in known else []
    if GPS_DAY not in known:
        return tags, []
    return tags, [Fix(known[GPS_DAY].data, known[GPS_TIME].numbers if GPS_TIME in known else None)]


def _directories(file: BinaryIO) -> Iterator[dict[int, tiff.Value]]:
    found = tiff.opened(file)
    if found is None:
        return
    first = found.directory(found.first, WANTED)
    yield first
    for tag in INSIDE:
        place = first[tag].numbers if tag in first else ()
        if place and place[0] >= 0:
            yield found.directory(int(place[0]), WANTED)


def _blocks(image: Image.Image, file: BinaryIO) -> Iterator[Found]:
    """Yield what each block of a file tells."""
    if image.format == "PNG":
        yield from _png_blocks(file)
        return
    if image.format == "TIFF":
        yield exif(file)
        return
    for block in _segments(image, EXIF_MARK, "exif"):
        yield exif(io.BytesIO(block.removeprefix(EXIF_MARK)))
    for block in _segments(image, XMP_MARK, "xmp"):
        yield xmp.read(block), []
    resources = _resources(image)
    if EXIF_RESOURCE in resources:
        yield exif(io.BytesIO(resources[EXIF_RESOURCE]))
    yield xmp.read(resources.get(XMP_RESOURCE, b"")), []
    yield iptc.read(resources.get(IPTC_RESOURCE, b"")), []


def _segments(image: Image.Image, mark: bytes, name: str) -> Iterator[bytes]:
    """Yield the blocks of one kind: what Pillow found, and each segment of a JPEG, because Pillow joins or drops some.

    Joined, a block that is larger than a segment is whole.
    """
    segments = []
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        segments = [data[len(mark) :] for _, data in image.applist if data.startswith(mark)]
    if len(segments) != 1 and isinstance(image.info.get(name), bytes):
        yield image.info[name]
    yield from segments


def _resources(image: Image.Image) -> dict[int, bytes]:
    if isinstance(image, PsdImagePlugin.PsdImageFile):
        return {number: data for number, _, data in image.resources}
    found = image.info.get("photoshop")
    known = found.items() if isinstance(found, dict) else ()
    return {number: data for number, data in known if isinstance(data, bytes)}


def _png_blocks(file: BinaryIO) -> Iterator[Found]:
    for keyword, data in png.read(file):
        if keyword.startswith("Raw profile type "):
            data = png.profile(data)
        if keyword == "eXIf" or data.startswith(EXIF_MARK):
            yield exif(io.BytesIO(data.removeprefix(EXIF_MARK)))
        elif keyword == "Creation Time":
            yield [Tag(keyword, data)], []
        elif keyword == "XML:com.adobe.xmp" or keyword.startswith("Raw profile type "):
            yield xmp.read(data.removeprefix(XMP_MARK)), []
