"""Print to the terminal, and ask questions on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext, redirect_stderr
from pathlib import Path
from typing import Any, TypeVar

import typer

from ..errors import UsageError

_Item = TypeVar("_Item")

ALL_FAILURES = "To see every photo that failed, run: albumsort list --failed"


def drop_output() -> None:
    """Discard buffered output; otherwise the interpreter would fail on it again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def with_progress(run: Generator[_Item], total: int | None, quiet: bool, unit: str = "photos") -> list[_Item]:
    """Return all items of a run, with a progress bar on a terminal."""
    from tqdm import tqdm

    show = has_terminal() and not quiet
    with closing(run):  # if interrupted, release its locks at once
        return list(tqdm(run, total=total, unit=f" {unit}", disable=not show))


def print_fields(*fields: Any) -> None:
    """Print fields on one line, separated by tabs."""
    from ..text import printable

    print("\t".join(printable(str(field)) for field in fields))


def print_paths(paths: Iterable[Path]) -> None:
    """Print one path per line; on a terminal, escape characters that could control it."""
    from ..text import printable

    for path in paths:
        print(printable(path) if sys.stdout.isatty() else path)


def ask(question: str) -> bool:
    """Ask a question on the terminal; raises UsageError if there is none."""
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: there is no terminal to ask on; add --yes to remove without asking")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as e:
        raise KeyboardInterrupt from e


def print_failures(failures: Iterable[tuple[Path, str]]) -> None:
    """Print each photo that failed, with the reason, on stderr."""
    for path, reason in failures:
        say(f"failed: {path}: {reason}")


def print_failures_by_reason(failures: Iterable[tuple[Path, str]], more: str = "") -> None:
    """Print a line for each reason on stderr, with examples; `more`, where to see all, if a reason has more photos."""
    from ..failures import EXAMPLES, by_reason

    groups = by_reason(failures)
    for group in groups:
        say(f"failed: {group}")
    if more and any(len(group.paths) > EXAMPLES for group in groups):
        say(more)


def make_console(stderr: bool = False) -> Any:
    """Return a Rich console, which draws tables."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=stderr)


def has_terminal() -> bool:
    """Return whether stderr is a terminal; only then is progress shown."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def silent_if(quiet: bool) -> Iterator[None]:
    """Hide the progress bars and losses of training if quiet; errors are printed afterwards."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere) if quiet else nullcontext():
        yield


def say(message: str) -> None:
    """Print a message on stderr."""
    from ..text import printable

    print(printable(message), file=sys.stderr)
