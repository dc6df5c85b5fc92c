"""Options and helpers that the `model` commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typer.core import TyperGroup

from ..errors import AlbumsortError, UsageError
from .options import option

NETWORKS = "emotion", "faces"
DATA_HELP = (
    "Labelled faces: FER2013's CSV (plain or compressed), a folder of split/class/*.jpg, or a CSV emotion,pixel_0,..."
)
Votes = Annotated[
    Path | None, option("--votes", help="FER+ votes for FER2013 (fer2013new.csv).", metavar="FILE", show_default=False)
]
Labels = Annotated[
    str | None, option("--labels", help="Use only these labels of the data, like fear,happy,sad.", show_default=False)
]


class NetworkCommands(TyperGroup):
    """The commands `emotion` and `faces`.

    They used to be one command with an option --network; manifests still contain such commands.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Turn --network NAME into the command NAME."""
        return list(super().parse_args(ctx, named_network(args)))


def named_network(args: Sequence[str]) -> list[str]:
    """Return the arguments with the network first: `--run X --network faces` becomes `faces --run X`.

    Options without --network mean the emotion network. Other arguments are returned unchanged.
    """
    if not args or not args[0].startswith("-") or args[0] == "--help":
        return [*args]
    rest, network = [], NETWORKS[0]
    words = iter(args)
    for word in words:
        name, _, value = word.partition("=")
        if name == "--network":
            network = value or next(words, "")
            if network not in NETWORKS:
                raise UsageError(f"--network {network}: choose emotion or faces")
        else:
            rest.append(word)
    return [network, *rest]


def need_tensorflow() -> None:
    """Import TensorFlow without its log output; raises AlbumsortError if it is not installed."""
    from importlib.util import find_spec

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if find_spec("tensorflow") is None:
        raise AlbumsortError(
            "this command needs TensorFlow, on Python 3.13 or older; install it with: pip install 'albumsort[train]'"
        )
    from ..networks.litert import hushed

    with hushed():  # it prints several lines on import, at any log level
        import tensorflow  # noqa: F401


def label_names(words: str | None) -> tuple[str, ...]:
    """Return the usual names of the labels in a list like fear,happy,sad."""
    from ..training.emotion.sources import canonical

    return () if words is None else tuple(canonical(word) for word in words.split(",") if word.strip())
