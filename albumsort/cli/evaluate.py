"""`model evaluate`: the figures of the model cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import AlbumsortError, UsageError
from .model import DATA_HELP, Labels, Votes, label_names, need_tensorflow
from .opening import is_quiet
from .options import Quiet, Version, option
from .terminal import has_terminal, print_failures, say

if TYPE_CHECKING:
    from ..emotions import EmotionClassifier
    from ..faces.detector import FaceDetector
    from ..training.emotion.album import AlbumReport
    from ..training.emotion.shipping import Evaluated

SPLIT = "PrivateTest"
Run = Annotated[
    Path | None,
    option("--run", help="Evaluate this training run instead of what ships.", metavar="DIR", show_default=False),
]
ReportFolder = Annotated[
    Path | None, option("--report", help="Write charts and an HTML page to DIR.", metavar="DIR", show_default=False)
]


def evaluate_emotion(
    ctx: typer.Context,
    data: Annotated[Path | None, option("--data", help=DATA_HELP, metavar="PATH", show_default=False)] = None,
    votes: Votes = None,
    labels: Labels = None,
    split: Annotated[
        str | None, option("--split", help=f"Split of --data: Training, PublicTest or PrivateTest.  [default: {SPLIT}]")
    ] = None,
    natural: Annotated[
        Path | None, option("--natural", help="Natural faces judged by viewers.", metavar="DIR", show_default=False)
    ] = None,
    faces: Annotated[
        Path | None,
        option("--faces", help="Folder of the photos that --natural lists.", metavar="DIR", show_default=False),
    ] = None,
    answers: Annotated[
        list[str] | None,
        option(
            "--answers",
            help="CSV of another program's answers for the natural faces (repeatable).",
            metavar="NAME=FILE",
            show_default=False,
        ),
    ] = None,
    album: Annotated[
        Path | None,
        option("--album", help="Photos in folders named after four emotions.", metavar="DIR", show_default=False),
    ] = None,
    run: Run = None,
    report: ReportFolder = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Evaluate the emotion network. Each figure has its count and 95 % interval."""
    if album is None and data is None and natural is None:
        raise UsageError("give --data (and --votes) for labelled faces, --natural for natural ones, --album for photos")
    if natural is None and (faces or answers):
        raise UsageError("--faces and --answers need --natural")
    if data is None and (votes or labels or split):
        raise UsageError("--votes, --labels and --split need --data")
    if report is not None:
        if data is None and natural is None:
            raise UsageError("--report needs --data or --natural")
        report.mkdir(parents=True, exist_ok=True)  # first: if this fails, no work is lost
    if natural is not None:
        _evaluate_natural(natural, run, faces, answers or (), report, is_quiet(ctx, quiet))
    if data is not None:
        need_tensorflow()
        from ..training.emotion import shipping

        _print_evaluated(shipping.evaluate(data, votes, split or SPLIT, run, label_names(labels), report))
    if album is not None:
        _evaluate_album(album, run, is_quiet(ctx, quiet))


def _evaluate_natural(
    natural: Path, run: Path | None, photos: Path | None, answers: Sequence[str], report: Path | None, quiet: bool
) -> None:
    from tqdm import tqdm

    from ..training.common import page
    from ..training.emotion import natural_evaluation

    others = dict(_name_and_file(answer) for answer in answers)
    show = has_terminal() and not quiet
    evaluated = natural_evaluation.evaluate(
        natural, _classifier(run), photos, others, report, lambda paths: tqdm(list(paths), disable=not show)
    )
    print("\n\n".join(page.plain(table) for table in evaluated.tables))
    _fail_if(evaluated.failed)


def _name_and_file(answer: str) -> tuple[str, Path]:
    name, equals, file = answer.partition("=")
    if not (name and equals and file):
        raise UsageError(f"--answers {answer}: write it as NAME=FILE, like fer=fer.csv")
    return name, Path(file)


def _classifier(run: Path | None) -> EmotionClassifier:
    """Return the emotion network of a run, or the one that ships."""
    if run is None:
        from ..emotions import load_classifier

        return load_classifier()
    need_tensorflow()
    from ..training.emotion import shipping

    return shipping.classifier(run)


def _print_evaluated(evaluated: Evaluated) -> None:
    titles = {
        "ferplus_8": "FER+ official rule, 8 classes",
        "ferplus_four": "FER+ official rule, four classes",
        "fer2013_7": "FER2013 labels, 7 classes",
        "fer2013_four": "FER2013 labels, four classes",
    }
    report = evaluated.report
    print(f"{evaluated.split}; accuracy with 95 % bootstrap interval")
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


def _evaluate_album(folder: Path, run: Path | None, quiet: bool) -> None:
    from tqdm import tqdm

    from ..training.emotion import album

    classifier = _classifier(run)
    show = has_terminal() and not quiet
    report = album.evaluate(folder, classifier, lambda files: tqdm(files, disable=not show))
    print(f"\n{folder}: labels of photos, with the shares of this album")
    _print_album(report)
    _fail_if(report.failed)


def _print_album(report: AlbumReport) -> None:
    kinds = list(next(iter(report.counts.values())))
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


def evaluate_faces(
    ctx: typer.Context,
    boxes: Annotated[
        Path | None,
        option("--boxes", help="Photos with faces listed in a boxes.json.", metavar="DIR", show_default=False),
    ] = None,
    no_faces: Annotated[
        Path | None, option("--no-faces", help="Photos without a face.", metavar="DIR", show_default=False)
    ] = None,
    against: Annotated[
        list[Path] | None,
        option(
            "--against",
            help="ONNX file of OpenCV's FaceDetectorYN to compare with (repeatable).",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    run: Run = None,
    report: ReportFolder = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Evaluate the face detector. Each figure has its count and 95 % interval."""
    if boxes is None and no_faces is None:
        raise UsageError("give --boxes DIR (photos with a boxes.json), --no-faces DIR, or both")
    from tqdm import tqdm

    from ..training.common import page
    from ..training.detectors import judging, photos, tables, timing

    if report is not None:
        _need_matplotlib()
        report.mkdir(parents=True, exist_ok=True)  # first: if this fails, no work is lost
    listed = photos.labelled(boxes) if boxes is not None else []
    listed += photos.faceless(no_faces) if no_faces is not None else []
    entrants = judging.entrants(against or [], _detector(run))
    show = has_terminal() and not is_quiet(ctx, quiet)
    results, failed = judging.run(entrants, listed, lambda p: tqdm(p, disable=not show))
    measured = tables.rows(results)
    times = timing.measure(entrants, [judged.photo.path for judged in results[0].judged])
    printed = [tables.of_figures(measured), tables.of_sizes(results), tables.of_times(times)]
    printed += [tables.of_landmarks(results)] if against else []
    print("\n\n".join(page.plain(table) for table in printed))
    if report is not None:
        from ..training.detectors.report import write

        written = write(report, results, measured, times)
        if not is_quiet(ctx, quiet):
            say(f"Report: {written}")
    _fail_if(failed)


def _detector(run: Path | None) -> FaceDetector | None:
    """Return the face detector of a run; None means the one that ships."""
    if run is None:
        return None
    need_tensorflow()
    from ..training.detectors.matching import FLOOR
    from ..training.faces import shipping

    return shipping.detector(run, FLOOR)


def _need_matplotlib() -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise AlbumsortError("--report needs Matplotlib; install it with: pip install 'albumsort[train]'")


def _fail_if(failed: Sequence[tuple[Path, str]]) -> None:
    print_failures(failed)
    if failed:
        raise typer.Exit(1)
