"""Evaluation of a network, and of other programs, on natural faces: from the folder of faces to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...emotions import EmotionClassifier
from ...errors import UsageError
from ...types import EYES_SHUT
from ..common.page import Table
from . import answers, natural, natural_tables
from .agreement import NaturalReport, Seen, Viewed, report
from .answers import Watch
from .calibration import at_sizes
from .natural import SQUARE, NaturalFaces, Use

SMALLER = (32, 16, 12, 9)
"""Sides in pixels to which the squares are shrunk."""
PHOTOS = "photos.csv"
"""File in the folder of natural faces that lists judged faces of whole photos."""
SHEET = "disagreements.png"


@dataclass(frozen=True)
class EvaluatedFaces:
    """The result. tables: for people to read; failed: photos that could not be analysed, with the reasons."""

    tables: Sequence[Table]
    failed: Sequence[tuple[Path, str]]


def evaluate(
    folder: Path,
    classifier: EmotionClassifier,
    photos: Path | None,
    others: Mapping[str, Path],
    pictures: Path | None,
    watch: Watch,
) -> EvaluatedFaces:
    """Score the classifier on the judged faces in `folder`: on the set `test`, and on `test` and `valid` together.

    The second set has more of the rare expressions, but the calibration was fitted on `valid`. photos: the folder of
    the photos that `photos.csv` lists, to evaluate all steps from a photo to its label. others: tables of other
    programs' answers, by program name. pictures: folder for a sheet of the disagreements with the highest `sure`.
    """
    both = natural.load(folder).of(Use.TEST, Use.VALID)
    reported = both.use == Use.TEST
    test = both.where(reported)
    if not len(test):
        raise UsageError(f"{folder} holds no face with the use test")
    sets = {"test": test, "test + valid": both}
    seen = answers.of_crops(classifier, both.squares(classifier.side))
    of_test = seen.where(reported)
    reports = {name: _report(each, sets[name]) for name, each in zip(sets, (of_test, seen), strict=True)}
    failed: list[tuple[Path, str]] = []
    if photos is not None:
        judged = answers.judged_faces(folder / PHOTOS, photos)
        on_photos, viewed, failed = answers.of_photos(classifier, judged, watch)
        reports["faces of photos, as an album"] = report(on_photos, viewed, EYES_SHUT)
    theirs = {
        f"{name}, {label}": _report(answers.of_table(path, of), of)
        for name, path in others.items()
        for label, of in sets.items()
    }
    tables = [natural_tables.overall(reports | theirs)]
    tables += [natural_tables.by_emotion(name, of) for name, of in (reports | theirs).items()]
    tables += [natural_tables.by_group(name, of) for name, of in reports.items()]
    tables.append(_by_size(classifier, test, of_test))
    if pictures is not None:
        natural_tables.write_sheet(pictures / SHEET, test.tiles, of_test, Viewed.of(test))
    return EvaluatedFaces(tables, failed)


def _report(seen: Seen, faces: NaturalFaces) -> NaturalReport:
    return report(seen, Viewed.of(faces), EYES_SHUT)


def _by_size(classifier: EmotionClassifier, faces: NaturalFaces, whole: Seen) -> Table:
    """Return the figures of the faces as they look in photos where they are fewer pixels wide.

    whole: the answers for the faces at full size.
    """
    smaller = at_sizes(faces.squares(classifier.side), SMALLER)
    seen = {SQUARE: whole} | {size: answers.of_crops(classifier, of) for size, of in zip(SMALLER, smaller, strict=True)}
    sure = {size: float(np.average(np.nan_to_num(of.sure), weights=faces.weight)) for size, of in seen.items()}
    return natural_tables.by_size({size: _report(of, faces) for size, of in seen.items()}, sure)
