"""`top` and `list`: list the photos of the index."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..query import Filters
from ..types import Emotion, Photo
from .filtering import ChoiceOptions, Every, FilterOptions, Moments, OutputOptions, grouped
from .opening import is_quiet, open_index, report_absent, report_outdated
from .options import Db, Quiet, Version, option
from .terminal import make_console, say
from .values import is_on_command_line

if TYPE_CHECKING:
    from ..index.database import Database
    from ..show.listing import Form


@grouped
def top(
    ctx: typer.Context,
    emotion: Annotated[str, typer.Argument(metavar="EMOTION", help=", ".join(Emotion))],
    *,
    n: Annotated[int, option("-n", help="Maximum number of photos.", metavar="N", min=1)] = 20,
    choice: ChoiceOptions,
    filtering: FilterOptions,
    output: OutputOptions,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """List the photos that show an emotion most clearly.

    Of the frames of a moment, and of files with equal bytes, one is listed. Photos of an album that is not there now
    are left out.
    """
    from ..index import absent
    from ..index.best import best

    wanted = Emotion.parse(emotion)
    form, filters = output.form(), filtering.filters()
    with open_index(ctx, db) as database:
        filters, behind = absent.without_absent(database, filters), _Behind()
        photos = best(database, choice.question(wanted, filters, filtering.min_score, n))
        _print_photos(behind.counted(photos), form, is_quiet(ctx, quiet))
        behind.report(form, is_quiet(ctx, quiet))
        _report_left_out(ctx, database, filters, quiet)


FOR_FAILED = {"failed", "missing", "path", "as_json", "nl", "as_csv", "null", "db", "quiet", "version"}
"""The options of `list` that --failed takes."""


@grouped
def list_(
    ctx: typer.Context,
    *,
    failed: Annotated[bool, option("--failed", help="Only photos that could not be analysed, and why.")] = False,
    missing: Annotated[
        bool, option("--missing", help="Only photos whose file was gone on the last run, or whose album is gone now.")
    ] = False,
    undated: Annotated[bool, option("--undated", help="Only photos without a date.")] = False,
    unsure: Annotated[bool, option("--unsure", help="Only photos whose label is unsure.")] = False,
    marked: Annotated[bool, option("--marked", help="Only photos that you marked.")] = False,
    moments: Moments = False,
    every: Every = False,
    filtering: FilterOptions,
    output: OutputOptions,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """List every indexed photo with its faces.

    With --min-score, only photos with a face whose label has at least this probability. Photos that failed or are
    missing are listed only with --failed or --missing. Files with equal bytes are listed once.
    """
    from ..choosing.frames import one_a_moment
    from ..choosing.passing import needs_faces
    from ..index import absent, counts, queries
    from ..show import listing

    form, least = output.form(), filtering.min_score
    filters = replace(filtering.filters(), missing=missing, undated=undated, unsure=unsure, marked=marked)
    dated = filters.since or filters.until
    others = [name for name in ctx.params if name not in FOR_FAILED and is_on_command_line(ctx, name)]
    if failed and others:
        raise UsageError("--failed goes only with --path and --missing: a failed photo has no date, face or score")
    if undated and dated:
        raise UsageError("--undated does not go with --since or --until: no photo without a date passes these")
    if moments and every:
        raise UsageError("use only one of --moments and --all")
    with open_index(ctx, db) as database:
        if failed:
            _print_failed(counts.failures(database, filters), form, is_quiet(ctx, quiet))
            return
        filters, behind = absent.without_absent(database, filters), _Behind("list without --moments to see all")
        if form in listing.PLAIN and least == 0 and not needs_faces(filters) and not moments:
            listing.write_paths(queries.paths(database, filters, every, behind.note_copy), form, sys.stdout)
        else:
            photos: Iterable[Photo] = queries.photos(database, filters, least, every)
            photos = one_a_moment(photos) if moments else photos
            _print_photos(behind.counted(photos), form, is_quiet(ctx, quiet))
        behind.report(form, is_quiet(ctx, quiet))
        _report_left_out(ctx, database, filters, quiet)


def _report_left_out(ctx: typer.Context, database: Database, filters: Filters, quiet: bool) -> None:
    """Print what a list leaves out although the filters do not name it, unless quiet."""
    report_absent(ctx, database, filters, quiet)
    report_undated(ctx, database, filters, quiet)
    report_outdated(ctx, database, quiet)


def report_undated(ctx: typer.Context, database: Database, filters: Filters, quiet: bool) -> None:
    """Print how many photos a filter for dates left out because they have none, unless quiet."""
    from ..index import counts

    if (filters.since or filters.until) and not is_quiet(ctx, quiet):
        undated = counts.count_undated(database, filters)
        if undated:
            photos = "1 photo without a date is" if undated == 1 else f"{undated:,} photos without a date are"
            say(f"{photos} left out; to see them, run: albumsort list --undated")


class _Behind:
    """Counts the files that a list leaves out because it shows another frame of the moment, or equal bytes."""

    def __init__(self, hint: str = "--all lists them") -> None:
        self.copies = self.frames = 0
        self._hint = hint

    def note_copy(self) -> None:
        """Count a file with the bytes of a listed one."""
        self.copies += 1

    def counted(self, photos: Iterable[Photo]) -> Iterator[Photo]:
        """Yield the photos, and count what is behind them."""
        for photo in photos:
            self.copies += len(photo.also)
            self.frames += photo.behind
            yield photo

    def report(self, form: Form, quiet: bool) -> None:
        """Print the counts, unless they are 0, or quiet; JSON names the copies."""
        from ..show.listing import Form

        if quiet:
            return
        if self.frames:
            more = (
                "1 more frame of the same moment"
                if self.frames == 1
                else f"{self.frames:,} more frames of the same moments"
            )
            say(f"{more} {'stands' if self.frames == 1 else 'stand'} behind these ({self._hint})")
        if self.copies and form not in (Form.JSON, Form.LINES):
            files, have = ("file", "has") if self.copies == 1 else ("files", "have")
            say(f"{self.copies:,} more {files} {have} the same bytes as a listed one (--all lists them)")


def _print_photos(photos: Iterable[Any], form: Form, quiet: bool) -> None:
    from ..show import listing

    if form is not listing.Form.TABLE:
        listing.write_photos(photos, form, sys.stdout)
        return
    listed = list(photos)
    if listed:
        make_console().print(listing.photo_table(listed))
    elif not quiet:
        say("No photo matches. To see what the index holds, run: albumsort stats")


def _print_failed(failures: list[tuple[Path, str]], form: Form, quiet: bool) -> None:
    from ..show import listing

    if form is not listing.Form.TABLE:
        listing.write_failures(failures, form, sys.stdout)
    elif failures:
        make_console().print(listing.failure_table(failures))
    elif not quiet:
        say("No photo failed.")
