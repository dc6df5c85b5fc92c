"""`stats`: counts, shares, failures."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

from commands import invoke, share_out
from helpers import NOW, face, save

from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.types import PhotoFile


def test_stats_counts_photos_by_label_and_without_a_label(library: SimpleNamespace) -> None:
    result = invoke("stats", "--json", db=library.database)
    assert result.exit_code == 0
    counts = json.loads(result.stdout)
    assert counts.pop("expected")["happy"] == {"photos": 2, "right": 1.6, "low": 0.5, "high": 2.0, "unsure": 0}
    assert counts == {
        "photos": 8,
        "faces": 8,
        "anger": 1,
        "happy": 2,
        "sad": 2,
        "neutral": 1,
        "surprise": 1,
        "fear": 0,
        "disgust": 0,
        "unsure": 1,
        "no_clear_expression": 0,
        "without_face": 1,
        "failed": 0,
        "missing": 0,
        "excluded": 0,
        "absent": 0,
        "undated": 3,
        "waiting": 0,
        "checked": {"labels": 0, "right": 0},
        "roots": [str(library.folder)],
        "albums": [],
        "failures": [],
    }


def test_stats_piped_are_names_and_counts_and_failures_go_to_stderr(indexed: SimpleNamespace) -> None:
    result = invoke("stats", db=indexed.database)
    counts = dict(line.split("\t") for line in result.stdout.splitlines())
    assert counts == {
        "photos": "5",
        "faces": "2",
        "anger": "0",
        "happy": "2",
        "sad": "0",
        "neutral": "0",
        "unsure": "0",
        "no_clear_expression": "0",
        "without_face": "2",
        "failed": "1",
        "missing": "0",
        "excluded": "0",
        "absent": "0",
        "undated": "3",
    }
    assert f"failed: {indexed.album / 'broken.jpg'}: " in result.stderr


def test_stats_group_failures_by_reason_and_leave_out_deleted_photos(library: SimpleNamespace) -> None:
    broken = [library.folder / f"{number}.jpg" for number in range(6)]
    with Database(library.database) as index, index.transaction():
        for path in broken:
            storing.save_failure(index, PhotoFile(path, 0, 0), "the file is empty", NOW)
        storing.mark_missing(index, broken[:2])
    result = invoke("stats", db=library.database)
    assert result.stderr.splitlines()[-2:] == [
        f"failed: {broken[2]}, {broken[3]}, {broken[4]} and 1 more: the file is empty",
        "To see every photo that failed, run: albumsort list --failed",
    ]
    counts = json.loads(invoke("stats", "--json", db=library.database).stdout)
    assert (counts["photos"], counts["failed"], counts["missing"], counts["without_face"]) == (14, 4, 2, 1)
    assert [failure["path"] for failure in counts["failures"]] == [str(path) for path in broken[2:]]
    assert invoke("stats", "--quiet", db=library.database).stderr == ""


def test_piped_stats_always_list_the_four_emotions(indexed: SimpleNamespace) -> None:
    named = [line.split("\t")[0] for line in invoke("stats", db=indexed.database).stdout.splitlines()]
    assert {"anger", "happy", "sad", "neutral"} <= set(named)
    assert "fear" not in named


def test_stats_shows_the_estimated_shares_of_each_album(library: SimpleNamespace) -> None:
    share_out(library, neutral=0.55, happy=0.41, sad=0.006, nothing=0.03)
    result = invoke("stats", db=library.database)
    assert result.stderr.splitlines()[-1:] == [
        f"In {library.folder}, estimated from 1,204 faces: 55 % neutral, 41 % happy, 3 % no clear expression, "
        "0.6 % sad, 0.1 % anger, 0.1 % surprise, 0.1 % fear, 0.1 % disgust"
    ]
    [album] = json.loads(invoke("stats", "--json", db=library.database).stdout)["albums"]
    assert (album["path"], album["faces"]) == (str(library.folder), 1204)
    assert (album["shares"]["happy"], album["shares"]["nothing"]) == (0.41, 0.03)


def test_stats_counts_photos_that_wait_for_the_new_network(indexed: SimpleNamespace, tmp_path: Path) -> None:
    shutil.copy(indexed.database, tmp_path / "index.sqlite")
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.commit()
    said = invoke("stats", db=tmp_path / "index.sqlite").stderr
    assert "4 photos were analysed by an older albumsort. To update them, run index on their folders" in said
    assert json.loads(invoke("stats", "--json", db=tmp_path / "index.sqlite").stdout)["waiting"] == 4
    assert "older" not in invoke("stats", db=indexed.database).stderr
    for listing in (["top", "happy"], ["list"], ["export", "--to", str(tmp_path / "out"), "--dry-run"]):
        assert "4 photos were analysed by an older albumsort" in invoke(*listing, db=tmp_path / "index.sqlite").stderr
        assert "older" not in invoke(*listing, "--quiet", db=tmp_path / "index.sqlite").stderr


def test_faces_without_a_label_are_counted_and_listed_as_such(library: SimpleNamespace) -> None:
    with Database(library.database) as index:
        save(index, library.folder / "rain.jpg", [face(sad=0.3, nothing=0.9)], digest="blurred")
    counts = json.loads(invoke("stats", "--json", db=library.database).stdout)
    assert (counts["sad"], counts["no_clear_expression"]) == (1, 1)
    [rain] = [p for p in json.loads(invoke("list", "--json", db=library.database).stdout) if "rain" in p["path"]]
    assert (rain["label"], rain["sure"], rain["faces"][0]["label"]) == (None, None, None)
    assert "rain.jpg" not in invoke("list", "--min-score", "0.01", db=library.database).stdout
