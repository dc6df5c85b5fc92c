"""The commands: parse, one call, print. Nothing else prints or exits; heavy modules are imported inside."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from . import __version__
from .errors import AlbumsortError, IndexFileError, PhotoError, UsageError
from .query import By, Counted, Filters
from .types import FOUR, THRESHOLD, Action, Emotion, Link, Photo, named_shares, utc_text

if TYPE_CHECKING:
    from .emotions import EmotionClassifier
    from .faces import FaceDetector
    from .index import Index
    from .indexing import Executor, Plan, Profile, Report
    from .labels import Album
    from .output import Form
    from .ranking import Sorted
    from .training.emotion.gathering import Sources
    from .training.emotion.shipping import Evaluated
    from .types import Analysis, Face, Item, Shares
    from .undo import Outcome

_Done = TypeVar("_Done")


class Commands(TyperGroup):
    """The one place where errors become messages and exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse an empty argument, as of a variable that is not set: as a path it would mean the folder one is in."""
        options = takewhile(lambda argument: argument != "--", args)
        if "" in args or any(re.fullmatch(r"--[\w-]+=", argument) for argument in options):
            ctx.fail("an argument is empty; is a variable not set?")
        return list(super().parse_args(ctx, args))

    def invoke(self, ctx: Any) -> Any:
        """Run a command; 1 what failed, 2 what was asked wrongly, 130 what was interrupted."""
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()  # a full disk behind it is an error of this command
            return result
        except UsageError as e:
            _say(f"albumsort: {e}")
            raise typer.Exit(2) from e
        except AlbumsortError as e:
            _say(f"albumsort: {e}")
            raise typer.Exit(1) from e
        except KeyboardInterrupt as e:
            _say("albumsort: interrupted")
            raise typer.Exit(130) from e
        except BrokenPipeError:  # whoever read the output has seen enough
            _drop_output()
            raise typer.Exit(0) from None
        except OSError as e:
            where = f": {e.filename}" if e.filename else ""
            _say(f"albumsort: {e.strerror or e}{where}")
            _drop_output()
            raise typer.Exit(1) from e


def _drop_output() -> None:
    """Send what is still buffered nowhere, or the interpreter would fail on it again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find the photos of an album that show an emotion best. Everything stays on this machine.",
)
model_app = typer.Typer(no_args_is_help=True, help="Train and evaluate (needs albumsort[train]).")
app.add_typer(model_app, name="model")


def _setting(name: str, **more: Any) -> Any:
    """Return an option that holds for every run if a person wants: the environment may give it, as ALBUMSORT_NAME."""
    return typer.Option(name, envvar=f"ALBUMSORT_{name.removeprefix('--').replace('-', '_').upper()}", **more)


def _option(*names: str, **more: Any) -> Any:
    """Return an option that says what one run is to do: a variable somebody forgot must not delete or leave out."""
    return typer.Option(*names, **more)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"albumsort {__version__}")
        raise typer.Exit


Db = Annotated[
    Path | None, _setting("--db", help="The index file.  [default: in the user's data folder]", show_default=False)
]
Quiet = Annotated[bool, _setting("--quiet", help="Say nothing but errors.")]
Version = Annotated[bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)]
AsJson = Annotated[bool, _option("--json", help="One JSON document.")]
AsLines = Annotated[bool, _option("--nl", help="One JSON object a line.")]
AsCsv = Annotated[bool, _option("--csv", help="CSV with a header.")]
AsNull = Annotated[bool, _option("--null", "-0", help="Paths ended by NUL, for xargs -0.")]
LeastScore = Annotated[
    float, _setting("--min-score", help="Leave out photos whose emotion scores less.", min=0.0, max=1.0)
]
Since = Annotated[
    str | None, _option("--since", help="Taken then or later: 2024, 2024-07, 2024-07-31.", metavar="DATE")
]
Until = Annotated[str | None, _option("--until", help="Taken then or before.", metavar="DATE")]
Folders = Annotated[
    list[Path] | None,
    _option("--path", help="Only photos in this folder (repeatable).", metavar="DIR", show_default=False),
]
FaceCount = Annotated[str | None, _option("--faces", help="Only photos with N, or N to M, faces.", metavar="N|N..M")]
LeastFace = Annotated[
    str,
    _setting(
        "--min-face",
        help="Count only faces this large: longer side of the box, in percent of the photo's shorter side.",
        metavar="PERCENT",
    ),
]
LeastDetection = Annotated[
    float, _setting("--min-detection", help="Count only what is a face this surely.", min=0.0, max=1.0)
]
LeastSharpness = Annotated[float, _setting("--min-sharpness", help="Count only faces this sharp.", min=0.0, max=1.0)]


MOST = 2**63 - 1  # the largest number a database counts to


@dataclass
class Common:
    """Options given before the command."""

    db: Path | None = None
    quiet: bool = False


