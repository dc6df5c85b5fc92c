"""Twenty marks hold wherever their photos go, and whatever results come."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import exported, invoke
from helpers import astronaut, encoded, index_album
from PIL import ImageEnhance
from test_updates import other_emotions

from albumsort.index import marks
from albumsort.index.database import Database
from albumsort.types import Emotion

SAID = {f"{number:02}.jpg": list(Emotion)[number % 7] for number in range(20)}


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Twenty portraits that differ in brightness, each marked by its name."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / "album").mkdir()
    for number, name in enumerate(SAID):
        picture = ImageEnhance.Brightness(astronaut(240)).enhance(0.8 + number / 50)
        (folder / "album" / name).write_bytes(encoded(picture))
    index_album(folder / "index.sqlite", folder / "album")
    words = [word for name, says in SAID.items() for word in (str(folder / "album" / name), says)]
    assert invoke("mark", *words, db=folder / "index.sqlite").exit_code == 0
    return SimpleNamespace(folder=folder)


@pytest.fixture
def album(marked: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A copy of the album and its index."""
    shutil.copytree(marked.folder / "album", tmp_path / "album")
    for file in marked.folder.glob("index.sqlite*"):
        shutil.copy(file, tmp_path / file.name)
    index_album(tmp_path / "index.sqlite", tmp_path / "album")
    return SimpleNamespace(folder=tmp_path / "album", database=tmp_path / "index.sqlite")


def labels(database: Path, folder: Path) -> dict[str, str]:
    photos = json.loads(invoke("list", "--json", "--all", "--path", folder, db=database).stdout)
    assert all(photo["marked"] == photo["label"] and photo["sure"] == 1 for photo in photos)
    assert all(photo["faces"][0]["probabilities"][photo["label"]] == 1 for photo in photos)
    return {Path(photo["path"]).name: photo["label"] for photo in photos}


def assert_held(database: Path, folder: Path) -> None:
    """All that lists, counts and exports photos has the marked labels."""
    assert labels(database, folder) == SAID
    for emotion in Emotion:
        found = invoke("top", emotion, "--all", "--min-score", "1", "--path", folder, db=database).stdout.split()
        assert sorted(Path(path).name for path in found) == [name for name, says in SAID.items() if says is emotion]
    plan = invoke("export", *Emotion, "--to", folder.parent / "out", "--dry-run", db=database).stdout.splitlines()
    pairs = [line.split("\t")[1:3] for line in plan]
    assert all(Path(to).parent.name == SAID[Path(source).name] for source, to in pairs)
    assert len({Path(source).name for source, _ in pairs}) == 20


def test_in_stats(album: SimpleNamespace) -> None:
    assert_held(album.database, album.folder)
    counts = json.loads(invoke("stats", "--json", db=album.database).stdout)
    files = counts["photos"] // 20  # the first album is in the index, too
    assert {e: counts[e] for e in Emotion} == {e: files * list(SAID.values()).count(e) for e in Emotion}
    assert counts["unsure"] == 0


def test_after_a_move(album: SimpleNamespace) -> None:
    moved = album.folder.rename(album.folder.parent / "moved")
    index_album(album.database, moved)
    assert_held(album.database, moved)


def test_after_other_names(album: SimpleNamespace) -> None:
    for name in SAID:
        (album.folder / name).rename(album.folder / f"new {name}")
    index_album(album.database, album.folder)
    assert labels(album.database, album.folder) == {f"new {name}": says for name, says in SAID.items()}


def test_after_a_rescan(album: SimpleNamespace) -> None:
    index_album(album.database, album.folder, rescan=True)
    assert_held(album.database, album.folder)


def test_of_copies_in_another_album(album: SimpleNamespace) -> None:
    copies = album.folder.parent / "copies"
    shutil.copytree(album.folder, copies)
    index_album(album.database, copies)
    assert_held(album.database, copies)
    assert_held(album.database, album.folder)


def test_after_another_network(album: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    other_emotions(monkeypatch)
    assert index_album(album.database, album.folder).rescored == 20
    assert_held(album.database, album.folder)


def test_in_an_index_that_is_made_again(album: SimpleNamespace, tmp_path: Path) -> None:
    invoke("mark", "--export", tmp_path / "marks.jsonl", db=album.database)
    again = tmp_path / "again.sqlite"
    Database(again, create=True).close()
    invoke("mark", "--import", tmp_path / "marks.jsonl", db=again)
    index_album(again, album.folder)
    assert_held(again, album.folder)


def test_undo_brings_the_labels_back(album: SimpleNamespace) -> None:
    words = [word for name in SAID for word in (str(album.folder / name), "undo")]
    assert invoke("mark", *words, db=album.database).exit_code == 0
    photos = json.loads(invoke("list", "--json", "--all", "--path", album.folder, db=album.database).stdout)
    assert [(photo["label"], photo["marked"]) for photo in photos] == [("happy", None)] * 20


def test_an_export_has_the_marked_folders(album: SimpleNamespace, tmp_path: Path) -> None:
    assert invoke("export", "happy", "sad", "--to", tmp_path / "out", db=album.database).exit_code == 0
    names = {name.partition("/")[0]: set[str]() for name in exported(tmp_path / "out")}
    for name in exported(tmp_path / "out"):
        names[name.partition("/")[0]].add(name[-6:])
    assert {folder: found for folder, found in names.items() if folder in list(Emotion)} == {
        emotion: {name for name, says in SAID.items() if says is emotion} for emotion in (Emotion.HAPPY, Emotion.SAD)
    }


def test_labels_drawn_at_random_are_judged(album: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database(album.database) as index, index.transaction():
        for mark in marks.all_marks(index):
            marks.remove_marks(index, mark.digest)
    drawn = invoke("mark", "--random", "10", db=album.database).stdout.splitlines()
    assert len(drawn) == 10
    names = [line.split("\t")[0] for line in drawn]
    words = [
        word for at, name in enumerate(names) for word in (name, "happy" if at < 8 else ("no-face", "sad")[at % 2])
    ]
    assert invoke("mark", *words, db=album.database).exit_code == 0
    other = next(album.folder / name for name in SAID if not any(name in one for one in names))
    invoke("mark", other, "sad", db=album.database)
    assert json.loads(invoke("stats", "--json", db=album.database).stdout)["checked"] == {"labels": 10, "right": 8}
    said = invoke("stats", db=album.database).stderr
    assert "Of 10 photos drawn at random that you marked, 8 had the right label: 80 % (49 % to 94 %)" in said
    assert "differ most here: 2 labelled happy, marked sad; 1 labelled happy, marked no-face" in said
