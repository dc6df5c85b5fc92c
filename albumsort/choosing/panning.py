"""Find out whether a camera turned between two pictures, as it does between the frames of a panorama."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from .likeness import CELLS, CHUNK, SIDE, Cells, Floats, Indices, Layouts, unpacked

FARTHEST = 10
"""Cells of 15; a smaller overlap says nothing."""
NEAREST = 2
"""Cells; less is the shake of a hand."""
OVERLAPPING = 0.5
"""Least likeness of the overlap."""

SETTLED = 0.5
"""Pairs whose structure is less alike are compared with shifts, too."""

Steps = npt.NDArray[np.int8]


def structure(found: Layouts, first: Indices, second: Indices) -> Floats:
    """Return how alike pairs are without what stays the same along an axis, -1 to 1.

    A horizon, a sky or a wall makes pictures alike even if the camera turned between them. Without it they are not.
    """
    alike = np.empty(len(first), np.float32)
    for at in range(0, len(first), CHUNK):
        a, b = (unpacked(found[side[at : at + CHUNK]]).reshape(-1, CELLS * 2) for side in (first, second))
        quick = _varying_alike(a, b)
        low = np.flatnonzero(quick < SETTLED)
        of_a, of_b = (side[low].reshape(-1, SIDE, SIDE, 2) for side in (a, b))
        quick[low] = np.minimum(*(_varying_alike_nearby(of_a, of_b, axis) for axis in (1, 2)))
        alike[at : at + CHUNK] = quick
    return alike


def _varying_alike(a: Cells, b: Cells) -> Floats:
    """Return the lower likeness of two, each without the means along an axis, by sums of products."""
    means = [_means(side.reshape(-1, SIDE, SIDE, 2)) for side in (a, b)]
    products = []
    for one, other in ((0, 1), (0, 0), (1, 1)):
        whole = np.einsum("ni,ni->n", (a, b)[one], (a, b)[other])
        products.append(whole[:, None] - SIDE * np.einsum("nai,nai->na", means[one], means[other]))
    of_both, of_a, of_b = products
    return np.asarray((of_both / (np.sqrt(np.maximum(of_a * of_b, 0)) + 1)).min(axis=1), np.float32)


def _means(cells: Cells) -> Floats:
    """Return (n, 2, 30): the means of the gradients along each line of cells, down and to the right."""
    down, right = np.einsum("nijk->njk", cells), np.einsum("nijk->nik", cells)
    return np.asarray(np.stack([down, right], axis=1).reshape(-1, 2, 2 * SIDE) / SIDE, np.float32)


def _varying_alike_nearby(a: Cells, b: Cells, axis: int) -> Floats:
    """Return the same where the second picture may move along the axis by a cell."""
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
        a, b = (unpacked(found[side[at : at + CHUNK]]).reshape(-1, SIDE, SIDE, 2) for side in (first, second))
        (right, across), (down, along) = (_moved(a, b, axis) for axis in (2, 1))
        moved[at : at + CHUNK, 0] = np.where(across >= along, right, 0)
        moved[at : at + CHUNK, 1] = np.where(across < along, down, 0)
    return moved


def _moved(a: Cells, b: Cells, axis: int) -> tuple[Floats, Floats]:
    """Return the move along an axis, in cells, and the likeness of the overlap; 0 without one.

    What stays the same along the axis, such as a horizon, is removed: it would hide the move.
    """
    a, b = (_varying(side, axis) for side in (a, b))
    products = (a @ b.transpose(0, 2, 1)).reshape(-1, SIDE * SIDE) @ _diagonals()
    energy = [np.cumsum(np.einsum("nij,nij->ni", side, side), axis=1) for side in (a, b)]
    alike = np.zeros_like(products)
    for number, move in enumerate(range(-FARTHEST, FARTHEST + 1)):
        of_a = _part(energy[0], max(0, move), SIDE + min(0, move))
        of_b = _part(energy[1], max(0, -move), SIDE - max(0, move))
        alike[:, number] = products[:, number] / (np.sqrt(of_a * of_b) + 1)
    best = alike.argmax(axis=1)
    highest = np.take_along_axis(alike, best[:, None], axis=1)[:, 0]
    moves = best - FARTHEST
    clear = (highest >= OVERLAPPING) & (np.abs(moves) >= NEAREST)
    return np.where(clear, moves, 0), np.where(clear, highest, 0)


def _varying(side: Cells, axis: int) -> Cells:
    """Return (n, 15, 30): for each place along the axis, all values there, less their means along the axis."""
    ordered = np.ascontiguousarray(side.transpose(0, 2, 1, 3) if axis == 2 else side).reshape(-1, SIDE, 2 * SIDE)
    varying: Cells = ordered - np.einsum("nij->nj", ordered)[:, None] / np.float32(SIDE)
    return varying


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
