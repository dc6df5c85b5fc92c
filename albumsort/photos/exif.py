"""Read EXIF: the orientation of a photo and the time it was taken."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime

from PIL import ExifTags, Image

from ..types import utc_text


def read_exif(source: Image.Image | Image.Exif) -> tuple[int, str | None]:
    """Return the orientation (1-8) and the time taken; an unreadable EXIF block counts as none."""
    try:
        exif = source.getexif() if isinstance(source, Image.Image) else source
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except (ValueError, TypeError, KeyError, IndexError, OSError, SyntaxError, struct.error, AttributeError):
        return 1, None
    taken = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = details.get(ExifTags.Base.OffsetTimeOriginal)
    return orientation if orientation in range(1, 9) else 1, _utc(taken, offset)


def _utc(taken: object, offset: object) -> str | None:
    """Return EXIF's local time as UTC ISO 8601; without an offset the camera's clock counts as UTC."""
    try:
        local = datetime.strptime(str(taken)[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    if isinstance(offset, str) and re.fullmatch(r"[+-]([01]\d|2[0-3]):[0-5]\d", offset):
        zone = datetime.strptime(offset, "%z").tzinfo
    else:
        zone = UTC
    try:
        return utc_text(local.replace(tzinfo=zone))
    except OverflowError:
        return None
