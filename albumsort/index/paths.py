"""SQL for photos in folders: below one, or in an album but not in an album inside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Sql = tuple[str, tuple[Any, ...]]
"""A part of a statement and the values of its parameters."""


def below(folder: Path) -> Sql:
    """Return SQL for "photo `p` lies below this folder": a range, so that SQLite can use the index on path."""
    beginning = os.fsencode(os.path.join(folder, ""))
    return "p.path >= ? AND p.path < ?", (beginning, beginning[:-1] + bytes([beginning[-1] + 1]))


def under(folder: Path) -> tuple[str, tuple[bytes, ...]]:
    """Return SQL for "this path or anything below it"."""
    where, bounds = below(folder)
    return f"(p.path = ? OR ({where}))", (os.fsencode(folder), *bounds)


def inside(root: Path, others: Sequence[Path]) -> Sql:
    """Return SQL for "photo `p` is in this album, and in no other album inside it"."""
    nested = [other for other in others if other != root and other.is_relative_to(root)]
    nested_paths = set(nested)
    outermost = [path for path in nested if nested_paths.isdisjoint(path.parents)]
    where, values = below(root)
    if not outermost:
        return where, values
    without, bounds = any_of([below(path) for path in outermost])
    return f"{where} AND NOT {without}", (*values, *bounds)


def any_of(parts: Sequence[Sql]) -> Sql:
    """Return SQL for "one of these", nested by halves, because SQLite refuses an expression a thousand levels deep."""
    if len(parts) == 1:
        return f"({parts[0][0]})", parts[0][1]
    first, second = any_of(parts[: len(parts) // 2]), any_of(parts[len(parts) // 2 :])
    return f"({first[0]} OR {second[0]})", (*first[1], *second[1])
