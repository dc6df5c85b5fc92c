"""`moved`, and albums that are not there: real folders, moved and unplugged."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from commands import invoke
from helpers import encoded, face, index_album, landscape, on_a_terminal, save
from index_runs import counts, kept, photos, rows, tamper

from albumsort.index import folders, storing
from albumsort.index.database import Database

GOOD = ["astronaut.jpg", "drawing.png", "landscape.jpg", "turned.jpg"]


def paths(database: Path, *options: str) -> list[str]:
    return invoke("list", *options, db=database).stdout.splitlines()


def roots(database: Path) -> list[Path]:
    with Database(database) as index:
        return list(folders.indexed_folders(index))


def shares(database: Path) -> list[tuple[Path, int, str]]:
    with closing(sqlite3.connect(database)) as raw:
        found = raw.execute("SELECT root, faces, shares FROM album_shares ORDER BY root").fetchall()
    return [(Path(os.fsdecode(root)), faces, text) for root, faces, text in found]


@pytest.fixture
def away(album: Path, database: Path, tmp_path: Path) -> Path:
    """The new place of an indexed album that was moved; its results are marked."""
    index_album(database, album)
    tamper(database)
    (tmp_path / "mnt").mkdir()
    return album.rename(tmp_path / "mnt" / "new place")


# moved


def test_a_moved_album_keeps_its_results_and_nothing_is_analysed(album: Path, database: Path, away: Path) -> None:
    before = shares(database)
    result = invoke("moved", album, away, db=database)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"5 photos are now at {away}\n"
    assert paths(database) == [str(away / name) for name in GOOD]
    assert kept(photos(database)["astronaut.jpg"])
    assert roots(database) == [away]
    assert shares(database) == [(away, *before[0][1:])]
    assert counts(index_album(database)) == {"found": 5, "unchanged": 4, "failed": 1}
    assert kept(photos(database)["astronaut.jpg"])


def test_moved_is_quiet_if_asked(album: Path, database: Path, away: Path) -> None:
    assert invoke("moved", album, away, "--quiet", db=database).output == ""


def test_an_album_that_was_indexed_at_both_places_is_in_the_index_once(album: Path, database: Path, away: Path) -> None:
    (away / "later.jpg").write_bytes(encoded(landscape(100, 90)))
    index_album(database, away)
    assert len(paths(database)) == 5
    result = invoke("moved", album, away, db=database)
    assert result.stderr == f"5 photos are now at {away}; 5 had been indexed there before\n"
    assert len(rows(database)) == 6
    assert paths(database) == [str(away / name) for name in sorted([*GOOD, "later.jpg"])]
    assert roots(database) == [away]
    assert counts(index_album(database)) == {"found": 6, "unchanged": 5, "failed": 1}


def test_a_photo_that_changed_at_the_new_place_is_as_it_is_there(album: Path, database: Path, away: Path) -> None:
    (away / "landscape.jpg").write_bytes(encoded(landscape(100, 90)))
    index_album(database, away)
    changed = photos(database)["landscape.jpg"]
    assert invoke("moved", album, away, db=database).exit_code == 0
    assert photos(database)["landscape.jpg"] == changed
    assert changed.width == 100


def test_a_photo_that_is_missing_at_the_new_place_is_the_moved_one(album: Path, database: Path, tmp_path: Path) -> None:
    shutil.copytree(album, tmp_path / "new")
    index_album(database, album, tmp_path / "new")
    (tmp_path / "new" / "astronaut.jpg").unlink()
    index_album(database)
    shutil.copy2(album / "astronaut.jpg", tmp_path / "new")
    shutil.rmtree(album)
    assert invoke("moved", album, tmp_path / "new", db=database).exit_code == 0
    assert paths(database) == [str(tmp_path / "new" / name) for name in GOOD]
    assert paths(database, "--missing") == []


def test_photos_that_are_not_at_the_new_place_are_counted_and_marked_by_index(
    album: Path, database: Path, away: Path
) -> None:
    (away / "landscape.jpg").unlink()
    result = invoke("moved", album, away, db=database)
    assert result.stderr == f"4 photos are now at {away}; 1 is not there and will be marked missing by index\n"
    assert counts(index_album(database)) == {"found": 4, "unchanged": 3, "missing": 1, "failed": 1}


def test_a_folder_moved_out_of_its_album_becomes_one(album: Path, database: Path, tmp_path: Path) -> None:
    (album / "trip").mkdir()
    (album / "astronaut.jpg").rename(album / "trip" / "astronaut.jpg")
    index_album(database, album)
    (album / "trip").rename(tmp_path / "trip")
    assert invoke("moved", album / "trip", tmp_path / "trip", db=database).exit_code == 0
    assert roots(database) == [album, tmp_path / "trip"]
    assert paths(database, "--path", str(tmp_path / "trip")) == [str(tmp_path / "trip" / "astronaut.jpg")]
    index_album(database)
    assert [root for root, _, _ in shares(database)] == [album, tmp_path / "trip"]


def test_a_folder_moved_within_its_album_stays_in_it(album: Path, database: Path) -> None:
    (album / "trip").mkdir()
    (album / "astronaut.jpg").rename(album / "trip" / "a.jpg")
    index_album(database, album)
    tamper(database)
    (album / "trip").rename(album / "holiday")
    assert invoke("moved", album / "trip", album / "holiday", db=database).exit_code == 0
    assert str(album / "holiday" / "a.jpg") in paths(database)
    assert kept(photos(database)["a.jpg"])
    assert roots(database) == [album]


def test_a_folder_above_albums_takes_them_along(album: Path, database: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in ("one", "two"):
        shutil.copytree(album, home / name)
    index_album(database, home / "one", home / "two")
    home.rename(tmp_path / "house")
    assert invoke("moved", home, tmp_path / "house", db=database).exit_code == 0
    assert roots(database) == [tmp_path / "house" / name for name in ("one", "two")]
    assert len(paths(database, "--all")) == 8


def test_the_album_may_be_named_by_a_link_to_a_folder_above_it(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    (tmp_path / "link").symlink_to(tmp_path)
    album.rename(tmp_path / "new")
    assert invoke("moved", tmp_path / "link" / "album", tmp_path / "new", db=database).exit_code == 0
    assert paths(database) == [str(tmp_path / "new" / name) for name in GOOD]


def test_moved_refuses_what_is_no_move_and_changes_nothing(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    before, new = rows(database), tmp_path / "new"
    shutil.copytree(album, new)
    (tmp_path / "link").symlink_to(album)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "astronaut.jpg").write_bytes(b"another")

    def refused(old: Path, place: Path, code: int, *words: str) -> None:
        result = invoke("moved", old, place, db=database)
        assert (result.exit_code, result.stdout) == (code, "")
        assert all(word in result.stderr for word in words), result.stderr

    refused(album, new, 2, f"{album} is still there", f"albumsort index {new}")
    refused(album, tmp_path / "nowhere", 2, "is not a folder")
    refused(album, tmp_path / "link", 2, "nothing was changed")
    shutil.rmtree(album)
    refused(tmp_path / "albun", new, 2, "knows no photo", f"did you mean {album}?")
    refused(album, tmp_path / "other", 1, "1 files have their names, but not their sizes", "Nothing was changed")
    refused(album, tmp_path, 1, "does not hold the 5 photos", "none of them is there")
    assert rows(database) == before


def test_an_emptied_folder_is_moved_like_one_that_is_gone(album: Path, database: Path, away: Path) -> None:
    album.mkdir()
    assert invoke("moved", album, away, db=database).exit_code == 0
    assert paths(database) == [str(away / name) for name in GOOD]


def test_an_album_found_within_an_indexed_folder_is_moved_by_index_alone(
    album: Path, database: Path, away: Path, tmp_path: Path
) -> None:
    """Its old name is gone while the rest of the folder is there, so no disk is unplugged."""
    assert "4  moved or renamed" in "\n".join(index(database, tmp_path))
    assert paths(database) == [str(away / name) for name in GOOD]


# index notices a moved album


def hint(old: Path, new: Path, same: str) -> str:
    then = shlex.join(["albumsort", "moved", str(old), str(new)])
    return f"The album {old} is not there any more, and {same} photos are in {new}. If it was moved, run: {then}"


def index(database: Path, *arguments: str | Path) -> list[str]:
    return invoke("index", *arguments, "--workers", "1", db=database).stderr.splitlines()


@pytest.mark.parametrize("place", ["mnt/new place", "mnt"], ids=["the album", "the folder above"])
def test_index_offers_moved_if_an_absent_album_is_elsewhere(
    album: Path, database: Path, away: Path, tmp_path: Path, place: str
) -> None:
    assert hint(album, away, "4 of its 4") in index(database, tmp_path / place)
    assert invoke("moved", album, away, db=database).exit_code == 0
    assert not [line for line in index(database, tmp_path / place) if "not there any more" in line]


def test_index_offers_nothing_for_a_copy_or_a_few_equal_photos(album: Path, database: Path, tmp_path: Path) -> None:
    shutil.copytree(album, tmp_path / "copy")
    index_album(database, album)
    assert not [line for line in index(database, tmp_path / "copy") if "moved" in line]
    (tmp_path / "copy" / "landscape.jpg").unlink()
    index_album(database, tmp_path / "copy")
    album.rename(tmp_path / "unplugged")
    assert not [line for line in index(database, tmp_path / "copy") if "run: albumsort moved" in line]


def test_index_names_moved_for_an_album_that_is_not_there(album: Path, database: Path, away: Path) -> None:
    said = "\n".join(index(database))
    assert f"If it was moved, run: albumsort moved {album} NEW; if it is gone for good" in said


# lists leave out albums that are not there


@pytest.fixture
def disks(album: Path, database: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two indexed albums, one in the other; the inner one has a copy of a photo of the outer one."""
    inner = album / "usb"
    inner.mkdir()
    for name in ("astronaut.jpg", "drawing.png"):
        shutil.copy2(album / name, inner / f"z {name}")
    (inner / "own.jpg").write_bytes(encoded(landscape(100, 90)))
    index_album(database, album, inner)
    return album, inner


