"""How photos are chosen, from files to output: everyone, copies, moments, marks, and quiet forms."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import invoke, share_out
from helpers import EVEN, face, index_album, on_a_terminal, save
from six_people import people, scene, smiling

from albumsort.choosing.labels import Album
from albumsort.index import moments, shares, storing
from albumsort.index.database import Database
from albumsort.types import Emotion


def strict(text: str) -> Any:
    """Read JSON without the words for numbers that JSON does not have."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def test_photos_in_which_everyone_smiles_come_first(tmp_path: Path) -> None:
    folder, database = tmp_path / "album", tmp_path / "index.sqlite"
    folder.mkdir()
    for number in range(20):
        frown = number % 2 == 1
        picture = scene(number, people(number, frown, [smiling()]))
        picture.save(folder / f"{'frown' if frown else 'smile'} {number:02} scene.png")
    index_album(database, folder)
    options = ("-n", "20", "--all", "--by", "everyone")
    photos = strict(invoke("top", "happy", *options, "--json", db=database).stdout)
    assert [Path(photo["path"]).name[:5] for photo in photos] == ["smile"] * 10 + ["frown"] * 10
    assert all([one["matters"] for one in photo["faces"]] == [True] * 6 for photo in photos)
    least = [min(one["probabilities"]["happy"] for one in photo["faces"]) for photo in photos]
    assert [photo["score"] for photo in photos] == least


def test_a_copy_in_another_album_has_the_label_of_that_album(tmp_path: Path) -> None:
    database = tmp_path / "index.sqlite"
    doubtful = [face(sad=0.45, neutral=0.5)]
    with Database(database, create=True) as index:
        for name in ("funeral/x.jpg", "party/x.jpg", "party/y.jpg"):
            save(index, tmp_path / name, doubtful, digest="d1")
        with index.transaction():
            for root in ("funeral", "party"):
                storing.add_root(index, tmp_path / root)
                (tmp_path / root).mkdir()
                (tmp_path / root / "x.jpg").touch()
            shares.save_natural_shares(index, EVEN, due=False)
            sadly = {**EVEN, Emotion.SAD: 0.9, Emotion.NEUTRAL: 0.0001}
            shares.save_albums(index, [Album(tmp_path / "funeral", sadly, 9)])
    every = strict(invoke("list", "--json", "--all", db=database).stdout)
    assert [photo["label"] for photo in every] == ["sad", "neutral", "neutral"]
    [once] = strict(invoke("list", "--json", db=database).stdout)
    assert (once["label"], len(once["also"])) == ("sad", 2)
    counts = strict(invoke("stats", "--json", db=database).stdout)
    assert (counts["sad"], counts["neutral"]) == (1, 2)
    plan = invoke("export", "--to", tmp_path / "out", "--dry-run", db=database).stdout
    assert (plan.count("/sad/"), plan.count("/neutral/")) == (1, 2)
    for sure in ("0.3", "0.6"):
        shown = strict(invoke("top", "sad", "--sure", sure, "--json", db=database).stdout)
        assert all(photo["sure"] >= float(sure) for photo in shown)


QUESTIONS = [
    ["top", "happy"],
    ["top", "happy", "--by", "everyone", "--spread", "folder"],
    ["top", "sad", "--sure", "0.5", "--eyes", "open"],
    ["list"],
    ["list", "--moments"],
    ["list", "--unsure"],
    ["list", "--marked"],
]


