"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__


def setting(name: str, **more: Any) -> Any:
    """Return an option that holds for every run if a person wants: the environment may give it, as ALBUMSORT_NAME."""
    return typer.Option(name, envvar=f"ALBUMSORT_{name.removeprefix('--').replace('-', '_').upper()}", **more)


def option(*names: str, **more: Any) -> Any:
    """Return an option that says what one run is to do: a variable somebody forgot must not delete or leave out."""
    return typer.Option(*names, **more)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"albumsort {__version__}")
        raise typer.Exit


Db = Annotated[
    Path | None, setting("--db", help="The index file.  [default: in the user's data folder]", show_default=False)
]
Quiet = Annotated[bool, setting("--quiet", help="Say nothing but errors.")]
Version = Annotated[bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)]
AsJson = Annotated[bool, option("--json", help="One JSON document.")]
AsLines = Annotated[bool, option("--nl", help="One JSON object a line.")]
AsCsv = Annotated[bool, option("--csv", help="CSV with a header.")]
AsNull = Annotated[bool, option("--null", "-0", help="Paths ended by NUL, for xargs -0.")]
LeastScore = Annotated[
    float, setting("--min-score", help="Leave out photos whose emotion scores less.", min=0.0, max=1.0)
]
Since = Annotated[str | None, option("--since", help="Taken then or later: 2024, 2024-07, 2024-07-31.", metavar="DATE")]
Until = Annotated[str | None, option("--until", help="Taken then or before.", metavar="DATE")]
Folders = Annotated[
    list[Path] | None,
    option("--path", help="Only photos in this folder (repeatable).", metavar="DIR", show_default=False),
]
FaceCount = Annotated[str | None, option("--faces", help="Only photos with N, or N to M, faces.", metavar="N|N..M")]
LeastFace = Annotated[
    str,
    setting(
        "--min-face",
        help="Count only faces this large: longer side of the box, in percent of the photo's shorter side.",
        metavar="PERCENT",
    ),
]
LeastDetection = Annotated[
    float, setting("--min-detection", help="Count only what is a face this surely.", min=0.0, max=1.0)
]
LeastSharpness = Annotated[float, setting("--min-sharpness", help="Count only faces this sharp.", min=0.0, max=1.0)]


@dataclass
class Common:
    """Options given before the command."""

    db: Path | None = None
    quiet: bool = False
