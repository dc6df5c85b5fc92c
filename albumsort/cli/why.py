"""`why`: explain the labels of one photo."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..dates import day_in_name
from ..errors import AlbumsortError, IndexFileError, PhotoError, UsageError
from ..types import FILE_NAME, THRESHOLD, Photo, Taken
from .filtering import LeastDetection
from .opening import index_file, is_quiet, open_index
from .options import AsJson, Db, Quiet, Version, option
from .terminal import say

if TYPE_CHECKING:
    from ..choosing.labels import Album
    from ..types import Analysis, Face, Shares


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
    """Show the faces in one photo and explain their labels."""
    from .. import text
    from ..albums import albums_in, check_outside
    from ..analysis import analyse_file
    from ..choosing.labels import LabelRule
    from ..index import folders, lookup, shares
    from ..networks import weights
    from ..show import drawing, listing

    file = index_file(ctx, db)
    if out is not None and out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out {text.printable(out)}: name a file that ends in .jpg; the drawing is a JPEG")
    album: Album | None = None
    if file.exists():
        try:
            with open_index(ctx, db) as database:
                if out is not None:
                    check_outside(out.parent, albums_in(database))
                known = folders.indexed_name(database, Path(os.path.abspath(photo)))
                album = shares.album_of(database, known) if lookup.knows_path(database, known) else None
        except IndexFileError as e:
            if out is not None:  # without the index, the drawing might land in an album
                raise
            say(f"albumsort: {e}; the labels below assume an ordinary album")
    natural = weights.natural_shares()
    try:
        upright, seen = analyse_file(photo)
    except PhotoError as e:
        raise AlbumsortError(f"{text.printable(photo)}: {e}") from e
    counted = [face for face in seen.faces if face.detection >= min_detection]
    rule = LabelRule(natural, natural if album is None else album.shares)
    faces = [rule.relabelled(face) for face in counted]
    model = weights.manifest()["emotion"].sha256
    day = day_in_name(photo.name)
    taken = seen.taken or (Taken(day, FILE_NAME) if day else None)
    if as_json:
        at, source = (None, None) if taken is None else (taken.at, taken.source)
        place = Path(os.path.abspath(photo))
        shown = Photo(place, seen.width, seen.height, at, source, seen.digest, tuple(faces))
        print(json.dumps({**listing.photo_json(shown), "model": model}))
    elif out is None or not is_quiet(ctx, quiet):
        _print_why(photo, seen, taken, list(zip(faces, counted, strict=True)), album, natural, model)
    if out is not None:
        drawing.draw(upright, faces, out)


def _print_why(
    photo: Path,
    seen: Analysis,
    taken: Taken | None,
    faces: Sequence[tuple[Face, Face]],
    album: Album | None,
    natural: Shares,
    model: str,
) -> None:
    """faces: each face that counts, labelled for its album and for an ordinary album (with natural shares)."""
    from ..choosing.matters import reasons
    from ..show import explanation
    from ..text import printable

    print(f"{printable(photo)}: {seen.width} x {seen.height}, {explanation.of_time(taken)}")
    print(f"{len(faces) or 'no'} face{'' if len(faces) == 1 else 's'}; emotion network {model[:16]}")
    why_not = reasons([face for face, _ in faces])
    for number, ((face, elsewhere), reason) in enumerate(zip(faces, why_not, strict=True), start=1):
        box = ", ".join(f"{v:.0f}" for v in (face.box.x, face.box.y, face.box.w, face.box.h))
        quality = f"size {100 * face.size:.1f} %; sharpness {face.sharpness or 0:.2f}"
        print(explanation.of_face(number, face, elsewhere.label, album, natural))
        print(f"  box {box}; confidence {face.detection:.2f}; {quality}; {explanation.of_eyes(face.eyes)}")
        print(f"  {explanation.of_matter(reason)}")
        print(f"  {explanation.NO_LABEL}: {explanation.percent(face.nothing)}; otherwise:")
        for emotion, p in sorted(face.probabilities.items(), key=lambda pair: -pair[1]):
            print(f"  {emotion:9} {100 * p:5.1f} %  {'#' * round(30 * p)}")
    counted = [elsewhere for _, elsewhere in faces]
    unsure = sorted(f"{face.detection:.2f}" for face in seen.faces if face not in counted)
    if unsure:
        print(f"ignored: detections with confidence {', '.join(unsure)} (a lower --min-detection shows them)")
