"""`mark`: correct the label of a face."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import AlbumsortError, UsageError
from ..types import Box, Emotion, Kind
from .opening import is_quiet, open_index
from .options import Db, Quiet, Version, option
from .terminal import say

if TYPE_CHECKING:
    from ..choosing.corrected import Mark
    from ..index.database import Database
    from ..index.marking import Marked

UNDO = "undo"


def mark(
    ctx: typer.Context,
    photos: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PHOTO[#N] EMOTION|face|no-face|undo]...", show_default=False),
    ] = None,
    export: Annotated[
        Path | None, option("--export", help="Write all marks to FILE, as JSON lines.", metavar="FILE")
    ] = None,
    import_: Annotated[
        Path | None, option("--import", help="Add the marks in FILE, which --export wrote.", metavar="FILE")
    ] = None,
    draw: Annotated[
        int | None,
        option(
            "--random", help="List N photos drawn at random, with their labels, for you to judge.", metavar="N", min=1
        ),
    ] = None,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Correct the label of a face, or say that it is a face or none.

    N is the number of the face, as `why` shows it; without it, the face that decides the photo's label. A mark holds in
    every list and export, wherever the photo is moved or copied, and whatever network comes. `undo` removes it.

    To learn how many labels are right in your album, judge the photos that --random draws; `stats` tells.
    """
    asked = sum(bool(way) for way in (photos, export, import_, draw))
    if asked != 1:
        raise UsageError("name photos and what they show, like: albumsort mark a.jpg sad 'b.jpg#2' happy")
    with open_index(ctx, db) as database:
        if export is not None:
            said = _export(database, export)
        elif import_ is not None:
            said = _import(database, import_)
        elif draw is not None:
            said = _draw(database, draw)
        else:
            said = _mark(database, photos or [])
    if not is_quiet(ctx, quiet):
        for line in said:
            say(line)


def _mark(database: Database, words: Sequence[str]) -> list[str]:
    """Mark faces: all of them, or none if one cannot be marked."""
    from ..index import marking

    if len(words) % 2:
        raise UsageError(f"{words[-1]!r} has no pair: name each photo, then what it shows")
    pairs = [(*_face(database, photo), _parse(word)) for photo, word in zip(words[::2], words[1::2], strict=True)]
    done = list[str]()
    with database.transaction():
        for path, number, says in pairs:
            done.append(_sentence(marking.mark(database, path, number, says)))
    return done


def _face(database: Database, text: str) -> tuple[Path, int | None]:
    """Return the photo, by the name that the index knows, and the number of the face, if one is named."""
    from ..index import folders, lookup

    def known(name: str) -> Path:
        return folders.indexed_name(database, Path(os.path.abspath(name)))

    numbered = re.fullmatch(r"(.+)#(\d{1,6})", text, re.DOTALL)
    if numbered and not lookup.knows_path(database, known(text)):  # a name may end like a number
        return known(numbered[1]), int(numbered[2])
    return known(text), None


def _parse(word: str) -> Emotion | Kind | None:
    """Return what a word says of a face; None is undo."""
    plain = word.strip().lower()
    if plain == UNDO:
        return None
    if plain in list(Kind):
        return Kind(plain)
    try:
        return Emotion.parse(word)
    except UsageError as e:
        raise UsageError(f"{e}; or face, no-face, undo") from None


def _sentence(done: Marked) -> str:
    face = f"face {done.number} of {done.faces}" if done.faces > 1 else "the face"
    if done.says is None:
        return f"{done.path}: {done.removed or 'no'} mark{'' if done.removed == 1 else 's'} removed"
    what = {Kind.FACE.value: "is a face", Kind.NO_FACE.value: "is no face"}.get(done.says, f"shows {done.says}")
    return f"{done.path}: {face} {what}{'' if done.changed else ', as marked before'}"


def _draw(database: Database, n: int) -> list[str]:
    """Print photos to judge on stdout, one a line: a name for `mark`, and the label."""
    from ..index import marking
    from ..show.explanation import NO_LABEL
    from .terminal import print_fields

    with database.transaction():
        drawn = marking.draw(database, n)
    for photo, number in drawn:
        print_fields(f"{photo.path}#{number}", photo.label or NO_LABEL)
    if not drawn:
        return ["Every photo with a face was drawn or marked before."]
    return ["Look at each, and say what you see: albumsort mark PHOTO#N EMOTION. Say it where the label is right, too."]


def _export(database: Database, file: Path) -> list[str]:
    from ..albums import albums_in, check_outside
    from ..index import marks

    check_outside(file.parent, albums_in(database))
    every, drawn = marks.all_marks(database), marks.drawn(database)
    try:
        with open(file, "x", encoding="utf-8") as stream:
            for one in every:
                stream.write(json.dumps(_object(one, one.digest in drawn)) + "\n")
    except FileExistsError as e:
        raise AlbumsortError(f"{file} already exists; choose another name") from e
    except OSError as e:
        raise AlbumsortError(f"cannot write {file}: {e.strerror or e}") from e
    return [f"{len(every)} marks written to {file}"]


def _import(database: Database, file: Path) -> list[str]:
    from ..index import marking, marks

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as e:
        raise UsageError(f"cannot read {file}: {e.strerror or e}") from e
    except UnicodeDecodeError as e:
        raise UsageError(f"{file} holds no marks: it is not UTF-8 text") from e
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    read = [_read(file, number, line) for number, line in lines]
    with database.transaction():
        changed = marking.save(database, read)
        marks.note_drawn(database, (m.digest for m, (_, line) in zip(read, lines, strict=True) if _is_drawn(line)))
    return [f"{len(read)} marks read from {file}, {changed} of them new"]


def _object(one: Mark, drawn: bool) -> dict[str, Any]:
    """Return a mark as JSON; drawn: whether its photo was drawn at random."""
    box = [round(v, 2) for v in (one.box.x, one.box.y, one.box.w, one.box.h)]
    return {"hash": one.digest, "box": box, "mark": one.says, **({"drawn": True} if drawn else {})}


def _read(file: Path, number: int, line: str) -> Mark:
    from ..choosing.corrected import Mark

    try:
        known = json.loads(line)
        box, says = Box(*(float(v) for v in known["box"])), str(known["mark"])
        if not re.fullmatch("[0-9a-f]{32}", known["hash"]) or not _is_box(box):
            raise ValueError
        return Mark(known["hash"], box, Kind(says) if says in list(Kind) else Emotion(says))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as e:
        raise UsageError(f"{file}, line {number}: this is no mark; nothing was imported") from e


def _is_drawn(line: str) -> bool:
    return json.loads(line).get("drawn") is True


def _is_box(box: Box) -> bool:
    return all(map(math.isfinite, (box.x, box.y, box.w, box.h))) and min(box.w, box.h) > 0
