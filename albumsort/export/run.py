"""An export from its plan to its report, and how others are kept away meanwhile."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from ..disk import locks, whole
from ..errors import AlbumsortError
from ..types import Emotion, Item, Link, Photo
from .copy import execute
from .plan import plan
from .report import Journal


def run(photos: Mapping[Emotion, Sequence[Photo]], to: Path, link: Link, report: Path | None) -> Generator[Item]:
    """Plan an export and carry it out, yielding each item as it really went, once the new report names it.

    `to` is an absolute path without symbolic links. What raises AlbumsortError ends the run: `to` cannot be written
    into, another export is at work there, or the report cannot be written. What was written until then is whole.
    """
    made: list[Path] = []
    try:
        with ExitStack() as stack:
            try:
                for folder in whole.make_folders(to):
                    made.append(folder)
            except OSError as e:
                raise AlbumsortError(f"cannot make {to}: {e.strerror or e}; choose another destination") from e
            stack.enter_context(claimed(to))
            journal = None if report is None else stack.enter_context(Journal.create(report, to))

            def note(folder: Path) -> None:
                made.append(folder)
                if journal is not None:
                    journal.folder(folder)

            if journal is not None:
                for folder in made:
                    journal.folder(folder)
            for item in stack.enter_context(closing(execute(plan(photos, to, link), link, note))):
                if journal is not None:
                    journal.photo(item, link)
                yield item
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # it holds what was written
                folder.rmdir()


@contextmanager
def claimed(to: Path) -> Iterator[None]:
    """Keep other exports away from a destination, and remove what a killed one left unfinished there.

    Where there are no locks nothing is removed, and others are not kept away; they overwrite nothing all the same.
    Raises AlbumsortError if another export is at work there.
    """
    with locks.locked(to) as alone:
        if alone:
            for emotion in Emotion:
                whole.remove_temporaries(to / emotion.value)
        yield
