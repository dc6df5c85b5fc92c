"""Compare pictures by their descriptions: how alike are they, whatever their exposure, crop and blur?

The layouts of edges are correlated. Nine blocks of the picture may each move by a cell, in the way that a shift or a
change of scale would move them. This module loads NumPy, so queries do not import it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Cells = Floats
"""(n, 15, 30): by rows, the gradient of each cell to the right, then down."""
Layouts = npt.NDArray[np.uint8]
"""(n, 225): cells, as descriptions store them; unpacked only while they are compared, which saves memory and time."""
Indices = npt.NDArray[np.intp]

SIDE = 15
"""As `photos.description` writes it."""
CELLS, LENGTH = SIDE * SIDE, SIDE * SIDE + 7
CORE = SIDE - 2
BLOCKS = (0, 4, 9, CORE)
"""Where the blocks of the core begin and end, in both directions."""
SHIFTS = tuple(product((-1, 0, 1), repeat=2))
"""(down, right), in cells."""
ALIKE, UNLIKE = 0.75, 0.1
"""Without any shift, pairs above are alike enough and pairs below hopeless; only the others are shifted."""
CHUNK = 192
"""Pairs compared at once: few enough for the processor's cache, and for OpenBLAS to start no threads for them."""


def likeness(a: bytes, b: bytes) -> float:
    """Return how alike two described pictures are, 0-1; raises ValueError if a description has another format."""
    return float(likenesses(layouts([a, b]), np.array([0]), np.array([1]))[0])


def layouts(descriptions: Sequence[bytes]) -> Layouts:
    """Return the layouts of descriptions; raises ValueError if one has another format."""
    if any(len(one) != LENGTH for one in descriptions):
        raise ValueError(f"a description has {LENGTH} bytes; index the photo again")
    return np.frombuffer(b"".join(descriptions), np.uint8).reshape(-1, LENGTH)[:, :CELLS]


def unpacked(found: Layouts) -> Cells:
    """Return the gradients of layouts, by rows."""
    return _gradients().take(found, axis=0).reshape(-1, SIDE, 2 * SIDE)


def likenesses(found: Layouts, first: Indices, second: Indices) -> Floats:
    """Return how alike the pairs first[i], second[i] of the layouts are, 0-1."""
    alike = np.empty(len(first), np.float32)
    for at in range(0, len(first), CHUNK):
        alike[at : at + CHUNK] = _compared(*(unpacked(found[side[at : at + CHUNK]]) for side in (first, second)))
    return np.clip(alike, 0, 1)


def _compared(a: Cells, b: Cells) -> Floats:
    of_a, of_b = _core(a, 0, 0), _core(b, 0, 0)
    weighted = of_a * _window()
    strength = np.sqrt(_sums(weighted, of_a) * _sums(of_b * _window(), of_b)) + 1  # a blank picture is like no other
    alike: Floats = _sums(weighted, of_b) / strength
    doubtful = np.flatnonzero((alike > UNLIKE) & (alike < ALIKE))
    if len(doubtful):
        alike[doubtful] = _with_shifts(weighted[doubtful], b[doubtful]) / strength[doubtful]
    return alike


def _sums(a: Cells, b: Cells) -> Floats:
    sums: Floats = np.einsum("nij,nij->n", a, b)
    return sums


def _core(found: Cells, down: int, right: int) -> Cells:
    """Return the cells without the border, or those a cell away from them."""
    cells: Cells = found[:, 1 + down : 1 + down + CORE, 2 * (1 + right) : 2 * (1 + right + CORE)]
    return cells


def _with_shifts(weighted: Cells, found: Cells) -> Floats:
    """Return the highest product of the weighted cores and the others, over the moves."""
    blocks = np.empty((len(weighted), len(SHIFTS), 9), np.float32)
    for number, (down, right) in enumerate(SHIFTS):
        products = weighted * _core(found, down, right)
        blocks[:, number] = products.reshape(len(weighted), -1) @ _block_of_cell()
    by_move: Floats = blocks.reshape(len(weighted), -1) @ _moves()
    return np.asarray(by_move.max(axis=1), np.float32)


@functools.cache
def _gradients() -> Floats:
    """Return the two gradients for each value of a byte."""
    values = np.arange(256)
    return np.stack([values >> 4, values & 15], axis=1).astype(np.float32) - 8


@functools.cache
def _window() -> Floats:
    """Return the weights of the core's cells: less at the border, where crops cut."""
    along = np.exp(-0.7 * np.linspace(-1, 1, CORE) ** 4)
    weights: Floats = np.repeat(np.outer(along, along), 2, axis=1).astype(np.float32)
    return weights


@functools.cache
def _block_of_cell() -> Floats:
    """Return a column for each of the nine blocks: 1 for each value in it."""
    along = np.zeros((CORE, 3), np.float32)
    for block in range(3):
        along[BLOCKS[block] : BLOCKS[block + 1], block] = 1
    both = np.einsum("ra,cb->rcab", along, np.repeat(along, 2, axis=0))
    blocks: Floats = both.reshape(CORE * 2 * CORE, 9)
    return blocks


@functools.cache
def _moves() -> Floats:
    """Return a column for each move: 1 for the shift that it gives to each of the blocks."""
    columns = []
    for (down, right), scale in product(SHIFTS, (-1, 0, 1)):
        column = np.zeros((len(SHIFTS), 9), np.float32)
        for block, (row, across) in enumerate(product((-1, 0, 1), repeat=2)):
            shift = (_by_one(down + scale * row), _by_one(right + scale * across))
            column[SHIFTS.index(shift), block] = 1
        columns.append(column.ravel())
    return np.stack(columns, axis=1)


def _by_one(cells: int) -> int:
    return max(-1, min(1, cells))
