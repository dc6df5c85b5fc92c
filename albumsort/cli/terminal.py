"""What is said on a terminal, and what is asked there."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext, redirect_stderr
from pathlib import Path
from typing import Any, TypeVar

import typer

from ..errors import UsageError

_Done = TypeVar("_Done")


def drop_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would fail on it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def watched(run: Generator[_Done], total: int | None, quiet: bool) -> list[_Done]:
    """Return what a run yields, which shows its progress to whoever watches."""
    from tqdm import tqdm

    show = is_watched() and not quiet
    with closing(run):  # at once if interrupted: it has locks
        return list(tqdm(run, total=total, unit=" photos", disable=not show))


def print_fields(*fields: Any) -> None:
    """Print fields on one line, separated by tabs."""
    from ..text import printable

    print("\t".join(printable(str(field)) for field in fields))


def print_paths(paths: Iterable[Path]) -> None:
    """Print one path a line; on a terminal, with what could drive it escaped."""
    from ..text import printable

    for path in paths:
        print(printable(path) if sys.stdout.isatty() else path)


def ask(question: str) -> bool:
    """Ask a question on the terminal; raises UsageError if there is none."""
    if not sys.stdin.isatty():
        raise UsageError("nothing was forgotten: there is no terminal to ask on; add --yes to forget them")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as e:
        raise KeyboardInterrupt from e


def print_failures(failures: Iterable[tuple[Path, str]]) -> None:
    """Print each photo that failed, with the reason, on stderr."""
    from ..text import printable

    for path, reason in failures:
        say(f"failed: {printable(path)}: {printable(reason)}")


def make_console(stderr: bool = False) -> Any:
    """Return a console of Rich, which draws tables."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=stderr)


def is_watched() -> bool:
    """Whether somebody watches stderr: progress is shown to nobody else."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def silent_if(quiet: bool) -> Iterator[None]:
    """Let training draw no bars and tell no losses; errors are said after it."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere) if quiet else nullcontext():
        yield


def say(message: str) -> None:
    """Print a message on stderr."""
    from ..text import printable

    print(printable(message), file=sys.stderr)