def test_an_absent_album_is_left_out_of_every_list_and_counted(
    database: Path, disks: tuple[Path, Path], tmp_path: Path
) -> None:
    outer, inner = disks
    inner.rename(tmp_path / "unplugged")
    said = (
        f"3 photos of {inner} are not listed: the folder is not there. "
        f"Plug in its disk, or run: albumsort moved {inner} NEW\n"
    )
    for command in (["list", "--all"], ["list"], ["list", "--json"]):
        result = invoke(*command, db=database)
        assert str(inner) not in result.stdout
        assert result.stderr == said
    top = invoke("top", "happy", "--json", db=database)
    assert {(photo["path"], *photo["also"]) for photo in json.loads(top.stdout)} == {
        (str(outer / name),) for name in ("astronaut.jpg", "turned.jpg")
    }
    assert top.stderr == said
    plan = invoke("export", "--to", tmp_path / "out", "--dry-run", db=database)
    assert str(inner) not in plan.stdout
    assert said in plan.stderr
    assert invoke("list", "--quiet", db=database).stderr == ""
    assert invoke("list", "--path", outer / "usb" / "..", "--faces", "9", db=database).stderr == ""


def test_list_missing_shows_the_photos_of_an_absent_album(database: Path, disks: tuple[Path, Path]) -> None:
    outer, inner = disks
    (outer / "landscape.jpg").unlink()
    index_album(database, outer)
    shutil.rmtree(inner)
    result = invoke("list", "--missing", "--all", db=database)
    names = ["usb/own.jpg", "usb/z astronaut.jpg", "usb/z drawing.png"]
    assert result.stdout.splitlines() == [str(outer / name) for name in ["landscape.jpg", *names]]
    assert result.stderr == ""


