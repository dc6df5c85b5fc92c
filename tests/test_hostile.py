"""Unusual names and files: found, indexed and listed exactly, or counted with a reason."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from helpers import astronaut, command, encoded, environment, index_album, on_a_terminal, quarters, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from albumsort.errors import TransientPhotoError
from albumsort.index import lookup
from albumsort.index.database import Database
from albumsort.indexing import executors, outcomes, worker
from albumsort.photos import read
from albumsort.photos.walk import Walk, find
from albumsort.types import PhotoFile

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows refuses such names and files itself")

PHOTO = encoded(quarters(16, 12), "PNG")
EVIL = "\x1b]0;EVIL\x07"
"""Sets a terminal's title; albumsort itself never prints this."""

NAMES = [
    b"caf\xe9",
    b"\xff\xfe",
    b"two\nlines",
    b"\r\n",
    b"return\r",
    b"tab\tquote\"s'",
    b"a,b;c",
    b"=1+1",
    b"@SUM(A1)",
    b"+cmd|' calc'!A0",
    b"-1",
    b"%s %d {0}",
    b"[red]bold[red]",
    b"$(touch evil)`x`",
    EVIL.encode(),
    b"\x1b[2J\x9b31m",
    "\u202egnp.exe".encode(),
    "\u2028\u2029\u0085".encode(),
    "e\u0301 \u00e9".encode(),
    "👩‍👩‍👧 ".encode(),
    b" leading and trailing ",
    b"x" * 251,
    b"\\back\\slash",
    b"*?[a]",
    b"-",
    b"--help",
    b"~",
    b"#",
    b"NUL",
]


def takes_any_bytes() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.close(os.open(os.fsencode(folder) + b"/\xff", os.O_CREAT))
        except OSError:
            return False
    return True


def filled(folder: Path, names: list[bytes]) -> set[bytes]:
    """Write photos with these names; returns their paths."""
    paths = {os.path.join(os.fsencode(folder), name + b".png") for name in names}
    for path in paths:
        with open(path, "wb") as file:
            file.write(PHOTO)
    return paths


