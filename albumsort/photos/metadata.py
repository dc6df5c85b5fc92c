"""Read when a photo was taken from its file, without decoding pixels and without reading all of a JPEG."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ..types import Taken
from . import blocks, raw, raw_dates
from .dates import choose
from .decoders import register_decoders
from .read import opened


def taken_of_file(path: Path) -> Taken | None:
    """Return when the photo in a file was taken, as `decode` does; None if it tells no date that makes sense.

    A file that no decoder reads has no date. Raises PhotoError if the file cannot be read.
    """
    with opened(path) as file:
        return taken(file)


def taken(file: BinaryIO) -> Taken | None:
    """Return what `taken_of_file` does for an open file. Raises OSError if it cannot be read."""
    register_decoders()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about every oddity, even harmless ones
        return raw_dates.taken(file) if raw.is_raw(file) else _taken_of_picture(file)


def _taken_of_picture(file: BinaryIO) -> Taken | None:
    file.seek(0)
    try:
        image = Image.open(file)
    except Exception as e:  # a decoder may raise any exception of its parser
        if isinstance(e, MemoryError) or (isinstance(e, OSError) and e.errno is not None):
            raise  # says nothing about the photo
        return choose(*blocks.exif(file))  # if it is a TIFF: its tags can be read although Pillow knows no such pixels
    with image:
        return blocks.taken(image, file)
