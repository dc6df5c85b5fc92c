"""Decode a JPEG, or refuse it with the number of rows that its data lack.

OpenCV's decoder fills missing rows with grey and reports no error. A cheap look decides whether rows may be missing;
only then is the picture decoded at full size, with and without noise behind its data: noise changes missing rows.

A progressive JPEG counts as whole if all its scans and an end marker are there, even if the last scan, which brings the
last details, is cut before the marker. To find that out, every progressive photo would be decoded once more.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..errors import PhotoError
from . import markers
from .markers import EOI, SOI, Frame, Picture
from .refusal import damaged, lacks_detail, lacks_rows
from .upright import Pixels

START = SOI + b"\xff"
ZEROS = bytes(16)
"""Hardly ever data at the end of a scan; tools and file systems fill lost parts of a file with zeros."""
_MISSING = 128
"""The grey of missing pixels."""
_NOISE = bytes(1 + (253 + 167 * i) % 254 for i in range(1000))
"""Bytes without a marker; starts with ones, because the decoder continues with zeros where data are missing."""
_FULL_SIZE = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def decode(data: bytes, flag: int) -> Pixels:
    """Decode a JPEG as OpenCV's flag says, not turned; raises PhotoError if it is damaged or rows are missing."""
    pixels = _decoded(data, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or _may_lack_rows(data, pixels):
        checked = whole(data)
        if pixels is None or checked is not data:
            pixels = _decoded(checked, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise PhotoError(damaged("JPEG"))
    return pixels


def whole(data: bytes) -> bytes:
    """Return the data, up to the end of the picture and with an end marker if they have none.

    Slow: decodes the picture at full size, at least twice. Raises PhotoError if rows, details or colours are missing.
    """
    picture = markers.picture(data)
    if picture.frame is None or not picture.start:
        raise PhotoError(lacks_rows())
    if picture.frame.bits > 8:
        raise PhotoError(f"the decoder does not support a JPEG of {picture.frame.bits} bits per channel")
    height = picture.frame.height
    end, lost = _delivered(data, picture, picture.frame)
    if lost and not picture.is_detail:
        raise PhotoError(lacks_rows(lost, height) if picture.is_cut else damaged("JPEG", lost, height))
    if lost or picture.lacks_scans:
        raise PhotoError(lacks_detail(height if picture.lacks_scans else lost, height))
    return data if picture.has_end_marker else data[:end] + EOI


def _may_lack_rows(data: bytes, pixels: Pixels) -> bool:
    if (pixels[-1, -1] == _MISSING).all():
        return True
    start, is_only = markers.first_scan(data)
    if is_only and data.endswith(EOI) and not _contains(data, SOI, start):
        end = len(data) - len(EOI)
    else:
        picture = markers.picture(data)
        if not picture.has_end_marker or picture.lacks_scans:
            return True
        end = picture.end
    return data.endswith(ZEROS, start, end)


def _contains(data: bytes, marker: bytes, start: int) -> bool:
    """Whether two bytes occur from an offset on; NumPy searches five times as fast as bytes.find."""
    [value] = np.frombuffer(marker, np.uint16)
    return any(
        (np.frombuffer(data, np.uint16, (len(data) - first) // 2, first) == value).any() for first in (start, start + 1)
    )


def _delivered(data: bytes, picture: Picture, frame: Frame) -> tuple[int, int]:
    """Return where the data of the picture end, and the number of missing rows."""
    start, end = picture.start, picture.end
    lost = _rows_lost(data, start, end, frame)
    zeros = start + len(data[start:end].rstrip(b"\0"))
    if zeros == end or (not lost and _rows_lost(data, start, max(start, end - 2), frame)):
        return end, lost  # zeros are data if the picture ends with the last of them
    end = min(zeros + 2, end)  # data too may end with zeros
    return end, _rows_lost(data, start, end, frame)


def _rows_lost(data: bytes, start: int, end: int, frame: Frame) -> int:
    """Return the number of rows that change if noise follows the data, in whole blocks; raises PhotoError."""
    restart = markers.next_restart(data, start, end)
    plain = _decoded(data[:end] + EOI, _FULL_SIZE)
    noisy = _decoded(data[:end] + _NOISE + restart + _NOISE + EOI, _FULL_SIZE)
    if plain is None or noisy is None:
        raise PhotoError(damaged("JPEG"))
    changed = (plain != noisy).any(axis=(1, 2))
    if not changed.any():
        return 0
    first = int(changed.argmax()) + 1  # the decoder blends colours with those of the next row
    return max(len(changed) - first // frame.step * frame.step, 1)


def _decoded(data: bytes, flag: int) -> Pixels | None:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, np.uint8)
