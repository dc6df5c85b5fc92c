"""`compare-choice`: measure how often albumsort prefers the frames that a person kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import AlbumsortError, UsageError
from ..query import Filters
from ..types import Emotion
from .opening import is_quiet, open_index, report_absent
from .options import AsJson, Db, Quiet, Version, option
from .terminal import print_failures_by_reason, print_fields, say, with_progress

if TYPE_CHECKING:
    from ..choosing.agreement import Choice

SHOWN = 10
"""Number of disagreements that are printed."""
EXAMPLES = 3
"""Number of unknown files that a message names."""


def compare_choice(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder with copies of the photos you kept.", show_default=False),
    ] = None,
    ratings: Annotated[
        bool, option("--ratings", help="Compare with your stars (xmp:Rating) in the album, instead of a folder.")
    ] = False,
    emotion: Annotated[
        str, option("--emotion", help="The emotion by which frames are ranked.", metavar="EMOTION")
    ] = Emotion.HAPPY.value,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Measure how often albumsort prefers the frames you kept.

    A pair is a frame that you kept and one that you did not, of the same moment. Prints the share of pairs in which
    albumsort ranks the kept frame first, and the moments with the worst disagreement. Copies are recognised by their
    bytes, whatever their names. In a pipe: share, both ends of its 95 % interval, pairs, moments and ties on one line,
    then the kept path and the path ranked above it, a line for each disagreement.
    """
    from .. import kept
    from ..choosing.agreement import agreement
    from ..index import absent, lookup, tries
    from ..show import choice
    from ..text import printable

    if folder is None and not ratings:
        raise UsageError("name the folder with the photos you kept, or add --ratings to compare with your stars")
    if folder is not None and ratings:
        raise UsageError("use only one of FOLDER and --ratings")
    wanted, hushed = Emotion.parse(emotion), is_quiet(ctx, quiet)
    unknown, failures = list[Path](), list[tuple[Path, str]]()
    with open_index(ctx, db) as database:
        filters = absent.without_absent(database, Filters())
        moments = tries.moments(database, filters)
        choices: Iterable[list[Choice]]
        if folder is None:
            choices = with_progress(kept.by_ratings(moments, wanted, failures), None, hushed, "moments")
        else:
            copies = with_progress(kept.contents_in(folder), None, hushed)
            unknown = [path for digest, path in copies if not lookup.knows(database, digest)]
            contents = {digest for digest, _ in copies}
            choices = (kept.by_copies(moment, wanted, contents) for moment in moments)
        found = agreement(choices)
        report_absent(ctx, database, filters, quiet)
    liked = "kept" if folder else "gave more stars"
    if not hushed:
        _report(unknown, failures)
    if found is None:
        which = (
            f"of which {folder} has some frames but not all" if folder else "with more stars for one frame than another"
        )
        raise AlbumsortError(f"there is nothing to compare: the index has no moment {which}")
    if as_json:
        more = {"unknown": [str(path) for path in unknown], "failed": [_failure_json(*one) for one in failures]}
        print(json.dumps({"emotion": wanted, **choice.agreement_json(found, SHOWN), **more}))
    elif sys.stdout.isatty():
        for sentence in choice.of_agreement(found, liked):
            print(sentence)
        for one in found.disagreements[:SHOWN]:
            print()
            for line in choice.of_disagreement(one, wanted, liked):
                print(printable(line))
    else:
        shares = (f"{value:.4f}" for value in (found.share, found.low, found.high))
        print_fields(*shares, found.pairs, found.moments, found.ties)
        for one in found.disagreements[:SHOWN]:
            print_fields(one.kept.path, one.preferred.path)


def _report(unknown: Sequence[Path], failures: Sequence[tuple[Path, str]]) -> None:
    """Print which copies the index does not know, and which photos have stars that cannot be read."""
    if unknown:
        named = ", ".join(map(str, unknown[:EXAMPLES]))
        more = f" and {len(unknown) - EXAMPLES:,} more" if len(unknown) > EXAMPLES else ""
        count = "1 file is" if len(unknown) == 1 else f"{len(unknown):,} files are"
        say(f"{count} not in the index, and left out: {named}{more}. An edited copy has other bytes than its photo")
    print_failures_by_reason(failures)


def _failure_json(path: Path, reason: str) -> dict[str, str]:
    return {"path": str(path), "error": reason}
