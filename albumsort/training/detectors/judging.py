"""Running detectors on photos whose faces are known.

A detector runs once, with a low floor. Detections are matched to faces best first, so a higher threshold would find a
subset of these matches, and one run gives the figures at all thresholds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import AlbumsortError, PhotoError
from ...faces.detector import FaceDetector, load_detector
from ...photos import decode, read
from ...text import printable
from ...types import THRESHOLD
from .figures import groups, level
from .matching import FLOOR, Found, Judged, judge
from .opencv import OpenCVDetector
from .photos import Labelled, labelled

OURS = "albumsort"


@dataclass(frozen=True)
class Entrant:
    """A detector to evaluate. thresholds: the scores to report figures at; the first is the one in use."""

    name: str
    detector: FaceDetector
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """An entrant's detections in all photos.

    level: the threshold at which it has no more false detections, over all photos, than our detector at THRESHOLD;
    None for our own.
    """

    entrant: Entrant
    judged: tuple[Judged, ...]
    level: float | None = None

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The scores to report figures at."""
        return self.entrant.thresholds if self.level is None else (*self.entrant.thresholds, self.level)


def entrants(models: Sequence[Path], ours: FaceDetector | None = None) -> list[Entrant]:
    """Return our detector, and OpenCV's with each of the models; raises AlbumsortError if one does not work.

    ours: replaces the shipped detector.
    """
    names = Counter[str]()
    chosen = [Entrant(OURS, ours or load_detector(FLOOR), (THRESHOLD,))]
    for path in models:
        name = printable(path.stem)
        names[name] += 1
        unique = name if names[name] == 1 else f"{name} ({names[name]})"
        chosen.append(Entrant(unique, OpenCVDetector(path, FLOOR), (0.5, 0.6, 0.7)))
    return chosen


def run(
    chosen: Sequence[Entrant],
    listed: Sequence[Labelled],
    watch: Callable[[Iterable[Labelled]], Iterable[Labelled]] = iter,
) -> tuple[list[Result], list[tuple[Path, str]]]:
    """Run every detector on every photo; return the results, and the unreadable photos with the reasons.

    watch: wraps the iteration, for a progress bar. Raises AlbumsortError if no photo can be read.
    """
    judged: list[list[Judged]] = [[] for _ in chosen]
    failed = []
    for photo in watch(listed):
        try:
            upright = decode.decode(read.read(photo.path))
        except PhotoError as e:
            failed.append((photo.path, str(e)))
            continue
        for entrant, seen in zip(chosen, judged, strict=True):
            seen.append(judge(photo, entrant.detector.detect(upright.pixels), upright.scale))
    if not judged[0]:
        if not failed:
            raise AlbumsortError("no photo could be read: the folders hold none")
        raise AlbumsortError(f"no photo could be read; the first: {failed[0][0]}: {failed[0][1]}")
    most = sum((j.at(THRESHOLD) for j in judged[0]), Found()).false
    results = [Result(chosen[0], tuple(judged[0]))]
    results += [Result(e, tuple(seen), level(seen, most)) for e, seen in zip(chosen[1:], judged[1:], strict=True)]
    return results, failed


def evaluate(
    detector: FaceDetector, folder: Path, watch: Callable[[Iterable[Any]], Iterable[Any]] = iter
) -> Mapping[str, Found]:
    """Count a detector's found faces in a folder with a boxes.json, in each group of its photos.

    Raises UsageError if the file is missing, AlbumsortError if a photo cannot be read.
    """
    results, failed = run([Entrant("", detector, ())], labelled(folder), watch)
    for path, reason in failed:
        raise AlbumsortError(f"{path}: {reason}")
    return {name: sum((j.at(0.0) for j in some), Found()) for name, some in groups(results[0].judged).items()}
