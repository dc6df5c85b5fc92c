"""Read EXIF: the orientation of a photo and the time it was taken."""

from __future__ import annotations

import re
import struct
from datetime import datetime

from PIL import ExifTags, Image

from ..types import Taken


def read_exif(source: Image.Image | Image.Exif) -> tuple[int, Taken | None]:
    """Return the orientation (1-8) and the time taken; an unreadable EXIF block counts as none."""
    try:
        exif = source.getexif() if isinstance(source, Image.Image) else source
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except (ValueError, TypeError, KeyError, IndexError, OSError, SyntaxError, struct.error, AttributeError):
        return 1, None
    taken = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = details.get(ExifTags.Base.OffsetTimeOriginal)
    return orientation if orientation in range(1, 9) else 1, _taken(taken, offset)


def _taken(taken: object, offset: object) -> Taken | None:
    """Return EXIF's local time, with the offset if there is one."""
    try:
        local = datetime.strptime(str(taken)[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    known = isinstance(offset, str) and re.fullmatch(r"[+-]([01]\d|2[0-3]):[0-5]\d", offset)
    return Taken(f"{local.isoformat()}{offset if known else ''}", "DateTimeOriginal")
