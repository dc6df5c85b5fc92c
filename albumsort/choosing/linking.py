"""Link frames that are close in time and alike, and divide chains of links that drift away from their first frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from . import panning
from .likeness import LENGTH, Floats, Indices, Layouts, layouts, likenesses
from .timelines import Timeline

WEAK, STRONG = 0.5, 0.62
"""Least likeness within seconds, and within minutes or by numbers (`benchmarks/moments.py`)."""
SECONDS, MINUTES, LONGEST = 3.0, 300.0, 600.0
"""Seconds: between frames that need be alike only weakly; between others; between first and last of a moment."""
GAP, MOST_NUMBERS = 3.0, 60.0
"""The same for numbers, in numbers."""
REACH = 3
"""A frame is compared with as many frames before it, because others may come between."""
SWEEP_SECONDS, SWEEP_NUMBERS = 10.0, 1.0
"""Longest pause between frames of a panorama."""
STILL = 0.85
"""Between frames that are more alike, the camera did not turn."""

BLANK = bytes([0x88]) * LENGTH
"""A description without edges; it is like no other."""


class Frames:
    """The frames of all timelines in order, as arrays: their timelines, places and layouts."""

    def __init__(self, lines: Sequence[Timeline]) -> None:
        sizes = [len(line.frames) for line in lines]
        clocks = np.repeat(np.array([line.has_clock for line in lines], bool), sizes)
        self.lines = np.repeat(np.arange(len(lines)), sizes)
        self.places = np.array([place for line in lines for place in line.places], np.float64)
        self.near = np.where(clocks, SECONDS, -1.0)
        self.far = np.where(clocks, MINUTES, GAP)
        self.longest = np.where(clocks, LONGEST, MOST_NUMBERS)
        self.sweep = np.where(clocks, SWEEP_SECONDS, SWEEP_NUMBERS)
        self.layouts: Layouts = layouts([frame.description or BLANK for line in lines for frame in line.frames])

    def before(self, lag: int, within: npt.NDArray[np.float64]) -> Indices:
        """Return the frames whose predecessor by `lag` is in their timeline and near enough."""
        later = np.arange(lag, len(self.lines))
        same = self.lines[later] == self.lines[later - lag]
        found: Indices = later[same & (self.places[later] - self.places[later - lag] <= within[later])]
        return found


def chains(frames: Frames) -> list[list[int]]:
    """Return the frames by chain of links, without frames of panoramas; a chain has at least two, in order."""
    previous, alike = _links(frames)
    in_panorama = _panoramas(frames, previous, alike)
    chain_of: dict[int, list[int]] = {}
    for frame in np.flatnonzero(previous >= 0).tolist():
        before = int(previous[frame])
        if in_panorama[frame] or in_panorama[before]:
            continue
        chain = chain_of.setdefault(before, [before])
        if frames.places[frame] - frames.places[chain[0]] <= frames.longest[frame]:
            chain.append(frame)
            chain_of[frame] = chain
    return [chain for first, chain in chain_of.items() if chain[0] == first and len(chain) > 1]


def divided(frames: Frames, found: Iterable[list[int]]) -> Iterator[list[int]]:
    """Yield the chains in parts, in which each frame is like the first, so that a whole party is not one moment."""
    waiting = [chain for chain in found if len(chain) > 1]
    while waiting:
        members = np.concatenate([chain[1:] for chain in waiting])
        leaders = np.repeat([chain[0] for chain in waiting], [len(chain) - 1 for chain in waiting])
        close = iter((likenesses(frames.layouts, leaders, members) >= WEAK).tolist())
        left = []
        for chain in waiting:
            kept = [next(close) for _ in chain[1:]]
            yield [chain[0], *(frame for frame, keep in zip(chain[1:], kept, strict=True) if keep)]
            left.append([frame for frame, keep in zip(chain[1:], kept, strict=True) if not keep])
        waiting = [rest for rest in left if len(rest) > 1]


def _links(frames: Frames) -> tuple[Indices, Floats]:
    """Return for each frame the nearest one before that it is linked to, or -1, and its likeness to the one before."""
    previous = np.full(len(frames.lines), -1, np.intp)
    neighbours = np.zeros(len(frames.lines), np.float32)
    for lag in range(1, REACH + 1):
        later = frames.before(lag, frames.far)
        later = later[previous[later] < 0]
        alike = likenesses(frames.layouts, later - lag, later)
        if lag == 1:
            neighbours[later] = alike
        near = frames.places[later] - frames.places[later - lag] <= frames.near[later]
        linked = later[alike >= np.where(near, WEAK, STRONG)]
        linked = linked[panning.same_view(frames.layouts, linked - lag, linked)]
        previous[linked] = linked - lag
    return previous, neighbours


def _panoramas(frames: Frames, previous: Indices, alike: Floats) -> npt.NDArray[np.bool_]:
    """Return which frames belong to a panorama: three or more, over which the view moves one way.

    Only pairs that would be linked are of interest, and their neighbours.
    """
    order = np.arange(len(previous))
    turning = (previous == order - 1) & (alike < STILL)
    nearby = turning.copy()
    nearby[1:] |= turning[:-1]
    nearby[:-1] |= turning[1:]
    later = frames.before(1, frames.sweep)
    later = later[nearby[later]]
    moves = np.zeros((len(previous), 2), np.int8)
    moves[later] = panning.steps(frames.layouts, later - 1, later)
    on = np.zeros(len(previous), bool)
    on[1:] = (np.sign(moves[1:]) == np.sign(moves[:-1])).all(axis=1) & moves[1:].any(axis=1)
    result = on.copy()
    result[:-1] |= on[1:]
    result[:-2] |= on[2:]
    return result
