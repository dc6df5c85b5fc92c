"""A photo with what was seen in it: boxes, landmarks, labels and probabilities, legible at any size."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from .errors import AlbumsortError
from .photos import decode
from .types import Face

COLOUR, INK, PAPER = (255, 196, 0), (255, 255, 255), (0, 0, 0)
LONGEST_SIDE = 1600
MOST_NAMED = 3  # probabilities written beside a face


def draw(data: bytes, faces: tuple[Face, ...], out: Path) -> None:
    """Write the upright photo with its faces marked as a new JPEG; raises AlbumsortError if the file exists."""
    picture, scale = _upright(data)
    pen = ImageDraw.Draw(picture)
    for face in faces:
        _mark(pen, face, scale, picture.size)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=92)
    try:
        with out.open("xb") as file:
            file.write(encoded.getbuffer())
    except FileExistsError as e:
        raise AlbumsortError(f"{out} exists already; nothing is overwritten, name another file") from e
    except OSError as e:
        raise AlbumsortError(f"cannot write {out}: {e.strerror or e}") from e


def _upright(data: bytes) -> tuple[Image.Image, float]:
    """Return the photo with its long side at LONGEST_SIDE, and its pixels per full-size pixel."""
    upright = decode(data)
    picture = Image.fromarray(upright.pixels[:, :, ::-1])
    picture = ImageOps.contain(picture, (LONGEST_SIDE, LONGEST_SIDE))
    return picture, picture.width / upright.width


def _mark(pen: ImageDraw.ImageDraw, face: Face, scale: float, size: tuple[int, int]) -> None:
    box = face.box.scaled(scale)
    width = max(2, round(max(size) / 400))
    pen.rectangle((box.x, box.y, box.x + box.w, box.y + box.h), outline=COLOUR, width=width)
    for x, y in face.landmarks:
        pen.ellipse((x * scale - width, y * scale - width, x * scale + width, y * scale + width), fill=COLOUR)
    named = sorted(face.probabilities.items(), key=lambda pair: -pair[1])[:MOST_NAMED]
    lines = [f"{face.label}  (face {face.detection:.2f})", *(f"{emotion} {100 * p:.0f} %" for emotion, p in named)]
    text = "\n".join(lines)
    font = ImageFont.load_default(max(13, round(max(size) / 60)))
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
    x = min(max(0.0, box.x), max(0.0, size[0] - (right - left) - 2 * width))
    below = box.y + box.h + width
    y = below if below + bottom - top < size[1] else max(0.0, box.y - (bottom - top) - 3 * width)
    pen.rectangle((x, y, x + right - left + 2 * width, y + bottom - top + 2 * width), fill=PAPER)
    pen.multiline_text((x + width - left, y + width - top), text, fill=INK, font=font)
