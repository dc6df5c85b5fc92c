"""Decode a photo's bytes for people to look at: all pixels, upright, in sRGB, with 8 bits a channel.

`decode` is for the networks: it scales JPEGs down, ignores colour profiles and drops transparency. But it judges
whether a photo is whole, and tells its date, so the same photos are refused here.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image

from ..errors import PhotoError
from ..types import Taken
from . import jpeg, raw, tiff_pixels
from .colour import ADOBE_RGB, DISPLAY_P3, profile_of, to_srgb
from .decode import decode, grey_pixels, load_pixels
from .exif import read_orientation
from .refusal import as_photo_error

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PROFILE = 34675  # TIFF's tag
_P3_CODE = 12  # of its primaries in ITU-T H.273, which HEIF files name in place of a profile


@dataclass(frozen=True)
class FullPhoto:
    """A decoded photo.

    picture: upright, in sRGB, of mode L, LA, RGB or RGBA, without any metadata. format: Pillow's name of the file's
    format, "" for a RAW file or a format that only OpenCV knows. is_lossless: whether a WebP was compressed without
    loss. taken: None if the file's bytes tell no date.
    """

    picture: Image.Image
    format: str
    is_lossless: bool
    taken: Taken | None


def load(data: bytes) -> FullPhoto:
    """Decode a photo's bytes; of an animation, the first picture. Raises PhotoError with a reason for its owner."""
    judged = decode(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about every oddity, even harmless ones
        try:
            picture, format = _load(data)
        except PhotoError:
            raise
        except Exception as e:  # a decoder may raise any exception of its parser
            raise as_photo_error(e, None) from e
    picture.info.clear()  # encoders write what they find there
    return FullPhoto(picture, format, format == "WEBP" and b"VP8L" in data, judged.taken)


def _load(data: bytes) -> tuple[Image.Image, str]:
    """Return the picture and the name of its format, as in `FullPhoto`."""
    if raw.is_raw(io.BytesIO(data)):
        content = raw.full_picture(data)
        return (_load_picture(content)[0] if isinstance(content, bytes) else Image.fromarray(content)), ""
    if not data.startswith(tiff_pixels.SIGNATURES):
        return _load_picture(data)
    page, tags = tiff_pixels.full_page(data)
    pixels = tiff_pixels.pixels(page, tags)
    if pixels is None:
        return _load_picture(page)
    return to_srgb(Image.fromarray(pixels[:, :, ::-1]), tags.get(_PROFILE)), "TIFF"


def _load_picture(data: bytes) -> tuple[Image.Image, str]:
    try:
        image = Image.open(io.BytesIO(data))
    except Exception:  # not known to Pillow, or rejected by it: OpenCV may decode it
        return Image.fromarray(decode(data, math.inf).pixels[:, :, ::-1]), ""
    with image:
        format = image.format or ""
        try:
            load_pixels(image)  # first: loading turns a TIFF, and a PNG may store its orientation after the pixels
        except OSError:
            if format not in ("JPEG", "MPO"):
                raise
            image = Image.open(io.BytesIO(jpeg.whole(data)), formats=["JPEG"])  # without an end marker, for example
        picture = _in_srgb(image, _profile(image))
        if (turn := _TURNS.get(read_orientation(image))) is not None:
            picture = picture.transpose(turn)
    return picture, format


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture of any mode in sRGB, with an alpha channel only if a pixel is transparent."""
    if image.mode.startswith("I") or image.mode == "F":
        return to_srgb(Image.fromarray(grey_pixels(image)), profile)
    alpha = None
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    mode = {"1": "L", "LA": "L"}.get(image.mode, image.mode)
    colours = to_srgb(image.convert(mode if mode in ("L", "CMYK") else "RGB"), profile)
    if alpha is not None and alpha.getextrema()[0] != 255:
        colours.putalpha(alpha)
    return colours


def _profile(image: Image.Image) -> bytes | None:
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return profile
    if _is_adobe_rgb(image):
        return profile_of(ADOBE_RGB)
    if (image.info.get("nclx_profile") or {}).get("color_primaries") == _P3_CODE:
        return profile_of(DISPLAY_P3)
    return None


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Whether the tags say Adobe RGB as cameras do it without a profile: R03 (DCF 2.0)."""
    try:
        index = image.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
    except (ValueError, TypeError, KeyError, IndexError, OSError, SyntaxError, struct.error, AttributeError):
        return False
    return str(index).strip("\0 ") == "R03"
