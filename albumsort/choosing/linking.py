"""Link frames that are close in time and alike, and divide chains of links that drift away from their first frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from . import panning
from .likeness import LENGTH, Indices, Layouts, layouts, likenesses
from .timelines import Timeline

Flags = npt.NDArray[np.bool_]

WEAK, STRONG = 0.47, 0.66
"""Least likeness within seconds, and within minutes or by numbers (`benchmarks/moments.py`)."""
SECONDS, MINUTES, LONGEST = 3.0, 300.0, 600.0
"""Seconds: between frames that need be alike only weakly; between others; between first and last of a moment."""
GAP, MOST_NUMBERS = 3.0, 60.0
"""The same for numbers, in numbers."""
REACH = 3
"""A frame is compared with as many frames before it, because others may come between."""
SWEEP_SECONDS, SWEEP_NUMBERS = 10.0, 1.0
"""Longest pause between frames of a panorama."""
SAME_VIEW, STILL = 0.2, 0.5
"""Least likeness in structure (`panning.structure`) of linked frames, and of frames between which nothing turned."""

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
    previous, turning = _links(frames)
    in_panorama = _panoramas(frames, turning)
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


def _links(frames: Frames) -> tuple[Indices, Flags]:
    """Return for each frame the nearest before to which it is linked, or -1, and whether the view may have turned."""
    previous = np.full(len(frames.lines), -1, np.intp)
    turning = np.zeros(len(frames.lines), bool)
    for lag in range(1, REACH + 1):
        later = frames.before(lag, frames.far)
        later = later[previous[later] < 0]
        near = frames.places[later] - frames.places[later - lag] <= frames.near[later]
        later = later[likenesses(frames.layouts, later - lag, later) >= np.where(near, WEAK, STRONG)]
        structure = panning.structure(frames.layouts, later - lag, later)
        linked = later[structure >= SAME_VIEW]
        previous[linked] = linked - lag
        if lag == 1:
            turning[later] = structure < STILL
    return previous, turning


def _panoramas(frames: Frames, turning: Flags) -> Flags:
    """Return which frames belong to a panorama: three or more, over which the view moves one way.

    Only pairs that might be linked, and their neighbours, are looked at.
    """
    nearby = turning.copy()
    nearby[1:] |= turning[:-1]
    nearby[:-1] |= turning[1:]
    later = frames.before(1, frames.sweep)
    later = later[nearby[later]]
    moves = np.zeros((len(turning), 2), np.int8)
    moves[later] = panning.steps(frames.layouts, later - 1, later)
    on = np.zeros(len(turning), bool)
    on[1:] = (np.sign(moves[1:]) == np.sign(moves[:-1])).all(axis=1) & moves[1:].any(axis=1)
    result = on.copy()
    result[:-1] |= on[1:]
    result[:-2] |= on[2:]
    return result
