"""Camera RAW files made from pictures: DNG, the only RAW format with a published layout (Adobe DNG 1.4)."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
CODES = {BYTE: "B", SHORT: "H", LONG: "I"}
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, SRATIONAL: 8}

Tags = dict[int, tuple[int, Any]]


def dng(picture: Image.Image, preview: int | None = None, orientation: int = 1, taken: str | None = None) -> bytes:
    """Return a DNG of a picture behind a red, green and blue filter mosaic, 16 bits per pixel, not compressed.

    preview: longer side of the JPEG in the file, None for no JPEG; orientation: the file's orientation, as in EXIF;
    taken: EXIF's date.
    """
    pixels = np.asarray(picture.convert("RGB"), np.float64) / 255
    light = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)  # from sRGB to linear
    mosaic = np.empty(light.shape[:2], "<u2")
    for down, across, colour in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[down::2, across::2] = np.round(light[down::2, across::2, colour] * 60000)
    height, width = mosaic.shape
    tags: Tags = {
        254: (LONG, [0]),
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [16]),
        259: (SHORT, [1]),
        262: (SHORT, [32803]),
        271: (ASCII, "albumsort"),
        272: (ASCII, "drawn camera"),
        274: (SHORT, [orientation]),
        277: (SHORT, [1]),
        278: (LONG, [height]),
        33421: (SHORT, [2, 2]),
        33422: (BYTE, [0, 1, 1, 2]),
        50706: (BYTE, [1, 4, 0, 0]),
        50708: (ASCII, "albumsort drawn camera"),
        50717: (LONG, [60000]),
        # from XYZ to the camera's colours, here those of sRGB
        50721: (SRATIONAL, [(round(v * 10000), 10000) for v in np.linalg.inv(SRGB_TO_XYZ).ravel()]),
        50728: (RATIONAL, [(1, 1)] * 3),
        50778: (SHORT, [21]),
    }
    if taken is not None:
        tags[306] = (ASCII, taken)
    strips = [mosaic.tobytes()]
    inside: list[Tags] = []
    if preview is not None:
        small = picture.convert("RGB")
        small.thumbnail((preview, preview))
        jpeg = io.BytesIO()
        small.save(jpeg, "JPEG", quality=92)
        strips.append(jpeg.getvalue())
        inside.append(
            {
                254: (LONG, [1]),
                256: (LONG, [small.width]),
                257: (LONG, [small.height]),
                258: (SHORT, [8, 8, 8]),
                259: (SHORT, [7]),
                262: (SHORT, [6]),
                277: (SHORT, [3]),
                278: (LONG, [small.height]),
            }
        )
    return _tiff(tags, inside, strips)


SRGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _tiff(first: Tags, inside: list[Tags], strips: list[bytes]) -> bytes:
    """Return a TIFF: one strip per directory, then the directories, then the values too large for them."""
    file = bytearray(b"II*\0\0\0\0\0")
    offsets = []
    for strip in strips:
        offsets.append(len(file))
        file += strip + b"\0" * (-len(strip) % 4)
    places = []
    for tags, strip, offset in list(zip([first, *inside], strips, offsets, strict=True))[::-1]:
        tags = {**tags, 273: (LONG, [offset]), 279: (LONG, [len(strip)])}
        if places:
            tags[330] = (LONG, places)
        places = [_directory(file, tags)]
    struct.pack_into("<I", file, 4, places[0])
    return bytes(file)


def _directory(file: bytearray, tags: Tags) -> int:
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        if kind == ASCII:
            data = values.encode() + b"\0"
        elif kind in CODES:
            data = struct.pack(f"<{len(values)}{CODES[kind]}", *values)
        else:
            data = b"".join(struct.pack("<ii" if kind == SRATIONAL else "<II", *pair) for pair in values)
        count = len(data) // SIZES[kind]
        if len(data) > 4:
            data, at = struct.pack("<I", len(file)), data
            file += at + b"\0" * (-len(at) % 4)
        entries += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
    place = len(file)
    file += struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"
    return place
