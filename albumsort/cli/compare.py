"""`model compare`: albumsort against the systems it grew from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .model import DATA_HELP, need_tensorflow
from .opening import is_quiet
from .options import Quiet, Version, option
from .terminal import make_console, say, silent_if


def compare(
    ctx: typer.Context,
    data: Annotated[Path, option("--data", help=DATA_HELP, metavar="PATH")],
    run: Annotated[
        Path, option("--run", help="Folder for trained systems and results; finished ones are kept.", metavar="DIR")
    ],
    votes: Annotated[
        Path | None, option("--votes", help="CSV of FER+ votes, to evaluate on them too.", metavar="FILE")
    ] = None,
    system: Annotated[
        list[str] | None,
        option("--system", help="Compare only this system (repeatable).  [default: all]", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        option("--epochs", help="Maximum number of epochs per system.", metavar="N", min=1, show_default=False),
    ] = None,
    faces: Annotated[
        int | None,
        option("--faces", help="Maximum number of training faces.", metavar="N", min=1, show_default=False),
    ] = None,
    vgg19_weights: Annotated[
        Path | None,
        option(
            "--vgg19-weights",
            help="Keras' ImageNet weights without the top.  [default: in Keras' folder]",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Compare albumsort with the systems it grew from, trained on the same faces and labels."""
    need_tensorflow()
    from ..training.comparison import compare as comparison
    from ..training.comparison import report as comparison_report
    from ..training.comparison import systems

    chosen = systems.chosen(system or [])
    with silent_if(is_quiet(ctx, quiet)):
        compared = comparison.compare(data, votes, chosen, run, epochs, faces, vgg19_weights, say)
        say(f"Table, chart and curves are in {run}")
    if sys.stdout.isatty():
        make_console().print(comparison_report.table(compared))
    else:
        print(comparison_report.markdown(compared), end="")
