"""The program: registers the commands and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import re
import sys
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..disk import places
from ..errors import AlbumsortError, UsageError
from .compare import compare
from .compare_choice import compare_choice
from .evaluate import evaluate_emotion, evaluate_faces
from .export import ExportCommand, export
from .gallery import gallery
from .index import index
from .listing import list_, top
from .mark import mark
from .model import NetworkCommands
from .moved import moved
from .options import DB_HELP, Common, Version
from .stats import stats
from .terminal import drop_output, say
from .train import train_emotion, train_faces
from .upkeep import doctor, prune
from .why import why


class Commands(TyperGroup):
    """The command group that turns errors into messages and exit codes; only `__main__` does so, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse an empty argument (often an unset shell variable): as a path it would mean the current folder."""
        options = takewhile(lambda argument: argument != "--", args)
        if "" in args or any(re.fullmatch(r"--[\w-]+=", argument) for argument in options):
            ctx.fail("an argument is empty; is a shell variable unset?")
        try:
            return list(super().parse_args(ctx, args))
        except RuntimeError as e:  # from Path.home: --install-completion writes to a file there
            if type(e) is not RuntimeError or os.path.isabs(
                os.path.expanduser("~")
            ):  # Exit and Abort are RuntimeErrors
                raise
            return list(ctx.fail(f"{places.NO_HOME}; set HOME to a folder"))

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Exit code 1: it failed; 2: wrong usage; 130: interrupted."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()  # if stdout goes to a full disk, this command must report it
            return result
        except UsageError as e:
            say(f"albumsort: {e}")
            raise typer.Exit(2) from e
        except AlbumsortError as e:
            say(f"albumsort: {e}")
            raise typer.Exit(1) from e
        except KeyboardInterrupt as e:
            say("albumsort: interrupted")
            raise typer.Exit(130) from e
        except BrokenPipeError:  # the reader (like `head`) closed the pipe: no error
            drop_output()
            raise typer.Exit(0) from None
        except OSError as e:
            where = f": {e.filename}" if e.filename else ""
            say(f"albumsort: {e.strerror or e}{where}")
            drop_output()
            raise typer.Exit(1) from e


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find the photos that show an emotion most clearly. Nothing leaves this machine.",
)
model_app = typer.Typer(no_args_is_help=True, help="Train and evaluate the networks (needs albumsort[train]).")
train_app = typer.Typer(cls=NetworkCommands, no_args_is_help=True, help="Train a network.")
evaluate_app = typer.Typer(cls=NetworkCommands, no_args_is_help=True, help="Evaluate a network.")


@app.callback()
def _main(
    ctx: typer.Context,
    db: Annotated[Path | None, typer.Option("--db", help=DB_HELP, metavar="FILE", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    version: Version = False,
) -> None:
    ctx.obj = Common(db, quiet)
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    if sys.stdout is not None:  # file names need not be UTF-8: write their bytes unchanged
        sys.stdout.reconfigure(encoding=encoding, errors=errors)  # type: ignore[union-attr]
    if sys.stderr is not None:
        sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


app.command("index")(index)
app.command("top")(top)
app.command("list")(list_)
app.command("export", cls=ExportCommand)(export)
app.command("gallery")(gallery)
app.command("stats")(stats)
app.command("why")(why)
app.command("mark")(mark)
app.command("compare-choice")(compare_choice)
app.command("moved")(moved)
app.command("prune")(prune)
app.command("doctor")(doctor)
app.add_typer(model_app, name="model")
model_app.add_typer(train_app, name="train")
model_app.add_typer(evaluate_app, name="evaluate")
model_app.command("compare")(compare)
train_app.command("emotion", short_help="Train the emotion network.")(train_emotion)
train_app.command("faces", short_help="Train the face detector.")(train_faces)
evaluate_app.command("emotion", short_help="Measure the emotion network.")(evaluate_emotion)
evaluate_app.command("faces", short_help="Measure the face detector.")(evaluate_faces)
