"""How well detectors find the faces of photos whose boxes are known: counts, curves, intervals.

A detector runs once, with a low floor. Detections are given to faces best first, so what a higher
threshold would have found is a part of what was found, and one run gives the figures of all thresholds.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import photos
from ..errors import AlbumsortError, PhotoError, UsageError
from ..faces import THRESHOLD, FaceDetector, load_detector
from ..output import printable
from ..types import Box, Detection
from ..walk import Walk, find
from .datasets import Floats
from .evaluation import Score
from .face_opencv import OpenCVDetector

OVERLAP = 0.3
"""Intersection over union from which a detection counts as finding a face."""
FLOOR = 0.05
"""Detections that score less are not looked at: curves begin here."""
OURS = "albumsort"
SIZES = (0, 16, 24, 32, 48, 64, 96, 128, 256, float("inf"))
"""Edges of the bins of a face's longer side, in upright full-size pixels."""
BINS = 20
RESAMPLES = 1000

FALSE, IGNORED = -1, -2
"""What a detection can be besides the index of the face it found."""


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


@dataclass(frozen=True)
class Judged:
    """One detector's detections in one photo, best first, in upright full-size pixels.

    verdicts: for each the index of the face it found, or FALSE, or IGNORED.
    """

    photo: Labelled
    detections: tuple[Detection, ...]
    verdicts: tuple[int, ...]

    def at(self, threshold: float) -> Found:
        """Count what scores at least the threshold."""
        given = [v for d, v in zip(self.detections, self.verdicts, strict=True) if d.score >= threshold]
        return Found(1, len(self.photo.faces), sum(v >= 0 for v in given), given.count(FALSE))

    def found(self, threshold: float = 0.0) -> dict[int, Detection]:
        """Return the detections that found a face, by its index."""
        pairs = zip(self.verdicts, self.detections, strict=True)
        return {face: detection for face, detection in pairs if face >= 0 and detection.score >= threshold}


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


@dataclass(frozen=True)
class Entrant:
    """A detector that is judged. thresholds: the scores to quote figures at, first the one it is used with."""

    name: str
    detector: FaceDetector
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """What an entrant made of all photos.

    level: the score from which it makes no more false detections, over all photos, than our detector at
    THRESHOLD; None for our own.
    """

    entrant: Entrant
    judged: tuple[Judged, ...]
    level: float | None = None

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The scores to quote figures at."""
        return self.entrant.thresholds if self.level is None else (*self.entrant.thresholds, self.level)


@dataclass(frozen=True)
class Figures:
    """The figures of some photos at a threshold.

    recall: over the faces; false: detections that are no face, a 100 photos; both with an interval that comes
    from resampling photos, as the faces of one are alike. overlap: mean intersection over union of the found.
    """

    counts: Found
    recall: Score
    false: Score
    overlap: float


@dataclass(frozen=True)
class Curve:
    """Recall (0-1), false detections and precision (0-1) if all that score at least `score` counts; best first."""

    score: Floats
    recall: Floats
    false: Floats
    precision: Floats


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes in the same frame, 0-1."""
    shared = _shared(a, b)
    return shared / (a.area + b.area - shared) if shared else 0.0


def _shared(a: Box, b: Box) -> float:
    across = max(0.0, min(a.x + a.w, b.x + b.w) - max(a.x, b.x))
    down = max(0.0, min(a.y + a.h, b.y + b.h) - max(a.y, b.y))
    return across * down


def match(detections: Sequence[Box], faces: Sequence[Box], ignored: Sequence[Box]) -> list[int]:
    """Give each detection, best first, the free face it overlaps most; returns what each is.

    That is the index of a face, or FALSE; or IGNORED where it found none but lies on an ignored box.
    """
    free, verdicts = set(range(len(faces))), []
    for box in detections:
        best = max(free, key=lambda f: overlap(box, faces[f]), default=FALSE)
        if best != FALSE and overlap(box, faces[best]) > OVERLAP:
            free.remove(best)
            verdicts.append(best)
        elif any(overlap(box, i) > OVERLAP or _shared(box, i) > 0.5 * box.area for i in ignored):
            verdicts.append(IGNORED)
        else:
            verdicts.append(FALSE)
    return verdicts


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


def entrants(models: Sequence[Path], ours: FaceDetector | None = None) -> list[Entrant]:
    """Return our detector and OpenCV's with each of the models; raises AlbumsortError if one does not work.

    ours: instead of the one that ships.
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
    """Show every photo to every detector; returns their results, and the photos that could not be read with why.

    `watch` wraps the iteration, for a progress bar. Raises AlbumsortError if no photo can be read.
    """
    judged: list[list[Judged]] = [[] for _ in chosen]
    failed = []
    for photo in watch(listed):
        try:
            upright = photos.decode(photos.read(photo.path))
        except PhotoError as e:
            failed.append((photo.path, str(e)))
            continue
        for entrant, seen in zip(chosen, judged, strict=True):
            seen.append(judge(photo, entrant.detector.detect(upright.pixels), upright.scale))
    if not judged[0]:
        where, why = failed[0] if failed else ("there is none", "nothing to evaluate")
        raise AlbumsortError(f"no photo could be read; the first: {where}: {why}")
    most = sum((j.at(THRESHOLD) for j in judged[0]), Found()).false
    results = [Result(chosen[0], tuple(judged[0]))]
    results += [Result(e, tuple(seen), _level(seen, most)) for e, seen in zip(chosen[1:], judged[1:], strict=True)]
    return results, failed


def judge(photo: Labelled, detections: Sequence[Detection], scale: float = 1.0) -> Judged:
    """Match detections, best first, with the photo's faces. scale: full-size pixels per pixel of their frame."""
    full = tuple(
        Detection(d.box.scaled(scale), tuple((x * scale, y * scale) for x, y in d.landmarks), d.score)
        for d in detections
    )
    return Judged(photo, full, tuple(match([d.box for d in full], photo.faces, photo.ignored)))


