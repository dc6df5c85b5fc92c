"""Get a picture from a camera's RAW file: the camera's own preview, or else one developed here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from ..errors import PhotoError
from . import tiff
from .refusal import check_size
from .upright import Pixels

if TYPE_CHECKING:
    import rawpy

_TIFF = b"II*\0", b"MM\0*"
_SIGNATURES = b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR"  # Fujifilm; Panasonic; Olympus
_CANON_2, _CANON_3 = b"CR", b"ftypcrx "
_MOSAIC, _LINEAR = 32803, 34892
"""TIFF's codes for pixels behind a colour filter, and for such pixels after demosaicing."""
_TELLING = (
    ExifTags.Base.DNGVersion,
    ExifTags.Base.PhotometricInterpretation,
    ExifTags.Base.NewSubfileType,
    ExifTags.Base.Make,
    ExifTags.Base.SubIFDs,
)
"""Tags that tell a RAW file from another TIFF."""
_SRGB = 2.4, 12.92  # power and slope at the dark end
_FULL = 0.95  # cameras cut a few pixels off the edges of their JPEG
_UNKNOWN = "the RAW file is damaged or incomplete, or the decoder does not support its camera"


@dataclass(frozen=True)
class Developed:
    """A RAW file without a large enough JPEG inside: upright (h, w, 3) BGR pixels, 0-255, half as wide as the photo."""

    pixels: Pixels


def is_raw(file: BinaryIO) -> bool:
    """Whether this is a RAW file; most are TIFFs, and a plain TIFF reader finds only a thumbnail in them.

    Raises OSError if the file cannot be read.
    """
    file.seek(0)
    head = file.read(16)
    if head.startswith(_SIGNATURES) or head[4:12] == _CANON_3:
        return True
    if not head.startswith(_TIFF):
        return False
    tags = tiff.first_directory(file, _TELLING)
    if head[8:10] == _CANON_2 or ExifTags.Base.DNGVersion in tags:
        return True
    if _first(tags, ExifTags.Base.PhotometricInterpretation) in (_MOSAIC, _LINEAR):
        return True
    reduced = _first(tags, ExifTags.Base.NewSubfileType) == 1
    return reduced and ExifTags.Base.Make in tags and ExifTags.Base.SubIFDs in tags


def _first(tags: dict[int, tiff.Value], tag: int) -> float | None:
    return next(iter(tags[tag].numbers), None) if tag in tags else None


def picture(data: bytes, side: int) -> bytes | Developed:
    """Return the camera's JPEG in the file, if its longer side has at least `side` pixels; its EXIF gives the turn.

    Otherwise develop the file at half its size, which needs no demosaicing. Raises PhotoError.
    """
    with _opened(data) as raw:
        preview = _preview(raw)
        if preview is not None and _longer_side(preview) >= side:
            return preview
        check_size(raw.sizes.width, raw.sizes.height)
        developed = raw.postprocess(half_size=True, use_camera_wb=True, gamma=_SRGB)
    return Developed(np.ascontiguousarray(_three_channels(developed)[:, :, ::-1]))


def full_picture(data: bytes) -> bytes | Pixels:
    """Return the camera's JPEG in the file if it is about as large as the photo; its EXIF gives the turn.

    Otherwise develop the file: upright (h, w, 3) RGB pixels in sRGB, 0-255. Raises PhotoError.
    """
    with _opened(data) as raw:
        preview = _preview(raw)
        if preview is not None and _longer_side(preview) >= _FULL * max(raw.sizes.width, raw.sizes.height):
            return preview
        check_size(raw.sizes.width, raw.sizes.height)
        developed = raw.postprocess(use_camera_wb=True, gamma=_SRGB)
    return np.ascontiguousarray(_three_channels(developed))


@contextmanager
def _opened(data: bytes) -> Iterator[rawpy.RawPy]:
    import rawpy  # here, because few albums contain RAW files

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            yield raw
    except rawpy.LibRawUnsufficientMemoryError as e:
        raise MemoryError from e
    except (rawpy.LibRawError, rawpy.NotSupportedError) as e:
        raise PhotoError(_UNKNOWN) from e


def _three_channels(developed: Pixels) -> Pixels:
    """Return RGB pixels; a monochrome camera gives one channel."""
    return np.broadcast_to(developed, (*developed.shape[:2], 3))


def _preview(raw: rawpy.RawPy) -> bytes | None:
    """Return the largest JPEG in the file; LibRaw adds the file's orientation and date if the JPEG has none."""
    import rawpy

    try:
        thumbnail = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    return thumbnail.data if isinstance(thumbnail.data, bytes) else None


def _longer_side(jpeg: bytes) -> int:
    """Return the pixels of a JPEG's longer side; 0 if it is not a JPEG."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            return max(image.size)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return 0
