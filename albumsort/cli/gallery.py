"""`gallery`: write photos into one HTML file, in which a viewer chooses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import AlbumsortError, UsageError
from ..types import FOUR, Emotion
from .filtering import ChoiceOptions, FilterOptions, grouped
from .listing import report_undated
from .opening import is_quiet, open_index, report_absent, report_outdated
from .options import Db, Quiet, Version, option
from .terminal import print_failures_by_reason, say, with_progress

if TYPE_CHECKING:
    from ..show.gallery import Section

LARGE = 50_000_000
"""Bytes from which the size of a gallery is announced before it is written."""


@grouped
def gallery(
    ctx: typer.Context,
    emotions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EMOTION]...", help="Emotions to show.  [default: the four]", show_default=False),
    ] = None,
    *,
    to: Annotated[
        Path | None,
        option("--to", help="The file to write, outside every album.", metavar="FILE.html", show_default=False),
    ] = None,
    n: Annotated[int, option("-n", help="Maximum number of photos for each emotion.", metavar="N", min=1)] = 20,
    choice: ChoiceOptions,
    filtering: FilterOptions,
    view_size: Annotated[
        int,
        option(
            "--view-size",
            help="Longer side of the large pictures in pixels; 0 leaves them out.",
            metavar="PIXELS",
            min=0,
            max=16383,
        ),
    ] = 1280,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Write the best photos of each emotion into one HTML file.

    The file needs no network and no other file, and names no folder, place or camera. In it, a viewer keeps and drops
    photos, and sends back the list of those kept.
    """
    from ..albums import albums_in, check_outside
    from ..index import absent
    from ..index.best import best, frames_behind
    from ..show.gallery import Section, write

    wanted = [*dict.fromkeys(Emotion.parse(word) for word in emotions or ())] or list(FOUR)
    to = _checked(to)
    hushed = is_quiet(ctx, quiet)
    sections = list[Section]()
    with open_index(ctx, db) as database:
        check_outside(to.parent, albums_in(database))
        filters = absent.without_absent(database, filtering.filters())
        for emotion in wanted:
            question = choice.question(emotion, filters, filtering.min_score, n)
            photos = best(database, question)
            sections.append(Section(emotion, photos, frames_behind(database, question, photos)))
        report_absent(ctx, database, filters, quiet)
        report_undated(ctx, database, filters, quiet)
        report_outdated(ctx, database, quiet)
    total = _count(sections, view_size, hushed)
    written = with_progress(write(sections, to, view_size), total, hushed)
    failures = [(path, reason) for path, reason in written if reason]
    if not hushed:
        say(f"Wrote {to}: {_photos(total)}, {_megabytes(to.stat().st_size)}")
    if failures:
        say(f"{_photos(len(failures))} could not be read; the gallery shows a placeholder instead")
        print_failures_by_reason(failures)
        raise typer.Exit(1)


def _checked(to: Path | None) -> Path:
    """Return the absolute name of the file to write; raises an error before any work if it cannot be written."""
    from ..show.gallery import already_exists

    if to is None:
        raise UsageError("name the file to write, like: albumsort gallery --to ~/best.html")
    if to.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--to {to}: name a file that ends in .html; a gallery is a web page")
    to = Path(os.path.abspath(to))
    if os.path.lexists(to):
        raise already_exists(to)
    if not to.parent.is_dir():
        raise AlbumsortError(f"cannot write {to}: there is no folder {to.parent}; make it first")
    return to


def _count(sections: list[Section], view_size: int, hushed: bool) -> int:
    """Return the number of photos, and say it with the size of the file if that is large; raises an error for none."""
    from ..show.gallery import count_photos, expected_bytes

    total, size = count_photos(sections), expected_bytes(sections, view_size)
    if not total:
        raise AlbumsortError(
            "no photo matches, so nothing was written. To see what the index holds, run: albumsort stats"
        )
    if size > LARGE and not hushed:
        smaller = "for a smaller file, lower -n or --view-size"
        say(f"{_photos(total)} will make a file of about {_megabytes(size)}; {smaller}")
    return total


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"
