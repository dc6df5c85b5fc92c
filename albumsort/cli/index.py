"""`index`: analyse new and changed photos."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..types import Emotion
from .moved import report_moved
from .opening import index_file, is_quiet, open_index
from .options import AsJson, Db, Quiet, Version, option, setting
from .terminal import ALL_FAILURES, has_terminal, make_console, print_failures_by_reason, print_fields, say
from .values import listed_files

if TYPE_CHECKING:
    from ..index.database import Database
    from ..indexing.executors import Executor
    from ..indexing.plan import Plan
    from ..indexing.report import Profile, Report


def index(
    ctx: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Folders of photos, or single photos.", show_default=False),
    ] = None,
    files_from: Annotated[
        str | None,
        option("--files-from", help="Also index the files listed in FILE, one per line (-: stdin).", metavar="FILE"),
    ] = None,
    workers: Annotated[
        int,
        setting(
            "--workers",
            help="Number of worker processes.  [default: one per CPU core]",
            metavar="N",
            min=1,
            show_default=False,
        ),
    ] = (os.cpu_count() or 1),
    exclude: Annotated[
        list[str] | None,
        setting(
            "--exclude",
            help="Skip files and folders matching GLOB (repeatable).",
            metavar="GLOB",
            show_default=False,
        ),
    ] = None,
    show_skipped: Annotated[
        bool, option("--show-skipped", help="Also print each skipped file and folder, and why.")
    ] = False,
    rescan: Annotated[bool, option("--rescan", help="Analyse unchanged photos again.")] = False,
    cluster: Annotated[
        str | None,
        setting(
            "--cluster",
            help="Analyse on the workers of a Dask scheduler, like tcp://HOST:8786 (needs albumsort[cluster]).",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = None,
    cluster_path: Annotated[
        list[str] | None,
        setting(
            "--cluster-path",
            help="Path THERE on the workers for the folder HERE on this machine (repeatable).",
            metavar="HERE=THERE",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[bool, option("--profile", help="Show how long each step took.")] = False,
    as_json: AsJson = False,
    db: Db = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Analyse new and changed photos in folders.

    Without a PATH, index the folders that were indexed before.
    """
    from tqdm import tqdm

    from ..indexing import plan as indexing_plan
    from ..indexing import run

    executor = _executor(workers, cluster, cluster_path or ())
    listed = listed_files(files_from)
    skipped = list[tuple[Path, str]]()
    note = _skipped_note(skipped if as_json else None) if show_skipped else lambda path, reason: None
    if not paths and files_from is None and not index_file(ctx, db).exists():
        raise UsageError("no folder was indexed before; name one, like: albumsort index ~/Photos")
    with open_index(ctx, db, create=True) as database, database.alone():
        plan = indexing_plan.make_plan(database, paths or (), listed, exclude or (), rescan, note)
        if not is_quiet(ctx, quiet):
            _print_cost(plan)
        show = has_terminal() and not is_quiet(ctx, quiet)
        with tqdm(
            total=plan.todo + plan.stale + plan.undated, unit=" photos", disable=not show, dynamic_ncols=True
        ) as bar:
            report = run.run(database, plan, executor, bar.update)
        if as_json:
            named = {"skipped": [{"path": str(path), "reason": why} for path, why in skipped]} if show_skipped else {}
            times = {"profile": _profile_json(report.profile)} if profile else {}
            print(json.dumps({**_report_json(report), **named, **times}))
        if profile:
            _print_profile(report)
        if not is_quiet(ctx, quiet):
            _print_report(report, database)
            report_moved(database)
        else:
            print_failures_by_reason(report.newly_failed)
    raise typer.Exit(report.exit_code)


def _skipped_note(collected: list[tuple[Path, str]] | None) -> Callable[[Path, str], object]:
    """Return what to do with each skipped path and its reason: print them at once, or collect them."""
    if collected is None:
        return print_fields
    return lambda path, reason: collected.append((path, reason))