@app.callback()
def _main(
    ctx: typer.Context,
    db: Annotated[Path | None, typer.Option("--db", help="The index file.", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    version: Version = False,
) -> None:
    ctx.obj = Common(db, quiet)
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    if sys.stdout is not None:  # names of files need not be UTF-8; they are written byte for byte
        sys.stdout.reconfigure(encoding=encoding, errors=errors)  # type: ignore[union-attr]
    if sys.stderr is not None:
        sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@app.command()
def index(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", show_default=False)] = None,
    files_from: Annotated[
        str | None,
        _option("--files-from", help="Also the files listed here, one a line; - is standard input.", metavar="FILE"),
    ] = None,
    workers: Annotated[
        int, _setting("--workers", help="Processes that analyse.  [default: one a core]", min=1, show_default=False)
    ] = (os.cpu_count() or 1),
    exclude: Annotated[
        list[str] | None,
        _setting("--exclude", help="Skip names or paths like this (repeatable).", metavar="GLOB", show_default=False),
    ] = None,
    rescan: Annotated[bool, _option("--rescan", help="Analyse unchanged photos again, too.")] = False,
    cluster: Annotated[
        str | None,
        _setting(
            "--cluster",
            help="Let the workers of this Dask scheduler analyse, like tcp://HOST:8786 (needs albumsort[cluster]).",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = None,
    cluster_path: Annotated[
        list[str] | None,
        _setting(
            "--cluster-path",
            help="Where the cluster's workers see a folder of this machine (repeatable).",
            metavar="HERE=THERE",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[bool, _option("--profile", help="Show where the time went.")] = False,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Analyse new and changed photos in folders.

    Without a PATH, in the folders indexed before.
    """
    from tqdm import tqdm

    from . import indexing

    executor = _executor(workers, cluster, cluster_path or ())
    listed = _listed(files_from)
    if not paths and files_from is None and not _database(ctx, db).exists():
        raise UsageError("nothing was indexed before: name a folder of photos, as in: albumsort index ~/Photos")
    with _open(ctx, db, create=True) as database, database.alone():
        plan = indexing.make_plan(database, paths or (), listed, exclude or (), rescan)
        if not _quiet(ctx, quiet):
            _print_cost(plan)
        show = _on_terminal() and not _quiet(ctx, quiet)
        with tqdm(total=plan.todo + plan.stale, unit=" photos", disable=not show, dynamic_ncols=True) as bar:
            report = indexing.run(database, plan, executor, rescan, bar.update)
        if as_json:
            print(json.dumps(_report_json(report) | ({"profile": _profile_json(report.profile)} if profile else {})))
        if profile:
            _print_profile(report)
        if not _quiet(ctx, quiet):
            _print_report(report, database)
        elif report.failed:
            _print_failures(report.failed)
    raise typer.Exit(report.exit_code)


def _print_cost(plan: Plan) -> None:
    """Say what another version of albumsort makes necessary."""
    costs = []
    if plan.outdated:
        costs.append(f"{plan.outdated} photos are analysed again")
    if plan.stale:
        first = "first " if costs else ""
        costs.append(f"the stored faces of {plan.stale} are {first}judged again, without opening a photo")
    if costs:
        _say(f"albumsort has changed since the last run: {'; '.join(costs)}")


def _executor(workers: int, cluster: str | None, mapped: Sequence[str]) -> Executor:
    if cluster is None:
        if mapped:
            raise UsageError("--cluster-path says where a cluster's workers see a folder; name the cluster: --cluster")
        from .indexing import Local

        return Local(workers)
    from .cluster import Cluster, parse_path

    return Cluster(cluster, [parse_path(text) for text in mapped])


@app.command()
def top(
    ctx: typer.Context,
    emotion: Annotated[str, typer.Argument(metavar="EMOTION", help=", ".join(Emotion))],
    n: Annotated[int, _option("-n", help="How many.", min=1)] = 20,
    by: Annotated[By, _setting("--by", help="Score of a photo with several faces: this one of theirs.")] = By.MAX,
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
    """Show the photos that show an emotion best."""
    from . import ranking

    wanted = Emotion.parse(emotion)
    form, counted = _form(ctx), _counted(min_face, min_detection, min_sharpness)
    filters = _filters(since, until, path, faces, counted)
    with _open(ctx, db) as database:
        photos = ranking.top(database, wanted, min(n, MOST), by, filters, min_score)
        _print_photos(photos, form, _quiet(ctx, quiet))
        _tell_outdated(ctx, database, quiet)


@app.command("list")
def list_(
    ctx: typer.Context,
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

    With --min-score, only those of which some face has its label with at least this probability.
    """
    from . import output, ranking

    form, counted = _form(ctx), _counted(min_face, min_detection, min_sharpness)
    filters = _filters(since, until, path, faces, counted)
    with _open(ctx, db) as database:
        if form in output.PLAIN and min_score == 0:
            output.write_paths(database.paths(filters), form, sys.stdout)
        else:
            _print_photos(ranking.sure(database.photos(filters), min_score), form, _quiet(ctx, quiet))
        _tell_outdated(ctx, database, quiet)


@app.command()
def export(
    ctx: typer.Context,
    emotions: Annotated[list[str] | None, typer.Argument(metavar="EMOTION", show_default=False)] = None,
    to: Annotated[
        Path | None,
        _option("--to", help="The folder to copy into; never inside an album.", metavar="DIR", show_default=False),
    ] = None,
    n: Annotated[int | None, _option("-n", help="At most so many for each emotion.", min=1)] = None,
    min_face: LeastFace = "0",
    min_detection: LeastDetection = THRESHOLD,
    min_sharpness: LeastSharpness = 0.0,
    link: Annotated[Link, _setting("--link", help="Copy, or make hard or soft links instead.")] = Link.COPY,
    dry_run: Annotated[bool, _option("--dry-run", help="Show what would be done; write nothing.")] = False,
    report: Annotated[
        Path | None, _option("--report", help="Write what is done to a new CSV file, line by line.", metavar="FILE")
    ] = None,
    undo: Annotated[
        Path | None,
        _option("--undo", help="Remove what the export with this report wrote.", metavar="REPORT", show_default=False),
    ] = None,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Copy photos into a folder for each emotion.

    Each goes to DIR/EMOTION/RANK-NAME by the label of its largest face; photos of other labels are left out.
    Originals are never touched, and nothing is overwritten.

    --undo needs nothing but a report. What changed since is left, and so is a copy whose original is gone.
    """
    from . import export as exporting
    from . import ranking

    if undo is not None:
        allowed = ("undo", "dry_run", "db", "quiet")
        if any(_on_command_line(ctx, name) for name in ctx.params if name not in allowed):
            raise UsageError("--undo takes a report alone, with --dry-run at most")
        _undo(ctx, undo, dry_run, db, _quiet(ctx, quiet))
        return
    if to is None:
        raise UsageError("name the folder to copy into, as in: albumsort export --to ~/Sorted")
    wanted = [Emotion.parse(word) for word in emotions or ()] or list(FOUR)
    counted = _counted(min_face, min_detection, min_sharpness)
    with _open(ctx, db) as database:
        albums = database.albums()
        exporting.check_destination(to, albums, database.holding())
        if report is not None:
            exporting.check_outside(report.parent, albums)
        _tell_outdated(ctx, database, quiet)
        there = list(database.photos(Filters(counted=counted)))
        missing, failed = database.missing(), database.count_failures()
    chosen = ranking.sort(there, wanted, n)
    folders = chosen.folders
    to = Path(os.path.realpath(to))
    if dry_run:
        done = exporting.plan(folders, to, link)
        for item in done:
            _show(item.action, item.source, item.destination, item.reason)
    else:
        run = exporting.run(folders, to, link, report)
        done = _watched(run, sum(map(len, folders.values())), _quiet(ctx, quiet))
    if not _quiet(ctx, quiet):
        _print_export(done, folders, dry_run)
        if left_out := _left_out(chosen, n, missing, failed):
            _say(f"Left out: {left_out}")
    _print_failures((item.source, item.reason) for item in done if item.action is Action.FAIL)
    if any(item.action is Action.FAIL for item in done):
        raise typer.Exit(1)


def _undo(ctx: typer.Context, report: Path, dry_run: bool, db: Path | None, quiet: bool) -> None:
    from . import undo as undoing
    from .export import check_outside

    albums: set[Path] = set()
    if _database(ctx, db).exists():  # what the report wrote can be removed without the index that led to it
        with _open(ctx, db) as database:
            albums = database.albums()
    check_outside(Path(os.path.realpath(report)).parent, albums)
    outcomes = _watched(undoing.undo(report, albums, dry_run), None, quiet)
    if dry_run:
        for outcome in outcomes:
            _show(outcome.fate, outcome.path, outcome.reason)
    if not quiet:
        _print_undo(outcomes, dry_run)
    left = [outcome for outcome in outcomes if outcome.fate is undoing.Fate.LEFT and not dry_run]
    for outcome in left:
        if not (quiet and outcome.is_folder):
            _say(f"left: {outcome.path}: {outcome.reason}")
    if any(not outcome.is_folder for outcome in left):
        raise typer.Exit(1)


def _watched(run: Generator[_Done], total: int | None, quiet: bool) -> list[_Done]:
    """Return what a run yields, which shows its progress to whoever watches."""
    from tqdm import tqdm

    show = _on_terminal() and not quiet
    with closing(run):  # at once if interrupted: it has locks
        return list(tqdm(run, total=total, unit=" photos", disable=not show))


def _show(*fields: Any) -> None:
    from .output import printable

    print("\t".join(printable(str(field)) for field in fields))


def _print_undo(outcomes: Sequence[Outcome], dry_run: bool) -> None:
    if all(outcome.is_folder and outcome.fate == "left" for outcome in outcomes):
        _say("Nothing is left to undo: what this report names was removed before, or nothing was written")
        return
    folders = sum(outcome.is_folder and outcome.fate == "remove" for outcome in outcomes)
    fates = Counter(str(outcome.fate) for outcome in outcomes if not outcome.is_folder)
    verb = "would be removed" if dry_run else "removed"
    _say(f"{fates['remove']} files and {folders} folders {verb}, {fates['gone']} already gone, {fates['left']} left")


def _print_export(done: Sequence[Item], folders: Mapping[Emotion, Sequence[Photo]], dry_run: bool) -> None:
    actions = Counter(item.action for item in done)
    verb = "would be written" if dry_run else "written"
    chosen = ", ".join(f"{len(group)} {emotion}" for emotion, group in folders.items())
    _say(f"{len(done)} photos chosen: {chosen}")
    _say(f"{actions[Action.WRITE]} {verb}, {actions[Action.SKIP]} already there, {actions[Action.FAIL]} failed")


def _left_out(chosen: Sorted, n: int | None, missing: int, failed: int) -> str:
    """Say how many photos are in no folder, and why."""
    labels = sorted((label for label in Emotion if label in chosen.others), key=lambda label: -chosen.others[label])
    others = ", ".join(f"{chosen.others[label]} {label}" for label in labels)
    reasons = [
        (chosen.without_face, f"{chosen.without_face} without a face"),
        (chosen.unlabelled, f"{chosen.unlabelled} with no clear expression"),
        (chosen.beyond, f"{chosen.beyond} not among the first {n}"),
        (missing, f"{missing} missing when last indexed"),
        (failed, f"{failed} that could not be analysed"),
        (others, f"{others}: name them to export them too"),
    ]
    return "; ".join(reason for count, reason in reasons if count)


@app.command()
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
    """Count photos, labels, failures and what is missing."""
    from . import explanation

    counted = _counted(min_face, min_detection, min_sharpness)
    with _open(ctx, db) as database:
        counts = database.stats(counted)
        failures = database.failures()
        waiting = 0 if _quiet(ctx, quiet) and not as_json else _count_outdated(database)
    labels = {e.value: counts.labels.get(e, 0) for e in Emotion}
    rows = {
        "photos": counts.photos,
        "faces": counts.faces,
        **{label: count for label, count in labels.items() if count or as_json or label in FOUR},
        "no_clear_expression": counts.unlabelled,
        "without_face": counts.without_face,
        "failed": counts.failed,
        "missing": counts.missing,
    }
    if as_json:
        lists = {
            "roots": [str(root) for root in counts.roots],
            "albums": [
                {"path": str(album.root), "faces": album.faces, "shares": named_shares(album.shares)}
                for album in counts.albums
            ],
            "failures": [{"path": str(path), "error": reason} for path, reason in failures],
        }
        print(json.dumps({**rows, "waiting": waiting, **lists}))
        return
    for name, count in rows.items():
        print(f"{name.replace('_', ' '):19} {count:>9}" if sys.stdout.isatty() else f"{name}\t{count}")
    if not _quiet(ctx, quiet):
        for album in counts.albums:
            _say(explanation.of_album(album))
        _say_outdated(waiting)
        _print_failures(failures)


@app.command()
def why(
    ctx: typer.Context,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO")],
    out: Annotated[
        Path | None,
        _option("--out", help="Draw what was seen into a new JPEG.", metavar="FILE.jpg", show_default=False),
    ] = None,
    min_detection: LeastDetection = THRESHOLD,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Show what is seen in one photo, and how surely."""
    from . import analysis, drawing, output, photos, weights
    from .export import check_outside
    from .labels import LabelRule
    from .litert import hushed

    database = _database(ctx, db)
    if out is not None and out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out draws a JPEG: name a file that ends in .jpg, not {output.printable(out)}")
    album: Album | None = None
    if database.exists():
        try:
            with _open(ctx, db) as opened:
                if out is not None:
                    check_outside(out.parent, opened.albums())
                known = opened.known_as(Path(os.path.abspath(photo)))
                album = opened.album_of(known) if opened.knows_path(known) else None
        except IndexFileError as e:
            if out is not None:  # what must not be written into is not known
                raise
            _say(f"albumsort: {e}; labels are those of an ordinary album")
    detector, classifier = analysis.load_networks()
    try:
        data = photos.read(photo)
        with hushed():  # libraries inside OpenCV and Pillow print what is wrong with a photo, at times even if it opens
            upright = photos.decode(data)
            seen = analysis.analyse_upright(upright, data, photos.digest(data), detector, classifier)
    except PhotoError as e:
        raise AlbumsortError(f"{output.printable(photo)}: {e}") from e
    counted = [face for face in seen.faces if face.detection >= min_detection]
    rule = LabelRule(classifier.natural, classifier.natural if album is None else album.shares)
    faces = [rule.relabelled(face) for face in counted]
    model = weights.manifest()["emotion"].sha256
    if as_json:
        shown = Photo(Path(os.path.abspath(photo)), seen.width, seen.height, seen.taken_at, seen.digest, tuple(faces))
        print(json.dumps({**output.photo_json(shown), "model": model}))
    elif out is None or not _quiet(ctx, quiet):
        _print_why(photo, seen, list(zip(faces, counted, strict=True)), album, classifier.natural, model)
    if out is not None:
        drawing.draw(upright, faces, out)


def _print_why(
    photo: Path, seen: Analysis, faces: Sequence[tuple[Face, Face]], album: Album | None, natural: Shares, model: str
) -> None:
    """faces: each that counts, as it is labelled in its album and in an ordinary one, whose shares are natural."""
    from . import explanation
    from .output import printable

    print(f"{printable(photo)}: {seen.width} x {seen.height}, taken {seen.taken_at or 'at an unknown time'}")
    print(f"{len(faces) or 'no'} face{'' if len(faces) == 1 else 's'}; emotion network {model[:16]}")
    for number, (face, elsewhere) in enumerate(faces, start=1):
        box = ", ".join(f"{v:.0f}" for v in (face.box.x, face.box.y, face.box.w, face.box.h))
        quality = f"size {100 * face.size:.1f} %; sharpness {face.sharpness or 0:.2f}"
        print(explanation.of_face(number, face, elsewhere.label, album, natural))
        print(f"  box {box}; sure of a face {face.detection:.2f}; {quality}; {explanation.of_eyes(face.eyes)}")
        print(f"  {explanation.NO_LABEL}: {explanation.percent(face.nothing)}; as far as there is one:")
        for emotion, p in sorted(face.probabilities.items(), key=lambda pair: -pair[1]):
            print(f"  {emotion:9} {100 * p:5.1f} %  {'#' * round(30 * p)}")
    counted = [elsewhere for _, elsewhere in faces]
    unsure = sorted(f"{face.detection:.2f}" for face in seen.faces if face not in counted)
    if unsure:
        print(f"not counted, as less sure of a face (--min-detection shows them): {', '.join(unsure)}")


@app.command()
def prune(
    ctx: typer.Context,
    yes: Annotated[bool, _option("--yes", help="Do not ask.")] = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Forget photos whose file is gone.

    No other command forgets. Shows what it would forget and asks; an album that is absent as a whole, and in one
    all that a link led to or that lay in a folder now empty, is asked about apart, and kept under --yes: its disk
    may be unplugged.
    """
    from . import indexing
    from .walk import is_gone

    with _open(ctx, db) as database:
        gone, absent = indexing.find_gone(database)
        if not gone and not absent:
            with database.transaction():
                database.forget([])  # but for what files showed before they changed
            if not _quiet(ctx, quiet):
                _say("Nothing to forget: every indexed photo is there.")
            return
        forgotten, roots = gone, list[Path]()
        if not yes:
            _print_paths(gone)
            forgotten = gone if gone and _agreed(f"Forget these photos ({len(gone)}) and their results?") else []
        albums = database.roots()
        for absentee, paths in absent.items():
            if yes and _quiet(ctx, quiet):
                continue
            _say(f"{_whole(absentee, albums)} is not there ({len(paths)} photos). Is its disk unplugged?")
            if yes:
                _say("It is kept: --yes does not speak for what may be a disk; run prune on a terminal to forget it")
            elif _agreed("Forget all of it?"):
                forgotten, roots = [*forgotten, *paths], [*roots, absentee]
        forgotten = [path for path in forgotten if is_gone(path)]  # a disk may have come back while this waited
        with database.transaction():
            database.forget(forgotten, roots)
    if yes:  # only now: whoever reads it may stop reading
        _print_paths(forgotten)
    if not _quiet(ctx, quiet):
        _say(f"Forgotten: {len(forgotten)} photos" if forgotten or roots else "Nothing was forgotten.")


def _whole(absentee: Path, albums: Sequence[Path]) -> str:
    """Say what it is of which nothing is left."""
    if absentee.is_symlink():
        return f"What the link {absentee} led to"
    if absentee in albums or not absentee.is_dir():
        return f"The whole album {absentee}"
    return f"All that was in the folder {absentee}"


def _print_paths(paths: Iterable[Path]) -> None:
    from .output import printable

    for path in paths:
        print(printable(path) if sys.stdout.isatty() else path)


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nothing was forgotten: there is no terminal to ask on; add --yes to forget them")
    try:
        return typer.confirm(question, err=True)
    except typer.Abort as e:
        raise KeyboardInterrupt from e


@app.command()
def doctor(ctx: typer.Context, db: Db = None, quiet: Quiet = False, version: Version = False) -> None:
    """Check the installation and the index.

    Versions, networks and their hashes, the database, and what can be decoded here.
    """
    from . import diagnosis
    from .output import printable

    findings = diagnosis.examine(_database(ctx, db))
    for finding in findings:
        if not (finding.ok and _quiet(ctx, quiet)):
            print(f"{'ok' if finding.ok else 'BAD':4} {finding.what:24} {printable(finding.detail)}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


DATA_HELP = "FER2013's CSV (plain or compressed), a folder of split/class/*.jpg, or a CSV emotion,pixel_0,..."
Votes = Annotated[
    Path | None, _option("--votes", help="FER+ votes on FER2013: fer2013new.csv.", metavar="FILE", show_default=False)
]
Labels = Annotated[
    str | None, _option("--labels", help="Only these of the data's labels, like fear,happy,sad.", show_default=False)
]


@model_app.command()
def train(
    ctx: typer.Context,
    run: Annotated[
        Path, _option("--run", help="Folder of checkpoints and results; goes on if it has any.", metavar="DIR")
    ],
    network: Annotated[str, _option("--network", help="emotion or faces.")] = "emotion",
    data: Annotated[
        Path | None, _option("--data", help=f"Emotion: {DATA_HELP}", metavar="PATH", show_default=False)
    ] = None,
    votes: Votes = None,
    labels: Labels = None,
    photos: Annotated[
        list[Path] | None,
        _option("--photos", help="Faces: folder of photos (repeatable).", metavar="DIR", show_default=False),
    ] = None,
    boxes: Annotated[
        Path | None,
        _option(
            "--boxes",
            help="Faces: photos with a boxes.json, of which the recipe names sets.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        _option(
            "--recipe",
            help="A preset, or a JSON file with the fields of one.  [default: compact; faces: cascade]",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int | None, _option("--epochs", help="Instead of the recipe's.", min=1, show_default=False)
    ] = None,
    seed: Annotated[int | None, _option("--seed", help="Instead of the recipe's.", show_default=False)] = None,
    teacher: Annotated[
        list[str] | None,
        _option(
            "--teacher",
            help="Run to distil from, or: shipped (repeatable). Faces: an ONNX file of OpenCV's FaceDetectorYN.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        _option(
            "--start",
            help="Run to begin from, or: shipped. Faces: a proposer that the recipe has no epochs for stays as it is.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    reviewed: Annotated[
        Path | None,
        _option(
            "--reviewed",
            help="CSV of what a reviewer said of places taken for faces. Emotion: of the photos in --faces.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    faces: Annotated[
        Path | None,
        _option("--faces", help="Emotion: photos whose faces are learnt from.", metavar="DIR"),
    ] = None,
    natural: Annotated[
        Path | None,
        _option("--natural", help="Emotion: natural faces that viewers judged.", metavar="DIR", show_default=False),
    ] = None,
    judged: Annotated[
        list[Path] | None,
        _option("--judged", help="Emotion: CSV of further verdicts (repeatable).", metavar="FILE", show_default=False),
    ] = None,
    without: Annotated[
        Path | None,
        _option(
            "--except", help="Emotion: CSV that names photos not to learn from.", metavar="FILE", show_default=False
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        _option("--weights", help="Install the result here, with manifest.", metavar="DIR", show_default=False),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train an emotion network on labelled faces, or the face detector on photos; convert and calibrate it."""
    _known_network(network)
    command = shlex.join(["albumsort", *sys.argv[1:]])
    emotion_alone = ("data", "votes", "labels", "epochs", "faces", "natural", "judged", "without")
    _refuse(ctx, ("photos", "boxes") if network == "emotion" else emotion_alone, f"--network {network}")
    _need_tensorflow()
    with _silent_if(_quiet(ctx, quiet)):
        if network == "faces":
            made = recipe or "cascade"
            _train_faces(photos or [], boxes, teacher or [], reviewed, made, seed, start, run, weights, command)
        else:
            instead = {"epochs": epochs, "seed": seed, "teachers": tuple(teacher or ()), "start": start}
            from .training.emotion.gathering import Sources

            sources = Sources(natural, judged or (), faces, reviewed, without)
            _train_emotions(data, votes, _labels(labels), sources, recipe or "compact", instead, run, weights, command)


def _train_emotions(
    data: Path | None,
    votes: Path | None,
    labels: tuple[str, ...],
    sources: Sources,
    recipe: str,
    instead: Mapping[str, Any],
    run: Path,
    weights: Path | None,
    command: str,
) -> None:
    if data is None:
        raise UsageError("name --data, the labelled faces to learn from")
    from tqdm import tqdm

    from .training.emotion import fitting, gathering, shipping

    made = fitting.chosen(recipe, labels=labels, **instead)
    if sources.photos is not None and not (made.teachers or sources.judged or sources.reviewed):
        raise UsageError("--faces needs a --teacher, --judged or --reviewed: something must say what the faces show")
    found = gathering.gather(sources, bool(made.teachers), lambda f: tqdm(f, disable=not _on_terminal()))
    print(shipping.train(data, votes, found, made, run, command))
    _say(f"History, and a report on PublicTest: {run}")
    if weights is not None:
        shipping.install(run, weights)


def _known_network(name: str) -> None:
    if name not in ("emotion", "faces"):
        raise UsageError(f"--network {name}: choose emotion or faces")


def _refuse(ctx: typer.Context, names: Iterable[str], about: str) -> None:
    """Raise UsageError if the command line has one of these options."""
    given = [f"--{name.replace('_', '-')}" for name in names if _on_command_line(ctx, name)]
    if given:
        raise UsageError(f"{', '.join(given)} {'says' if len(given) == 1 else 'say'} nothing about {about}")


def _train_faces(
    photos: Sequence[Path],
    boxes: Path | None,
    teachers: Sequence[str],
    reviewed: Path | None,
    recipe: str,
    seed: int | None,
    start: str | None,
    run: Path,
    weights: Path | None,
    command: str,
) -> None:
    import hashlib
    from functools import partial

    from tqdm import tqdm

    from .faces import THRESHOLD
    from .training.faces import fitting, shipping
    from .training.faces import labels as face_labels
    from .training.faces import photos as face_photos

    if not photos:
        raise UsageError("name --photos, folders of photos with and without faces")
    if len(teachers) != 1 or not Path(teachers[0]).is_file():
        raise UsageError("name one --teacher, an ONNX file of OpenCV's FaceDetectorYN, to say where the faces are")
    if reviewed is not None and not reviewed.is_file():
        raise UsageError(f"{reviewed}: no such file of verdicts")
    teacher = Path(teachers[0])
    made = fitting.chosen(recipe, seed)
    digest = hashlib.sha256(teacher.read_bytes()).hexdigest()
    trained = shipping.train(
        face_photos.gather(photos, boxes, made.box_sets),
        partial(face_labels.OpenCvTeacher, teacher),
        f"{teacher.name} (sha256 {digest[:16]})",
        made,
        run,
        command,
        lambda p: tqdm(p, disable=not _on_terminal()),
        reviewed,
        None if start is None else shipping.Start.read(start),
    )
    for file in (trained.proposer, trained.verifier):
        print(file)
    for name, judged in (("validation", trained.validation), ("without a face, held out", trained.held_out)):
        found, false = judged.at(THRESHOLD)
        _say(f"{judged.photos} photos ({name}): {found} of {judged.faces} faces, {false} others")
    _say(f"Histories and charts: {run}")
    if weights is not None:
        shipping.install(run, weights)


@model_app.command()
def evaluate(
    ctx: typer.Context,
    network: Annotated[str, _option("--network", help="emotion or faces.")] = "emotion",
    data: Annotated[Path | None, _option("--data", help=DATA_HELP, metavar="PATH", show_default=False)] = None,
    votes: Votes = None,
    labels: Labels = None,
    split: Annotated[str, _option("--split", help="Training, PublicTest or PrivateTest.")] = "PrivateTest",
    run: Annotated[Path | None, _option("--run", help="A trained run instead of what ships.", metavar="DIR")] = None,
    report: Annotated[
        Path | None, _option("--report", help="Draw charts and an HTML page here.", metavar="DIR")
    ] = None,
    album: Annotated[
        Path | None, _option("--album", help="Photos in folders named after the four.", metavar="DIR")
    ] = None,
    natural: Annotated[
        Path | None, _option("--natural", help="Natural faces that viewers judged.", metavar="DIR", show_default=False)
    ] = None,
    faces: Annotated[
        Path | None,
        _option("--faces", help="The photos that --natural lists.", metavar="DIR", show_default=False),
    ] = None,
    answers: Annotated[
        list[str] | None,
        _option(
            "--answers",
            help="CSV of what another program says of the natural faces (repeatable).",
            metavar="NAME=FILE",
            show_default=False,
        ),
    ] = None,
    boxes: Annotated[
        Path | None, _option("--boxes", help="Photos with a boxes.json, for faces.", metavar="DIR")
    ] = None,
    no_faces: Annotated[
        Path | None, _option("--no-faces", help="Photos that show no face, for faces.", metavar="DIR")
    ] = None,
    against: Annotated[
        list[Path] | None,
        _option(
            "--against",
            help="A model for OpenCV's FaceDetectorYN, to compare (repeatable).",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Print the figures of the model cards, each with its count and 95 % interval."""
    _known_network(network)
    others = {
        "emotion": ("boxes", "no_faces", "against"),
        "faces": ("data", "votes", "labels", "split", "album", "natural", "faces", "answers"),
    }
    _refuse(ctx, others[network], f"--network {network}")
    if network == "faces":
        if boxes is None and no_faces is None:
            raise UsageError("--network faces needs --boxes DIR, photos with a boxes.json, or --no-faces DIR, or both")
        _evaluate_faces(boxes, no_faces, against or [], run, report, _quiet(ctx, quiet))
        return
    if album is None and data is None and natural is None:
        raise UsageError("name --data (and --votes) for labelled faces, --natural for natural ones, --album for photos")
    if natural is None:
        _refuse(ctx, ("faces", "answers"), "faces other than those of --natural")
    if data is None:
        _refuse(ctx, ("votes", "labels", "split"), "faces other than those of --data")
    if data is None and natural is None:
        _refuse(ctx, ("report",), "--album alone")
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work, not after it
    if natural is not None:
        _evaluate_natural(natural, run, faces, answers or (), report, _quiet(ctx, quiet))
    if data is not None:
        _need_tensorflow()
        from .training.emotion import shipping

        _print_evaluated(shipping.evaluate(data, votes, split, run, _labels(labels), report))
    if album is not None:
        _evaluate_album(album, run, _quiet(ctx, quiet))


@model_app.command()
def compare(
    ctx: typer.Context,
    data: Annotated[Path, _option("--data", help=DATA_HELP, metavar="PATH")],
    run: Annotated[
        Path, _option("--run", help="Folder of what is trained and written; what it holds is kept.", metavar="DIR")
    ],
    votes: Annotated[Path | None, _option("--votes", help="FER+ as its CSV: judge by it, too.", metavar="FILE")] = None,
    system: Annotated[
        list[str] | None, _option("--system", help="Only this one (repeatable).  [default: all]", show_default=False)
    ] = None,
    epochs: Annotated[
        int | None, _option("--epochs", help="At most so many for each.", min=1, show_default=False)
    ] = None,
    faces: Annotated[
        int | None,
        _option("--faces", help="Train on at most so many.", min=1, show_default=False),
    ] = None,
    vgg19_weights: Annotated[
        Path | None,
        _option(
            "--vgg19-weights",
            help="Keras' ImageNet weights, no top.  [default: in Keras' folder]",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Rebuild the systems albumsort grew from, and compare them with it on the same faces and labels."""
    _need_tensorflow()
    from .training.comparison import compare as comparison
    from .training.comparison import report as comparison_report
    from .training.comparison import systems

    chosen = systems.chosen(system or [])
    with _silent_if(_quiet(ctx, quiet)):
        compared = comparison.compare(data, votes, chosen, run, epochs, faces, vgg19_weights, _say)
        _say(f"Table, chart and curves: {run}")
    if sys.stdout.isatty():
        _console().print(comparison_report.table(compared))
    else:
        print(comparison_report.markdown(compared), end="")


def _need_tensorflow() -> None:
    from importlib.util import find_spec

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if find_spec("tensorflow") is None:
        raise AlbumsortError("this needs TensorFlow; install it with: pip install 'albumsort[train]'")
    from .litert import hushed

    with hushed():  # it introduces itself at length, whatever its level of logging
        import tensorflow  # noqa: F401


def _need_matplotlib() -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise AlbumsortError("--report needs Matplotlib; install it with: pip install 'albumsort[train]'")


def _labels(words: str | None) -> tuple[str, ...]:
    from .training.emotion.sources import canonical

    return () if words is None else tuple(canonical(word) for word in words.split(",") if word.strip())


def _print_evaluated(evaluated: Evaluated) -> None:
    titles = {
        "ferplus_8": "FER+ official rule, 8 classes",
        "ferplus_four": "FER+ official rule, four classes",
        "fer2013_7": "FER2013 labels, 7 classes",
        "fer2013_four": "FER2013 labels, four classes",
    }
    report = evaluated.report
    print(f"{evaluated.split}; shares with 95 % bootstrap interval")
    for name, score in report.scores.items():
        head, _, subset = name.partition("_")
        title = titles.get(name) or f"{'FER+' if head == 'ferplus' else 'labels'}: {subset.replace('_', ', ')}"
        print(f"{title:34} {score}")
    print(f"{f'calibration error, {report.head}':34} {report.calibration_error:.3f} at T={evaluated.temperature}")
    print(f"{'size, time a face (one thread)':34} {evaluated.bytes / 1e6:.2f} MB, {evaluated.milliseconds:.2f} ms")
    print("\nConfusion (rows: verdict, columns: network)")
    print(" " * 10 + "".join(f"{name[:8]:>9}" for name in report.labels))
    for name, row in zip(report.labels, report.confusion, strict=True):
        print(f"{name[:10]:10}" + "".join(f"{count:9}" for count in row))


def _evaluate_natural(
    natural: Path, run: Path | None, photos: Path | None, answers: Sequence[str], report: Path | None, quiet: bool
) -> None:
    from tqdm import tqdm

    from .training.common import page
    from .training.emotion import natural_evaluation

    others = dict(_named(answer) for answer in answers)
    show = _on_terminal() and not quiet
    done = natural_evaluation.evaluate(
        natural, _classifier(run), photos, others, report, lambda paths: tqdm(list(paths), disable=not show)
    )
    print("\n\n".join(page.plain(table) for table in done.tables))
    _print_failures(done.failed)
    if done.failed:
        raise typer.Exit(1)


def _named(answer: str) -> tuple[str, Path]:
    name, equals, file = answer.partition("=")
    if not (name and equals and file):
        raise UsageError(f"--answers {answer}: write NAME=FILE, like fer=fer.csv")
    return name, Path(file)


def _classifier(run: Path | None) -> EmotionClassifier:
    """Return the network that ships, or that of a run."""
    if run is None:
        from .emotions import load_classifier

        return load_classifier()
    _need_tensorflow()
    from .training.emotion import shipping

    return shipping.classifier(run)


def _evaluate_album(album: Path, run: Path | None, quiet: bool) -> None:
    from tqdm import tqdm

    from .training.emotion import album as album_evaluation

    classifier = _classifier(run)
    show = _on_terminal() and not quiet
    report = album_evaluation.evaluate(album, classifier, lambda files: tqdm(files, disable=not show))
    kinds = list(next(iter(report.counts.values())))
    print(f"\n{album}: label of the largest face, with the shares of this album")
    print(
        " " * 10 + "".join(f"{name:>9}" for name in kinds) + "   recall, 95 % interval           first 50   precision"
    )
    for emotion, row in report.counts.items():
        counts = "".join(f"{row[kind]:9}" for kind in kinds)
        print(
            f"{emotion:10}{counts}   {report.recall[emotion]}   {report.top[emotion]:8}   {report.precision[emotion]}"
        )
    print("shares: " + ", ".join(f"{answer or 'nothing'} {share:.3f}" for answer, share in report.shares.items()))
    print(f"balanced accuracy {report.balanced:.3f}")
    _print_failures(report.failed)
    if report.failed:
        raise typer.Exit(1)


def _evaluate_faces(
    boxes: Path | None, no_faces: Path | None, against: list[Path], run: Path | None, report: Path | None, quiet: bool
) -> None:
    from tqdm import tqdm

    from .training.common import page
    from .training.detectors import judging, matching, timing
    from .training.detectors import photos as detector_photos
    from .training.detectors import tables as face_tables

    if report is not None:
        _need_matplotlib()
        report.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before the work, not after it
    listed = detector_photos.labelled(boxes) if boxes is not None else []
    listed += detector_photos.faceless(no_faces) if no_faces is not None else []
    ours: FaceDetector | None = None
    if run is not None:
        _need_tensorflow()
        from .training.faces import shipping

        ours = shipping.detector(run, matching.FLOOR)
    chosen = judging.entrants(against, ours)
    show = _on_terminal() and not quiet
    results, failed = judging.run(chosen, listed, lambda p: tqdm(p, disable=not show))
    measured = face_tables.rows(results)
    times = timing.measure(chosen, [judged.photo.path for judged in results[0].judged])
    tables = [face_tables.of_figures(measured), face_tables.of_sizes(results), face_tables.of_times(times)]
    tables += [face_tables.of_landmarks(results)] if against else []
    print("\n\n".join(page.plain(table) for table in tables))
    if report is not None:
        from .training.detectors import report as face_report

        page_of_all = face_report.write(report, results, measured, times)
        if not quiet:
            _say(f"Report: {page_of_all}")
    _print_failures(failed)
    if failed:
        raise typer.Exit(1)


def _tell_outdated(ctx: typer.Context, database: Index, quiet: bool) -> None:
    """Say how many photos of a list wait for what this version can do better."""
    if not _quiet(ctx, quiet):
        _say_outdated(_count_outdated(database))


def _count_outdated(database: Index) -> int:
    from .errors import WeightsError
    from .methods import settings

    try:
        return database.count_outdated(settings())
    except WeightsError:  # a damaged installation: what is stored can be listed, and `index` and `doctor` say the rest
        return 0


def _say_outdated(waiting: int) -> None:
    if waiting:
        _say(f"Analysed by an older albumsort: {waiting} photos. To judge them as this one does, index their folders")


def _listed(files_from: str | None) -> list[Path] | None:
    """Return the paths listed in a file, or on standard input for -."""
    if files_from is None:
        return None
    try:
        data = sys.stdin.buffer.read() if files_from == "-" else Path(files_from).read_bytes()
    except OSError as e:
        raise UsageError(f"cannot read the list {files_from}: {e.strerror}") from e
    separator = b"\0" if b"\0" in data else b"\n"
    lines = data.split(separator)
    if separator == b"\n":
        lines = [line.removesuffix(b"\r") for line in lines]
    return [Path(os.fsdecode(line)) for line in lines if line.strip()]


def _open(ctx: typer.Context, db: Path | None, create: bool = False) -> Index:
    """Open the index that the command line, the environment or the default names, in this order."""
    from .index import Index

    hushed = _quiet(ctx, bool(ctx.params.get("quiet")))
    return Index(_database(ctx, db), create=create, tell=(lambda message: None) if hushed else _say)


def _database(ctx: typer.Context, db: Path | None) -> Path:
    before = ctx.find_object(Common) or Common()
    if before.db is not None and not _on_command_line(ctx, "db"):
        return before.db
    if db is not None:
        return db
    from platformdirs import user_data_path

    return user_data_path("albumsort", appauthor=False) / "index.sqlite"


def _quiet(ctx: typer.Context, quiet: bool) -> bool:
    return quiet or (ctx.find_object(Common) or Common()).quiet


def _form(ctx: typer.Context) -> Form:
    """Return the form asked for."""
    from .output import Form

    forms = {"as_json": Form.JSON, "nl": Form.LINES, "as_csv": Form.CSV, "null": Form.NULL}
    asked = [name for name in forms if ctx.params[name]]
    if len(asked) > 1:
        raise UsageError("choose one of --json, --nl, --csv and --null")
    return forms[asked[0]] if asked else Form.TABLE if sys.stdout.isatty() else Form.PATHS


def _on_command_line(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _counted(min_face: str, min_detection: float, min_sharpness: float) -> Counted:
    return Counted(min_detection, _percent("--min-face", min_face), min_sharpness)


def _percent(option: str, text: str) -> float:
    """Return a share, 0-1, that is written in percent."""
    if not re.fullmatch(r"(\d{1,3}|\d{0,3}\.\d+) ?%?", text.strip()):
        raise UsageError(f"{option} {text!r}: write a number of percent, like 5 or 7.5")
    return float(text.strip().rstrip("% ")) / 100


def _filters(
    since: str | None, until: str | None, folders: Sequence[Path] | None, faces: str | None, counted: Counted
) -> Filters:
    return Filters(
        since=None if since is None else _date("--since", since, "0000-01-01T00:00:00Z"),
        until=None if until is None else _date("--until", until, "9999-12-31T23:59:59Z"),
        folders=tuple(Path(os.path.abspath(f)) for f in folders or ()),
        faces=None if faces is None else _range(faces),
        counted=counted,
    )


def _date(option: str, text: str, rest: str) -> str:
    """Complete 2024, 2024-07, 2024-07-31 or a time to a UTC time; `rest` is what a shorter date lacks."""
    if not re.fullmatch(r"\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?)?)?", text):
        return _no_date(option, text)
    if option == "--until" and len(text) == 7:  # the months' ends differ; texts compare all the same
        return f"{text}-31T23:59:59Z" if 1 <= int(text[5:]) <= 12 else _no_date(option, text)
    short = text.replace(" ", "T")
    if len(text) <= 16:
        short += rest[len(text) : -1]
    try:
        time = datetime.fromisoformat(short)
        return utc_text(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return _no_date(option, text)


def _no_date(option: str, text: str) -> str:
    raise UsageError(f"{option} {text!r} is no date; write it like 2024, 2024-07 or 2024-07-31")


def _range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:(\.\.)(\d*))?", text.strip())
    if not found:
        raise UsageError(f"--faces {text!r}: write a number, or a range like 2..5 or 2..")
    low = min(int(found[1]), MOST)
    high = low if not found[2] else min(int(found[3]), MOST) if found[3] else MOST
    if high < low:
        raise UsageError(f"--faces {text!r}: the range ends before it begins")
    return low, high


def _print_photos(photos: Iterable[Any], form: Form, quiet: bool) -> None:
    from . import output

    if form is not output.Form.TABLE:
        output.write_photos(photos, form, sys.stdout)
        return
    listed = list(photos)
    if listed:
        _console().print(output.photo_table(listed))
    elif not quiet:
        _say("No photo matches. What is in the index: albumsort stats")


def _report_json(report: Report) -> dict[str, Any]:
    failed = [{"path": str(path), "error": reason} for path, reason in report.failed]
    counts = {k: getattr(report, k) for k in ("found", "analysed", "unchanged", "moved", "missing")}
    more = {"faces": report.faces, "rescored": report.rescored, "seconds": round(report.seconds, 3)}
    return {**counts, "failed": failed, **more}


def _print_report(report: Report, database: Index) -> None:
    """Sum a run up on stderr."""
    from rich.table import Table

    from .explanation import NO_LABEL
    from .output import printable

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    rate = f" in {report.seconds:.1f} s" + (
        f", {report.analysed / report.seconds:.0f} a second" if report.analysed else ""
    )
    rows = [
        (report.found, "photos found"),
        (report.analysed, f"analysed{rate}"),
        (report.unchanged, "unchanged"),
        (report.moved, "moved or renamed"),
        (report.missing, "missing (their results are kept; prune forgets them)"),
        (report.faces, "faces in what was analysed"),
        (report.rescored, "judged again from stored faces, as the emotion network changed"),
        (len(report.failed), "failed"),
    ]
    for count, what in rows:
        if count or what in ("photos found", "unchanged") or what.startswith("analysed"):
            table.add_row(f"{count}", what)
    console = _console(stderr=True)
    console.print(table)
    counts = database.stats()
    labels = [f"{counts.labels.get(e, 0)} {e}" for e in Emotion]
    console.print(f"In the index: {', '.join([*labels, f'{counts.unlabelled} {NO_LABEL}'])} (by the largest face)")
    if report.skipped:
        skipped = ", ".join(f"{n} {why}" for why, n in Counter(report.skipped).most_common())
        console.print(f"Skipped: {printable(skipped)}", markup=False)
    _print_failures(report.failed)
    if report.interrupted:
        console.print("Interrupted; what was analysed is kept. Run index again to go on.")


def _profile_json(profile: Profile) -> dict[str, Any]:
    steps = {name: round(seconds, 3) for name, seconds in profile.steps.items()}
    more = {"idle": round(profile.idle, 3), "writing": round(profile.writing, 3), "seconds": round(profile.seconds, 3)}
    return {"workers": profile.size, "steps": steps, **more}


def _print_profile(report: Report) -> None:
    """Show on stderr what the workers' time went into; writing goes on beside them."""
    from rich.table import Table

    profile, photos = report.profile, max(1, report.analysed)
    whole = profile.seconds * profile.size or 1.0
    table = Table("step", title=f"{profile.size} workers, {profile.seconds:.1f} s", title_justify="left")
    for column in ("seconds", "ms a photo", "share"):
        table.add_column(column, justify="right")
    steps = sorted(profile.steps.items(), key=lambda pair: -pair[1])
    for name, seconds in [*steps, ("idle", profile.idle), ("writing, beside them", profile.writing)]:
        table.add_row(name, f"{seconds:.2f}", f"{1000 * seconds / photos:.2f}", f"{100 * seconds / whole:.1f} %")
    _console(stderr=True).print(table)


def _print_failures(failures: Iterable[tuple[Path, str]]) -> None:
    from .output import printable

    for path, reason in failures:
        _say(f"failed: {printable(path)}: {printable(reason)}")


def _console(stderr: bool = False) -> Any:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=stderr)


def _on_terminal() -> bool:
    """Whether somebody watches stderr: progress is shown to nobody else."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def _silent_if(quiet: bool) -> Iterator[None]:
    """Let training draw no bars and tell no losses; errors are said after it."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere) if quiet else nullcontext():
        yield


def _say(message: str) -> None:
    from .output import printable

    print(printable(message), file=sys.stderr)
