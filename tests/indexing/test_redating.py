"""The dates of known photos are read again from their headers; no photo is analysed for that."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from commands import invoke
from helpers import encoded, exif, index_album, landscape

from albumsort.index import dating
from albumsort.index.database import Database
from albumsort.indexing import redating
from albumsort.indexing.plan import make_plan

DATES = {"a.jpg": "2024:07:01 22:00:00", "b.jpg": "2023:01:02 03:04:05", "plain.jpg": None}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for number, (name, taken) in enumerate(DATES.items()):
        (folder / name).write_bytes(encoded(landscape(60 + number, 40), exif=exif(taken=taken, offset="-08:00")))
    return folder


def forget_dates(database: Path) -> None:
    """Leave an index as an older version had it: times in UTC, without a source."""
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET dated_with = '', taken_at = '2024-07-02T06:00:00', taken_from = NULL")
        raw.execute("UPDATE photos SET taken_at = '2024-07-02T06:00:00', taken_from = NULL")
        raw.commit()


def dates(database: Path) -> dict[str, tuple[str | None, str | None]]:
    with closing(sqlite3.connect(database)) as raw:
        rows = raw.execute("SELECT path, taken_at, taken_from FROM photos ORDER BY path").fetchall()
    return {os.path.basename(path).decode(): (at, source) for path, at, source in rows}


READ = {
    "a.jpg": ("2024-07-01T22:00:00-08:00", "DateTimeOriginal"),
    "b.jpg": ("2023-01-02T03:04:05-08:00", "DateTimeOriginal"),
    "plain.jpg": (None, None),
}
OLD = ("2024-07-02T06:00:00", None)


def test_an_older_index_gets_its_dates_without_an_analysis(album: Path, database: Path) -> None:
    index_album(database, album)
    assert dates(database) == READ
    forget_dates(database)
    report = index_album(database, album)
    assert (report.redated, report.analysed, report.unchanged) == (3, 0, 3)
    assert dates(database) == READ
    assert index_album(database, album).redated == 0


def test_index_says_what_an_update_of_dates_costs(album: Path, database: Path) -> None:
    index_album(database, album)
    forget_dates(database)
    assert "3 photos were analysed by an older albumsort" in invoke("list", db=database).stderr
    said = invoke("index", album, db=database).stderr
    assert "the dates of 3 photos are read from their files, without analysing them" in said
    assert "older" not in invoke("list", db=database).stderr


def test_a_changed_photo_is_dated_with_its_analysis_and_a_missing_one_keeps_its_date(
    album: Path, database: Path
) -> None:
    index_album(database, album)
    forget_dates(database)
    (album / "a.jpg").write_bytes(encoded(landscape(70, 50), exif=exif(taken="2020:02:29 08:00:00")))
    (album / "b.jpg").unlink()
    report = index_album(database, album)
    assert (report.redated, report.analysed, report.missing) == (1, 1, 1)
    now = ("2020-02-29T08:00:00", "DateTimeOriginal")
    assert dates(database) == {"a.jpg": now, "b.jpg": OLD, "plain.jpg": (None, None)}


def test_a_photo_that_cannot_be_read_keeps_its_date_until_it_can(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    forget_dates(database)
    with Database(database) as index, index.alone():
        make_plan(index, [album], None, [], rescan=False)
        (album / "a.jpg").rename(tmp_path / "a.jpg")
        assert redating.redate(index, threading.Event(), lambda: None) == 2
    assert dates(database) == {**READ, "a.jpg": OLD}
    (tmp_path / "a.jpg").rename(album / "a.jpg")
    assert index_album(database, album).redated == 1
    assert dates(database) == READ


def test_an_interrupted_run_keeps_the_dates_it_read(
    album: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_album(database, album)
    forget_dates(database)
    monkeypatch.setattr(redating, "REDATED_AT_ONCE", 1)
    interrupt = threading.Event()
    with Database(database) as index, index.alone():
        assert make_plan(index, [album], None, [], rescan=False).undated == 3
        assert redating.redate(index, interrupt, interrupt.set) == 1
        assert dating.note_undated(index, redating.settings()) == 2
    assert index_album(database, album).redated == 2
    assert dates(database) == READ
