"""Candidates: the proposer's detections, cut out and labelled, to train the verifier on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ...faces.proposer import Proposer
from ...faces.resize import PADDING, Pixels, square
from ...faces.rows import BOX, LANDMARKS, SCORE, Floats, centres, longer_side, mirrored, overlaps, scaled, turned_back
from ...faces.verifier import VERIFIER_CONTEXT
from ..common import shards
from . import canvases as face_canvases
from .canvases import LEARN, drawn
from .effects import tilt, tilted
from .labels import FACE, UNSURE, has_landmarks, ruled_out
from .photos import LabelledPhoto, Split, of_split, read

SIDE = 64  # of a stored crop, VERIFIER_CONTEXT longer sides wide; the network sees its middle
PHOTOS_A_PART = 200
CANVAS, ONE_OF = "canvas", 4  # source name of candidates from canvases; one in four canvases is enough
PROPOSALS, THRESHOLD = 40, 0.12  # most proposals per photo and size; their least score
SIZES = 200, 960  # range of a photo's longer side in pixels
MOST_ENLARGED, FACE_SIDE = 2.0, 230  # largest scale; side in pixels that most faces stay below
SAME, OTHER = 0.45, 0.25  # overlaps: at least SAME is a face, below OTHER is none
SMALLEST = 5.0  # pixels
NEAR = 15  # faces of a photo that are copied with a shift
BLURRED, STRETCHED = 0.06, 0.12  # how far these copies are moved and stretched, in sides
COLUMNS = 19
TRUE, CENTRE, SIZE, POINTS, POINTS_KNOWN = 0, slice(1, 3), slice(3, 5), slice(5, 15), 15
PROPOSAL, UNIT, RULED_OUT = 16, 17, 18
"""Columns of a candidate: 1 for a face; its place as the verifier's target; whether its landmarks are known; the
proposer's score; pixels of the photo in one VERIFIER_CONTEXT; 1 if a reviewer ruled it out."""


@dataclass(frozen=True)
class Collecting:
    """The work of one part of the photos; the task is a range: number of the first photo, number after the last."""

    labels: Path
    proposer: Path
    seed: int

    def __call__(self, numbers: tuple[int, int]) -> shards.Arrays:
        cv2.setNumThreads(1)
        propose = Proposer(self.proposer.read_bytes(), THRESHOLD)
        crops, rows, sources = [np.empty((0, SIDE, SIDE, 3), np.uint8)], [np.empty((0, COLUMNS), np.float32)], []
        photos = of_split(read(self.labels), Split.TRAINING)
        for i in range(*numbers):
            random = np.random.default_rng([self.seed, i])
            for pixels, faces in _views(photos[i], random):
                for side in _sizes(pixels, faces, photos[i].empty, random):
                    judged, cuts = _candidates(propose, pixels, faces, side, random)
                    rows.append(judged)
                    crops.append(cuts)
                    sources += [photos[i].source] * len(judged)
        return {"crops": np.concatenate(crops), "rows": np.concatenate(rows), "sources": np.array(sources, np.str_)}


@dataclass(frozen=True)
class FromCanvases:
    """The work of one part of the canvases; the task is its number."""

    canvases: Path
    proposer: Path
    seed: int

    def __call__(self, number: int) -> shards.Arrays:
        cv2.setNumThreads(1)
        propose = Proposer(self.proposer.read_bytes(), THRESHOLD)
        part = shards.read(self.canvases)[number]
        crops, rows = [np.empty((0, SIDE, SIDE, 3), np.uint8)], [np.empty((0, COLUMNS), np.float32)]
        for i, (pixels, faces) in enumerate(drawn(part)):
            faces[:, SCORE] = np.where(faces[:, SCORE] == LEARN, 1, UNSURE)
            random = np.random.default_rng([self.seed, number, i])
            judged, cuts = _candidates(propose, np.array(pixels), faces, face_canvases.SIDE, random)
            rows.append(judged)
            crops.append(cuts)
        found = np.concatenate(rows)
        return {"crops": np.concatenate(crops), "rows": found, "sources": np.array([CANVAS] * len(found), np.str_)}


def collect(folder: Path, labels: Path, proposer: Path, seed: int) -> None:
    """Collect candidates from the labelled training photos into a folder, or resume."""
    count = len(of_split(read(labels), Split.TRAINING))
    parts = [(i, min(count, i + PHOTOS_A_PART)) for i in range(0, count, PHOTOS_A_PART)]
    shards.make(folder, parts, Collecting(labels, proposer, seed), "candidates")


def collect_from_canvases(folder: Path, canvases: Path, proposer: Path, seed: int, every: int = ONE_OF) -> None:
    """Collect candidates from one in `every` parts of the canvases into a folder, or resume.

    Canvases show what the photos have too little of: faces behind others, tilted, dark and faded faces.
    """
    numbers = range(0, len(shards.read(canvases)), every)
    shards.make(folder, numbers, FromCanvases(canvases, proposer, seed), "candidates of canvases")


