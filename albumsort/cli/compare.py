"""`model compare`: the systems that albumsort grew from."""

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
        Path, option("--run", help="Folder of what is trained and written; what it holds is kept.", metavar="DIR")
    ],
    votes: Annotated[Path | None, option("--votes", help="FER+ as its CSV: judge by it, too.", metavar="FILE")] = None,
    system: Annotated[
        list[str] | None, option("--system", help="Only this one (repeatable).  [default: all]", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None, option("--epochs", help="At most so many for each.", min=1, show_default=False)
    ] = None,
    faces: Annotated[
        int | None,
        option("--faces", help="Train on at most so many.", min=1, show_default=False),
    ] = None,
    vgg19_weights: Annotated[
        Path | None,
        option(
            "--vgg19-weights",
            help="Keras' ImageNet weights, no top.  [default: in Keras' folder]",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Rebuild the systems albumsort grew from, and compare them with it on the same faces and labels."""
    need_tensorflow()
    from ..training.comparison import compare as comparison
    from ..training.comparison import report as comparison_report
    from ..training.comparison import systems

    chosen = systems.chosen(system or [])
    with silent_if(is_quiet(ctx, quiet)):
        compared = comparison.compare(data, votes, chosen, run, epochs, faces, vgg19_weights, say)
        say(f"Table, chart and curves: {run}")
    if sys.stdout.isatty():
        make_console().print(comparison_report.table(compared))
    else:
        print(comparison_report.markdown(compared), end="")
