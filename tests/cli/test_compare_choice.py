"""`compare-choice`: the choice of albumsort within moments beside a person's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from commands import invoke
from helpers import face, on_a_terminal, save
from photo_tags import jpeg, xmp_packet
from typer.testing import Result

from albumsort.disk.contents import digest
from albumsort.index import storing
from albumsort.index.database import Database

HAPPY = {"a1": 0.2, "a2": 0.9, "a3": 0.6, "b1": 0.3, "b2": 0.8, "c1": 0.5}
"""How happy the face of each photo is; the letter is the moment, and c1 is a photo on its own."""


def photo(name: str, **tags: str) -> bytes:
    """Return a JPEG of its own bytes."""
    return jpeg(xmp=[xmp_packet({f"xmp:{key}": value for key, value in tags.items()})]) + name.encode()


def fill(database: Path, folder: Path, photos: Mapping[str, bytes]) -> None:
    """Index photos, all of whose faces are equally sharp; photos with the same first letter are a moment."""
    with Database(database, create=True) as index:
        for name, data in photos.items():
            path = folder / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            stem = Path(name).name
            save(index, path, [face(happy=HAPPY[stem], sad=1 - HAPPY[stem])], digest=digest(data))
            if stem[0] != "c":
                with index.transaction():
                    moment = int.from_bytes(name[:-1].encode(), "big")
                    index.writer.execute("UPDATE photos SET moment = ? WHERE path = ?", (moment, str(path).encode()))
        with index.transaction():
            storing.add_root(index, folder)


@pytest.fixture
def bursts(tmp_path: Path, database: Path) -> SimpleNamespace:
    """Two indexed moments and a photo on its own, and an empty folder for copies."""
    folder, kept = tmp_path / "album", tmp_path / "kept"
    fill(database, folder, {name: photo(name) for name in HAPPY})
    (kept / "in it").mkdir(parents=True)
    return SimpleNamespace(database=database, album=folder, kept=kept)


def keep(bursts: SimpleNamespace, *names: str) -> None:
    for number, name in enumerate(names):
        shutil.copy(bursts.album / f"{name}.jpg", bursts.kept / "in it" / f"{number}.jpeg")


def compare(bursts: SimpleNamespace, *options: str | Path) -> Result:
    return invoke("compare-choice", *options, db=bursts.database)


def figures(bursts: SimpleNamespace, *options: str | Path) -> Any:
    result = compare(bursts, *options, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_copies_under_other_names_are_compared(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2", "b1")
    result = compare(bursts, bursts.kept)
    assert (result.exit_code, result.stderr) == (0, "")
    first, second = result.stdout.splitlines()
    share, low, high, pairs, moments, ties = first.split("\t")
    assert (share, pairs, moments, ties) == ("0.6667", "3", "2", "0")
    assert 0 < float(low) < float(share) < float(high) < 1
    assert second == f"{bursts.album / 'b1.jpg'}\t{bursts.album / 'b2.jpg'}"


def test_json_gives_the_reasons(bursts: SimpleNamespace) -> None:
    keep(bursts, "b1", "a2")
    shown = figures(bursts, bursts.kept)
    assert (shown["emotion"], shown["pairs"], shown["ties"], shown["moments"]) == ("happy", 3, 0, 2)
    look = {"people": 1, "eyes_open": 1, "sharpness": 0.5}
    assert shown["disagreements"] == [
        {
            "kept": {"path": str(bursts.album / "b1.jpg"), "emotion": 0.3, **look},
            "preferred": {"path": str(bursts.album / "b2.jpg"), "emotion": 0.8, **look},
            "place": 2,
            "frames": 2,
        }
    ]
    assert (shown["unknown"], shown["failed"]) == ([], [])


def test_the_emotion_decides_what_is_best(bursts: SimpleNamespace) -> None:
    keep(bursts, "a1", "b1")
    assert figures(bursts, bursts.kept)["share"] == 0
    assert figures(bursts, bursts.kept, "--emotion", "sadness")["share"] == 1


def test_unknown_copies_are_counted_and_three_are_named(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2")
    others = [bursts.kept / f"{number}.jpg" for number in range(5)]
    for path in others:
        path.write_bytes(path.name.encode())
    result = compare(bursts, bursts.kept)
    names = ", ".join(map(str, others[:3]))
    assert result.stderr.startswith(f"5 files are not in the index, and left out: {names} and 2 more.")
    assert figures(bursts, bursts.kept)["unknown"] == list(map(str, others))
    assert compare(bursts, bursts.kept, "--quiet").stderr == ""
    for path in others[1:]:
        path.unlink()
    assert compare(bursts, bursts.kept).stderr.startswith(f"1 file is not in the index, and left out: {others[0]}.")


def test_a_copied_moment_counts_once(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2")
    before = figures(bursts, bursts.kept)
    again = {f"more/{name}": (bursts.album / f"{name}.jpg").read_bytes() for name in ("a1", "a2", "a3")}
    fill(bursts.database, bursts.album, again)
    assert figures(bursts, bursts.kept) == before


def test_a_frame_and_its_copy_in_the_moment_are_one_frame(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2")
    copy = bursts.album / "a9.jpg"
    shutil.copy(bursts.album / "a1.jpg", copy)
    with Database(bursts.database) as index:
        save(index, copy, [face(happy=0.2, sad=0.8)], digest=digest(copy.read_bytes()))
        with index.transaction():
            index.writer.execute("UPDATE photos SET moment = ? WHERE path = ?", (ord("a"), str(copy).encode()))
    assert figures(bursts, bursts.kept)["pairs"] == 2


def test_missing_frames_are_not_compared(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2")
    with Database(bursts.database) as index, index.transaction():
        storing.mark_missing(index, [bursts.album / "a3.jpg"])
    assert figures(bursts, bursts.kept)["pairs"] == 1


def test_an_absent_album_is_reported(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2")
    bursts.album.rename(bursts.album.with_name("unplugged"))
    result = compare(bursts, bursts.kept)
    assert result.exit_code == 1
    assert f"6 photos of {bursts.album} are not listed" in result.stderr


@pytest.mark.parametrize("names", [[], ["c1"], ["a1", "a2", "a3"]], ids=str)
def test_nothing_to_compare_is_an_error(bursts: SimpleNamespace, names: list[str]) -> None:
    keep(bursts, *names)
    result = compare(bursts, bursts.kept)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"no moment of which {bursts.kept} has some frames but not all" in result.stderr


def test_wrong_usage_is_refused(bursts: SimpleNamespace) -> None:
    for options, message in (
        ([], "name the folder"),
        ([bursts.kept, "--ratings"], "only one of FOLDER and --ratings"),
        ([bursts.kept, "--emotion", "grin"], "'grin' is not an emotion"),
    ):
        result = compare(bursts, *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
    assert compare(bursts, bursts.kept / "nowhere").exit_code == 1


def test_a_copy_that_cannot_be_read_is_an_error_because_it_would_count_as_not_kept(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2")
    (bursts.kept / "empty.jpg").touch()
    result = compare(bursts, bursts.kept)
    assert result.exit_code == 1
    assert f"{bursts.kept / 'empty.jpg'}: the file is empty; " in result.stderr


def test_a_terminal_shows_sentences_and_reasons(bursts: SimpleNamespace) -> None:
    keep(bursts, "a2", "b1")
    code, shown = on_a_terminal("compare-choice", bursts.kept, "--db", bursts.database)
    assert code == 0
    said = " ".join(shown.split())
    assert "The frame you kept ranks first in 67 % of 3 pairs, from 2 moments." in said
    assert f"you kept {bursts.album / 'b1.jpg'}" in said
    assert "place 2 of 2; eyes open 1 of 1; happy 30 %; sharpness 0.50" in said
    assert "eyes open 1 of 1; happy 80 %; sharpness 0.50" in said


def test_ten_disagreements_are_printed(bursts: SimpleNamespace) -> None:
    more = {f"m{number}/b{frame}": photo(f"{number} {frame}") for number in range(11) for frame in (1, 2)}
    fill(bursts.database, bursts.album, more)
    keep(bursts, *(name for name in more if name.endswith("b1")))
    assert len(compare(bursts, bursts.kept).stdout.splitlines()) == 11
    assert len(figures(bursts, bursts.kept)["disagreements"]) == 10


# ratings


def test_stars_in_the_album_are_compared(bursts: SimpleNamespace) -> None:
    tags = {"a1": "3", "a2": "5", "a3": "-1", "b1": "0"}
    for name, stars in tags.items():
        fill(bursts.database, bursts.album, {name: photo(name, Rating=stars)})
    (bursts.album / "b2.xmp").write_bytes(xmp_packet({"xmp:Rating": "1"}))
    before = {path: path.read_bytes() for path in bursts.album.iterdir()}
    shown = figures(bursts, "--ratings")
    assert (shown["pairs"], shown["moments"], shown["share"]) == (4, 2, 0.75)  # a3 before a1
    [one] = shown["disagreements"]
    assert [Path(one[which]["path"]).name for which in ("kept", "preferred")] == ["a1.jpg", "a3.jpg"]
    assert {path: path.read_bytes() for path in bursts.album.iterdir()} == before


def test_rejected_frames_are_as_those_without_stars(bursts: SimpleNamespace) -> None:
    fill(bursts.database, bursts.album, {"a1": photo("a1", Rating="-1")})
    result = compare(bursts, "--ratings")
    assert result.exit_code == 1
    assert "no moment with more stars for one frame than another" in result.stderr


def test_a_frame_that_is_gone_is_named_and_left_out(bursts: SimpleNamespace) -> None:
    fill(bursts.database, bursts.album, {"a2": photo("a2", Rating="5")})
    (bursts.album / "a1.jpg").unlink()
    result = compare(bursts, "--ratings")
    assert result.exit_code == 0
    assert result.stdout.startswith("1.0000\t")
    assert f"failed: {bursts.album / 'a1.jpg'}: cannot read the file" in result.stderr
    shown = figures(bursts, "--ratings")
    assert (shown["pairs"], [one["path"] for one in shown["failed"]]) == (1, [str(bursts.album / "a1.jpg")])
