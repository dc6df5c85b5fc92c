"""Read the chunks of a PNG that describe it, before and after the pixels, which are skipped."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIZE_LIMIT, ALL_LIMIT = 4_000_000, 64_000_000
"""Bytes of the largest chunk or text that is read, and of all together: a small file could grow without end."""
EXIF, TEXTS = b"eXIf", (b"tEXt", b"zTXt", b"iTXt")


def read(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield keywords and texts as they are encoded; "eXIf" and the block. Raises OSError if the file cannot be read."""
    left = ALL_LIMIT
    file.seek(len(SIGNATURE))
    while left > 0 and len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        after = file.tell() + size + 4
        if (kind == EXIF or kind in TEXTS) and size <= SIZE_LIMIT:
            keyword, data = _text(kind, file.read(size)) if kind in TEXTS else ("eXIf", file.read(size))
            left -= len(data)
            yield keyword, data
        file.seek(after)


def size(data: bytes) -> tuple[int, int]:
    """Return the width and height that the header claims, in pixels; 0 if it is cut."""
    return struct.unpack(">II", data[16:24]) if len(data) >= 24 else (0, 0)


def _text(kind: bytes, data: bytes) -> tuple[str, bytes]:
    keyword, _, text = data.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].partition(b"\0")[2].partition(b"\0")[2]  # after the language and the translated keyword
    elif packed:
        text = text[1:]  # after the method of compression
    return keyword.decode("latin-1"), _inflated(text) if packed else text


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, SIZE_LIMIT)
    except zlib.error:
        return b""


def profile(text: bytes) -> bytes:
    """Return the block in a text of ImageMagick ("Raw profile type ..."): its name, its size, hex; empty if damaged."""
    try:
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except ValueError:
        return b""
