"""Reasons why a photo cannot be decoded, in words that its owner understands."""

from __future__ import annotations

from PIL import Image

from ..errors import PhotoError, TransientPhotoError

PIXEL_LIMIT = 300_000_000
ENDS_EARLY = "the file ends in the middle of the picture (is the copy or download incomplete?)"
TOO_MANY_PIXELS = f"the file claims a picture of more than {PIXEL_LIMIT // 1_000_000} million pixels"


def check_size(width: int, height: int) -> None:
    """Raise PhotoError if a picture is too large to decode, or has no pixels."""
    if width * height > PIXEL_LIMIT:
        raise PhotoError(f"{width} x {height} is more than {PIXEL_LIMIT // 1_000_000} million pixels")
    if width < 1 or height < 1:
        raise PhotoError("the picture has no pixels")


def check_memory(width: int, height: int, channels: int, bits: int) -> None:
    """Raise PhotoError if the stored numbers of a picture take more memory than the largest usual one, 4 bytes a pixel.

    bits: per channel.
    """
    if width * height * channels * ((bits + 7) // 8) > 4 * PIXEL_LIMIT:
        raise PhotoError(
            f"{width} x {height} pixels of {channels} x {bits} bits need more memory than"
            f" {PIXEL_LIMIT // 1_000_000} million pixels of 32 bits"
        )


def as_photo_error(error: Exception, format: str | None) -> PhotoError:
    """Return a decoder's error as one for the photo's owner; the decoder's own message is for programmers."""
    message = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return PhotoError(TOO_MANY_PIXELS)
    if isinstance(error, MemoryError) or "memory" in message:
        return TransientPhotoError("not enough memory to decode the photo; it is tried again on the next run")
    if any(words in message for words in ("truncated", "end of file", "not enough", "only got")):
        return PhotoError(ENDS_EARLY)
    if any(words in message for words in ("unsupported", "not supported", "unknown")):
        return PhotoError(f"the decoder does not support this kind of {format or 'picture'}, or the file is damaged")
    return PhotoError(damaged(format))


def damaged(format: str | None, rows: int = 0, height: int = 0) -> str:
    """Return the reason for a picture that its decoder could not finish; rows: how many of `height` are missing."""
    reason = f"the picture is damaged: the {f'{format} ' if format else ''}decoder failed"
    return f"{reason}, {rows:,} of {height:,} rows are missing" if rows else reason


def lacks_rows(rows: int = 0, height: int = 0) -> str:
    """Return the reason for a file that ends before the last rows of its picture; 0 rows: their number is unknown."""
    return ENDS_EARLY.replace(" (", f": {rows:,} of {height:,} rows are missing (") if rows else ENDS_EARLY


def lacks_detail(rows: int, height: int) -> str:
    """Return the reason for a progressive JPEG that ends before the last details."""
    return ENDS_EARLY.replace(" (", f": {rows:,} of {height:,} rows are there only without their details (")
