"""Links that give a photo several names; nothing is written into albums."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import encoded, index_album, landscape, run
from index_runs import GOOD, rows

from albumsort.errors import AlbumsortError
from albumsort.index import lookup, queries
from albumsort.index.database import Database
from albumsort.query import Filters

# links give one photo several names


def test_a_folder_of_the_index_is_not_indexed_once_more_by_another_name(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    before, link = rows(database), tmp_path / "link"
    link.symlink_to(album)
    for other in (link, tmp_path / "link" / "astronaut.jpg"):
        with pytest.raises(AlbumsortError, match=f"{other} is already indexed as {album}"):
            index_album(database, other)
    assert rows(database) == before


@pytest.mark.parametrize("first", ["album", "link"])
def test_a_folder_named_twice_in_one_run_is_indexed_once(
    album: Path, database: Path, tmp_path: Path, first: str
) -> None:
    (tmp_path / "link").symlink_to(album)
    second = {"album": "link", "link": "album"}[first]
    report = index_album(database, tmp_path / first, tmp_path / second)
    assert report.skipped["folder or file named twice (a link)"] == 1
    with Database(database) as index:
        assert {path.parent for path in lookup.all_paths(index)} == {tmp_path / first}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_parent_of_a_folder_indexed_by_a_link_does_not_index_it_twice(
    album: Path, database: Path, tmp_path: Path, at_once: bool
) -> None:
    (tmp_path / "disk").mkdir()
    moved = album.rename(tmp_path / "disk" / "album")
    (tmp_path / "disk" / "new.jpg").write_bytes(encoded(landscape()))
    album.symlink_to(moved)
    if at_once:
        report = index_album(database, album, tmp_path / "disk")
    else:
        index_album(database, album)
        report = index_album(database, tmp_path / "disk")
    assert report.skipped["folder indexed by another name"] == 1
    with Database(database) as index:
        assert {path.parent for path in lookup.all_paths(index)} == {album, tmp_path / "disk"}
    found = run("list", "--all", "--path", tmp_path / "disk", "--db", database).stdout.splitlines()
    assert {Path(line).parent for line in found} == {album, tmp_path / "disk"}


def test_a_link_to_a_folder_beside_it_is_that_folder(album: Path, database: Path) -> None:
    (album / "2020").mkdir()
    shutil.copy(album / "astronaut.jpg", album / "2020")
    (album / "best").symlink_to("2020")
    index_album(database, album)
    with pytest.raises(AlbumsortError, match=r"best is already indexed as .*2020"):
        index_album(database, album / "best")
    found = run("list", "--path", album / "best", "--db", database).stdout.splitlines()
    assert found == [str(album / "2020" / "astronaut.jpg")]


def test_an_invalid_name_in_a_list_fails_alone(album: Path, database: Path, tmp_path: Path) -> None:
    impossible = tmp_path / ("x" * 300 + ".jpg")
    report = index_album(database, listed=[impossible, album / "astronaut.jpg"])
    assert (report.analysed, [path for path, _ in report.failed]) == (1, [impossible])
    done = run("list", "--path", impossible, "--path", album, "--db", database)
    assert (done.returncode, done.stdout) == (0, f"{album / 'astronaut.jpg'}\n")


def test_a_listed_file_by_another_name_fails_and_the_others_are_indexed(
    album: Path, database: Path, tmp_path: Path
) -> None:
    index_album(database, album)
    (tmp_path / "link").symlink_to(album)
    new = tmp_path / "new.jpg"
    new.write_bytes(encoded(landscape()))
    report = index_album(database, listed=[tmp_path / "link" / "astronaut.jpg", new])
    assert (report.analysed, [path for path, _ in report.failed]) == (1, [tmp_path / "link" / "astronaut.jpg"])


def test_a_link_inside_an_album_is_part_of_it(album: Path, database: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "new.jpg").write_bytes(encoded(landscape()))
    (album / "more").symlink_to(tmp_path / "elsewhere")
    index_album(database, album)
    assert index_album(database, album / "more").unchanged == 1


@pytest.mark.parametrize("named", ["link", "album"])
def test_photos_are_found_below_either_name_of_their_folder(
    named: str, album: Path, database: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(album)
    indexed = tmp_path / "link" if named == "album" else album
    asked = album if named == "album" else tmp_path / "link"
    index_album(database, indexed)
    with Database(database) as index:
        assert [path.parent for path in queries.paths(index, Filters(folders=(asked,)))] == [indexed] * len(GOOD)
        assert not list(queries.paths(index, Filters(folders=(tmp_path / "other",))))


# nothing is written into an album


def test_no_report_is_written_into_the_album_behind_a_link(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    (album / "deep").mkdir()
    (tmp_path / "link").symlink_to(album / "deep")
    before = sorted(album.rglob("*"))
    for arguments in (
        ("export", "--to", tmp_path / "out", "--report", tmp_path / "link" / ".." / "report.csv"),
        ("why", next(album.glob("*.jpg")), "--out", tmp_path / "link" / ".." / "why.jpg"),
    ):
        done = run(*arguments, "--db", database)
        assert (done.returncode, "outside the album" in done.stderr) == (2, True)
    assert sorted(album.rglob("*")) == before