def _print_cost(plan: Plan) -> None:
    """Announce the work that an update of albumsort causes."""
    costs = []
    if plan.outdated:
        costs.append(f"{plan.outdated} photos are analysed again")
    if plan.stale:
        first = "first " if costs else ""
        costs.append(f"{plan.stale} photos are {first}judged again from stored faces, without opening a file")
    if plan.undated:
        costs.append(f"the dates of {plan.undated} photos are read from their files, without analysing them")
    if costs:
        say(f"albumsort has changed since the last run: {'; '.join(costs)}")


def _executor(workers: int, cluster: str | None, mapped: Sequence[str]) -> Executor:
    if cluster is None:
        if mapped:
            raise UsageError("--cluster-path needs --cluster: name the scheduler, like tcp://HOST:8786")
        from ..indexing.executors import Local

        return Local(workers)
    from ..indexing.cluster import Cluster, parse_path

    return Cluster(cluster, [parse_path(text) for text in mapped])


def _report_json(report: Report) -> dict[str, Any]:
    failed = [{"path": str(path), "error": reason} for path, reason in report.failed]
    counts = {k: getattr(report, k) for k in ("found", "analysed", "unchanged", "moved", "missing")}
    more = {"faces": report.faces, "rescored": report.rescored, "seconds": round(report.seconds, 3)}
    return {**counts, "failed": failed, **more}


def _print_report(report: Report, database: Database) -> None:
    """Print a summary of the run on stderr."""
    from rich.table import Table

    from ..index import counts
    from ..show.explanation import NO_LABEL
    from ..text import printable

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
        (report.missing, "missing (results are kept; prune removes them)"),
        (report.excluded, "known photos skipped now (results are kept, but no list has them)"),
        (report.faces, "faces in the analysed photos"),
        (report.rescored, "judged again from stored faces, because the emotion network changed"),
        (report.redated, "dates read again"),
        (len(report.failed), f"failed{_known(report)}"),
    ]
    for count, what in rows:
        if count or what in ("photos found", "unchanged") or what.startswith("analysed"):
            table.add_row(f"{count}", what)
    console = make_console(stderr=True)
    console.print(table)
    totals = counts.stats(database)
    labels = [f"{totals.labels.get(e, 0)} {e}" for e in Emotion]
    console.print(f"In the index: {', '.join([*labels, f'{totals.unlabelled} {NO_LABEL}'])}")
    if report.skipped:
        skipped = ", ".join(f"{n} {why}" for why, n in Counter(report.skipped).most_common())
        console.print(f"Skipped: {printable(skipped)}", markup=False)
    print_failures_by_reason(report.failed, ALL_FAILURES)
    if report.interrupted:
        console.print("Interrupted. All finished photos are stored; run index again to continue.")


def _known(report: Report) -> str:
    """Return how many of the failures are no news."""
    known = len(report.failed) - len(report.newly_failed)
    how_many = "all" if known == len(report.failed) else f"{known} of them"
    return f", {how_many} as on an earlier run" if known else ""


def _profile_json(profile: Profile) -> dict[str, Any]:
    steps = {name: round(seconds, 3) for name, seconds in profile.steps.items()}
    more = {"idle": round(profile.idle, 3), "writing": round(profile.writing, 3), "seconds": round(profile.seconds, 3)}
    return {"workers": profile.size, "steps": steps, **more}


def _print_profile(report: Report) -> None:
    """Print on stderr how the workers spent their time; this process writes in parallel."""
    from rich.table import Table

    profile, photos = report.profile, max(1, report.analysed)
    whole = profile.seconds * profile.size or 1.0
    table = Table("step", title=f"{profile.size} workers, {profile.seconds:.1f} s", title_justify="left")
    for column in ("seconds", "ms a photo", "share"):
        table.add_column(column, justify="right")
    steps = sorted(profile.steps.items(), key=lambda pair: -pair[1])
    for name, seconds in [*steps, ("idle", profile.idle), ("writing, in parallel", profile.writing)]:
        table.add_row(name, f"{seconds:.2f}", f"{1000 * seconds / photos:.2f}", f"{100 * seconds / whole:.1f} %")
    make_console(stderr=True).print(table)