def _level(judged: Sequence[Judged], most: int) -> float:
    """Return the least score of a detection from which on there are at most so many false ones."""
    curve = curve_of(judged)
    allowed = curve.score[curve.false <= most]
    return float(allowed[-1]) if len(allowed) else 1.0


def groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Sort photos by their set; then those with and without faces, and all."""
    named = {name: [j for j in judged if j.photo.set == name] for name in dict.fromkeys(j.photo.set for j in judged)}
    named["with faces"] = [j for j in judged if not j.photo.faceless]
    named["without a face"] = [j for j in judged if j.photo.faceless]
    named["all"] = list(judged)
    return {name: members for name, members in named.items() if members}


def figures(judged: Sequence[Judged], threshold: float) -> Figures:
    """Count and estimate over some photos, at least one."""
    each = [j.at(threshold) for j in judged]
    total = sum(each, Found())
    counts = np.array([(c.faces, c.found, c.false) for c in each], np.float64)
    random, n = np.random.default_rng(0), len(each)
    drawn = np.array([counts[random.integers(0, n, n)].mean(axis=0) for _ in range(RESAMPLES)])
    some = drawn[drawn[:, 0] > 0]
    shared = [overlap(d.box, j.photo.faces[face]) for j in judged for face, d in j.found(threshold).items()]
    return Figures(
        total,
        _score(total.recall, some[:, 1] / some[:, 0], total.faces),
        _score(100 * total.false / n, 100 * drawn[:, 2], n),
        float(np.mean(shared)) if shared else float("nan"),
    )


def _score(value: float, drawn: Any, n: int) -> Score:
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (float("nan"),) * 2
    return Score(value, float(low), float(high), n)


def curve_of(judged: Sequence[Judged]) -> Curve:
    """Return a point for every score that a detection has."""
    scores, right = _verdicts(judged)
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)[: len(scores)])
    found, false = right.cumsum()[last], (~right).cumsum()[last]
    faces = sum(len(j.photo.faces) for j in judged)
    recall = found / faces if faces else np.full(len(last), np.nan)
    return Curve(scores[last], recall, false.astype(np.float64), found / np.maximum(found + false, 1))


def _verdicts(judged: Sequence[Judged]) -> tuple[Any, Any]:
    """(n,) scores and whether each found a face, of all detections that count."""
    pairs = [(d.score, v >= 0) for j in judged for d, v in zip(j.detections, j.verdicts, strict=True) if v != IGNORED]
    return np.array([s for s, _ in pairs], np.float64), np.array([r for _, r in pairs], np.bool_)


def by_size(judged: Sequence[Judged], threshold: float) -> list[tuple[float, float, int, int]]:
    """Return each bin of SIZES that has faces: from, below, faces there are, faces found."""
    there, found = np.zeros(len(SIZES) - 1, int), np.zeros(len(SIZES) - 1, int)
    for j in judged:
        hits = j.found(threshold)
        for face, box in enumerate(j.photo.faces):
            size = int(np.searchsorted(SIZES, box.longer_side, side="right")) - 1
            there[size] += 1
            found[size] += face in hits
    return [(SIZES[i], SIZES[i + 1], int(there[i]), int(found[i])) for i in range(len(there)) if there[i]]


def reliability(judged: Sequence[Judged]) -> list[tuple[float, float, int, int]]:
    """Return each bin of the score that has detections: from, mean score in it, detections, faces among them."""
    scores, right = _verdicts(judged)
    which = np.minimum((scores * BINS).astype(int), BINS - 1)
    return [
        (b / BINS, float(scores[which == b].mean()), int((which == b).sum()), int(right[which == b].sum()))
        for b in range(BINS)
        if (which == b).any()
    ]


def landmark_errors(ours: Sequence[Judged], theirs: Sequence[Judged], threshold: float) -> Floats:
    """(n,) mean distance of the five landmarks, in longer sides of the true box, on the faces both found."""
    errors = []
    for one, other in zip(ours, theirs, strict=True):
        hits, references = one.found(threshold), other.found(threshold)
        for face in sorted(hits.keys() & references.keys()):
            box = one.photo.faces[face]
            apart = np.subtract(hits[face].landmarks, references[face].landmarks)
            errors.append(np.hypot(apart[:, 0], apart[:, 1]).mean() / box.longer_side)
    return np.array(errors, np.float32)


def evaluate(
    detector: FaceDetector, folder: Path, watch: Callable[[Iterable[Any]], Iterable[Any]] = iter
) -> Mapping[str, Found]:
    """Count what a detector finds in a folder with a boxes.json, in each of its groups.

    Raises UsageError if there is no such file, AlbumsortError if a photo cannot be read.
    """
    results, failed = run([Entrant("", detector, ())], labelled(folder), watch)
    for path, reason in failed:
        raise AlbumsortError(f"{path}: {reason}")
    return {name: sum((j.at(0.0) for j in some), Found()) for name, some in groups(results[0].judged).items()}
