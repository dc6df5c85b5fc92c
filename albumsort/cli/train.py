"""`model train`: train the emotion network or the face detector."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from .model import DATA_HELP, Labels, Votes, label_names, need_tensorflow
from .opening import is_quiet
from .options import Quiet, Version, option
from .terminal import has_terminal, say, silent_if

Run = Annotated[
    Path, option("--run", help="Folder for checkpoints and results; training resumes from it.", metavar="DIR")
]
Seed = Annotated[
    int | None, option("--seed", help="Random seed, instead of the recipe's.", metavar="N", show_default=False)
]
Weights = Annotated[
    Path | None,
    option("--weights", help="Install the trained network in DIR and update its manifest.", metavar="DIR"),
]


def train_emotion(
    ctx: typer.Context,
    run: Run,
    data: Annotated[Path, option("--data", help=DATA_HELP, metavar="PATH")],
    votes: Votes = None,
    labels: Labels = None,
    recipe: Annotated[str, option("--recipe", help="A preset, or a JSON file with its fields.")] = "compact",
    epochs: Annotated[
        int | None,
        option("--epochs", help="Number of epochs, instead of the recipe's.", metavar="N", min=1, show_default=False),
    ] = None,
    seed: Seed = None,
    teacher: Annotated[
        list[str] | None,
        option("--teacher", help="Run to distil from, or `shipped` (repeatable).", metavar="DIR", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        option("--start", help="Run to start from, or `shipped`.", metavar="DIR", show_default=False),
    ] = None,
    natural: Annotated[
        Path | None,
        option("--natural", help="Natural faces judged by viewers.", metavar="DIR", show_default=False),
    ] = None,
    judged: Annotated[
        list[Path] | None,
        option("--judged", help="CSV of more verdicts (repeatable).", metavar="FILE", show_default=False),
    ] = None,
    faces: Annotated[
        Path | None,
        option("--faces", help="Folder of photos whose faces to train on.", metavar="DIR", show_default=False),
    ] = None,
    reviewed: Annotated[
        Path | None,
        option(
            "--reviewed",
            help="CSV of reviewed detections in --faces; teaches what is not a face.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    without: Annotated[
        Path | None,
        option("--except", help="CSV of photos to leave out of training.", metavar="FILE", show_default=False),
    ] = None,
    weights: Weights = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train the emotion network, convert it to LiteRT, and calibrate it."""
    need_tensorflow()
    from tqdm import tqdm

    from ..training.emotion import fitting, gathering, shipping

    chosen = fitting.chosen(
        recipe, labels=label_names(labels), epochs=epochs, seed=seed, teachers=tuple(teacher or ()), start=start
    )
    sources = gathering.Sources(natural, judged or (), faces, reviewed, without)
    if faces is not None and not (chosen.teachers or judged or reviewed):
        raise UsageError("--faces needs --teacher, --judged or --reviewed: its photos have no labels of their own")
    with silent_if(is_quiet(ctx, quiet)):
        found = gathering.gather(sources, bool(chosen.teachers), lambda f: tqdm(f, disable=not has_terminal()))
        print(shipping.train(data, votes, found, chosen, run, _this_command()))
        say(f"History and a report on PublicTest are in {run}")
        if weights is not None:
            shipping.install(run, weights)


def train_faces(
    ctx: typer.Context,
    run: Run,
    photos: Annotated[
        list[Path], option("--photos", help="Folder of photos with and without faces (repeatable).", metavar="DIR")
    ],
    teacher: Annotated[
        Path, option("--teacher", help="ONNX file of OpenCV's FaceDetectorYN; it labels the photos.", metavar="FILE")
    ],
    boxes: Annotated[
        Path | None,
        option(
            "--boxes",
            help="Photos with a boxes.json; the recipe names the sets to train on.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    reviewed: Annotated[
        Path | None,
        option("--reviewed", help="CSV of a reviewer's verdicts on labels.", metavar="FILE", show_default=False),
    ] = None,
    recipe: Annotated[str, option("--recipe", help="A preset, or a JSON file with its fields.")] = "cascade",
    seed: Seed = None,
    start: Annotated[
        str | None,
        option(
            "--start",
            help="Run to start from, or `shipped`. Its proposer is kept if the recipe has no epochs for one.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    weights: Weights = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train both networks of the face detector, convert them, and calibrate them."""
    need_tensorflow()
    from functools import partial

    from tqdm import tqdm

    from ..training.faces import fitting, shipping
    from ..training.faces.labels import OpenCvTeacher
    from ..training.faces.photos import gather
    from ..types import THRESHOLD

    if not teacher.is_file():
        raise UsageError(f"{teacher}: no such file; --teacher takes an ONNX file of OpenCV's FaceDetectorYN")
    if reviewed is not None and not reviewed.is_file():
        raise UsageError(f"{reviewed}: no such file; --reviewed takes a CSV of verdicts")
    chosen = fitting.chosen(recipe, seed)
    with silent_if(is_quiet(ctx, quiet)):
        trained = shipping.train(
            gather(photos, boxes, chosen.box_sets),
            partial(OpenCvTeacher, teacher),
            f"{teacher.name} (sha256 {shipping.sha256(teacher.read_bytes())[:16]})",
            chosen,
            run,
            _this_command(),
            lambda p: tqdm(p, disable=not has_terminal()),
            reviewed,
            None if start is None else shipping.Start.read(start),
        )
        for file in (trained.proposer, trained.verifier):
            print(file)
        for name, judged in (("validation", trained.validation), ("without a face, held out", trained.held_out)):
            found, false = judged.at(THRESHOLD)
            say(f"{judged.photos} photos ({name}): {found} of {judged.faces} faces found, {false} false detections")
        say(f"Histories and charts are in {run}")
        if weights is not None:
            shipping.install(run, weights)


def _this_command() -> str:
    """Return the command line, quoted for a shell; the manifest and the run record it."""
    return shlex.join(["albumsort", *sys.argv[1:]])
