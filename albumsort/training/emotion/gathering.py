"""Training faces besides the labelled ones: natural faces, faces of photos, and false detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import UsageError
from ..common.arrays import Pixels
from . import crops, natural
from .crops import Watch
from .natural import NaturalFaces, no_tiles


@dataclass(frozen=True)
class Further:
    """Training faces besides the labelled ones.

    natural: natural faces of all uses, and judged faces of photos. unlabelled: (n, 96, 96) tiles of other faces, which
    only the teachers label; nobody: tiles that show no face.
    """

    natural: NaturalFaces | None = None
    unlabelled: Pixels = field(default_factory=no_tiles)
    nobody: Pixels = field(default_factory=no_tiles)


@dataclass(frozen=True)
class Sources:
    """Where these faces come from.

    natural: the folder of natural faces. judged: CSVs of further verdicts, on natural faces or on faces of photos.
    photos: a folder of photos with faces to train on; reviewed: a CSV of places in them that show no face; without: a
    CSV whose column `file` names photos to skip, because they are reserved for evaluation.
    """

    natural: Path | None = None
    judged: Sequence[Path] = ()
    photos: Path | None = None
    reviewed: Path | None = None
    without: Path | None = None

    def __post_init__(self) -> None:
        if self.natural is None and (self.judged or self.reviewed is not None):
            raise UsageError("--judged and --reviewed need natural faces: name their folder with --natural")
        if self.photos is None and (self.reviewed is not None or self.without is not None):
            raise UsageError("--reviewed and --except need photos: name their folder with --faces")


def gather(sources: Sources, taught: bool, watch: Watch) -> Further:
    """Read all sources. taught: whether teachers label the unlabelled faces; if not, none are cut from the photos."""
    without = crops.names(sources.without) if sources.without is not None else frozenset[str]()
    on_photos = [listing for listing in sources.judged if crops.is_about_photos(listing)]
    if on_photos and sources.photos is None:
        raise UsageError(f"{on_photos[0]} needs photos: name their folder with --faces")
    faces = None
    if sources.natural is not None:
        faces = natural.load(sources.natural, [listing for listing in sources.judged if listing not in on_photos])
    unlabelled, nobody = no_tiles(), no_tiles()
    if sources.photos is not None:
        if faces is not None and on_photos:
            parts = [crops.judged(listing, sources.photos, without, watch) for listing in on_photos]
            faces = natural.join([faces, *parts])
        if sources.reviewed is not None:
            nobody = crops.nobody(sources.reviewed, sources.photos, without, watch)
        if taught:
            found = [tile for _, tile in crops.find_faces(sources.photos, without, watch)]
            unlabelled = np.stack(found) if found else unlabelled
    return Further(faces, unlabelled, nobody)