def _candidates(
    propose: Proposer, pixels: Pixels, faces: Floats, side: float, random: np.random.Generator
) -> tuple[Floats, Pixels]:
    """Return the candidates of a picture resized to this longer side, (n, COLUMNS), and their crops."""
    found = _proposed(propose, pixels, side)
    if random.random() < 0.5:
        found = np.concatenate([found, _near(faces[_certain(faces)], random)])
    judged, kept = judge(found, faces)
    return judged, cut(pixels, found[kept])


def _views(photo: LabelledPhoto, random: np.random.Generator) -> Iterator[tuple[Pixels, Floats]]:
    """Yield the photo and perhaps a tilted copy; for a photo without a face, a mirrored copy after quarter turns.

    A turned photo without a face has new patterns at no cost.
    """
    pixels = np.asarray(photo.pixels)
    yield pixels, photo.faces
    if photo.empty:
        other, faces = _quartered(pixels, photo.faces, int(random.integers(1, 4)))
        yield np.ascontiguousarray(other[:, ::-1]), mirrored(faces, other.shape[1])
    elif angle := tilt(random):
        yield tilted(pixels, photo.faces, angle)


def _quartered(pixels: Pixels, faces: Floats, turns: int) -> tuple[Pixels, Floats]:
    """Return a photo and its faces after anticlockwise quarter turns."""
    for _ in range(turns):
        pixels = np.rot90(pixels)
        faces = turned_back(faces, 3, pixels.shape[1], pixels.shape[0])
    return pixels, faces


def _certain(faces: Floats) -> npt.NDArray[np.bool_]:
    """Return which rows are certain faces, or were ruled out by a reviewer."""
    return np.asarray((faces[:, SCORE] >= FACE) | ruled_out(faces))


def _sizes(pixels: Pixels, faces: Floats, empty: bool, random: np.random.Generator) -> list[float]:
    longest = max(pixels.shape[:2])
    largest = longest * MOST_ENLARGED
    sizes = np.exp(random.uniform(np.log(SIZES[0]), np.log(SIZES[1]), 3 if empty else 2))
    if not empty:
        limit = FACE_SIDE / float(longer_side(faces[~ruled_out(faces)]).max()) * longest
        sizes = np.where(random.random(len(sizes)) < 0.7, np.minimum(sizes, limit), sizes)
    return [float(size) for size in np.clip(sizes, 64, largest)]


def _proposed(propose: Proposer, pixels: Pixels, side: float) -> Floats:
    """Return the proposals for the picture resized to this longer side, in pixels of the original."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    rows = propose(np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8))[:PROPOSALS]
    return scaled(rows, width / size[0], height / size[1])


def _near(faces: Floats, random: np.random.Generator) -> Floats:
    """Return copies of faces and of ruled-out places, slightly moved and stretched."""
    near = faces[random.permutation(len(faces))[:NEAR]] if len(faces) > NEAR else faces.copy()
    side = longer_side(near)[:, None]
    near[:, 0:2] += random.normal(0, BLURRED, (len(near), 2)) * side
    near[:, 2:4] *= np.exp(random.normal(0, STRETCHED, (len(near), 1)))
    near[:, SCORE] = 0.5
    return near


def judge(found: Floats, faces: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the candidates that are clearly a face or clearly none, (m, COLUMNS), and which of `found` they are."""
    others, faces = faces[ruled_out(faces)], faces[~ruled_out(faces)]
    if len(faces):
        shared = overlaps(found, faces)
        nearest, most = faces[shared.argmax(axis=1)], shared.max(axis=1)
    else:
        nearest, most = np.zeros_like(found), np.zeros(len(found), np.float32)
    true = (most >= SAME) & (nearest[:, SCORE] >= FACE)
    kept = (true | (most < OTHER)) & (longer_side(found) >= SMALLEST)
    unit = longer_side(found)[:, None] * VERIFIER_CONTEXT
    centre = centres(found)
    rows = np.zeros((len(found), COLUMNS), np.float32)
    rows[:, TRUE], rows[:, PROPOSAL], rows[:, UNIT] = true, found[:, SCORE], unit[:, 0]
    with np.errstate(divide="ignore"):
        rows[:, CENTRE] = (centres(nearest) - centre) / unit
        rows[:, SIZE] = np.log(nearest[:, BOX][:, 2:4] / unit)
    rows[:, POINTS] = (nearest[:, LANDMARKS] - np.tile(centre, 5)) / unit
    rows[:, POINTS_KNOWN] = has_landmarks(nearest)
    rows[~true, 1:PROPOSAL] = 0
    rows[:, RULED_OUT] = ~true & (overlaps(found, others).max(axis=1, initial=0) >= SAME)
    return np.nan_to_num(rows)[kept], kept


def cut(pixels: Pixels, found: Floats) -> Pixels:
    """Return the squares around the candidates, (n, SIDE, SIDE, 3); grey outside the photo."""
    centre, unit = centres(found), longer_side(found) * VERIFIER_CONTEXT
    crops = [
        square(pixels, float(x), float(y), float(side), SIDE, cv2.BORDER_CONSTANT)
        for (x, y), side in zip(centre, unit, strict=True)
    ]
    return np.stack(crops) if crops else np.full((0, SIDE, SIDE, 3), PADDING, np.uint8)
