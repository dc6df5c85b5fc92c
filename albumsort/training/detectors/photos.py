"""Photos whose faces are known: those of a boxes.json, and those that show none."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...photos.walk import Walk, find
from ...text import printable
from ...types import Box


@dataclass(frozen=True)
class Labelled:
    """A photo whose faces are known. faces, ignored: in upright full-size pixels; set: what it is counted with."""

    path: Path
    set: str
    faces: tuple[Box, ...] = ()
    ignored: tuple[Box, ...] = ()

    @property
    def faceless(self) -> bool:
        """Whether whatever is found in it is false."""
        return not self.faces and not self.ignored


def labelled(folder: Path) -> list[Labelled]:
    """Read the photos that a folder's boxes.json lists.

    boxes.json: [{"file", "set", "boxes": [[x, y, w, h], ...], "ignore": [...]}, ...] in upright pixels;
    "ignore" marks what counts neither way and may be left out. Raises UsageError if the file is not there or
    is something else.
    """
    listing = folder / "boxes.json"
    if not listing.is_file():
        raise UsageError(f"{folder} has no boxes.json")
    try:
        entries = json.loads(listing.read_bytes())
    except ValueError as e:
        raise UsageError(f"{listing} is no JSON ({e})") from e
    if not isinstance(entries, list):
        raise UsageError(f"{listing} is no list of photos")
    return [_labelled(listing, number, entry) for number, entry in enumerate(entries, start=1)]


def _labelled(listing: Path, number: int, entry: Any) -> Labelled:
    try:
        faces, ignored = (tuple(Box(*map(float, box)) for box in boxes) for boxes in _boxes(entry))
        return Labelled(listing.parent / entry["file"], printable(entry["set"]), faces, ignored)
    except (KeyError, TypeError, ValueError) as e:
        form = '{"file", "set", "boxes": [[x, y, w, h], ...], "ignore": [...]}'
        raise UsageError(f"{listing}: entry {number} is not like {form}") from e


def _boxes(entry: Any) -> tuple[Any, Any]:
    return entry["boxes"], entry.get("ignore", [])


def faceless(folder: Path) -> list[Labelled]:
    """Return the photos below a folder that is known to show no face; the set has the folder's name."""
    name = printable(Path(os.path.abspath(folder)).name)
    return [Labelled(file.path, name) for file in find(folder, (), Walk())]
