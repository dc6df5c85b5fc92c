"""How well a detector finds the faces of photos whose boxes are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import photos
from ..errors import AlbumsortError, UsageError
from ..faces import FaceDetector
from ..types import Box

OVERLAP = 0.3
"""Intersection over union from which a detection counts as finding a face."""


@dataclass(frozen=True)
class Found:
    """Counts over some photos: faces there are, faces found, detections that are no face."""

    photos: int = 0
    faces: int = 0
    found: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        """Share of the faces that were found, 0-1."""
        return self.found / self.faces if self.faces else float("nan")

    def __add__(self, other: Found) -> Found:
        return Found(
            self.photos + other.photos, self.faces + other.faces, self.found + other.found, self.false + other.false
        )


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes in the same frame, 0-1."""
    across = max(0.0, min(a.x + a.w, b.x + b.w) - max(a.x, b.x))
    down = max(0.0, min(a.y + a.h, b.y + b.h) - max(a.y, b.y))
    shared = across * down
    return shared / (a.area + b.area - shared) if shared else 0.0


def match(detections: list[Box], faces: list[Box], ignored: list[Box]) -> Found:
    """Give each detection, best first, the free face it overlaps most; on an ignored box it counts neither way."""
    free, false = list(faces), 0
    for box in detections:
        best = max(free, key=lambda f: overlap(box, f), default=None)
        if best is not None and overlap(box, best) > OVERLAP:
            free.remove(best)
        elif not any(overlap(box, i) > OVERLAP or _mostly_inside(box, i) for i in ignored):
            false += 1
    return Found(1, len(faces), len(faces) - len(free), false)


def _mostly_inside(box: Box, region: Box) -> bool:
    across = max(0.0, min(box.x + box.w, region.x + region.w) - max(box.x, region.x))
    down = max(0.0, min(box.y + box.h, region.y + region.h) - max(box.y, region.y))
    return across * down > 0.5 * box.area


def evaluate(detector: FaceDetector, folder: Path, watch: Callable[[Iterable[Any]], Iterable[Any]]) -> dict[str, Found]:
    """Run the detector over a folder with a boxes.json; returns the counts of each of its sets and of "all".

    boxes.json: [{"file", "set", "boxes": [[x, y, w, h], ...], "ignore": [...]}, ...] in upright pixels.
    `watch` wraps the iteration, for a progress bar. Raises UsageError if there is no such file.
    """
    listing = folder / "boxes.json"
    if not listing.is_file():
        raise UsageError(f"{folder} has no boxes.json")
    counts: dict[str, Found] = {}
    for entry in watch(json.loads(listing.read_text())):
        path = folder / entry["file"]
        try:
            upright = photos.decode(photos.read(path))
        except AlbumsortError as e:
            raise AlbumsortError(f"{path}: {e}") from e
        detections = [d.box.scaled(upright.scale) for d in detector.detect(upright.pixels)]
        result = match(detections, [Box(*b) for b in entry["boxes"]], [Box(*b) for b in entry["ignore"]])
        for name in (entry["set"], "all"):
            counts[name] = counts.get(name, Found()) + result
    return counts
