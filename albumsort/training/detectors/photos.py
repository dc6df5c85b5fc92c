"""Photos whose faces are known: listed in a boxes.json, or in a folder without any face."""

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
    """A photo whose faces are known. faces, ignored: in upright full-size pixels; set: the set it belongs to."""

    path: Path
    set: str
    faces: tuple[Box, ...] = ()
    ignored: tuple[Box, ...] = ()

    @property
    def faceless(self) -> bool:
        """Whether every detection in it is false."""
        return not self.faces and not self.ignored


def labelled(folder: Path) -> list[Labelled]:
    """Read the list of photos in a folder's boxes.json.

    boxes.json: [{"file", "set", "boxes": [[x, y, w, h], ...], "ignore": [...]}, ...] in upright pixels; "ignore" is
    optional and marks places where detections are ignored. Raises UsageError if the file is missing or has another
    form.
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
        raise UsageError(f"{listing}: entry {number} does not have the form {form}") from e


def _boxes(entry: Any) -> tuple[Any, Any]:
    return entry["boxes"], entry.get("ignore", [])


def faceless(folder: Path) -> list[Labelled]:
    """Return the photos in a folder that is known to show no face; the set has the folder's name."""
    name = printable(Path(os.path.abspath(folder)).name)
    return [Labelled(file.path, name) for file in find(folder, (), Walk())]
