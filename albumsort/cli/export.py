"""`export`: copy photos into folders by emotion, and undo an export."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ..disk import places
from ..errors import UsageError
from ..export.items import Action, Link, SidecarName
from ..types import FOUR, Emotion, Photo
from .filtering import ChoiceOptions, FilterOptions, Moments, grouped
from .listing import report_undated
from .opening import index_file, is_quiet, open_index, report_absent, report_outdated
from .options import Db, Quiet, Version, option
from .selection import Selection, Wish, select
from .terminal import print_failures_by_reason, print_fields, say, with_progress
from .values import is_on_command_line

if TYPE_CHECKING:
    from ..export.items import Item
    from ..export.share import Sharing
    from ..export.undo import Undone


class ExportCommand(TyperCommand):
    """The command `export`, whose option --undo has a value or none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give --undo an empty value if no value follows; as an argument of its own, `app` refuses an empty one."""
        return list(super().parse_args(ctx, _with_value(args)))


def _with_value(args: Sequence[str]) -> list[str]:
    completed = []
    for word, following in zip_longest(args, args[1:], fillvalue="--"):
        completed.append(word)
        if word == "--undo" and following.startswith("-"):
            completed.append("")
    return completed


@grouped
def export(
    ctx: typer.Context,
    emotions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EMOTION]...", help="Emotions to export.  [default: the four]", show_default=False),
    ] = None,
    *,
    to: Annotated[
        Path | None,
        option("--to", help="Folder to copy into, outside every album.", metavar="DIR", show_default=False),
    ] = None,
    n: Annotated[
        int | None,
        option("-n", help="Only the first N photos that `top` lists for each emotion.", metavar="N", min=1),
    ] = None,
    choice: ChoiceOptions,
    filtering: FilterOptions,
    moments: Moments = False,
    unsure_folder: Annotated[
        bool, option("--unsure-folder", help="Copy photos whose label is unsure into a folder of their own.")
    ] = False,
    files_from: Annotated[
        str | None,
        option(
            "--files-from",
            help="Only the photos in the list FILE (-: stdin), in its order: paths, or what a gallery gives.",
            metavar="FILE",
        ),
    ] = None,
    link: Annotated[Link, option("--link", help="Copy photos, or make hard or soft links.")] = Link.COPY,
    share: Annotated[
        bool,
        option("--share", help="Copy the pictures without place, names, device and other tags but the time."),
    ] = False,
    share_size: Annotated[
        int | None,
        option("--share-size", help="With --share: longer side in pixels, at most.", metavar="N", min=16),
    ] = None,
    sidecar: Annotated[
        SidecarName | None,
        option(
            "--sidecar",
            help="Write rating and keyword beside each copy: photo.jpg.xmp (long: digiKam, darktable) or photo.xmp "
            "(short: Lightroom, for RAW files only).",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, option("--dry-run", help="Show what would happen; change nothing.")] = False,
    report: Annotated[
        Path | None, option("--report", help="Record each photo in a new CSV file.", metavar="FILE")
    ] = None,
    undo: Annotated[
        str | None,
        option(
            "--undo",
            help="Remove the files of the export with this report; without a report, of the last export.",
            metavar="[REPORT]",
            show_default=False,
        ),
    ] = None,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Copy photos into one folder for each emotion.

    A photo goes to DIR/EMOTION/RANK-NAME by its label; photos with other labels are left out. With -n, the photos are
    those that `top -n` lists. Photos of a list go to DIR/chosen. Originals never change, and no file is overwritten.

    --share turns the picture upright, converts its colours to sRGB, and writes HEIC, TIFF, RAW and others as JPEG.
    --sidecar adds to a sidecar that exists, and keeps the old one as NAME.xmp.bak.

    Repeat --undo to take back the export before that. Files changed since, and copies whose original is gone, stay.
    """
    from ..albums import albums_in, check_outside, folders_with_photos
    from ..export.run import preview, run
    from ..export.sidecar import ROOM, Sidecars
    from ..index import absent, counts

    if undo is not None:
        allowed = ("undo", "dry_run", "db", "quiet")
        if any(is_on_command_line(ctx, name) for name in ctx.params if name not in allowed):
            raise UsageError("--undo takes only a report and, if you like, --dry-run; leave out the rest")
        _undo(ctx, undo, dry_run, db, is_quiet(ctx, quiet))
        return
    if to is None:
        raise UsageError("name a folder to copy into, like: albumsort export --to ~/Sorted")
    if share and link is not Link.COPY:
        raise UsageError(f"--share writes new files, so it cannot make {link} links; leave out --share or --link")
    if share_size is not None and not share:
        raise UsageError("--share-size needs --share")
    wanted = [Emotion.parse(word) for word in emotions or ()] or list(FOUR)
    wish = Wish(wanted, n, choice, filtering, moments, unsure_folder, files_from, bool(emotions))
    wish.check()
    with open_index(ctx, db) as database:
        albums, holding = albums_in(database), folders_with_photos(database)
        if report is not None:
            check_outside(report.parent, albums)
        report_outdated(ctx, database, quiet)
        filters = absent.without_absent(database, filtering.filters())
        report_absent(ctx, database, filters, quiet)
        report_undated(ctx, database, filters, quiet)
        selection = select(database, wish, filters)
        unlisted = (
            (counts.missing(database), "missing when last indexed"),
            (counts.excluded(database).total(), "excluded when last indexed"),
            (counts.count_failures(database), "that could not be analysed"),
        )
    folders = selection.folders
    to = Path(os.path.realpath(to))
    room = 0 if sidecar is None else ROOM
    sharing = _sharing(share_size, room) if share else None
    sidecars = None if sidecar is None else Sidecars(sidecar, folders, copies_sources=not share)
    total = sum(map(len, folders.values())) * (1 if sidecars is None else 2)
    if dry_run:
        planned: Iterable[Item] = preview(folders, to, link, albums, holding, share, room)
        if sharing is not None:  # encodes every copy, which takes as long as the export
            planned = with_progress(sharing.preview(planned), total, is_quiet(ctx, quiet))
        items = list(planned if sidecars is None else sidecars.preview(planned))
        for item in items:
            print_fields(item.action, item.source, item.destination, item.reason)
    else:
        journals = places.exports_folder(index_file(ctx, db))
        tell = _hushed if is_quiet(ctx, quiet) else say
        running = run(folders, to, link, report, albums, holding, journals, tell, sharing=sharing, sidecars=sidecars)
        items = with_progress(running, total, is_quiet(ctx, quiet))
    if not is_quiet(ctx, quiet):
        _print_export(items, folders, dry_run)
        _print_selection(selection, unlisted)
        if located := sum(item.names_place for item in items if item.action is not Action.FAIL):
            say(_places(located))
    failures = [(item.source, item.reason) for item in items if item.action is Action.FAIL]
    if failures:
        print_failures_by_reason(failures, _all_failures(report, dry_run))
    if failures or selection.missing:
        raise typer.Exit(1)


