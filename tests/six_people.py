"""Drawn scenes of six people, of whom one may frown."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from helpers import astronaut
from PIL import Image, ImageOps

HEAD = (150, 20, 310, 220)  # of the portrait
MOUTH = (196, 136, 250, 166)


def smiling() -> Image.Image:
    return astronaut().crop(HEAD)


def frowning() -> Image.Image:
    """The portrait with its mouth upside down."""
    portrait = astronaut().copy()
    portrait.paste(ImageOps.flip(portrait.crop(MOUTH)), MOUTH[:2])
    return portrait.crop(HEAD)


def scene(number: int, heads: Sequence[Image.Image]) -> Image.Image:
    """Return a scene of these heads in two rows, of slightly different sizes, with room at the right."""
    chance = Random(number)
    picture = Image.new("RGB", (900, 500), tuple(chance.randrange(90, 200) for _ in range(3)))
    for place, head in enumerate(heads):
        by = chance.uniform(0.8, 1.1)
        row, column = divmod(place, 3)
        picture.paste(head.resize((round(160 * by), round(200 * by))), (10 + 190 * column, 10 + 240 * row))
    return picture


def people(number: int, frown: bool, others: Sequence[Image.Image]) -> list[Image.Image]:
    """Return six heads: smiling, of whom one frowns if asked."""
    heads = [others[(number + place) % len(others)] for place in range(6)]
    if frown:
        heads[number % 6] = frowning()
    return heads
