"""Write photos, or those that failed and why, as a table, JSON, CSV or plain paths."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from ..text import printable
from ..types import Emotion, Face, Photo


class Form(StrEnum):
    """The output format of a listing."""

    TABLE = "table"
    PATHS = "paths"
    JSON = "json"
    LINES = "nl"
    CSV = "csv"
    NULL = "null"


PLAIN = {Form.PATHS: "\n", Form.NULL: "\0"}
EMPTY = "\N{EN DASH}"
"""A cell without a value."""


def photo_json(photo: Photo) -> dict[str, Any]:
    """Return the JSON object of a photo; boxes are in upright full-size pixels, and `also` are its copies."""
    return {
        "path": str(photo.path),
        "width": photo.width,
        "height": photo.height,
        "taken_at": photo.taken_at,
        "taken_from": photo.taken_from,
        "score": photo.score,
        "emotion": photo.emotion,
        "label": photo.label,
        "sure": rounded(photo.sure),
        "moment": photo.moment,
        "marked": photo.marked,
        "also": [str(path) for path in photo.also],
        "faces": [face_json(face) for face in photo.faces],
    }


def face_json(face: Face) -> dict[str, Any]:
    """Return the JSON object of a face; its probabilities sum to 1."""
    box = face.box
    return {
        "box": [round(v, 1) for v in (box.x, box.y, box.w, box.h)],
        "detection": round(face.detection, 4),
        "size": round(face.size, 4),
        "sharpness": rounded(face.sharpness),
        "label": face.label,
        "sure": rounded(face.sure),
        "eyes": rounded(face.eyes),
        "matters": face.matters,
        "probabilities": {e.value: p for e, p in face.probabilities.items()},
    }


def rounded(share: float | None) -> float | None:
    """Return a share, 0-1, rounded for JSON."""
    return None if share is None else round(share, 4)


def write_photos(photos: Iterable[Photo], form: Form, stream: TextIO) -> None:
    """Write photos in any format except a table, each one immediately."""
    if form in PLAIN:
        write_paths((photo.path for photo in photos), form, stream)
    elif form is Form.CSV:
        _write_csv(photos, stream)
    else:
        _OBJECT_WRITERS[form](map(photo_json, photos), stream)


def write_failures(failures: Iterable[tuple[Path, str]], form: Form, stream: TextIO) -> None:
    """Write photos that failed in any format except a table; plain paths have no room for the reason."""
    if form in PLAIN:
        write_paths((path for path, _ in failures), form, stream)
    elif form is Form.CSV:
        writer = _csv_writer(stream)
        writer.writerow(["path", "error"])
        writer.writerows((str(path), reason) for path, reason in failures)
    else:
        _OBJECT_WRITERS[form](({"path": str(path), "error": reason} for path, reason in failures), stream)


def write_paths(paths: Iterable[Path], form: Form, stream: TextIO) -> None:
    """Write paths unescaped, each followed by a newline, or by NUL if the format is NULL."""
    end = PLAIN[form]
    for path in paths:
        stream.write(f"{path}{end}")


def _write_json(objects: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    separator = "[\n"
    for one in objects:
        stream.write(separator + json.dumps(one))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_lines(objects: Iterable[Mapping[str, Any]], stream: TextIO) -> None:
    for one in objects:
        stream.write(json.dumps(one) + "\n")


_OBJECT_WRITERS: Mapping[Form, Callable[[Iterable[Mapping[str, Any]], TextIO], None]] = {
    Form.JSON: _write_json,
    Form.LINES: _write_lines,
}


def _csv_writer(stream: TextIO) -> Any:
    """Return a writer of CSV that quotes texts, because a file name may contain line ends."""
    return csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def _write_csv(photos: Iterable[Photo], stream: TextIO) -> None:
    """Write one row per photo, with label, eyes and probabilities of the face that decides, or empty cells without one.

    The last column is the number of other files with the same bytes.
    A spreadsheet reads no cell as a formula: every path is absolute, so it begins with its root.
    """
    writer = _csv_writer(stream)
    writer.writerow(
        [
            "path",
            "width",
            "height",
            "taken_at",
            "score",
            "emotion",
            "faces",
            "label",
            "sure",
            "eyes",
            *Emotion,
            "copies",
        ]
    )
    for photo in photos:
        face = photo.deciding_face
        face_cells: list[str | float] = [""] * (3 + len(Emotion))
        if face is not None:
            probabilities = (round(p, 4) for p in face.probabilities.values())
            face_cells = [face.label or "", _cell(face.sure), _cell(face.eyes), *probabilities]
        score = _cell(photo.score)
        photo_cells = [str(photo.path), photo.width, photo.height, photo.taken_at or "", score, photo.emotion or ""]
        writer.writerow([*photo_cells, len(photo.faces), *face_cells, len(photo.also)])


def _cell(share: float | None) -> float | str:
    return "" if share is None else round(share, 4)


def labelled(label: Emotion | None, sure: float | None) -> str:
    """Return a label and its probability in percent, or an empty text without a label."""
    return "" if label is None else f"{label} {100 * (sure or 0):.0f} %"


def photo_table(photos: Iterable[Photo]) -> Any:
    """Return a Rich table of numbered photos; the folder they share is its title."""
    from rich.text import Text

    listed = list(photos)
    shared = _shared_folder([p.path for p in listed])
    table = _numbered_table(shared)
    ranked = any(p.score is not None for p in listed)
    if ranked:
        table.add_column("score", justify="right")
    for column in ("photo", "label", "faces", "taken"):
        table.add_column(column, overflow="fold" if column == "photo" else "ellipsis")
    for number, photo in enumerate(listed, start=1):
        name = photo.path.relative_to(shared) if shared else photo.path
        label, taken = labelled(photo.label, photo.sure) or EMPTY, (photo.taken_at or "")[:10]
        score = [f"{100 * (photo.score or 0):.1f} %"] if ranked else []
        shown = Text.assemble(printable(name), (_copies(len(photo.also)), "dim"))
        table.add_row(str(number), *score, shown, label, str(len(photo.faces)), taken)
    return table


def _copies(number: int) -> str:
    """Return words for the other files with the same bytes, to follow a name; empty if there are none."""
    return f" (+{number} {'copy' if number == 1 else 'copies'})" if number else ""


def failure_table(failures: Iterable[tuple[Path, str]]) -> Any:
    """Return a Rich table of numbered photos that failed, with the reasons; the folder they share is its title."""
    from rich.text import Text

    listed = list(failures)
    shared = _shared_folder([path for path, _ in listed])
    table = _numbered_table(shared)
    for column in ("photo", "reason"):
        table.add_column(column, overflow="fold")
    for number, (path, reason) in enumerate(listed, start=1):
        name = path.relative_to(shared) if shared else path
        table.add_row(str(number), Text(printable(name)), Text(printable(reason)))
    return table


def _numbered_table(shared: Path | None) -> Any:
    """Return a Rich table with a column for numbers; its title is the shared folder."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(printable(shared)) if shared else None,
        title_justify="left",
        title_style="dim",
        header_style="bold cyan",
    )
    table.add_column("#", justify="right", style="dim")
    return table


def _shared_folder(paths: list[Path]) -> Path | None:
    if not paths:
        return None
    try:
        shared = Path(os.path.commonpath([p.parent for p in paths]))
    except ValueError:  # different drives
        return None
    return shared if len(shared.parts) > 1 else None