def _sharing(longest: int | None, room: int) -> Sharing:
    from ..export.share import Sharing  # loads Pillow

    return Sharing(longest, room)


def _hushed(message: str) -> None:
    """Print nothing."""


def _all_failures(report: Path | None, dry_run: bool) -> str:
    if dry_run:  # it printed each photo
        return ""
    where = "export again with --report FILE" if report is None else f"read {report}"
    return f"To see every photo that failed, {where}"


def _undo(ctx: typer.Context, name: str, dry_run: bool, db: Path | None, quiet: bool) -> None:
    """Undo the export with this report, or the last export if the name is empty."""
    from ..albums import albums_in, check_outside
    from ..export import journals
    from ..export import undo as undoing

    folder = places.exports_folder(index_file(ctx, db))
    if name:
        report = Path(name)
    elif found := journals.last(folder):
        report, into = found
        if not quiet:
            say(f"The last export went to {into} (journal {report})")
    else:
        if not quiet:
            say(f"Nothing to undo: {folder} has no journal of an export that was not undone")
        return
    albums: set[Path] = set()
    if index_file(ctx, db).exists():  # an export can be undone even if its index is gone
        with open_index(ctx, db) as database:
            albums = albums_in(database)
    if name:
        check_outside(Path(os.path.realpath(report)).parent, albums)
    twin = journals.of_same_export(folder, report) if name else None
    outcomes = with_progress(undoing.undo(report, albums, dry_run, twin), None, quiet)
    if dry_run:
        for outcome in outcomes:
            print_fields(outcome.fate, outcome.path, outcome.reason)
    if not quiet:
        _print_undo(outcomes, dry_run)
    left = [outcome for outcome in outcomes if outcome.fate is undoing.Fate.LEFT and not dry_run]
    for outcome in left:
        if not (quiet and outcome.is_folder):
            say(f"left: {outcome.path}: {outcome.reason}")
    if any(not outcome.is_folder for outcome in left):
        raise typer.Exit(1)


def _print_undo(outcomes: Sequence[Undone], dry_run: bool) -> None:
    if all(outcome.is_folder and outcome.fate == "left" for outcome in outcomes):
        say("Nothing to undo: the files of this report were removed before, or none were written")
        return
    folders = sum(outcome.is_folder and outcome.fate == "remove" for outcome in outcomes)
    fates = Counter(str(outcome.fate) for outcome in outcomes if not outcome.is_folder)
    verb = "would be removed" if dry_run else "removed"
    restored = f", {fates['restore']} sidecars {'would be ' if dry_run else ''}restored" if fates["restore"] else ""
    say(
        f"{fates['remove']} files and {folders} folders {verb}{restored}, "
        f"{fates['gone']} already gone, {fates['left']} left"
    )


def _print_export(items: Sequence[Item], folders: Mapping[str, Sequence[Photo]], dry_run: bool) -> None:
    photos = [item for item in items if not item.is_sidecar]
    actions = Counter(item.action for item in photos)
    verb = "would be written" if dry_run else "written"
    chosen = ", ".join(f"{len(group)} {emotion}" for emotion, group in folders.items())
    say(f"{len(photos)} photos chosen: {chosen}")
    say(f"{actions[Action.WRITE]} {verb}, {actions[Action.SKIP]} already there, {actions[Action.FAIL]} failed")
    beside = Counter(item.action for item in items if item.is_sidecar)
    if beside:
        say(
            f"Sidecars: {beside[Action.WRITE]} {verb}, {beside[Action.MERGE]} added to, "
            f"{beside[Action.SKIP]} already complete, {beside[Action.FAIL]} failed"
        )


def _places(count: int) -> str:
    carry = "carries the place where it was" if count == 1 else "carry the place where they were"
    return f"{count} of the copies {carry} taken; --share writes copies without it"


def _print_selection(selection: Selection, unlisted: Iterable[tuple[int, str]]) -> None:
    """Print what to expect of the labels, and what was left out; unlisted: numbers of photos that no list has."""
    from ..show import explanation

    for sentence in explanation.of_promises(selection.promises):
        say(sentence)
    reasons = [reason for _, reason in selection.left_out] + [f"{count} {why}" for count, why in unlisted if count]
    if reasons:
        say(f"Left out: {'; '.join(reasons)}")
    if selection.behind:
        say(f"{selection.behind:,} more frames of the same moments stand behind these (--all copies them)")
    for name in selection.missing:
        say(f"not in the index, or left out by the filters: {name}")
