"""Tiles cut from whole photos as the program cuts faces: faces without labels, judged ones, and what is no face."""

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
"""Pixels of the decoded photo: smaller faces show no expression to learn from."""
PLACE_COLUMNS = ("photo", "x", "y", "w", "h", "lean")
JUDGED_COLUMNS = (*PLACE_COLUMNS, "label", "eyes")
EXCEPT_COLUMN = "file"

Watch = Callable[[Iterable[PhotoFile]], Iterable[PhotoFile]]
"""Wraps an iteration, for a progress bar."""


@dataclass(frozen=True)
class Place:
    """Where a face is in a photo: its box in upright full-size pixels, and how many degrees it leans clockwise."""

    photo: str
    box: Box
    lean: float

    @classmethod
    def of_row(cls, row: dict[str, str]) -> Place:
        """Read a CSV's row; raises ValueError or KeyError if it is none."""
        return cls(row["photo"], Box(*(float(row[name]) for name in "xywh")), float(row["lean"]))


def find_faces(folder: Path, without: frozenset[str], watch: Watch) -> Iterator[tuple[Place, Pixels]]:
    """Yield every face of the folder's photos and its tile; a photo that cannot be read is left out.

    without: names of photos that are to be left out.
    """
    detector = faces.load_detector()
    for file, upright in _decoded(folder, lambda name: name not in without, watch):
        for found in detector.detect(upright.pixels):
            if found.box.longer_side >= SMALLEST:
                place = Place(file.path.name, found.box.scaled(upright.scale), found.lean)
                yield place, tile(upright.pixels, found.box, found.lean)


def tile(pixels: Pixels, box: Box, lean: float) -> Pixels:
    """(96, 96): the classifier's square around a face, and half as much again."""
    return crop.crop(pixels, box, lean, size=TILE, wider=TILE / SQUARE)


def names(listing: Path) -> frozenset[str]:
    """Return the photos that a CSV names in its column `file`."""
    return frozenset(row[EXCEPT_COLUMN] for row in read_rows(listing, (EXCEPT_COLUMN,)))


def is_about_photos(listing: Path) -> bool:
    """Whether a CSV of verdicts is about faces of photos, rather than about natural faces that are there as tiles."""
    return "photo" in read_rows(listing, ("label", "eyes"))[0]


def judged(listing: Path, folder: Path, without: frozenset[str], watch: Watch) -> NaturalFaces:
    """Return the faces of photos that viewers judged; listing: a CSV of JUDGED_COLUMNS about the folder's photos.

    Lines about one place are verdicts of several viewers. Photos named in `without` are left out. Raises AlbumsortError
    if the CSV is not of that form.
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
            for place, said in places.items():
                tiles.append(tile(upright.pixels, place.box.scaled(1 / upright.scale), place.lean)[None])
                labels, eyes = (" ".join(row[name] for row in said) for name in ("label", "eyes"))
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
    """(n, 96, 96): places in the folder's photos that were taken for faces and are none, by a reviewer.

    review: as `face_reviews.read` reads it. Photos named in `without` are left out.
    """
    reviews = face_reviews.read(review)
    wanted = {name for name, said in reviews.items() if (said.judged[:, SCORE] == 0).any()} - without
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
