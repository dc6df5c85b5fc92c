"""A photo's bytes to upright pixels."""

from __future__ import annotations

import functools
import io
import warnings
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import AlbumsortError, PhotoError
from ..timing import step
from . import raw
from .exif import read_exif
from .refusal import ENDS_EARLY, PIXEL_LIMIT, TOO_MANY_PIXELS, check_size, damaged, explained
from .upright import Pixels, Upright, turn

DECODE_SIDE = 960
"""A JPEG is decoded at 1/2, 1/4 or 1/8 as long as its long side keeps this many pixels, all that detection needs."""


def decode(data: bytes, side: float = DECODE_SIDE) -> Upright:
    """Decode a photo's bytes and turn it upright; raises PhotoError with a reason that its owner understands.

    side: the longer side has at least this many pixels, if the photo has them; that of a JPEG less than twice as many.
    """
    register_decoders()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of every oddity it can live with
        return _decode_raw(data, side) if raw.is_raw(data) else _decode_picture(data, side)


def _decode_raw(data: bytes, side: float) -> Upright:
    with step("decode"):
        inside = raw.picture(data, DECODE_SIDE)
    _, taken_at = read_exif(raw.header(data))
    if isinstance(inside, raw.Developed):
        height, width = inside.pixels.shape[:2]
        return Upright(inside.pixels, 2 * width, 2 * height, taken_at)
    shown = _decode_picture(inside, side)
    return replace(shown, taken_at=taken_at or shown.taken_at)


def _decode_picture(data: bytes, side: float) -> Upright:
    try:
        with step("header"):
            image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise PhotoError(TOO_MANY_PIXELS) from None
    except Exception as e:  # decoders raise whatever their format's parser stumbles on
        return _decode_with_opencv(data, None if isinstance(e, UnidentifiedImageError) else e)
    with image:
        try:
            check_size(*image.size)
            if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
                return _decode_jpeg(data, image, side)
            return _decode_with_pillow(image)
        except PhotoError:
            raise
        except Exception as e:
            raise explained(e, image.format) from e


def _decode_with_pillow(image: Image.Image) -> Upright:
    with step("decode"):
        _load(image)  # first: TIFFs are turned while loading, PNGs may tell their orientation behind the pixels
        orientation, taken_at = read_exif(image)
        pixels = turn(_pixels(image), orientation)
    return Upright(pixels, pixels.shape[1], pixels.shape[0], taken_at)


@functools.cache
def register_decoders() -> None:
    """Let Pillow read and write HEIF, and decoders use one thread; raises AlbumsortError if that of HEIF is broken."""
    try:
        import pillow_heif
    except ImportError as e:
        raise AlbumsortError(f"the decoder of HEIF cannot be loaded ({e}); install albumsort again") from e
    pillow_heif.register_heif_opener()
    pillow_heif.options.DECODE_THREADS = 1  # photos are decoded beside each other
    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
    cv2.setNumThreads(1)


def _load(image: Image.Image) -> None:
    """Decode the pixels; of a PNG with a damaged stream, like every viewer, as far as it goes.

    Pillow raises once and keeps the rows it has; a file that just ends raises again.
    """
    try:
        image.load()
    except OSError:
        if image.format != "PNG":
            raise
        image.load()


def _decode_jpeg(data: bytes, image: Image.Image, side: float) -> Upright:
    """Scale inside the JPEG decoder: at 1/4 it takes less than half the time of a whole decode."""
    with step("header"):
        orientation, taken_at = read_exif(image)
    with step("decode"):
        if not _is_whole_jpeg(data):
            raise PhotoError(ENDS_EARLY)
        flag = scale_flag(image.size, side) | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        if pixels is None:
            raise PhotoError(damaged("JPEG"))
        turned = turn(np.asarray(pixels, np.uint8), orientation)
    width, height = image.size if orientation < 5 else image.size[::-1]
    return Upright(turned, width, height, taken_at)


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


def _is_whole_jpeg(data: bytes) -> bool:
    """Whether the end-of-image marker follows the main picture's scan.

    OpenCV fills what is missing with grey without a word. Thumbnails stand before the scan, in
    segments that are stepped over by their length.
    """
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return True  # odd segments: leave the verdict to the decoder
        if data[at + 1] == 0xDA:
            return data.rfind(b"\xff\xd9", at) > 0
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _pixels(image: Image.Image) -> Pixels:
    """Return any Pillow image as BGR; more than 8 bits a channel are scaled, transparency lies on white."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.nan_to_num(np.asarray(image, np.float32))
        low, high = (0.0, 65535.0) if image.mode != "F" else (float(grey.min()), float(grey.max()))
        if image.mode == "I" and grey.min() >= 0 and grey.max() <= 255:
            high = 255.0
        eight = np.clip((grey - low) * (255.0 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(eight[:, :, None], 3, axis=2))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _decode_with_opencv(data: bytes, refusal: Exception | None) -> Upright:
    """Try what Pillow does not know, or refused at its header."""
    try:
        with step("decode"):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as e:
        raise explained(refusal or e, None) from e
    if pixels is None and refusal is not None:
        raise explained(refusal, None) from refusal
    if pixels is None and data[4:8] == b"ftyp":
        raise PhotoError("a HEIF or AVIF picture that is damaged, or compressed in a way the decoder does not know")
    if pixels is None:
        raise PhotoError("not a picture of any kind known, or damaged at its start")
    return Upright(np.asarray(pixels, np.uint8), pixels.shape[1], pixels.shape[0], None)
