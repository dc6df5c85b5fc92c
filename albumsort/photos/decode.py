"""Decode a photo's bytes to upright pixels."""

from __future__ import annotations

import io
import re
import struct
import warnings
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import PhotoError
from ..timing import step
from . import jpeg, kinds, markers, metadata, png, raw, tiff_pixels
from .decoders import register_decoders
from .exif import read_orientation
from .refusal import ENDS_EARLY, PIXEL_LIMIT, TOO_MANY_PIXELS, as_photo_error, check_size
from .upright import Pixels, Upright, turn

DECODE_SIDE = 960
"""A JPEG is decoded at 1/2, 1/4 or 1/8 if its longer side keeps this many pixels, enough for detection."""
_END_WITHOUT_ZEROS = "PNG", "GIF"
"""Formats whose last bytes are no zeros: zeros at the end replace what a copy or download lost."""

_RADIANCE_SIZE = re.compile(rb"\A#\?R.*?\n-Y (\d{1,9}) \+X (\d{1,9})\n", re.DOTALL)
_RADIANCE_HEADER = 4096

_LOST = bytes(4096)


def decode(data: bytes, side: float = DECODE_SIDE) -> Upright:
    """Decode a photo's bytes and turn it upright; raises PhotoError with a reason that its owner understands.

    side: least number of pixels of the longer side, if the photo has as many; a JPEG gets less than twice as many.
    """
    register_decoders()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about every oddity, even harmless ones
        if reason := kinds.container(data):
            raise PhotoError(reason)
        upright = _decode(data, side)
        with step("header"):
            return replace(upright, taken=metadata.taken(io.BytesIO(data)))


def _decode(data: bytes, side: float) -> Upright:
    if raw.is_raw(io.BytesIO(data)):
        return _decode_raw(data, side)
    return _decode_tiff(data, side) if data.startswith(tiff_pixels.SIGNATURES) else _decode_picture(data, side)


def _decode_raw(data: bytes, side: float) -> Upright:
    with step("decode"):
        content = raw.picture(data, DECODE_SIDE)
    if isinstance(content, raw.Developed):
        height, width = content.pixels.shape[:2]
        return Upright(content.pixels, 2 * width, 2 * height)
    return _decode_picture(content, side)


def _decode_tiff(data: bytes, side: float) -> Upright:
    page, tags = tiff_pixels.full_page(data)
    try:
        with step("decode"):
            pixels = tiff_pixels.pixels(page, tags)
    except PhotoError:
        raise
    except Exception as e:  # a damaged tag may hold a text or no number in place of a number
        raise as_photo_error(e, "TIFF") from e
    if pixels is None:
        return _decode_picture(page, side)
    return Upright(pixels, pixels.shape[1], pixels.shape[0])


def _decode_picture(data: bytes, side: float) -> Upright:
    try:
        with step("header"):
            image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise PhotoError(TOO_MANY_PIXELS) from None
    except Exception as e:  # a decoder may raise any exception of its parser
        return _decode_with_opencv(data, None if isinstance(e, UnidentifiedImageError) else e)
    with image:
        try:
            check_size(*image.size)
            if image.format in _END_WITHOUT_ZEROS and data.endswith(jpeg.ZEROS):
                return _decode_picture(data.rstrip(b"\0") + bytes(2), side)
            if image.format in ("HEIF", "AVIF") and _lost_its_end(data):
                raise PhotoError(ENDS_EARLY)
            if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
                return _decode_jpeg(data, image, side)
            if image.format in ("JPEG", "MPO"):
                with Image.open(io.BytesIO(jpeg.whole(data)), formats=["JPEG"]) as whole:
                    return _decode_with_pillow(whole)
            return _decode_with_pillow(image)
        except PhotoError:
            raise
        except Exception as e:
            raise as_photo_error(e, image.format) from e


def _lost_its_end(data: bytes) -> bool:
    """Whether zeros replace the end of a HEIF's or AVIF's data, which a broken copy or download leaves.

    Their decoders make up the missing part. An encoder writes so many zeros only if it does not compress. Not for
    WebP: the data of a whole picture with an even lower part may end in millions of zeros.
    """
    at = 0
    while at + 16 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        if size < 8:
            return False
        if kind == b"meta" and b"unci" in data[at : at + size]:
            return False
        if kind == b"mdat" and data.endswith(_LOST, at, at + size):
            return True
        at += size
    return False


