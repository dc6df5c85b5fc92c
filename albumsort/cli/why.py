"""`why`: explain the labels of photos."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from ..photos.upright import Upright
    from ..types import Analysis, Face


def why(
    ctx: typer.Context,
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="The photos, indexed or not.")],
    out: Annotated[
        Path | None,
        option(
            "--out",
            help="Draw the faces on a copy: a new JPEG, or one for each photo in a folder.",
            metavar="FILE.jpg|DIR",
            show_default=False,
        ),
    ] = None,
    min_detection: LeastDetection = THRESHOLD,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Show the faces in photos and explain their labels.

    Faces have the numbers that `mark` takes. What you marked is shown as you marked it.
    """
    from ..show import drawing, listing

    drawings, failed = _drawings(out, photos), False
    documents = list[dict[str, Any]]()
    known = _Known.of(ctx, db, photos, out)
    for photo, drawn in zip(photos, drawings, strict=True):
        try:
            seen = _Seen.of(photo, known, min_detection)
        except AlbumsortError as e:
            if len(photos) == 1:
                raise
            say(f"albumsort: {e}")
            failed = True
            continue
        if as_json:
            documents.append({**listing.photo_json(seen.as_photo(known)), "model": known.model})
        elif drawn is None or not is_quiet(ctx, quiet):
            if seen.photo != photos[0]:
                print()
            _print_why(seen, known)
        if drawn is not None:
            drawing.draw(seen.upright, list(seen.faces.values()), drawn, list(seen.faces))
    if as_json:
        print(json.dumps(documents[0] if len(photos) == 1 else documents))
    if failed:
        raise typer.Exit(1)


def _drawings(out: Path | None, photos: Sequence[Path]) -> list[Path | None]:
    """Return the file for the drawing of each photo; raises UsageError if `out` names none."""
    from ..text import printable

    if out is None:
        return [None] * len(photos)
    if out.is_dir():
        names = [f"{photo.stem}-faces" for photo in photos]
        copies = [names[:place].count(name) for place, name in enumerate(names)]
        return [out / f"{name}{f'-{copy + 1}' if copy else ''}.jpg" for name, copy in zip(names, copies, strict=True)]
    if len(photos) > 1:
        raise UsageError(f"--out {printable(out)}: name a folder that is there, for the drawings of several photos")
    if out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out {printable(out)}: name a file that ends in .jpg, or a folder; the drawing is a JPEG")
    return [out]


@dataclass(frozen=True)
class _Known:
    """What the index and the manifest know: albums and indexed photos by path, marks, natural shares, the network."""

    albums: Mapping[Path, Album | None]
    indexed: Mapping[Path, Photo]
    marks: Sequence[Mark]
    natural: Shares
    model: str

    @classmethod
    def of(cls, ctx: typer.Context, db: Path | None, photos: Sequence[Path], out: Path | None) -> _Known:
        """Read the index, if there is one; raises UsageError if the drawings would land in an album."""
        from ..albums import albums_in, check_outside
        from ..index import folders, lookup, marking, marks, shares
        from ..networks import weights

        albums, indexed, said = dict[Path, "Album | None"](), dict[Path, Photo](), list["Mark"]()
        try:
            if index_file(ctx, db).exists():
                with open_index(ctx, db) as database:
                    if out is not None:
                        check_outside(out if out.is_dir() else out.parent, albums_in(database))
                    said = marks.all_marks(database)
                    for photo in photos:
                        path = folders.indexed_name(database, Path(os.path.abspath(photo)))
                        if lookup.knows_path(database, path):
                            albums[photo] = shares.album_of(database, path)
                        if (known := marking.photo_at(database, path)) is not None:
                            indexed[photo] = known
        except IndexFileError as e:
            if out is not None:  # without the index, the drawing might land in an album
                raise
            say(f"albumsort: {e}; the labels below assume an ordinary album")
        return cls(albums, indexed, said, weights.natural_shares(), weights.manifest()["emotion"].sha256)


@dataclass(frozen=True)
class _Seen:
    """A photo as it was analysed now.

    shown: the faces to explain; ignored: the confidence of each other detection; faces: those to draw, by number.
    """

    photo: Path
    upright: Upright
    analysis: Analysis
    taken: Taken | None
    album: Album | None
    marks: Sequence[Mark]
    shown: Sequence[Explained]
    ignored: Sequence[float]

    @classmethod
    def of(cls, photo: Path, known: _Known, min_detection: float) -> _Seen:
        """Analyse a photo; raises AlbumsortError if it cannot be."""
        from ..analysis import analyse_file
        from ..choosing.labels import LabelRule
        from ..text import printable

        try:
            upright, seen = analyse_file(photo)
        except PhotoError as e:
            raise AlbumsortError(f"{printable(photo)}: {e}") from e
        album = known.albums.get(photo)
        rule = LabelRule(known.natural, known.natural if album is None else album.shares)
        said = [mark for mark in known.marks if mark.digest == seen.digest]
        every = _explained(seen.faces, rule, said)
        shown = [one for one in every if one.says is not None or one.face.detection >= min_detection]
        ignored = [one.face.detection for one in every if one not in shown]
        day = day_in_name(photo.name)
        taken = seen.taken or (Taken(day, FILE_NAME) if day else None)
        return cls(photo, upright, seen, taken, album, said, shown, ignored)

    @property
    def faces(self) -> dict[int, Face]:
        return {one.number: one.face for one in self.shown if one.says is not Kind.NO_FACE}

    def as_photo(self, known: _Known) -> Photo:
        """Return the photo as lists have it; its moment and copies are those in the index."""
        from ..choosing.corrected import mark_shown

        at, source = (None, None) if self.taken is None else (self.taken.at, self.taken.source)
        seen, place = self.analysis, Path(os.path.abspath(self.photo))
        photo = Photo(place, seen.width, seen.height, at, source, seen.digest, tuple(self.faces.values()))
        indexed = known.indexed.get(self.photo)
        if indexed is not None and indexed.digest == seen.digest:
            photo = replace(photo, moment=indexed.moment)
        return replace(photo, marked=mark_shown(photo.deciding_face, self.marks))


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


def _print_why(seen: _Seen, known: _Known) -> None:
    from ..show import explanation
    from ..text import printable

    size = f"{seen.analysis.width} x {seen.analysis.height}"
    print(f"{printable(seen.photo)}: {size}, {explanation.of_time(seen.taken)}")
    count = len(seen.faces)
    print(f"{count or 'no'} face{'' if count == 1 else 's'}; emotion network {known.model[:16]}")
    for one in seen.shown:
        face = one.plain
        if one.says is None:
            print(explanation.of_face(one.number, face, one.elsewhere, seen.album, known.natural))
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
    if seen.ignored:
        unsure = ", ".join(sorted(f"{detection:.2f}" for detection in seen.ignored))
        print(f"ignored: detections with confidence {unsure} (a lower --min-detection shows them)")
