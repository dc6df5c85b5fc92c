"""An album of 200 photos, indexed for real: one entry a moment, and the best frame of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from commands import invoke
from helpers import astronaut, encoded, exif, index_album
from moment_frames import BURST, START, pictures
from PIL import Image
from variants import CHANGES

SCENES = [4, 8, 16, 20, 24, 28, 32, 37, 40, 44]
FRAMES = ["as it is", *BURST]
BLURRED = {"blur", "strong blur"}


def scene(number: int) -> Any:
    """Return a picture with a portrait's head in it, BGR."""
    picture = cv2.resize(pictures()[number], (480, 360))
    head = np.asarray(astronaut().crop((140, 10, 320, 230)))[..., ::-1]
    left, top = 30 + 61 * number % 300, 20 + 37 * number % 150
    picture[top : top + 165, left : left + 135] = cv2.resize(head, (135, 165), interpolation=cv2.INTER_AREA)
    return picture


def frames_of(picture: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """Yield 15 different frames of a picture, each with what was changed."""
    random = np.random.default_rng(seed)
    for change in FRAMES:
        changed = picture.copy() if change == "as it is" else np.ascontiguousarray(CHANGES[change](picture, random))
        changed[:8, :8] = random.integers(0, 255, 3)  # no two files are equal
        yield change, changed


def write(path: Path, pixels: Any, seconds: float | None) -> None:
    taken = None if seconds is None else exif(taken=(START + timedelta(seconds=seconds)).strftime("%Y:%m:%d %H:%M:%S"))
    options = {} if taken is None else {"exif": taken}
    path.write_bytes(encoded(Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])), **options))


def draw(folder: Path, clock: bool) -> dict[str, tuple[str, str]]:
    """Write 15 frames of ten scenes, one again 40 days later, and 35 others; return scene and change by name."""
    folder.mkdir()
    known, number, seconds = dict[str, tuple[str, str]](), 0, 0.0

    def add(pixels: Any, of: str, change: str) -> None:
        nonlocal number, seconds
        number, seconds = number + 1, seconds + 1
        name = f"IMG_{number:05}.jpg"
        write(folder / name, pixels, seconds if clock else None)
        known[name] = of, change

    def pause(days: int = 0) -> None:
        nonlocal number, seconds
        number, seconds = number + 20 + 1000 * days, seconds + 60 + 86400 * days

    others = iter([picture for at, picture in enumerate(pictures()) if at not in SCENES][:35])
    for at in SCENES:
        picture = scene(at)
        for change, pixels in frames_of(picture, at):
            add(pixels, f"scene {at}", change)
        pause()
        for one in (next(others), next(others)):
            add(one, "other", "")
            pause()
    for one in others:
        add(one, "other", "")
        pause()
    pause(days=40)
    for change, pixels in frames_of(scene(SCENES[0]), 99):
        add(pixels, "again", change)
    return known


@pytest.fixture(scope="module", params=[True, False], ids=["with times", "with numbered names"])
def party(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("party")
    known = draw(folder / "album", request.param)
    report = index_album(folder / "index.sqlite", folder / "album")
    assert (report.found, report.failed) == (200, ())
    return SimpleNamespace(known=known, database=folder / "index.sqlite", album=folder / "album")


def top(party: SimpleNamespace, *options: str) -> list[tuple[str, str]]:
    photos = json.loads(invoke("top", "happy", "-n", "500", "--json", *options, db=party.database).stdout)
    return [party.known[Path(photo["path"]).name] for photo in photos]


def with_heads(party: SimpleNamespace, *options: str) -> list[str]:
    """Return the changes of the shown frames of scenes; other photos have faces, too."""
    return [change for of, change in top(party, *options) if of != "other"]


def test_each_scene_is_one_entry_and_the_later_visit_another(party: SimpleNamespace) -> None:
    shown = Counter(of for of, _ in top(party) if of != "other")
    assert shown == dict.fromkeys([*(f"scene {at}" for at in SCENES), "again"], 1)


def test_the_frame_that_is_shown_is_sharp(party: SimpleNamespace) -> None:
    shown = with_heads(party)
    assert len(shown) == 11
    assert not BLURRED & set(shown)


def test_what_is_behind_adds_up(party: SimpleNamespace) -> None:
    every, few = (
        invoke("top", "happy", "-n", "500", "--all", db=party.database),
        invoke("top", "happy", "-n", "500", db=party.database),
    )
    behind = len(every.stdout.splitlines()) - len(few.stdout.splitlines())
    assert behind >= 11 * 10
    assert f"{behind} more frames of the same moments" in few.stderr
    assert every.stderr == ""


def test_a_list_shows_every_frame_unless_asked_for_moments(party: SimpleNamespace) -> None:
    assert len(invoke("list", db=party.database).stdout.splitlines()) == 200
    moments = invoke("list", "--moments", db=party.database)
    names = [os.path.basename(line) for line in moments.stdout.splitlines()]
    shown = Counter(party.known[name][0] for name in names)
    assert {of: count for of, count in shown.items() if of != "other"} == dict.fromkeys(
        [*(f"scene {at}" for at in SCENES), "again"], 1
    )
    assert f"{200 - len(names)} more frames of the same moments" in moments.stderr
    photos = json.loads(invoke("list", "--json", db=party.database).stdout)
    of = {party.known[Path(photo["path"]).name][0]: photo["moment"] for photo in photos}
    assert len({of[name] for name in of if name != "other"}) == 11
    assert all(of[name] is not None for name in of if name != "other")


def test_months_share_the_places(party: SimpleNamespace) -> None:
    photos = json.loads(invoke("top", "happy", "-n", "2", "--spread", "month", "--json", db=party.database).stdout)
    dated = [photo["taken_at"][:7] for photo in photos if photo["taken_at"]]
    assert dated in ([], ["2024-07", "2024-08"], ["2024-08", "2024-07"])
    assert len(photos) == 2
