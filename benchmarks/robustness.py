"""Count the faces still detected in worse photos, and in photos whose face is larger, smaller or turned.

usage: python benchmarks/robustness.py LABELS [--run RUN] [--against MODEL] [--out FILE.csv]

LABELS: the folder `labels` of a run of `albumsort model train faces`. Its validation photos are used: no
network is trained on them; the confidence is calibrated on them. Their faces are the teacher's detections in the
unchanged photos, which favours the teacher there. --run: a trained detector instead of the one that ships; --against:
a model for OpenCV's FaceDetectorYN. Both count detections with a confidence of at least .5.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from albumsort.faces.detector import FaceDetector, load_detector
from albumsort.faces.resize import Pixels
from albumsort.faces.rows import SCORE, Floats, scaled, shifted
from albumsort.training.detectors.matching import FALSE, match
from albumsort.training.detectors.opencv import OpenCVDetector
from albumsort.training.faces.effects import grey, tilted
from albumsort.training.faces.labels import FACE
from albumsort.training.faces.photos import LabelledPhoto, Split, of_split, read
from albumsort.training.faces.shipping import detector
from albumsort.types import THRESHOLD, Box

FRAME = 720, 960  # pixels of a portrait: width, height
EVERY = 3  # use every third photo: all would take three times as long, with the same result
PORTRAIT_FACE, SURE = 90, 0.8  # least pixels and least confidence of a portrait's face
SLANTED_SHARE = 0.45  # height of a turned face, as a share of the frame's

Change = Callable[[LabelledPhoto], tuple[Pixels, Floats]]


@dataclass(frozen=True)
class Condition:
    """A change to photos. portraits: applies only to photos of a single large face."""

    name: str
    change: Change
    portraits: bool = False


@dataclass
class Count:
    """A detector's results on the photos of a condition."""

    found: int = 0
    false: int = 0


