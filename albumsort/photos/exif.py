"""Read the orientation of a photo from its EXIF block."""

from __future__ import annotations

import struct

from PIL import ExifTags, Image


def read_orientation(image: Image.Image) -> int:
    """Return the orientation (1-8); 1 if there is none, or if the block cannot be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (ValueError, TypeError, KeyError, IndexError, OSError, SyntaxError, struct.error, AttributeError):
        return 1
    return orientation if orientation in range(1, 9) else 1
