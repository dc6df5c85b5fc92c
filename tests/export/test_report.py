from __future__ import annotations

import csv
import io
import os
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albumsort.errors import AlbumsortError
from albumsort.export import report as journal
from albumsort.export.items import Action, Item, Link
from albumsort.export.report import Journal, Line

INTO = Line(destination="/out", action="into")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.csv"


def item(name: str, action: Action = Action.WRITE) -> Item:
    return Item(Path(f"/album/{name}"), Path("/out/happy/0001-x.jpg"), "00ff", action)


def line(name: str, action: str = "write") -> Line:
    return Line(f"/album/{name}", "/out/happy/0001-x.jpg", "00ff", action, "", "copy")


def test_a_report_is_csv_with_a_line_for_each_photo(report: Path) -> None:
    with Journal.create(report, Path("/out")) as written:
        written.folder(Path("/out/happy"))
        written.photo(item('line\nbreak, "quoted".jpg'), Link.COPY)
    with open(report, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["source", "destination", "hash", "action", "reason", "link", "written_hash"]
    assert [row["action"] for row in rows] == ["into", "folder", "write"]
    assert list(rows[2].values()) == [
        '/album/line\nbreak, "quoted".jpg',
        "/out/happy/0001-x.jpg",
        "00ff",
        "write",
        "",
        "copy",
        "",
    ]


def test_each_line_is_flushed_at_once(report: Path) -> None:
    with Journal.create(report, Path("/out")) as written:
        for number in range(3):
            written.photo(item(str(number)), Link.COPY)
            assert journal.read(report) == [INTO, *(line(str(n)) for n in range(number + 1))]


NAMES = (
    (st.binary(min_size=1, max_size=255) | st.text(min_size=1, max_size=60).map(lambda t: t.encode(errors="replace")))
    .map(lambda raw: raw.replace(b"/", b"=").replace(b"\0", b"\r"))
    .filter(lambda raw: raw != b".")  # pathlib leaves it out
    .map(os.fsdecode)
)


@pytest.mark.skipif(os.name == "nt", reason="names there are no bytes")
@given(st.lists(NAMES, max_size=5), st.integers(1, 400))
def test_any_names_are_read_back_and_a_cut_line_loses_no_other(names: list[str], cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(os, "fsync", return_value=None):
        report = Path(folder, "report.csv")
        with Journal.create(report, Path("/out")) as written:
            before = report.stat().st_size
            for name in names:
                written.photo(item(name), Link.COPY)
        lines = [INTO, *map(line, names)]
        assert journal.read(report) == lines
        # spreadsheets read fields that start with one of these as formulas
        cells = csv.reader(io.StringIO(report.read_bytes().decode(errors="surrogateescape"), newline=""))
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in cells for cell in row)
        # the disk was full in the middle of a line
        kept = max(before, report.stat().st_size - cut)
        os.truncate(report, kept)
        whole = journal.read(report)
        assert whole == lines[: len(whole)]
        assert len(whole) < len(lines) or not names
        with Journal.reopen(report) as again:
            again.undone(Path("/out/x"))
        assert journal.read(report) == [*whole, Line(destination="/out/x", action="undone")]


def test_a_report_never_overwrites(report: Path) -> None:
    report.write_text("mine")
    with pytest.raises(AlbumsortError, match="already exists"):
        Journal.create(report, Path("/out"))
    assert report.read_text() == "mine"


def test_a_report_that_cannot_be_written_is_an_error(report: Path) -> None:
    with pytest.raises(AlbumsortError, match="cannot write the report"):
        Journal.create(report / "nowhere", Path("/out"))
    with pytest.raises(AlbumsortError, match="cannot record the removals in"):
        Journal.reopen(report)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_an_error_that_names_the_report() -> None:
    with (
        pytest.raises(AlbumsortError, match="cannot write the report /dev/full: No space left"),
        Journal(Path("/dev/full"), open("/dev/full", "wb")) as full,
    ):
        full.folder(Path("/out"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a photo\xff\n",
        b"source,destination,hash,action,reason\n",
        b'"source","destination","hash","action","reason","link"\n"too","few"\n',
        b'"source","destination","hash","action","reason","link"\nx"y"z,"\n,,,,\n"\n',
        b"\x00\n",
    ],
)
def test_a_file_that_is_not_a_report_is_an_error(report: Path, data: bytes) -> None:
    report.write_bytes(data)
    with pytest.raises(AlbumsortError, match="is not a report"):
        journal.read(report)


def test_a_missing_report_is_an_error(report: Path) -> None:
    with pytest.raises(AlbumsortError, match="cannot read the report"):
        journal.read(report)


def test_a_report_saved_by_a_spreadsheet_is_read(report: Path) -> None:
    with Journal.create(report, Path("/out")) as written:
        written.photo(item("a.jpg"), Link.COPY)
    plain = report.read_bytes().replace(b'"', b"").replace(b"\n", b"\r\n")
    report.write_bytes(b"\xef\xbb\xbf" + plain)
    assert journal.read(report) == [INTO, line("a.jpg")]
