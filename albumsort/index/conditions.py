"""SQL conditions for the photos and faces of a query."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..query import Counted, Filters
from ..types import EYES_SHUT, THRESHOLD
from .database import Database
from .folders import indexed_folders, indexed_name
from .paths import under


def photo_condition(filters: Filters) -> tuple[str, tuple[Any, ...]]:
    """Return SQL for "this photo passes the filters"."""
    parts, values = [f"p.missing = {int(filters.missing)}"], list[Any]()
    if filters.since is not None:
        parts.append("p.taken_at >= ?")
        values.append(filters.since)
    if filters.until is not None:
        parts.append("p.taken_at <= ?")
        values.append(filters.until)
    if filters.open_eyes:  # as `choosing.best_frame.are_open`
        counted, least = face_condition(filters.counted)
        shut = f"f.eyes IS NOT NULL AND 1 - (1 - f.eyes) * (1 - f.happy) < {EYES_SHUT}"
        someone = f"EXISTS (SELECT 1 FROM faces f WHERE f.content = c.id AND {PEOPLE} AND {counted} AND {shut})"
        parts.append(f"(NOT {someone} OR c.digest IN (SELECT digest FROM marks))")
        values.extend(least)
    if filters.marked:
        parts.append("c.digest IN (SELECT digest FROM marks)")
    if filters.undated:
        parts.append("p.taken_at IS NULL")
    if filters.folders:
        ranges = [under(folder) for folder in filters.folders]
        parts.append("(" + " OR ".join(sql for sql, _ in ranges) + ")")
        values.extend(v for _, bounds in ranges for v in bounds)
    if filters.faces is not None:
        counted, least = face_condition(filters.counted)
        found = f"(SELECT count(*) FROM faces f WHERE f.content = c.id AND {counted}) BETWEEN ? AND ?"
        parts.append(f"({found} OR c.digest IN (SELECT digest FROM marks))")  # marks may say that one is no face
        values.extend((*least, *filters.faces))
    return " AND ".join(parts), tuple(values)


PEOPLE = f"(f.matters OR f.detection < {THRESHOLD})"
"""SQL for "this face matters": so do faces that usually do not count, if a query asks for their low confidence."""


def face_condition(counted: Counted) -> tuple[str, tuple[float, ...]]:
    """Return SQL for "this face counts"."""
    return (
        "f.detection >= ? AND f.size >= ? AND coalesce(f.sharpness, 0) >= ?",
        (counted.detection, counted.size, counted.sharpness),
    )


def counts(counted: Counted, detection: float, size: float, sharpness: float | None) -> bool:
    """Return whether a face counts, as `face_condition` does."""
    return detection >= counted.detection and size >= counted.size and (sharpness or 0.0) >= counted.sharpness


def filter_condition(database: Database, filters: Filters) -> tuple[str, tuple[Any, ...]]:
    """Return SQL for "this photo passes the filters", by any name of the filters' folders."""
    names = dict.fromkeys(name for folder in filters.folders for name in possible_names(database, folder))
    return photo_condition(replace(filters, folders=tuple(names)))


def possible_names(database: Database, folder: Path) -> Iterator[Path]:
    """Yield the names that the index may use for a folder or for parts of it: links may lead to it or into it."""
    yield folder
    yield indexed_name(database, folder)
    real = os.path.realpath(folder)
    yield from (root for root in indexed_folders(database) if Path(os.path.realpath(root)).is_relative_to(real))
