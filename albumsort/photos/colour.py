"""Convert a picture's colours to sRGB, from the profile in its file or from the colour space that its tags name."""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass

from PIL import Image, ImageCms


@dataclass(frozen=True)
class Space:
    """An RGB colour space: XYZ of red, green and blue, adapted to D50, and the curve as an ICC tag."""

    primaries: tuple[tuple[float, float, float], ...]
    curve: bytes


def _numbers(*values: float) -> bytes:
    """Return numbers as ICC stores them: signed, with 16 bits after the point."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


ADOBE_RGB = Space(
    ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    struct.pack(">4sIIH", b"curv", 0, 1, 563),  # gamma 563/256, Adobe RGB (1998) 4.3.4.2
)
DISPLAY_P3 = Space(
    ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    # the curve of sRGB, IEC 61966-2-1
    struct.pack(">4sIHH", b"para", 0, 3, 0) + _numbers(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
)
_D50 = 0.9642, 1.0, 0.8249


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture of mode L, RGB or CMYK as L or RGB in sRGB; without a usable profile it is taken to be sRGB."""
    plain = "L" if picture.mode == "L" else "RGB"
    if not profile:
        return picture.convert(plain)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        # between the points of a table, LittleCMS' shortcut for grey is far off in shadows
        exact = ImageCms.Flags.NOOPTIMIZE if picture.mode == "L" else ImageCms.Flags.NONE
        # perceptual where the profile has a table for it (CMYK), else relative: colours outside sRGB are cut
        converted = ImageCms.profileToProfile(
            picture, source, _srgb(), ImageCms.Intent.PERCEPTUAL, outputMode="RGB", flags=exact
        )
    except (OSError, ImageCms.PyCMSError):  # damaged, or for other channels; viewers ignore it, too
        return picture.convert(plain)
    assert converted is not None  # only a conversion in place returns None
    return converted.convert(plain)


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def profile_of(space: Space) -> bytes:
    """Return an ICC profile (version 4) of a colour space, for pictures that only name it."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _numbers(*_D50)}
    for name, xyz in zip((b"r", b"g", b"b"), space.primaries, strict=True):
        tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + _numbers(*xyz)
        tags[name + b"TRC"] = space.curve + bytes(-len(space.curve) % 4)
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + len(table) + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(content), len(tag))
        content += tag
    header = struct.pack(">I4xI4s4s4s12x4s", start + len(content), 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return header.ljust(68, b"\0") + _numbers(*_D50).ljust(60, b"\0") + table + content
