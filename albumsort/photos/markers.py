"""Read the markers of a JPEG: where its scans and its picture end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_RESTARTS = range(0xD0, 0xD8)
_ALONE = frozenset((0, 1, *_RESTARTS))
"""Markers without a segment, which decoders skip."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = 0xC2, 0xCA
_LOSSLESS = 0xC3
_ONE_SCAN = 0xC0, 0xC1  # baseline and extended, unless the components come one by one
_AT_ONCE = 1 << 20


@dataclass
class Frame:
    """The header of a picture.

    bits: per channel. width, height: in pixels. step: rows of a block, the unit of the rows that a decoder delivers.
    lacking: the coefficients of each component that no scan has brought to full precision yet.
    """

    is_progressive: bool
    bits: int
    width: int
    height: int
    step: int
    lacking: dict[int, set[int]]


@dataclass
class Picture:
    """The first picture in a JPEG file.

    start, end: where the data of its last scan start and end; 0 without a scan. stop: the code of the marker at the
    end; None at the end of the file. is_detail: whether the last scan adds detail to rows that are there.
    """

    frame: Frame | None = None
    start: int = 0
    end: int = 0
    stop: int | None = None
    is_detail: bool = False

    @property
    def has_end_marker(self) -> bool:
        """Whether an end-of-image marker follows the last scan."""
        return self.stop == _END

    @property
    def is_cut(self) -> bool:
        """Whether the file ends or another picture starts here, rather than damaged data."""
        return self.stop in (None, _START, _END)

    @property
    def lacks_scans(self) -> bool:
        """Whether scans are missing."""
        return self.frame is None or any(self.frame.lacking.values())


def first_scan(data: bytes) -> tuple[int, bool]:
    """Return where the data of the first scan start, and whether it is the only scan; (0, False) without a scan."""
    one, components = False, b""
    for code, at, after in _segments(data):
        if code == _SCAN:
            return after, one and data[at + 2 : at + 3] == components
        if code in _FRAMES:
            one, components = code in _ONE_SCAN, data[at + 7 : at + 8]
    return 0, False


def picture(data: bytes) -> Picture:
    """Follow the markers through all scans of the first picture."""
    found = Picture()
    for code, at, after in _segments(data):
        if code in (_START, _END) or (found.start and (code in _FRAMES or not found.lacks_scans)):
            found.stop = code
        elif code in _FRAMES:
            found.frame = _frame(code, data[at:after])
        elif code == _SCAN and found.frame is not None:
            found.start, found.end = after, scan_end(data, after)
            _enter(found, data[at:after])
        if found.stop is not None:
            break
    return found


def scan_end(data: bytes, start: int) -> int:
    """Return where the data of a scan end: at the next marker that is not a restart marker, or at the file's end."""
    values = np.frombuffer(data, np.uint8)
    end = len(data)
    for first in range(start, len(data) - 1, _AT_ONCE):
        at = first + np.flatnonzero(values[first : min(first + _AT_ONCE, len(data) - 1)] == 0xFF)
        after = values[at + 1]
        marks = at[(after != 0) & (after != 0xFF) & (after & 0xF8 != 0xD0)]
        if marks.size:
            end = int(marks[0])
            break
    while end > start and data[end - 1] == 0xFF:  # any number of these bytes may precede a marker
        end -= 1
    return end


def next_restart(data: bytes, start: int, end: int) -> bytes:
    """Return the restart marker that follows the last one between two offsets."""
    found = [data.rfind(bytes((0xFF, code)), start, end) for code in _RESTARTS]
    last = max(range(8), key=found.__getitem__)
    return bytes((0xFF, _RESTARTS[(last + 1) % 8 if found[last] >= 0 else 0]))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the code of each marker, and where its segment starts and ends; continue behind the data of a scan.

    Thumbnails are in segments; they are skipped by their length. Bytes between segments are skipped, as decoders do.
    """
    at = 2
    while True:
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) and data[at] == 0xFF:
            at += 1
        if not 0 < at < len(data):
            return
        code, at = data[at], at + 1
        if code in _ALONE:
            continue
        if code in (_START, _END):
            yield code, at, at
            continue
        after = at + int.from_bytes(data[at : at + 2], "big")
        if after > len(data) or after < at + 2:
            return
        yield code, at, after
        at = scan_end(data, after) if code == _SCAN else after


def _frame(code: int, segment: bytes) -> Frame:
    """Read a frame's header: length (2 bytes), bits, height (2), width (2), and components of 3 bytes."""
    components = [segment[at : at + 3] for at in range(8, len(segment) - 2, 3)]
    tallest = max((sampling & 15 for _, sampling, _ in components), default=1)
    return Frame(
        is_progressive=code in _PROGRESSIVE,
        bits=segment[2] if len(segment) > 2 else 0,
        width=int.from_bytes(segment[5:7], "big"),
        height=int.from_bytes(segment[3:5], "big"),
        step=1 if code == _LOSSLESS else 8 * max(tallest, 1),
        lacking={component[0]: set(range(64)) for component in components},
    )


def _enter(found: Picture, segment: bytes) -> None:
    """Enter what a scan brings: length (2 bytes), count, components of 2 bytes, first and last coefficient, bits."""
    if found.frame is None or len(segment) < 6:
        return
    first, last, bits = segment[-3:]
    found.is_detail = found.frame.is_progressive and (first > 0 or bits >> 4 > 0)
    for component in found.frame.lacking.keys() & segment[3:-3:2]:
        if not found.frame.is_progressive:
            found.frame.lacking[component].clear()
        elif bits & 15 == 0:  # no later scan refines these coefficients
            found.frame.lacking[component] -= set(range(first, last + 1))