def test_the_nearest_of_nested_albums_decides(database: Path, disks: tuple[Path, Path], tmp_path: Path) -> None:
    outer, _ = disks
    outer.rename(tmp_path / "unplugged")
    result = invoke("list", db=database)
    assert result.stdout == ""
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        f"4 photos of {outer} are not listed",
        f"3 photos of {outer / 'usb'} are not listed",
    ]


def test_a_mount_point_without_its_disk_is_absent_and_back_with_it(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    album.rename(tmp_path / "unplugged")
    album.mkdir()
    assert "the folder is empty" in invoke("list", db=database).stderr
    assert paths(database) == []
    album.rmdir()
    (tmp_path / "unplugged").rename(album)
    assert paths(database) == [str(album / name) for name in GOOD]


def test_photos_in_no_album_are_always_listed(database: Path) -> None:
    with Database(database, create=True) as index, index.transaction():
        storing.add_root(index, Path("/gone"))
    with Database(database) as index:
        for path in ("/gone/a.jpg", "/gone2/b.jpg", "/c.jpg"):
            save(index, path, [face(happy=0.9)])
    assert paths(database) == ["/c.jpg", "/gone2/b.jpg"]
    assert "1 photo of /gone is not listed" in invoke("list", db=database).stderr


def test_stats_count_the_photos_of_absent_albums(database: Path, disks: tuple[Path, Path]) -> None:
    outer, inner = disks
    assert json.loads(invoke("stats", "--json", db=database).stdout)["absent"] == 0
    shutil.rmtree(inner)
    assert json.loads(invoke("stats", "--json", db=database).stdout)["absent"] == 3
    shutil.rmtree(outer)
    result = invoke("stats", db=database)
    assert "absent\t8" in result.stdout
    assert f"5 photos of {outer} are not listed" in result.stderr


def test_a_terminal_is_told_of_an_absent_album(album: Path, database: Path, away: Path) -> None:
    code, shown = on_a_terminal("list", "--db", database)
    assert code == 0
    assert "No photo matches" in shown
    assert "4 photos of" in shown