def framed(share: float) -> Change:
    """Return a change that scales the face to this share of a frame's height, centred."""

    def change(photo: LabelledPhoto) -> tuple[Pixels, Floats]:
        width, height = FRAME
        x, y, w, h = photo.faces[0, :4]
        scale = share * height / h
        matrix = np.array([[scale, 0, width / 2 - (x + w / 2) * scale], [0, scale, height / 2 - (y + h / 2) * scale]])
        pixels = cv2.warpAffine(photo.pixels, matrix, FRAME, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(pixels, np.uint8), shifted(scaled(photo.faces, scale, scale), *matrix[:, 2])

    return change


def cut_close(share: float) -> Change:
    """Return a change that shows only this share of the face's box, as high as the frame."""

    def change(photo: LabelledPhoto) -> tuple[Pixels, Floats]:
        pixels, faces = framed(1 / share)(photo)
        width = min(FRAME[0], round(share * faces[0, 2]))
        left = (FRAME[0] - width) // 2
        return pixels[:, left : left + width], shifted(faces, -left, 0)

    return change


def slanted(angle: float) -> Change:
    """Return a change that turns a portrait by `angle` degrees, about half of them the other way."""

    def change(photo: LabelledPhoto) -> tuple[Pixels, Floats]:
        pixels, faces = framed(SLANTED_SHARE)(photo)
        return tilted(pixels, faces, angle if sum(photo.name.encode()) % 2 else -angle)

    return change


def shrunk(side: float) -> Change:
    """Return a change that scales the median face to this height; photos are never enlarged."""

    def change(photo: LabelledPhoto) -> tuple[Pixels, Floats]:
        scale = min(1.0, side / float(np.median(photo.faces[:, 3]))) if len(photo.faces) else 0.3
        pixels = cv2.resize(photo.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(pixels, np.uint8), scaled(photo.faces, scale, scale)

    return change


def worse(how: Callable[[Pixels], object]) -> Change:
    """Return a change of the pixels alone."""
    return lambda photo: (np.asarray(how(np.asarray(photo.pixels))).clip(0, 255).astype(np.uint8), photo.faces)


def conditions() -> list[Condition]:
    """Return the conditions to test."""
    random = np.random.default_rng(0)

    def noisy(deviation: float) -> Change:
        return worse(lambda p: p + random.standard_normal(p.shape, np.float32) * deviation)

    def blurred(deviation: float) -> Change:
        return worse(lambda p: cv2.GaussianBlur(p, (0, 0), deviation))

    def lit(share: float) -> Change:
        return worse(lambda p: p * share)

    def packed(quality: int) -> Change:
        return worse(lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1))

    return [
        Condition("as it is", worse(lambda p: p)),
        *(Condition(f"face {s:.0%} of the frame's height", framed(s), True) for s in (0.3, 0.5, 0.7, 0.9, 1.1)),
        Condition("80% of the face and nothing else", cut_close(0.8), True),
        *(Condition(f"turned by {angle}°", slanted(angle), True) for angle in (15, 30, 45)),
        *(Condition(f"faces of {side} pixels", shrunk(side)) for side in (10, 14, 18, 24, 32, 48)),
        Condition("grey", worse(grey)),
        *(Condition(f"Gaussian blur of {s} pixels", blurred(s)) for s in (2, 4)),
        *(Condition(f"noise of {s} of 255", noisy(s)) for s in (20, 40)),
        Condition("JPEG of quality 10", packed(10)),
        *(Condition(f"{s:.0%} of the light", lit(s)) for s in (0.25, 0.1)),
        Condition("contrast of 60 levels", worse(lambda p: 150 + p * (60 / 255))),
        Condition("twice the light", lit(2.0)),
        Condition("blue light", worse(lambda p: p * np.array([1.4, 0.8, 0.6]))),
    ]


def is_portrait(photo: LabelledPhoto) -> bool:
    """Whether there is exactly one face, large and of high confidence."""
    return len(photo.faces) == 1 and photo.faces[0, SCORE] >= SURE and min(photo.faces[0, 2:4]) >= PORTRAIT_FACE


def count(
    photos: Sequence[LabelledPhoto], change: Change, detectors: Sequence[FaceDetector]
) -> tuple[int, list[Count]]:
    """Return the number of faces in the changed photos, and each detector's counts."""
    faces, counts = 0, [Count() for _ in detectors]
    for photo in photos:
        pixels, rows = change(photo)
        sure = rows[:, SCORE] >= FACE
        wanted, unsure = boxes(rows[sure]), boxes(rows[~sure])
        faces += len(wanted)
        for counted, found in zip(counts, (d.detect(np.ascontiguousarray(pixels)) for d in detectors), strict=True):
            verdicts = match([d.box for d in found if d.score >= THRESHOLD], wanted, unsure)
            counted.found += sum(v >= 0 for v in verdicts)
            counted.false += verdicts.count(FALSE)
    return faces, counts


def boxes(rows: Floats) -> list[Box]:
    """Return the boxes of rows."""
    return [Box(*row) for row in rows[:, :4].tolist()]


def main() -> None:
    """Print the table and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    entrants: dict[str, FaceDetector] = {
        "albumsort": load_detector() if options.run is None else detector(options.run, THRESHOLD)
    }
    if options.against is not None:
        entrants[options.against.stem] = OpenCVDetector(options.against, THRESHOLD)
    photos = of_split(read(options.labels), Split.VALIDATION)[::EVERY]
    portraits = [photo for photo in photos if is_portrait(photo)]
    if not portraits:
        raise SystemExit(f"{options.labels} contains no validation photo of a single large face")
    print(f"{len(photos)} photos, {len(portraits)} portraits", file=sys.stderr)
    table = Table("condition", "faces", *(f"{name}: {what}" for name in entrants for what in ("recall", "false")))
    rows = []
    for condition in conditions():
        faces, counts = count(portraits if condition.portraits else photos, condition.change, [*entrants.values()])
        cells = [v for counted in counts for v in (f"{counted.found / faces:.3f}", str(counted.false))]
        rows.append([condition.name, str(faces), *cells])
        table.add_row(*rows[-1])
        print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    Console().print(table)
    if options.out is not None:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([[str(column.header) for column in table.columns], *rows])


if __name__ == "__main__":
    main()
