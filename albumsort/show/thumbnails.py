"""Small pictures of photos, as WebP without metadata: a square cell cut around a face, a view of the whole photo."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from ..disk import contents
from ..errors import PhotoError
from ..photos import full
from ..photos.read import read
from ..types import Box

CELL = 320
"""Longest side of a cell in pixels. A smaller photo is not enlarged."""
CELL_QUALITY, VIEW_QUALITY = 75, 80
"""Of WebP: 11 kB a cell and 100 kB a view of 1,280 pixels, the mean of photos of phones."""
CELL_BITS, VIEW_BITS = 0.9, 0.8
"""Bits a pixel of these WebP files, rounded up."""
ROOM = 2.6
"""Side of a cell in longer sides of the face: head, hair and some shoulders; much of a portrait, enough of a group."""
SMALLEST = 0.45
"""Least side of a cell as a share of the photo's shorter side: a small face keeps what is around it."""
HEADROOM = 0.1
"""By how many sides of the face the middle of a cell is below the middle of the face, to show some of the body."""


def load(path: Path, side: int, digest: str) -> Image.Image:
    """Return a photo upright in sRGB, with at most 2 * `side` pixels on its longer side.

    What is transparent becomes white. Raises PhotoError with a reason, also if the file has another content hash: its
    faces are not those in the index.
    """
    data = read(path)
    if contents.digest(data) != digest:
        raise PhotoError("the photo changed since it was indexed; run index again")
    picture = full.load(data).picture
    picture.thumbnail((2 * side, 2 * side), Image.Resampling.BOX)
    if "A" in picture.getbands():
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def square_around(face: Box | None, width: int, height: int) -> Box:
    """Return the square of a photo that its cell shows, in the pixels of `face`: the middle without a face."""
    shorter = float(min(width, height))
    if face is None:
        return Box((width - shorter) / 2, (height - shorter) / 2, shorter, shorter)
    side = min(shorter, max(ROOM * face.longer_side, SMALLEST * shorter))
    x = face.x + face.w / 2 - side / 2
    y = face.y + face.h / 2 + HEADROOM * face.longer_side - side / 2
    return Box(min(max(x, 0.0), width - side), min(max(y, 0.0), height - side), side, side)


def cell(picture: Image.Image, square: Box) -> bytes:
    """Return the square, in pixels of the picture, as a WebP of at most CELL pixels a side."""
    side = max(1, min(CELL, round(square.w)))
    box = (square.x, square.y, square.x + square.w, square.y + square.h)
    cut = picture.resize((side, side), Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    return _encoded(cut, CELL_QUALITY)


def view(picture: Image.Image, side: int) -> bytes:
    """Return the whole picture as a WebP of at most `side` pixels on its longer side."""
    smaller = picture.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encoded(smaller, VIEW_QUALITY)


def expected_cell_bytes(width: int, height: int) -> float:
    """Return about how many bytes the cell of a photo of this size will have."""
    return min(CELL, width, height) ** 2 * CELL_BITS / 8


def expected_view_bytes(width: int, height: int, side: int) -> float:
    """Return about how many bytes the view of a photo of this size will have; side 0: no view."""
    return width * height * min(1.0, side / max(width, height)) ** 2 * VIEW_BITS / 8


def _encoded(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    try:
        picture.save(file, "WEBP", quality=quality)
    except (OSError, ValueError) as e:  # a strip whose shorter side would have no pixel
        raise PhotoError(f"cannot make a small picture of it ({e})") from e
    return file.getvalue()
