"""Tiles cut from whole photos as the program cuts crops: unlabelled faces, judged faces, and places without a face."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...emotions import EYES
from ...errors import AlbumsortError, PhotoError
from ...faces import crop
from ...faces import detector as faces
from ...faces.rows import BOX, SCORE
from ...photos import decode, read
from ...photos import upright as photo_upright
from ...photos.walk import Walk, find
from ...types import Box, PhotoFile
from ..common.arrays import Pixels
from ..faces import reviews as face_reviews
from ..faces.photos import LONGEST_SIDE
from .natural import EXPRESSIONS, SQUARE, TILE, NaturalFaces, Use, no_tiles, read_rows, votes

SMALLEST = 24
"""Least side of a face, in pixels of the decoded photo: smaller ones show no expression to learn from."""
PLACE_COLUMNS = ("photo", "x", "y", "w", "h", "lean")
JUDGED_COLUMNS = (*PLACE_COLUMNS, "label", "eyes")
EXCEPT_COLUMN = "file"

Watch = Callable[[Iterable[PhotoFile]], Iterable[PhotoFile]]
"""Wraps an iteration, for a progress bar."""


@dataclass(frozen=True)
class Place:
    """The place of a face in a photo. box: in upright full-size pixels; lean: degrees clockwise."""

    photo: str
    box: Box
    lean: float

    @classmethod
    def of_row(cls, row: dict[str, str]) -> Place:
        """Read a row of a CSV; raises ValueError or KeyError if its form is wrong."""
        return cls(row["photo"], Box(*(float(row[name]) for name in "xywh")), float(row["lean"]))


def find_faces(folder: Path, without: frozenset[str], watch: Watch) -> Iterator[tuple[Place, Pixels]]:
    """Yield every face of the folder's photos with its tile; unreadable photos are skipped.

    without: names of photos to skip.
    """
    detector = faces.load_detector()
    for file, upright in _decoded(folder, lambda name: name not in without, watch):
        for found in detector.detect(upright.pixels):
            if found.box.longer_side >= SMALLEST:
                place = Place(file.path.name, found.box.scaled(upright.scale), found.lean)
                yield place, tile(upright.pixels, found.box, found.lean)


def tile(pixels: Pixels, box: Box, lean: float) -> Pixels:
    """Return a (96, 96) tile: the classifier's square around a face, 1.5 times as wide."""
    return crop.crop(pixels, box, lean, size=TILE, wider=TILE / SQUARE)


def names(listing: Path) -> frozenset[str]:
    """Return the names of photos in the column `file` of a CSV."""
    return frozenset(row[EXCEPT_COLUMN] for row in read_rows(listing, (EXCEPT_COLUMN,)))


def is_about_photos(listing: Path) -> bool:
    """Return whether a CSV of verdicts is about faces of photos, not about natural faces (which come as tiles)."""
    return "photo" in read_rows(listing, ("label", "eyes"))[0]


def judged(listing: Path, folder: Path, without: frozenset[str], watch: Watch) -> NaturalFaces:
    """Return the judged faces of the folder's photos; listing: a CSV of JUDGED_COLUMNS.

    Several rows for one place are the verdicts of several viewers. Photos named in `without` are skipped. Raises
    AlbumsortError if the CSV has another form.
    """
    rows = [row for row in read_rows(listing, JUDGED_COLUMNS) if row["photo"] not in without]
    by_photo: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_photo.setdefault(row["photo"], []).append(row)
    tiles, cut = [no_tiles()], list[dict[str, str]]()
    try:
        for file, upright in _decoded(folder, by_photo.__contains__, watch):
            places: dict[Place, list[dict[str, str]]] = {}
            for row in by_photo[file.path.name]:
                places.setdefault(Place.of_row(row), []).append(row)
            for place, verdicts in places.items():
                tiles.append(tile(upright.pixels, place.box.scaled(1 / upright.scale), place.lean)[None])
                labels, eyes = (" ".join(row[name] for row in verdicts) for name in ("label", "eyes"))
                cut.append({"photo": place.photo, "label": labels, "eyes": eyes})
        blank = np.full(len(cut), "")
        return NaturalFaces(
            tiles=np.concatenate(tiles),
            expressions=votes([row["label"] for row in cut], EXPRESSIONS),
            eyes=votes([row["eyes"] for row in cut], EYES),
            weight=np.zeros(len(cut), np.float32),
            file=np.array([row["photo"] for row in cut], np.str_),
            use=np.full(len(cut), Use.TRAIN.value),
            age=blank,
            gender=blank,
            race=blank,
        )
    except ValueError as e:
        raise AlbumsortError(f"{listing}: {e}") from e


def nobody(review: Path, folder: Path, without: frozenset[str], watch: Watch) -> Pixels:
    """Return (n, 96, 96) tiles of false detections in the folder's photos, as judged by a reviewer.

    review: a CSV that `face_reviews.read` can read. Photos named in `without` are skipped.
    """
    reviews = face_reviews.read(review)
    wanted = {name for name, verdicts in reviews.items() if (verdicts.judged[:, SCORE] == 0).any()} - without
    tiles = [no_tiles()]
    for file, upright in _decoded(folder, wanted.__contains__, watch):
        shrink = min(1.0, LONGEST_SIDE / max(upright.width, upright.height))
        rows = reviews[file.path.name].judged
        for row in rows[rows[:, SCORE] == 0]:
            box = Box(*(float(v) for v in row[BOX])).scaled(1 / shrink / upright.scale)
            tiles.append(tile(upright.pixels, box, 0.0)[None])
    return np.concatenate(tiles)


def _decoded(
    folder: Path, wanted: Callable[[str], bool], watch: Watch
) -> Iterator[tuple[PhotoFile, photo_upright.Upright]]:
    for file in watch([file for file in find(folder, (), Walk()) if wanted(file.path.name)]):
        try:
            yield file, decode.decode(read.read(file.path))
        except PhotoError:
            continue
