"""Contact sheets of a detector's missed faces and false detections, for people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...photos import decode, read
from ...photos import upright as photo_upright
from ...text import printable
from ...types import Box
from .matching import FALSE, Judged

COLUMNS = 8
TILES, MOST_SHEETS = 6 * COLUMNS, 4
TILE, CAPTION, TEXT = 176, 34, 13  # pixels
CONTEXT = 2.5  # side of a tile, in longer sides of the box
TRUTH, SEEN, INK, PAPER = (60, 220, 60), (255, 80, 60), (20, 20, 20), (255, 255, 255)


@dataclass(frozen=True)
class Tile:
    """A place in a photo, in upright full-size pixels, with boxes to draw and a text to write below its name."""

    path: Path
    centre: Box
    truth: tuple[Box, ...]
    seen: tuple[Box, ...]
    caption: str


def misses(judged: Iterable[Judged], threshold: float) -> list[Tile]:
    """Return the missed faces, largest first, each with the detection below the threshold, if any."""
    tiles = []
    for j in judged:
        hits = j.found()
        for face, box in enumerate(j.photo.faces):
            weak = hits.get(face)
            if weak is None or weak.score < threshold:
                score = "no score" if weak is None else f"score {weak.score:.2f}"
                seen = () if weak is None else (weak.box,)
                tiles.append(Tile(j.photo.path, box, (box,), seen, f"{box.longer_side:.0f} px, {score}"))
    return sorted(tiles, key=lambda tile: -max(tile.centre.w, tile.centre.h))


def false_faces(judged: Iterable[Judged], threshold: float) -> list[Tile]:
    """Return the false detections, highest score first, with the true faces of the photo."""
    scored = [
        (d.score, Tile(j.photo.path, d.box, j.photo.faces, (d.box,), f"{d.box.longer_side:.0f} px, {d.score:.2f}"))
        for j in judged
        for d, verdict in zip(j.detections, j.verdicts, strict=True)
        if verdict == FALSE and d.score >= threshold
    ]
    return [tile for _, tile in sorted(scored, key=lambda pair: -pair[0])]


def write(folder: Path, name: str, tiles: Sequence[Tile]) -> list[str]:
    """Write the tiles in order to NAME-1.png and so on, at most MOST_SHEETS; return the files' names."""
    tiles = tiles[: MOST_SHEETS * TILES]
    pairs = list(zip(tiles, _pictures(tiles), strict=True))
    files = [f"{name}-{start // TILES + 1}.png" for start in range(0, len(pairs), TILES)]
    for number, file in enumerate(files):
        _sheet(pairs[number * TILES : (number + 1) * TILES]).save(folder / file)
    return files


def _pictures(tiles: Sequence[Tile]) -> list[Image.Image]:
    """Return every tile's picture; each photo is decoded once."""
    pictures = {}
    for path, numbers in groupby(sorted(range(len(tiles)), key=lambda n: tiles[n].path), lambda n: tiles[n].path):
        upright = decode.decode(read.read(path))
        pictures.update({number: _picture(tiles[number], upright) for number in numbers})
    return [pictures[number] for number in range(len(tiles))]


def _sheet(pairs: Sequence[tuple[Tile, Image.Image]]) -> Image.Image:
    rows = -(-len(pairs) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    for number, (tile, picture) in enumerate(pairs):
        x, y = number % COLUMNS * TILE, number // COLUMNS * (TILE + CAPTION)
        sheet.paste(picture, (x, y))
        pen.text((x + 3, y + TILE), _shortened(printable(tile.path.name), font), fill=INK, font=font)
        pen.text((x + 3, y + TILE + TEXT + 2), tile.caption, fill=INK, font=font)
    return sheet


def _picture(tile: Tile, upright: photo_upright.Upright) -> Image.Image:
    box = tile.centre.scaled(1 / upright.scale)
    side = max(4.0, CONTEXT * box.longer_side)
    left, top, by = box.x + box.w / 2 - side / 2, box.y + box.h / 2 - side / 2, (TILE - 2) / side
    picture = Image.fromarray(_cut(upright.pixels, left, top, by))
    pen = ImageDraw.Draw(picture)
    for boxes, colour in ((tile.truth, TRUTH), (tile.seen, SEEN)):
        for marked in boxes:
            b = marked.scaled(1 / upright.scale)
            corners = ((b.x - left) * by, (b.y - top) * by, (b.x + b.w - left) * by, (b.y + b.h - top) * by)
            pen.rectangle(corners, outline=colour, width=2)
    return picture


def _cut(pixels: photo_upright.Pixels, left: float, top: float, by: float) -> photo_upright.Pixels:
    """Return a square of TILE - 2 RGB pixels from (left, top), scaled by `by`; grey outside the photo."""
    if by < 0.5:  # average first: the interpolation below would skip pixels
        shrink = 2 * by
        size = max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        left, top, by = left * shrink, top * shrink, 0.5
    matrix = np.array([[by, 0, -left * by], [0, by, -top * by]], np.float32)
    side = TILE - 2
    out = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=(160, 160, 160))
    return np.ascontiguousarray(out[:, :, ::-1], np.uint8)


def _shortened(name: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Return a name without its middle if it is too long for a tile: names in one folder differ at their ends."""
    text = name
    for kept in range(len(name) - 1, 0, -1):
        if font.getlength(text) <= TILE - 6:
            break
        text = f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
    return text
