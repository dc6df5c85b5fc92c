"""`top`, `list` and `stats`: query the index."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..query import MOST, By, Filters
from ..types import FOUR, THRESHOLD, Emotion, Photo, named_shares
from .opening import count_outdated, is_quiet, open_index, report_absent, report_outdated, say_absent, say_outdated
from .options import (
    AsCsv,
    AsJson,
    AsLines,
    AsNull,
    Db,
    Every,
    FaceCount,
    Folders,
    LeastDetection,
    LeastFace,
    LeastScore,
    LeastSharpness,
    Quiet,
    Since,
    Until,
    Version,
    option,
)
from .terminal import ALL_FAILURES, make_console, print_failures_by_reason, say
from .values import chosen_form, counted_faces, is_on_command_line, photo_filters

if TYPE_CHECKING:
    from ..index.database import Database
    from ..show.listing import Form


def top(
    ctx: typer.Context,
    emotion: Annotated[str, typer.Argument(metavar="EMOTION", help=", ".join(Emotion))],
    n: Annotated[int, option("-n", help="Maximum number of photos.", metavar="N", min=1)] = 20,
    by: Annotated[By, option("--by", help="How to score a photo with several faces.")] = By.MAX,
    every: Every = False,
    min_score: LeastScore = 0.0,
    since: Since = None,
    until: Until = None,
    path: Folders = None,
    faces: FaceCount = None,
    min_face: LeastFace = "0",
    min_detection: LeastDetection = THRESHOLD,
    min_sharpness: LeastSharpness = 0.0,
    as_json: AsJson = False,
    nl: AsLines = False,
    as_csv: AsCsv = False,
    null: AsNull = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """List the photos that show an emotion most clearly.

    Files with equal bytes are listed once. Photos of an album that is not there now are left out.
    """
    from ..index import absent, queries

    wanted = Emotion.parse(emotion)
    form, counted = chosen_form(ctx), counted_faces(min_face, min_detection, min_sharpness)
    filters = photo_filters(since, until, path, faces, counted)
    with open_index(ctx, db) as database:
        filters, copies = absent.without_absent(database, filters), _Copies()
        photos = queries.best(database, wanted, by, filters, min_score, min(n, MOST), every)
        _print_photos(copies.counted(photos), form, is_quiet(ctx, quiet))
        copies.report(form, is_quiet(ctx, quiet))
        report_absent(ctx, database, filters, quiet)
        _report_undated(ctx, database, filters, quiet)
        report_outdated(ctx, database, quiet)


def list_(
    ctx: typer.Context,
    failed: Annotated[bool, option("--failed", help="Only photos that could not be analysed, and why.")] = False,
    missing: Annotated[
        bool, option("--missing", help="Only photos whose file was gone on the last run, or whose album is gone now.")
    ] = False,
    undated: Annotated[bool, option("--undated", help="Only photos without a date.")] = False,
    every: Every = False,
    min_score: LeastScore = 0.0,
    since: Since = None,
    until: Until = None,
    path: Folders = None,
    faces: FaceCount = None,
    min_face: LeastFace = "0",
    min_detection: LeastDetection = THRESHOLD,
    min_sharpness: LeastSharpness = 0.0,
    as_json: AsJson = False,
    nl: AsLines = False,
    as_csv: AsCsv = False,
    null: AsNull = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """List every indexed photo with its faces.

    With --min-score, only photos with a face whose label has at least this probability. Photos that failed or are
    missing are listed only with --failed or --missing. Files with equal bytes are listed once.
    """
    from ..index import absent, counts, queries
    from ..show import listing

    form, counted = chosen_form(ctx), counted_faces(min_face, min_detection, min_sharpness)
    filters = replace(photo_filters(since, until, path, faces, counted), missing=missing, undated=undated)
    if failed and (undated or since or until or faces or is_on_command_line(ctx, "min_score")):
        raise UsageError("--failed goes only with --path and --missing: a failed photo has no date, face or score")
    if undated and (since or until):
        raise UsageError("--undated does not go with --since or --until: no photo without a date passes these")
    with open_index(ctx, db) as database:
        if failed:
            _print_failed(counts.failures(database, filters), form, is_quiet(ctx, quiet))
            return
        filters, copies = absent.without_absent(database, filters), _Copies()
        if form in listing.PLAIN and min_score == 0:
            listing.write_paths(queries.paths(database, filters, every, copies.note), form, sys.stdout)
        else:
            photos = queries.photos(database, filters, min_score, every)
            _print_photos(copies.counted(photos), form, is_quiet(ctx, quiet))
        copies.report(form, is_quiet(ctx, quiet))
        report_absent(ctx, database, filters, quiet)
        _report_undated(ctx, database, filters, quiet)
        report_outdated(ctx, database, quiet)


def stats(
    ctx: typer.Context,
    min_face: LeastFace = "0",
    min_detection: LeastDetection = THRESHOLD,
    min_sharpness: LeastSharpness = 0.0,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Count photos, faces, labels, failures and missing photos."""
    from ..index import counts
    from ..show import explanation

    counted = counted_faces(min_face, min_detection, min_sharpness)
    with open_index(ctx, db) as database:
        totals = counts.stats(database, counted)
        failures = counts.failures(database)
        waiting = 0 if is_quiet(ctx, quiet) and not as_json else count_outdated(database)
    labels = {e.value: totals.labels.get(e, 0) for e in Emotion}
    rows = {
        "photos": totals.photos,
        "faces": totals.faces,
        **{label: count for label, count in labels.items() if count or as_json or label in FOUR},
        "no_clear_expression": totals.unlabelled,
        "without_face": totals.without_face,
        "failed": totals.failed,
        "missing": totals.missing,
        "absent": sum(totals.absent.values()),
        "undated": totals.undated,
    }
    if as_json:
        lists = {
            "roots": [str(root) for root in totals.roots],
            "albums": [
                {"path": str(album.root), "faces": album.faces, "shares": named_shares(album.shares)}
                for album in totals.albums
            ],
            "failures": [{"path": str(path), "error": reason} for path, reason in failures],
        }
        print(json.dumps({**rows, "waiting": waiting, **lists}))
        return
    for name, count in rows.items():
        print(f"{name.replace('_', ' '):19} {count:>9}" if sys.stdout.isatty() else f"{name}\t{count}")
    if not is_quiet(ctx, quiet):
        for album in totals.albums:
            say(explanation.of_album(album))
        if totals.excluded:
            say(f"{totals.excluded} photos are in no list, because index skips them now; doctor shows their folders")
        say_absent(totals.absent)
        say_outdated(waiting)
        print_failures_by_reason(failures, ALL_FAILURES)


def _report_undated(ctx: typer.Context, database: Database, filters: Filters, quiet: bool) -> None:
    """Print how many photos a filter for dates left out because they have none, unless quiet."""
    from ..index import counts

    if (filters.since or filters.until) and not is_quiet(ctx, quiet):
        undated = counts.count_undated(database, filters)
        if undated:
            say(f"{undated} photos without a date are left out; to see them, run: albumsort list --undated")


class _Copies:
    """Counts the files left out of a list because a listed one has the same bytes."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """Count one."""
        self.count += 1

    def counted(self, photos: Iterable[Photo]) -> Iterator[Photo]:
        """Yield the photos, and count their copies."""
        for photo in photos:
            self.count += len(photo.also)
            yield photo

    def report(self, form: Form, quiet: bool) -> None:
        """Print the count, unless it is 0, or the list names the copies, or quiet."""
        from ..show.listing import Form

        if self.count and form not in (Form.JSON, Form.LINES) and not quiet:
            files, have = ("file", "has") if self.count == 1 else ("files", "have")
            say(f"{self.count:,} more {files} {have} the same bytes as a listed one (--all lists them)")


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