@pytest.fixture
def messy(library: SimpleNamespace) -> SimpleNamespace:
    """The library with a mark, a moment, a copy, and faces about which little is known."""
    with Database(library.database) as index:
        odd = face(happy=0.5, eyes=None)
        save(index, library.folder / "odd.jpg", [odd, face((90, 90, 50, 50), nothing=1.0)], digest="odd")
        save(index, library.folder / "odd copy.jpg", [odd], digest="odd")
        with index.transaction():
            index.writer.execute('UPDATE faces SET sharpness = NULL, "nothing" = NULL, eyes = NULL WHERE happy > 0.8')
            moments.save_moments(index, [[1, 2]])
    invoke("mark", library.folder / "rain.jpg", "happy", db=library.database)
    return library


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_every_form_of_every_question(messy: SimpleNamespace, database: Path, question: list[str]) -> None:
    paths = invoke(*question, db=messy.database).stdout.splitlines()
    photos = strict(invoke(*question, "--json", db=messy.database).stdout)
    assert [photo["path"] for photo in photos] == paths
    assert [strict(line) for line in invoke(*question, "--nl", db=messy.database).stdout.splitlines()] == photos
    assert invoke(*question, "--null", db=messy.database).stdout.split("\0")[:-1] == paths
    assert len(invoke(*question, "--csv", db=messy.database).stdout.splitlines()) == 1 + len(paths)
    quiet = invoke(*question, "--quiet", db=messy.database)
    assert (quiet.stderr, quiet.stdout.splitlines()) == ("", paths)
    Database(database, create=True).close()
    empty = invoke(*question, "--json", db=database)
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize("question", [*QUESTIONS, ["stats"]], ids=" ".join)
def test_a_narrow_terminal_shows_every_photo(messy: SimpleNamespace, question: list[str]) -> None:
    code, shown = on_a_terminal(*question, "--db", messy.database, env={"COLUMNS": "40"})
    assert code == 0
    assert "Traceback" not in shown
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert all(len(line.rstrip()) <= 40 for line in shown.splitlines() if "│" in line or "┃" in line)


def test_stats_of_a_messy_and_of_an_empty_index(messy: SimpleNamespace, database: Path) -> None:
    counts = strict(invoke("stats", "--json", db=messy.database).stdout)
    labels = sum(counts[e] for e in Emotion)
    assert labels + counts["no_clear_expression"] + counts["without_face"] == counts["photos"]
    assert sum(promise["photos"] for promise in counts["expected"].values()) == labels
    Database(database, create=True).close()
    empty = strict(invoke("stats", "--json", db=database).stdout)
    assert (empty["photos"], empty["expected"], empty["checked"]) == (0, {}, {"labels": 0, "right": 0})
    assert invoke("stats", db=database).exit_code == 0
    assert invoke("mark", "--random", "5", db=database).exit_code == 0


def test_marks_override_the_shares_of_the_album(library: SimpleNamespace) -> None:
    invoke("mark", library.folder / "rain.jpg", "disgust", db=library.database)
    share_out(library, sad=0.9, disgust=0.0001)
    photos = strict(invoke("list", "--json", db=library.database).stdout)
    [rain] = [photo for photo in photos if photo["path"].endswith("rain.jpg")]
    assert (rain["label"], rain["sure"], rain["marked"], rain["faces"][0]["label"]) == (
        "disgust",
        1,
        "disgust",
        "disgust",
    )
    assert invoke("list", "--marked", db=library.database).stdout.splitlines() == [rain["path"]]


def test_frames_of_a_moment_that_do_not_pass_are_not_behind(messy: SimpleNamespace) -> None:
    [shown] = strict(
        invoke(
            "top", "happy", "--path", messy.folder / "beach", "--min-score", "0.8", "--json", db=messy.database
        ).stdout
    )
    assert shown["moment"] is not None
    both = invoke("top", "happy", "--path", messy.folder / "beach", db=messy.database)
    assert "1 more frame of the same moment" in both.stderr


def test_hints_of_list_name_what_lists_the_rest(messy: SimpleNamespace) -> None:
    said = invoke("list", "--moments", db=messy.database).stderr
    assert "1 more frame of the same moment stands behind these (list without --moments to see all)" in said
    with closing(sqlite3.connect(messy.database)) as raw:
        assert raw.execute("SELECT count(*) FROM photos").fetchone() == (10,)
    shutil.rmtree(messy.folder)
    assert invoke("list", "--failed", "--moments", db=messy.database).exit_code == 2