def _decode_with_pillow(image: Image.Image) -> Upright:
    with step("decode"):
        load_pixels(image)  # first: loading turns a TIFF, and a PNG may store its orientation after the pixels
        pixels = turn(_pixels(image), read_orientation(image))
    return Upright(pixels, pixels.shape[1], pixels.shape[0])


def load_pixels(image: Image.Image) -> None:
    """Decode the pixels; of a PNG with a damaged stream, keep the rows before the damage, as every viewer does.

    Pillow raises once and keeps the rows it has; for a truncated file it raises again.
    """
    try:
        image.load()
    except OSError:
        if image.format != "PNG":
            raise
        image.load()


def _decode_jpeg(data: bytes, image: Image.Image, side: float) -> Upright:
    """Scale inside the JPEG decoder: at 1/4 it takes less than half the time of a decode at full size."""
    with step("header"):
        orientation = read_orientation(image)
    with step("decode"):
        turned = turn(jpeg.decode(data, scale_flag(image.size, side)), orientation)
    width, height = image.size if orientation < 5 else image.size[::-1]
    return Upright(turned, width, height)


def scale_flag(size: tuple[int, int], side: float = DECODE_SIDE) -> int:
    """Return OpenCV's flag for the smallest scale at which the longer side of a JPEG of this size has `side` pixels."""
    flag = cv2.IMREAD_COLOR
    for divisor, reduced in (
        (2, cv2.IMREAD_REDUCED_COLOR_2),
        (4, cv2.IMREAD_REDUCED_COLOR_4),
        (8, cv2.IMREAD_REDUCED_COLOR_8),
    ):
        if max(size) >= side * divisor:
            flag = reduced
    return flag


def _pixels(image: Image.Image) -> Pixels:
    """Return any Pillow image as BGR; scale channels of more than 8 bits, and put a white background behind it."""
    if image.mode.startswith("I") or image.mode == "F":
        return np.ascontiguousarray(np.repeat(grey_pixels(image)[:, :, None], 3, axis=2))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def grey_pixels(image: Image.Image) -> Pixels:
    """Return a grey picture of more than 8 bits, scaled to 0-255: (h, w)."""
    grey = np.nan_to_num(np.asarray(image, np.float32))
    low, high = (0.0, 65535.0) if image.mode != "F" else (float(grey.min()), float(grey.max()))
    if image.mode == "I" and grey.min() >= 0 and grey.max() <= 255:
        high = 255.0
    scaled: Pixels = np.clip((grey - low) * (255.0 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    return scaled


def _decode_with_opencv(data: bytes, pillow_error: Exception | None) -> Upright:
    """Decode a format that Pillow does not know, or a header that Pillow rejected with `pillow_error`."""
    width, height = _claimed_size(data)
    if width * height > PIXEL_LIMIT:  # OpenCV's own limit is much higher
        raise PhotoError(TOO_MANY_PIXELS)
    if data.startswith(jpeg.START):
        data = jpeg.whole(data)
    try:
        with step("decode"):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as e:
        raise as_photo_error(pillow_error or e, None) from e
    if pixels is None and pillow_error is not None:
        raise as_photo_error(pillow_error, None) from pillow_error
    if pixels is None:
        raise PhotoError(kinds.what(data))
    check_size(pixels.shape[1], pixels.shape[0])
    return Upright(np.asarray(pixels, np.uint8), pixels.shape[1], pixels.shape[0])


def _claimed_size(data: bytes) -> tuple[int, int]:
    """Return the width and height that the header of a PNG, JPEG or Radiance picture claims; 0 if unknown."""
    if data.startswith(png.SIGNATURE):
        return png.size(data)
    if data.startswith(jpeg.START) and (frame := markers.picture(data).frame):
        return frame.width, frame.height
    if found := _RADIANCE_SIZE.search(data[:_RADIANCE_HEADER]):
        return int(found[2]), int(found[1])
    return 0, 0