def listed(database: Path, *form: str) -> bytes:
    done = subprocess.run(command("list", "--all", *form, "--db", database), env=environment(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def paths_in_every_form(database: Path) -> dict[str, set[bytes]]:
    rows = csv.DictReader(io.StringIO(os.fsdecode(listed(database, "--csv")), newline=""))
    return {
        "-0": set(listed(database, "-0").split(b"\0")[:-1]),
        "--json": {os.fsencode(photo["path"]) for photo in json.loads(listed(database, "--json"))},
        "--nl": {os.fsencode(json.loads(line)["path"]) for line in listed(database, "--nl").splitlines()},
        "--csv": {os.fsencode(row["path"]) for row in rows},
    }


# names


@pytest.mark.skipif(not takes_any_bytes(), reason="this file system does not take any bytes as a name")
def test_the_strangest_names_are_listed_exactly_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    expected = filled(tmp_path / "album", NAMES)
    done = run("index", tmp_path / "album", "--db", tmp_path / "index.sqlite")
    assert done.returncode == 0, done.stderr
    for form, paths in paths_in_every_form(tmp_path / "index.sqlite").items():
        assert paths == expected, form


ANY_NAME = st.binary(min_size=1, max_size=251).map(lambda name: name.translate(None, b"/\0"))
TEXT_NAME = st.text(st.characters(exclude_characters="/\0"), max_size=60).map(
    lambda name: name.encode("utf-8", "surrogatepass")
)


@pytest.mark.slow
@pytest.mark.skipif(not takes_any_bytes(), reason="this file system does not take any bytes as a name")
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        (ANY_NAME | TEXT_NAME).filter(lambda name: name and name[:1] != b"."), min_size=20, max_size=60, unique=True
    )
)
def test_any_names_are_listed_exactly_in_every_form(names: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        album, database = Path(folder) / "album", Path(folder) / "index.sqlite"
        album.mkdir()
        expected = filled(album, names)
        assert index_album(database, album).analysed == len(expected)
        for form, paths in paths_in_every_form(database).items():
            assert paths == expected, form


@pytest.mark.skipif(not takes_any_bytes(), reason="this file system does not take any bytes as a name")
def test_a_list_separated_by_nul_can_be_read_back(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    expected = filled(tmp_path / "album", NAMES)
    index_album(tmp_path / "index.sqlite", tmp_path / "album")
    (tmp_path / "list").write_bytes(listed(tmp_path / "index.sqlite", "-0"))
    done = run("index", "--files-from", tmp_path / "list", "--db", tmp_path / "second.sqlite", "--json")
    assert (done.returncode, json.loads(done.stdout)["found"]) == (0, len(NAMES))
    assert paths_in_every_form(tmp_path / "second.sqlite")["-0"] == expected


def test_no_cell_of_the_csv_is_a_formula_whatever_the_names(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    names = [b"=1+1", b"@SUM(A1)", b"+1", b"-1", b"\t=1", b"\r=1", b"a\n=1"]
    filled(tmp_path / "album", names)
    index_album(tmp_path / "index.sqlite", tmp_path / "album")
    for row in csv.reader(io.StringIO(listed(tmp_path / "index.sqlite", "--csv").decode(), newline="")):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_no_name_drives_the_terminal_whatever_the_command(tmp_path: Path) -> None:
    album, database = tmp_path / f"album{EVIL}", tmp_path / "index.sqlite"
    album.mkdir()
    photo, gone = album / f"{EVIL}.jpg", album / f"gone{EVIL}.jpg"
    photo.write_bytes(encoded(astronaut(128)))
    gone.write_bytes(encoded(astronaut(130)))
    (album / f"broken{EVIL}.jpg").write_bytes(b"no picture")
    (album / f"file.{EVIL}").touch()
    shown = on_a_terminal("index", album, "--db", database)[1]
    for command_line in (["top", "happy"], ["list"], ["stats"], ["doctor"], ["export", "--to", tmp_path / "out"]):
        shown += on_a_terminal(*command_line, "--db", database)[1]
    shown += on_a_terminal("why", photo, "--db", database)[1]
    shown += on_a_terminal("why", album / f"nowhere{EVIL}", "--db", database)[1]
    shown += on_a_terminal("index", tmp_path / f"nowhere{EVIL}", "--db", database)[1]
    gone.unlink()
    shown += on_a_terminal("prune", "--db", database, typed="n\n")[1]
    assert shown.count("EVIL") > 10
    assert "\x1b]" not in shown
    assert "\x07" not in shown


def test_metadata_of_a_photo_controls_neither_terminal_nor_spreadsheet(tmp_path: Path) -> None:
    from PIL import ExifTags, Image

    block = Image.Exif()
    for tag in (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.ImageDescription, ExifTags.Base.Artist):
        block[tag] = f"=cmd(){EVIL}"
    details = block.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = f"2024:07:01 12:00:00{EVIL}=cmd()"
    details[ExifTags.Base.OffsetTimeOriginal] = f"+01:00{EVIL}"
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(astronaut(128), exif=block))
    database = tmp_path / "index.sqlite"
    said = on_a_terminal("index", photo, "--db", database)[1] + on_a_terminal("why", photo)[1]
    said += on_a_terminal("list", "--db", database)[1]
    for form in ("--json", "--nl", "--csv"):
        said += listed(database, form).decode()
    assert "2024-07-01" in said
    assert "EVIL" not in said
    assert "cmd()" not in said


# files and folders


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is also the working directory, because a socket's path must be short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_whatever_is_no_photo_is_counted_by_its_reason(short: Path) -> None:
    for name in ("good.png", ".hidden.png", "notes.txt"):
        (short / name).write_bytes(PHOTO)
    for name in (".thumbnails", "@eaDir", "#recycle"):
        (short / name).mkdir()
        (short / name / "a.png").write_bytes(PHOTO)
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        (short / "loop.png").symlink_to("loop.png")
        (short / "one").symlink_to("other")
        (short / "other").symlink_to("one")
        (short / "device.png").symlink_to("/dev/null")
        (short / "up").symlink_to(".")
        walk = Walk()
        assert [file.path.name for file in find(short, (), walk)] == ["good.png"]
    assert walk.errors == []
    assert walk.skipped == {
        "hidden file": 1,
        ".txt file": 1,
        "hidden folder": 1,
        "folder of thumbnails": 1,
        "recycle bin": 1,
        "not a regular file": 3,
        "broken link": 3,
        "folder met before (a link)": 1,
    }


def test_what_was_skipped_in_a_listed_folder_is_counted_too(tmp_path: Path, database: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "good.png").write_bytes(PHOTO)
    (tmp_path / "album" / "film.mov").touch()
    report = index_album(database, listed=[tmp_path / "album"])
    assert (report.found, dict(report.skipped)) == (1, {".mov file": 1})


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_a_listed_path_that_is_not_a_file_fails_and_does_not_block(short: Path, kind: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        match kind:
            case "pipe":
                os.mkfifo("a.png")
            case "device":
                os.symlink("/dev/zero", "a.png")
            case "socket":
                listening.bind("a.png")
        report = index_album(short / "index.sqlite", listed=[short / "a.png"])
    assert [reason for _, reason in report.failed] == [f"{short / 'a.png'} is neither a folder nor a file"]


def test_folders_deeper_than_a_path_may_be_long_are_an_error_of_their_own(tmp_path: Path, database: Path) -> None:
    (tmp_path / "good.png").write_bytes(PHOTO)
    deep = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):  # 20 x 251 bytes
        os.mkdir("d" * 250, dir_fd=deep)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    try:
        report = index_album(database, tmp_path)
    finally:
        subprocess.run(["rm", "-rf", tmp_path / ("d" * 250)], check=True)
    assert report.analysed == 1
    assert [reason for _, reason in report.failed] == ["cannot read: File name too long"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop this user")
def test_a_file_without_read_permission_fails_and_is_tried_again(tmp_path: Path, database: Path) -> None:
    (tmp_path / "closed.png").write_bytes(PHOTO)
    (tmp_path / "closed.png").chmod(0)
    report = index_album(database, tmp_path)
    assert [reason for _, reason in report.failed] == ["cannot read the file: Permission denied"]
    (tmp_path / "closed.png").chmod(0o600)
    assert index_album(database, tmp_path).exit_code == 0


# files that change while they are read


def attempted(path: Path, size: int) -> worker.Outcome:
    files, executor = [PhotoFile(path, size, 0)], executors.Local(1)
    [(_, outcome, _)] = outcomes.outcomes(files, lambda size: frozenset(), executor, threading.Event())
    return outcome


def test_a_file_that_vanished_since_the_walk_fails_for_now(tmp_path: Path) -> None:
    outcome = attempted(tmp_path / "gone.png", len(PHOTO))
    assert isinstance(outcome, TransientPhotoError)
    assert str(outcome) == "cannot read the file: No such file or directory"


@pytest.mark.parametrize("change", [PHOTO[:-10], PHOTO + b"more"])
def test_a_file_that_grew_or_shrank_since_the_walk_fails_for_now(tmp_path: Path, change: bytes) -> None:
    (tmp_path / "a.png").write_bytes(change)
    outcome = attempted(tmp_path / "a.png", len(PHOTO))
    assert isinstance(outcome, TransientPhotoError)
    assert "changed while it was being indexed" in str(outcome)


def test_a_file_that_grows_while_it_is_read_fails_for_now(tmp_path: Path) -> None:
    path, stop = tmp_path / "a.png", threading.Event()
    with open(path, "wb") as file:
        file.truncate(500_000_000)  # a sparse file: it uses no space, but takes time to read

    def grow() -> None:
        with open(path, "ab", buffering=0) as file:
            while not stop.wait(0.002):
                file.write(b"x")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with pytest.raises(TransientPhotoError, match="changed while it was being read"):
            read.read(path)
    finally:
        stop.set()
        writer.join()


def test_a_folder_that_vanishes_during_the_walk_is_an_error_and_the_rest_is_found(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "photo.png").write_bytes(PHOTO)
    walk = Walk()
    found = find(tmp_path, (), walk)
    names = [next(found).path.parent.name]
    shutil.rmtree(tmp_path / "b")
    names += [file.path.parent.name for file in found]
    assert names == ["a", "c"]
    assert walk.errors == [(tmp_path / "b", "cannot read the folder: No such file or directory")]


def test_names_of_the_index_file_itself_may_be_strange(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(PHOTO)
    database = tmp_path / "data" / f"?mode=ro#{EVIL}\n.sqlite"
    assert run("index", tmp_path / "photo.png", "--db", database).returncode == 0
    with Database(database) as index:
        assert list(lookup.all_paths(index)) == [tmp_path / "photo.png"]
    assert run("list", "--db", database).stdout == f"{tmp_path / 'photo.png'}\n"
