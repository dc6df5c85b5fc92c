"""The options that choose photos and the form of a list, declared once for all commands that list photos."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from ..errors import UsageError
from ..query import MOST, By, Filters, Question, Spread
from ..types import THRESHOLD, Emotion
from .options import AsCsv, AsJson, AsLines, AsNull, is_number, option, setting
from .values import counted_faces, photo_filters

if TYPE_CHECKING:
    from ..show.listing import Form


def _share(name: str, help: str) -> Any:
    return setting(name, help=help, metavar="P", min=0.0, max=1.0, callback=is_number)


LeastScore = Annotated[float, _share("--min-score", "Leave out photos with a lower score (0-1).")]
Since = Annotated[
    str | None,
    option(
        "--since",
        help="Only photos taken then or later, by the camera's clock: 2024, 2024-07, 2024-07-31.",
        metavar="DATE",
    ),
]
Until = Annotated[str | None, option("--until", help="Only photos taken then or before.", metavar="DATE")]
Folders = Annotated[
    list[Path] | None,
    option("--path", help="Only photos in this folder (repeatable).", metavar="DIR", show_default=False),
]
FaceCount = Annotated[str | None, option("--faces", help="Only photos with N, or N to M, faces.", metavar="N|N..M")]
LeastFace = Annotated[
    str,
    setting(
        "--min-face",
        help="Ignore smaller faces: longer side of the box, in percent of the photo's shorter side.",
        metavar="PERCENT",
    ),
]
LeastDetection = Annotated[float, _share("--min-detection", "Ignore detections below this confidence (0-1).")]
LeastSharpness = Annotated[float, _share("--min-sharpness", "Ignore faces below this sharpness (0-1).")]


LeastSure = Annotated[float, _share("--sure", "Only photos whose label is at least this sure (0-1).")]


class Eyes(StrEnum):
    """Which eyes a filter asks for."""

    OPEN = "open"


OpenEyes = Annotated[
    Eyes | None, option("--eyes", help="Only photos in which nobody who matters has closed eyes.", show_default=False)
]
Every = Annotated[bool, option("--all", help="List every frame of a moment, and every file with equal bytes.")]
Moments = Annotated[bool, option("--moments", help="Only the best frame of each moment.")]


@dataclass(frozen=True)
class FilterOptions:
    """The filters, as the command line has them."""

    min_score: LeastScore = 0.0
    sure: LeastSure = 0.0
    since: Since = None
    until: Until = None
    path: Folders = None
    faces: FaceCount = None
    eyes: OpenEyes = None
    min_face: LeastFace = "0"
    min_detection: LeastDetection = THRESHOLD
    min_sharpness: LeastSharpness = 0.0

    def filters(self) -> Filters:
        """Return the filters of a query; raises UsageError for an invalid date or range."""
        counted = counted_faces(self.min_face, self.min_detection, self.min_sharpness)
        known = photo_filters(self.since, self.until, self.path, self.faces, counted)
        return replace(known, sure=self.sure, open_eyes=self.eyes is not None)


@dataclass(frozen=True)
class ChoiceOptions:
    """How the best photos of an emotion are chosen, as the command line has it."""

    by: Annotated[By, option("--by", help="How to score a photo in which several faces matter.")] = By.MAX
    every: Every = False
    spread: Annotated[
        Spread | None, option("--spread", help="Share out the places by day, month or folder.", show_default=False)
    ] = None

    def question(self, emotion: Emotion, filters: Filters, least: float, n: int | None) -> Question:
        """Return the question for the best photos of an emotion."""
        return Question(emotion, self.by, filters, least, None if n is None else min(n, MOST), self.every, self.spread)


@dataclass(frozen=True)
class OutputOptions:
    """The form of a list."""

    as_json: AsJson = False
    nl: AsLines = False
    as_csv: AsCsv = False
    null: AsNull = False

    def form(self) -> Form:
        """Return the format that the options choose; raises UsageError for more than one."""
        from ..show.listing import Form

        forms = {Form.JSON: self.as_json, Form.LINES: self.nl, Form.CSV: self.as_csv, Form.NULL: self.null}
        asked = [form for form, wanted in forms.items() if wanted]
        if len(asked) > 1:
            raise UsageError("use only one of --json, --nl, --csv and --null")
        return asked[0] if asked else Form.TABLE if sys.stdout.isatty() else Form.PATHS


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the fields of its dataclass parameters as options of its own, as Typer needs."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = list[inspect.Parameter]()
    for parameter in inspect.signature(command).parameters.values():
        if group := groups.get(parameter.name):
            inner = get_type_hints(group, include_extras=True)
            parameters += [
                parameter.replace(name=field.name, annotation=inner[field.name], default=field.default)
                for field in fields(group)
            ]
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
