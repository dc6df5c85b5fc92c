"""Tell an exposure bracket from a burst: the same scene in regular steps of exposure, in one of the usual orders."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from itertools import pairwise

TONES = 7
"""A description ends with as many percentiles of the grey values, as `photos.description` writes it."""
CLEAR = range(6, 248)
"""Grey values that are neither black nor white, so that they follow the exposure."""
LENGTHS = (3, 5, 7)
"""How many frames a bracket has."""
LEAST_STEP, UNEVEN = 0.5, 2.5
"""Least stops of a step, and how many times the smallest step the largest may be; clipping shortens steps."""


def difference(a: bytes, b: bytes) -> float:
    """Return by how many stops the second of two described pictures of a scene is brighter.

    Both are compared in linear light, by those of their percentiles that are neither black nor white in either.
    """
    pairs = list(zip(a[-TONES:], b[-TONES:], strict=True))
    clear = [(x, y) for x, y in pairs if x in CLEAR and y in CLEAR]
    light = _stops()
    brighter = sorted([light[y] - light[x] for x, y in clear or pairs])
    return (brighter[len(brighter) // 2] + brighter[~(len(brighter) // 2)]) / 2


def is_bracketed(descriptions: Sequence[bytes]) -> bool:
    """Return whether consecutive pictures of a scene are one exposure bracket, or several of the same kind.

    A bracket has 3, 5 or 7 frames in regular steps. Its order is from dark to bright, from bright to dark, or first the
    middle, then outwards or through the others.
    """
    lengths = [length for length in LENGTHS if len(descriptions) % length == 0]
    if not lengths or any(abs(difference(*pair)) < LEAST_STEP for pair in pairwise(descriptions)):
        return False
    stops = [difference(descriptions[0], other) for other in descriptions]
    return any(_all_bracketed([stops[at : at + length] for at in range(0, len(stops), length)]) for length in lengths)


def _all_bracketed(brackets: Sequence[Sequence[float]]) -> bool:
    orders = {_order(stops) for stops in brackets}
    return len(orders) == 1 and all(_is_regular(sorted(stops)) for stops in brackets) and _is_usual(orders.pop())


def _is_regular(stops: Sequence[float]) -> bool:
    steps = [brighter - darker for darker, brighter in pairwise(stops)]
    return min(steps) >= LEAST_STEP and max(steps) <= UNEVEN * min(steps)


def _order(stops: Sequence[float]) -> tuple[int, ...]:
    """Return the rank of each frame by brightness; the middle has 0."""
    ranked = sorted(range(len(stops)), key=lambda at: stops[at])
    return tuple(ranked.index(at) - len(stops) // 2 for at in range(len(stops)))


def _is_usual(order: tuple[int, ...]) -> bool:
    reach = len(order) // 2
    through = list(range(-reach, reach + 1))
    others = [rank for rank in through if rank]
    outwards = [sign * rank for rank in range(1, reach + 1) for sign in (-1, 1)]
    usual = (through, [0, *others], [0, *outwards])
    return list(order) in usual or [-rank for rank in order] in usual


@functools.cache
def _stops() -> tuple[float, ...]:
    """Return the stops of light of each sRGB value, above that of the value 1."""
    return tuple(math.log2(_linear(max(value, 1) / 255) / _linear(1 / 255)) for value in range(256))


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
