"""Read when the photo in a RAW file was taken, without developing it."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from PIL import Image

from ..types import Taken
from . import blocks, tiff
from .dates import choose

HEAD = 1 << 20
"""Bytes at the start of a Canon CR3 file, or of a JPEG inside a RAW file, that have all tags."""
FUJIFILM, FUJIFILM_JPEG = b"FUJIFILMCCD-RAW", 84
"""The signature, and the place of the camera's JPEG with all tags."""
PANASONIC_JPEG = 46
"""The tag of such a JPEG in a Panasonic file; its own directories have no date in some models."""
CANON_BLOCKS = b"CMT1", b"CMT2", b"CMT4"
"""Boxes of a CR3 file, each a TIFF: the first directory of EXIF, its details, and GPS."""


def taken(file: BinaryIO) -> Taken | None:
    """Return when the photo in a RAW file was taken, or None. Raises OSError if the file cannot be read."""
    if tiff.opened(file):
        return choose(*blocks.exif(file)) or _taken_of_jpeg(_panasonic_jpeg(file))
    file.seek(0)
    head = file.read(HEAD)
    if head.startswith(FUJIFILM):
        return _taken_of_jpeg(_fujifilm_jpeg(file))
    return choose(*blocks.exif(*(io.BytesIO(_box(head, name)) for name in CANON_BLOCKS)))


def _panasonic_jpeg(file: BinaryIO) -> bytes:
    found = tiff.first_directory(file, {PANASONIC_JPEG})
    return found[PANASONIC_JPEG].data if PANASONIC_JPEG in found else b""


def _fujifilm_jpeg(file: BinaryIO) -> bytes:
    file.seek(FUJIFILM_JPEG)
    place = file.read(4)
    if len(place) < 4:
        return b""
    file.seek(*struct.unpack(">I", place))
    return file.read(HEAD)


def _box(head: bytes, name: bytes) -> bytes:
    """Return a box of an ISO media file: its size and name come before its content. Empty if there is none."""
    at = head.find(name)
    return head[at + 4 : at - 4 + int.from_bytes(head[at - 4 : at], "big")] if at >= 4 else b""


def _taken_of_jpeg(data: bytes) -> Taken | None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return blocks.taken(image, io.BytesIO(data))
    except (OSError, SyntaxError, ValueError):  # not a JPEG, or a damaged one
        return None
