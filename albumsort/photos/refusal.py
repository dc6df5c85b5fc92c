"""Why a photo cannot be decoded, in words its owner understands."""

from __future__ import annotations

from PIL import Image

from ..errors import PhotoError, TransientPhotoError

PIXEL_LIMIT = 300_000_000
ENDS_EARLY = "the file ends in the middle of the picture (an incomplete copy or download?)"
TOO_MANY_PIXELS = f"the picture claims more than {PIXEL_LIMIT // 1_000_000} million pixels"


def check_size(width: int, height: int) -> None:
    """Raise PhotoError if a picture is too large to decode, or has no pixels."""
    if width * height > PIXEL_LIMIT:
        raise PhotoError(f"{width} x {height} is more than {PIXEL_LIMIT // 1_000_000} million pixels")
    if width < 1 or height < 1:
        raise PhotoError("the picture has no pixels")


def explained(error: Exception, format: str | None) -> PhotoError:
    """Return what a decoder's error means to the photo's owner; its own words are meant for programmers."""
    said = str(error).lower()
    if isinstance(error, Image.DecompressionBombError):
        return PhotoError(TOO_MANY_PIXELS)
    if isinstance(error, MemoryError) or "memory" in said:
        return TransientPhotoError("decoding it takes more memory than there was; it is tried again on the next run")
    if any(words in said for words in ("truncated", "end of file", "not enough", "only got")):
        return PhotoError(ENDS_EARLY)
    if any(words in said for words in ("unsupported", "not supported", "unknown")):
        return PhotoError(f"a kind of {format or 'picture'} that the decoder does not know, or damaged")
    return PhotoError(damaged(format))


def damaged(format: str | None) -> str:
    """Return what is said of a picture whose decoder gave up."""
    return f"the picture is damaged: the {f'{format} ' if format else ''}decoder gave up"
