"""`why`: explain the labels of one photo."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..dates import day_in_name
from ..errors import AlbumsortError, IndexFileError, PhotoError, UsageError
from ..types import FILE_NAME, THRESHOLD, Emotion, Kind, Photo, Taken
from .filtering import LeastDetection
from .opening import index_file, is_quiet, open_index
from .options import AsJson, Db, Quiet, Version, option
from .terminal import say

if TYPE_CHECKING:
    from ..answers import Shares
    from ..choosing.corrected import Mark
    from ..choosing.labels import Album, LabelRule
    from ..choosing.matters import Reason
    from ..types import Analysis, Face


def why(
    ctx: typer.Context,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo, indexed or not.")],
    out: Annotated[
        Path | None,
        option(
            "--out", help="Draw the faces on a copy of the photo, a new JPEG.", metavar="FILE.jpg", show_default=False
        ),
    ] = None,
    min_detection: LeastDetection = THRESHOLD,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Show the faces in one photo and explain their labels.

    Faces have the numbers that `mark` takes. What you marked is shown as you marked it.
    """
    from .. import text
    from ..albums import albums_in, check_outside
    from ..analysis import analyse_file
    from ..choosing.corrected import mark_shown
    from ..choosing.labels import LabelRule
    from ..index import folders, lookup, marks, shares
    from ..networks import weights
    from ..show import drawing, listing

    file = index_file(ctx, db)
    if out is not None and out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out {text.printable(out)}: name a file that ends in .jpg; the drawing is a JPEG")
    album: Album | None = None
    said: list[Mark] = []
    if file.exists():
        try:
            with open_index(ctx, db) as database:
                if out is not None:
                    check_outside(out.parent, albums_in(database))
                known = folders.indexed_name(database, Path(os.path.abspath(photo)))
                album = shares.album_of(database, known) if lookup.knows_path(database, known) else None
                said = marks.all_marks(database)
        except IndexFileError as e:
            if out is not None:  # without the index, the drawing might land in an album
                raise
            say(f"albumsort: {e}; the labels below assume an ordinary album")
    natural = weights.natural_shares()
    try:
        upright, seen = analyse_file(photo)
    except PhotoError as e:
        raise AlbumsortError(f"{text.printable(photo)}: {e}") from e
    rule = LabelRule(natural, natural if album is None else album.shares)
    said = [mark for mark in said if mark.digest == seen.digest]
    every = _explained(seen.faces, rule, said)
    shown = [one for one in every if one.says is not None or one.face.detection >= min_detection]
    faces = {one.number: one.face for one in shown if one.says is not Kind.NO_FACE}
    model = weights.manifest()["emotion"].sha256
    day = day_in_name(photo.name)
    taken = seen.taken or (Taken(day, FILE_NAME) if day else None)
    if as_json:
        at, source = (None, None) if taken is None else (taken.at, taken.source)
        place = Path(os.path.abspath(photo))
        indexed = Photo(place, seen.width, seen.height, at, source, seen.digest, tuple(faces.values()))
        indexed = replace(indexed, marked=mark_shown(indexed.deciding_face, said))
        print(json.dumps({**listing.photo_json(indexed), "model": model}))
    elif out is None or not is_quiet(ctx, quiet):
        ignored = [one.face.detection for one in every if one not in shown]
        _print_why(photo, seen, taken, shown, ignored, album, natural, model)
    if out is not None:
        drawing.draw(upright, list(faces.values()), out, list(faces))


@dataclass(frozen=True)
class Explained:
    """A face of the photo. number: as `mark` takes it; says: what the user marked it as, or None.

    face: as lists have it, labelled for its album and corrected by marks; plain: the same without marks; elsewhere: its
    label in an ordinary album; reason: why it does not matter.
    """

    number: int
    face: Face
    plain: Face
    elsewhere: Emotion | None
    says: Emotion | Kind | None = None
    reason: Reason | None = None


def _explained(found: Sequence[Face], rule: LabelRule, marks: Sequence[Mark]) -> list[Explained]:
    """Return all faces in the order of their numbers; found: labelled for an ordinary album."""
    from ..choosing.corrected import corrected, marked
    from ..choosing.matters import reasons

    plain = [rule.relabelled(face) for face in found]
    about, left = marked(plain, marks), corrected(plain, marks)
    judged = zip(left, reasons(left), strict=True)
    explained = list[Explained]()
    for place, (face, elsewhere) in enumerate(zip(plain, found, strict=True)):
        says = about[place].says if place in about else None
        seen, reason = (face, None) if says is Kind.NO_FACE else next(judged)
        explained.append(Explained(place + 1, seen, face, elsewhere.label, says, reason))
    return explained


def _print_why(
    photo: Path,
    seen: Analysis,
    taken: Taken | None,
    faces: Sequence[Explained],
    ignored: Sequence[float],
    album: Album | None,
    natural: Shares,
    model: str,
) -> None:
    """ignored: the confidence of each detection that is not shown; natural: the shares of an ordinary album."""
    from ..show import explanation
    from ..text import printable

    print(f"{printable(photo)}: {seen.width} x {seen.height}, {explanation.of_time(taken)}")
    count = sum(one.says is not Kind.NO_FACE for one in faces)
    print(f"{count or 'no'} face{'' if count == 1 else 's'}; emotion network {model[:16]}")
    for one in faces:
        face = one.plain
        if one.says is None:
            print(explanation.of_face(one.number, face, one.elsewhere, album, natural))
        else:
            print(explanation.of_mark(one.number, one.says, face))
        box = ", ".join(f"{v:.0f}" for v in (face.box.x, face.box.y, face.box.w, face.box.h))
        quality = f"size {100 * face.size:.1f} %; sharpness {face.sharpness or 0:.2f}"
        print(f"  box {box}; confidence {face.detection:.2f}; {quality}; {explanation.of_eyes(face.eyes)}")
        if one.says is Kind.NO_FACE:
            continue
        print(f"  {explanation.of_matter(one.reason)}")
        print(f"  {explanation.NO_LABEL}: {explanation.percent(face.nothing)}; otherwise:")
        for emotion, p in sorted(face.probabilities.items(), key=lambda pair: -pair[1]):
            print(f"  {emotion:9} {100 * p:5.1f} %  {'#' * round(30 * p)}")
    if ignored:
        unsure = ", ".join(sorted(f"{detection:.2f}" for detection in ignored))
        print(f"ignored: detections with confidence {unsure} (a lower --min-detection shows them)")
