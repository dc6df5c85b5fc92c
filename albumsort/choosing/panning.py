"""Find out whether a camera turned between two pictures, as it does between the frames of a panorama."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from .likeness import CHUNK, SIDE, Floats, Indices, Layouts

FARTHEST = 10
"""Cells of 15; a smaller overlap says nothing."""
NEAREST = 2
"""Cells; less is the shake of a hand."""
OVERLAPPING, BETTER = 0.5, 0.15
"""Least likeness of the overlap, and by how much it exceeds the likeness of the pictures without a shift."""

SAME = 0.2
"""Least likeness of pictures of the same view once everything is removed that stays the same along an axis."""

Steps = npt.NDArray[np.int8]


def same_view(found: Layouts, first: Indices, second: Indices) -> npt.NDArray[np.bool_]:
    """Return whether pairs of like pictures show the same view, not only the same horizon, sky or wall.

    A horizon is the same all along, so it makes pictures alike even if the camera turned. Without it they are not.
    """
    same = np.empty(len(first), bool)
    for at in range(0, len(first), CHUNK):
        a, b = (found[side[at : at + CHUNK]].reshape(-1, SIDE, SIDE, 2) for side in (first, second))
        same[at : at + CHUNK] = np.minimum(*(_without_constant(a, b, axis) for axis in (1, 2))) >= SAME
    return same


def _without_constant(a: Layouts, b: Layouts, axis: int) -> Floats:
    """Return the likeness without what is the same along an axis; the second picture may move along it by a cell."""
    a, b = (_varying(side, axis) for side in (a, b))
    strength = np.sqrt(np.einsum("nij,nij->n", a, a) * np.einsum("nij,nij->n", b, b)) + 1
    overlaps = ((a, b), (a[:, 1:], b[:, :-1]), (a[:, :-1], b[:, 1:]))
    alike: Floats = np.max([np.einsum("nij,nij->n", *both) for both in overlaps], axis=0) / strength
    return alike


def steps(found: Layouts, first: Indices, second: Indices) -> Steps:
    """Return how far the view moved from first[i] to second[i] of the layouts: (n, 2), cells to the right and down.

    Both are 0 for pictures that do not overlap in part.
    """
    moved = np.zeros((len(first), 2), np.int8)
    for at in range(0, len(first), CHUNK):
        a, b = (found[side[at : at + CHUNK]].reshape(-1, SIDE, SIDE, 2) for side in (first, second))
        (right, across), (down, along) = (_moved(a, b, axis) for axis in (2, 1))
        moved[at : at + CHUNK, 0] = np.where(across >= along, right, 0)
        moved[at : at + CHUNK, 1] = np.where(across < along, down, 0)
    return moved


def _moved(a: Layouts, b: Layouts, axis: int) -> tuple[Floats, Floats]:
    """Return the move along an axis, in cells, and the likeness of the overlap; 0 without one.

    What stays the same along the axis, such as a horizon, is removed: it would hide the move.
    """
    a, b = (_varying(side, axis) for side in (a, b))
    products = (a @ b.transpose(0, 2, 1)).reshape(-1, SIDE * SIDE) @ _diagonals()
    energy = [np.cumsum((side**2).sum(axis=2), axis=1) for side in (a, b)]
    alike = np.zeros_like(products)
    for number, move in enumerate(range(-FARTHEST, FARTHEST + 1)):
        of_a = _part(energy[0], max(0, move), SIDE + min(0, move))
        of_b = _part(energy[1], max(0, -move), SIDE - max(0, move))
        alike[:, number] = products[:, number] / (np.sqrt(of_a * of_b) + 1)
    best = alike.argmax(axis=1)
    highest = np.take_along_axis(alike, best[:, None], axis=1)[:, 0]
    moves = best - FARTHEST
    clear = (highest >= OVERLAPPING) & (highest >= alike[:, FARTHEST] + BETTER) & (np.abs(moves) >= NEAREST)
    return np.where(clear, moves, 0), np.where(clear, highest, 0)


def _varying(side: Layouts, axis: int) -> Layouts:
    """Return (n, 15, 30): for each place along the axis, all values there, less their means along the axis."""
    side = side - side.mean(axis=axis, keepdims=True)
    ordered = side.transpose(0, 2, 1, 3) if axis == 2 else side
    return np.ascontiguousarray(ordered).reshape(-1, SIDE, 2 * SIDE)


def _part(energy: Floats, start: int, end: int) -> Floats:
    total: Floats = energy[:, end - 1] - (energy[:, start - 1] if start else 0)
    return total


@functools.cache
def _diagonals() -> Floats:
    """Return a column for each move: 1 for the pairs of places that it lays over each other."""
    place, other = np.mgrid[0:SIDE, 0:SIDE]
    moves = np.arange(-FARTHEST, FARTHEST + 1)
    columns: Floats = ((place - other).reshape(-1, 1) == moves).astype(np.float32)
    return columns
