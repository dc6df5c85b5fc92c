"""Read a TIFF: its full-size page, and the kinds of pixels that Pillow reads wrongly or not at all."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from ..errors import PhotoError
from .refusal import ENDS_EARLY, check_memory, check_size
from .upright import Pixels

SIGNATURES = b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"
_KIND, _OLD_KIND, _WIDTH, _HEIGHT, _BITS, _COLOURS, _CHANNELS, _PLANES, _PARTS, _NUMBERS = (
    254, 255, 256, 257, 258, 262, 277, 284, 330, 339
)  # fmt: skip
_PLACES_AND_SIZES = (273, 279), (324, 325)
"""Of the pieces of a picture: strips and tiles."""
_OF_ANY_PLANE = frozenset((_WIDTH, _HEIGHT, 259, 266, 274, 278, 317, 322, 323))
"""Size, compression, fill order, orientation, rows of a strip, predictor, size of a tile."""
_EXTRA, _TRANSPARENCIES = 338, (1, 2)
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _CMYK, _LAB, _ICC_LAB, _ITU_LAB = 0, 1, 2, 3, 5, 8, 9, 10
_SEPARATE = 2
_SIGNED, _FLOAT = 2, 3
_Numbers = npt.NDArray[np.integer | np.floating]
_PAGES = 100
_LABS = _LAB, _ICC_LAB, _ITU_LAB
_NAMES = {_SIGNED: "signed ", _FLOAT: "floating-point "}
_COLOUR_NAMES = {_PALETTE: "palette ", _CMYK: "CMYK ", _LAB: "LAB ", _ICC_LAB: "LAB ", _ITU_LAB: "LAB "}
_BRIGHTEST = 0.999
"""The share of the pixels of a picture in floating-point numbers that are not brighter than white."""
_AT_ONCE = 256
"""Rows that are scaled at once."""


def full_page(data: bytes) -> tuple[bytes, ImageFileDirectory_v2]:
    """Return the file with its first full-size page first, and the tags of that page; an empty set if unreadable."""
    first: ImageFileDirectory_v2 | None = None
    try:
        for offset, tags in _pages(data):
            if _is_full(tags):
                return (data if first is None else _starting_at(data, offset)), tags
            first = tags if first is None else first
    except (ValueError, TypeError, KeyError, IndexError, OSError, SyntaxError, OverflowError, struct.error):
        pass  # the decoders judge a damaged file
    return data, ImageFileDirectory_v2() if first is None else first


def pixels(data: bytes, tags: ImageFileDirectory_v2) -> Pixels | None:
    """Return the upright BGR pixels of a kind that Pillow does not read rightly; None of any other kind.

    Raises PhotoError if OpenCV does not read this kind either.
    """
    bits, numbers, colours = (
        max(_values(tags, _BITS, 1)),
        max(_values(tags, _NUMBERS, 1)),
        _values(tags, _COLOURS, -1)[0],
    )
    in_planes = tags.get(_PLANES) == _SEPARATE and len(_values(tags, _BITS, 1)) > 1
    unsigned_16 = bits == 16 and numbers not in (_SIGNED, _FLOAT)
    if bits <= 8 or (unsigned_16 and not in_planes and colours not in (_WHITE_IS_0, _PALETTE, *_LABS)):
        return None
    width, height = int(tags.get(_WIDTH, 0)), int(tags.get(_HEIGHT, 0))
    check_size(width, height)
    check_memory(width, height, max(len(_values(tags, _BITS, 1)), *_values(tags, _CHANNELS, 1)), bits)
    if any(at + size > len(data) for at, size in _pieces(tags)):  # OpenCV may leave a missing plane black
        raise PhotoError(ENDS_EARLY)
    found = None
    if colours not in _COLOUR_NAMES and (not in_planes or (unsigned_16 and colours == _RGB)):
        found = _decoded(data, cv2.IMREAD_COLOR if in_planes else cv2.IMREAD_UNCHANGED)
    if found is not None and in_planes:
        found = _on_white(np.asarray(found, np.uint8), data, tags)
    if found is None:
        planes = ", in separate planes" if in_planes else ""
        kind = f"{bits}-bit {_NAMES.get(numbers, '')}{_COLOUR_NAMES.get(colours, '')}TIFF{planes}"
        raise PhotoError(f"the decoder does not support this kind of picture ({kind}), or the file is damaged")
    return _as_bgr(found, inverted=colours == _WHITE_IS_0)


def _pieces(tags: ImageFileDirectory_v2) -> Iterator[tuple[int, int]]:
    """Yield the place of each strip or tile in the file, and its size."""
    for places, sizes in _PLACES_AND_SIZES:
        yield from zip(_values(tags, places, 0), _values(tags, sizes, 0), strict=False)  # damaged ones may differ


def _pages(data: bytes) -> Iterator[tuple[int, ImageFileDirectory_v2]]:
    """Yield the offset and the tags of each page; a page may have others as its parts."""
    prefix = data[: 16 if data[2:4] in (b"+\0", b"\0+") else 8]
    offset = ImageFileDirectory_v2(prefix).next
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _PAGES:
        seen.add(offset)
        tags = _read(data, prefix, offset)
        yield offset, tags
        for part in _values(tags, _PARTS, 0):
            if part and part not in seen:
                seen.add(part)
                yield part, _read(data, prefix, part)
        offset = tags.next


def _read(data: bytes, prefix: bytes, offset: int) -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2(prefix)
    file = io.BytesIO(data)
    file.seek(offset)
    tags.load(file)
    return tags


def _is_full(tags: ImageFileDirectory_v2) -> bool:
    kind = _values(tags, _KIND, 0)[0]
    return not kind & (_REDUCED | _MASK) and tags.get(_OLD_KIND) != _OLD_REDUCED and _WIDTH in tags


def _values(tags: ImageFileDirectory_v2, tag: int, default: int) -> tuple[int, ...]:
    value = tags.get(tag, default)
    return (tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)) or (default,)


def _starting_at(data: bytes, offset: int) -> bytes:
    """Return the file with another page first."""
    order = "<" if data.startswith(b"II") else ">"
    if data[2:4] in (b"+\0", b"\0+"):
        return data[:8] + struct.pack(f"{order}Q", offset) + data[16:]
    return data[:4] + struct.pack(f"{order}L", offset) + data[8:]


def _decoded(data: bytes, flag: int) -> _Numbers | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None


def _on_white(bgr: Pixels, data: bytes, tags: ImageFileDirectory_v2) -> Pixels | None:
    """Put a white background behind planes of 16 bits that OpenCV has put on black; None if it cannot be read."""
    if not set(_values(tags, _EXTRA, 0)) & set(_TRANSPARENCIES) or len(_values(tags, _BITS, 1)) != 4:
        return bgr
    opaque = _decoded(_only_last_plane(data, tags), cv2.IMREAD_UNCHANGED)
    if opaque is None or opaque.shape != bgr.shape[:2]:
        return None
    background = (255 - opaque // 257).astype(np.uint8)[:, :, None]
    return bgr + np.minimum(background, 255 - bgr)


def _only_last_plane(data: bytes, tags: ImageFileDirectory_v2) -> bytes:
    """Return the file with a first page that shows the last of 4 planes in grey."""
    page = {tag: _values(tags, tag, 0) for tag in _OF_ANY_PLANE & tags.keys()}
    page |= {_BITS: (16,), _CHANNELS: (1,), _COLOURS: (_BLACK_IS_0,)}
    for tag in {tag for pair in _PLACES_AND_SIZES for tag in pair} & tags.keys():
        values = _values(tags, tag, 0)
        page[tag] = values[len(values) // 4 * 3 :]
    start = len(data) + len(data) % 2
    return _starting_at(data, start).ljust(start, b"\0") + _page(data, start, page)


def _page(data: bytes, start: int, page: dict[int, tuple[int, ...]]) -> bytes:
    """Return a page's tags as they are stored from an offset on in a TIFF, all as integers of the TIFF's size."""
    order = "<" if data.startswith(b"II") else ">"
    count, word, kind = ("Q", "Q", 16) if data[2:4] in (b"+\0", b"\0+") else ("H", "L", 4)
    entry, size = f"{order}HH{word}{word}", struct.calcsize(f"{order}{word}")
    more_at = start + struct.calcsize(f"{order}{count}") + len(page) * struct.calcsize(entry) + size
    entries, more = b"", b""
    for tag, values in sorted(page.items()):
        is_one = len(values) == 1
        entries += struct.pack(entry, tag, kind, len(values), values[0] if is_one else more_at + len(more))
        more += b"" if is_one else struct.pack(f"{order}{len(values)}{word}", *values)
    return struct.pack(f"{order}{count}", len(page)) + entries + bytes(size) + more


def _as_bgr(stored: _Numbers, inverted: bool) -> Pixels:
    """Scale numbers of any type to 0-255, and put a white background behind transparent pixels."""
    low, high = _range(stored)
    bgr = np.empty((*stored.shape[:2], 3), np.uint8)
    for first in range(0, len(stored), _AT_ONCE):  # the steps need several times the memory of the rows
        rows = slice(first, first + _AT_ONCE)
        bgr[rows] = _rows_as_bgr(stored[rows], low, high, inverted)
    return bgr


def _rows_as_bgr(stored: _Numbers, low: float, high: float, inverted: bool) -> Pixels:
    """Return some rows with 3 channels, or with one that stands for all."""
    scaled = np.atleast_3d(np.clip((stored.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1))
    scaled = np.nan_to_num(scaled)  # NaN becomes black
    colours = 1 - scaled if inverted else scaled
    if colours.shape[2] in (2, 4):
        opaque = colours[:, :, -1:]
        colours = colours[:, :, :-1] * opaque + 1 - opaque
    bgr: Pixels = np.rint(colours * 255).astype(np.uint8)
    return bgr


def _range(stored: _Numbers) -> tuple[float, float]:
    """Return the numbers that are black and white: the limits of the type, or of a smaller one that is enough."""
    if stored.dtype.kind == "f":
        finite = stored[np.isfinite(stored)]
        if not finite.size or (finite.min() >= 0 and finite.max() <= 1):
            return 0.0, 1.0
        return float(finite.min()), float(np.quantile(finite, _BRIGHTEST, overwrite_input=True))
    limit = float(np.iinfo(stored.dtype.name).max)
    small = (255.0, 65535.0) if stored.dtype.itemsize >= 4 else ()
    return 0.0, next((high for high in small if stored.max() <= high), limit)
