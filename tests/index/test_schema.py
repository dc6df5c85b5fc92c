"""Every earlier schema, with data, is upgraded completely or not changed."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from helpers import EVEN, NOW, environment, face, index_album, run, save

from albumsort.choosing.labels import Album
from albumsort.errors import IndexFileError
from albumsort.index import comparing, counts, folders, lookup, queries, schema, shares, storing
from albumsort.index.database import Database
from albumsort.index.schema import APPLICATION_ID, MIGRATIONS
from albumsort.query import Filters
from albumsort.types import Emotion, PhotoFile, Settings

EARLIER = range(1, len(MIGRATIONS))

RELEASED = (
    "3b9d1dc1",
    "ea6ee3e9",
    "b1ddb067",
    "d58d3400",
    "694d9860",
    "27ebcd7a",
    "c8802603",
    "644202ba",
    "b9734264",
    "c9495d1e",
)
"""How the hash of each migration's statements begins: what was released is never edited, only appended to."""

PHOTO = b"/album/a.jpg"


def build(path: Path, version: int = 1) -> None:
    """Create a database as that version of albumsort did, with a face, a photo without one and a failure."""
    with closing(sqlite3.connect(path)) as made:
        for _, statements in MIGRATIONS[:version]:
            made.executescript(statements)
        made.execute(f"PRAGMA user_version = {version}")
        made.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        made.execute("PRAGMA journal_mode = WAL")
        settings = "settings" if version == 1 else "found_with"
        contents = f"INSERT INTO contents (id, digest, {settings}, width, height, taken_at) VALUES (?, ?, ?, ?, ?, ?)"
        made.execute(contents, (1, "d1", "0123456789abcdef-1", 640, 480, "2024-07-01T10:00:00Z"))
        made.execute(contents, (2, "d2", "0123456789abcdef-1", 64, 48, None))
        values: dict[str, Any] = {e.value: 0.7 if e is Emotion.HAPPY else 0.05 for e in Emotion}
        values |= {"content": 1, "number": 0, "x": 1.5, "y": 2.5, "w": 30, "h": 40, "label": "happy", "detection": 0.9}
        values |= {"landmarks": "[[1, 2], [3, 2], [2, 3], [1, 4], [3, 4]]"}
        if version > 4:
            del values["label"]
        if version > 7:
            values["matters"] = 1
        if version > 2:
            values |= {"size": 40 / 480, "sharpness": None}
        marks = ", ".join("?" * len(values))
        made.execute(f"INSERT INTO faces ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
        rows = [(PHOTO, 1, None), (b"/album/\xff.jpg", 2, None), (b"/album/broken.jpg", None, "broken")]
        for name, content, error in rows:
            made.execute(
                "INSERT INTO photos (path, size, mtime_ns, content, error, error_settings, missing)"
                " VALUES (?, 10, 20, ?, ?, 'x', 0)",
                (name, content, error),
            )
        if version > 5:
            made.execute("UPDATE contents SET taken_at = rtrim(taken_at, 'Z')")
            made.execute("UPDATE photos SET taken_at = (SELECT c.taken_at FROM contents c WHERE c.id = photos.content)")
        made.execute("INSERT INTO roots (path) VALUES (?)", (b"/album",))
        made.commit()


def everything(path: Path, tables: tuple[str, ...] = ("roots", "contents", "faces", "photos")) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as raw:
        return {table: raw.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def beside(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()} - {path.name}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_released_migrations_are_never_edited() -> None:
    begins = [hashlib.sha256(statements.encode()).hexdigest()[:8] for _, statements in MIGRATIONS]
    assert tuple(begins) == RELEASED


@pytest.mark.parametrize("earlier", EARLIER)
def test_an_earlier_index_keeps_everything(database: Path, earlier: int) -> None:
    build(database, earlier)
    with Database(database) as index:
        photos = list(queries.photos(index, Filters()))
        assert [os.fsencode(photo.path) for photo in photos] == [PHOTO, b"/album/\xff.jpg"]
        [face] = photos[0].faces
        assert (face.label, face.probabilities[Emotion.HAPPY], face.box.w) == (Emotion.HAPPY, 0.7, 30)
        assert list(face.probabilities.values()) == [0.05, 0.7, 0.05, 0.05, 0.05, 0.05, 0.05]
        assert (face.nothing, face.eyes, face.landmarks[0], face.detection) == (0, None, (1, 2), 0.9)
        assert counts.stats(index).labels == {Emotion.HAPPY: 1}
        assert (face.size, face.sharpness) == (pytest.approx(40 / 480), None)
        assert (photos[0].taken_at, photos[0].taken_from, photos[1].faces) == ("2024-07-01T10:00:00", None, ())
        assert [path.name for path, _ in counts.failures(index)] == ["broken.jpg"]
        assert folders.indexed_folders(index) == (Path("/album"),)
        assert (index.integrity(), index.dangling(), index.version()) == ("ok", 0, len(MIGRATIONS))
    assert version(database) == len(MIGRATIONS)


@pytest.mark.parametrize("earlier", EARLIER)
def test_an_upgraded_index_has_the_tables_of_a_new_one(database: Path, tmp_path: Path, earlier: int) -> None:
    build(database, earlier)
    Database(database).close()
    Database(tmp_path / "new.sqlite", create=True).close()

    def tables(path: Path) -> list[Any]:
        with closing(sqlite3.connect(path)) as raw:
            return raw.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()

    assert tables(database) == tables(tmp_path / "new.sqlite")


def test_all_results_of_the_first_version_are_stale(database: Path) -> None:
    build(database)
    with Database(database) as index:
        comparing.begin_comparison(index)
        comparing.meet(index, [PhotoFile(Path(os.fsdecode(PHOTO)), 10, 20)])
        assert comparing.compare(index, NOW, everything=False).todo == 1
        assert lookup.digests(index, 10, NOW) == frozenset()
        assert lookup.count_unclassified(index, NOW) == 0


def test_results_of_the_first_version_are_listed_until_they_are_analysed_again(album: Path, database: Path) -> None:
    """A query upgrades the schema; `index` analyses the photos, because there are no crops to classify."""
    build(database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE photos SET path = ? WHERE path = ?", (os.fsencode(album / "astronaut.jpg"), PHOTO))
        raw.commit()
    assert run("top", "happy", "--db", database).stdout.splitlines() == [str(album / "astronaut.jpg")]
    report = index_album(database, album)
    assert (report.analysed, report.rescored, report.unchanged) == (4, 0, 0)
    with Database(database) as index:
        assert "d1" not in {photo.digest for photo in queries.photos(index, Filters())}


def test_a_later_version_may_add_columns_to_any_table(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = "roots", "contents", "faces", "photos", "crops", "natural_shares", "album_shares"
    later = "".join(f"ALTER TABLE {table} ADD COLUMN later TEXT;\n" for table in tables)
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, ("one more column each", later)))
    with Database(database, create=True) as index:
        save(index, "/album/a.jpg", [face(happy=0.9)], crops=b"crops")
        with index.transaction():
            storing.add_root(index, Path("/album"))
            shares.save_natural_shares(index, EVEN, due=True)
            shares.save_albums(index, [Album(Path("/album"), EVEN, 1)])
        [photo] = queries.photos(index, Filters())
        assert photo.faces == (face(happy=0.9),)
        assert [(one.faces, one.crops) for one in lookup.unclassified(index, Settings("", "later", ""), -1, 9)] == [
            (1, b"crops")
        ]
        assert shares.album_of(index, photo.path) == Album(Path("/album"), EVEN, 1)


def test_an_older_program_sees_an_upgrade_at_once_in_the_file_itself(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads only the file before it opens an index, and data in the log is not in the file."""
    build(database)
    with Database(database), monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", MIGRATIONS[:-1])
        with pytest.raises(IndexFileError, match="newer albumsort"):
            schema.check_header(database)


# the copy


@pytest.mark.parametrize("earlier", EARLIER)
def test_before_an_upgrade_the_index_is_copied(database: Path, earlier: int) -> None:
    build(database, earlier)
    before, told = everything(database), list[str]()
    Database(database, tell=told.append).close()
    copy = Path(f"{database}.version-{earlier}.backup")
    assert beside(database) == {copy.name}
    assert (version(copy), everything(copy)) == (earlier, before)
    assert len(told) == 1
    assert str(copy) in told[0]
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_only_its_owner_can_read_the_copy(database: Path) -> None:
    build(database)
    umask = os.umask(0)
    try:
        Database(database).close()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(Path(f"{database}.version-1.backup").stat().st_mode) == 0o600


def test_a_copy_replaces_no_other_file(database: Path) -> None:
    build(database)
    Path(f"{database}.version-1.backup").write_text("another copy")
    Path(f"{database}.version-1-2.backup").mkdir()
    Database(database).close()
    assert Path(f"{database}.version-1.backup").read_text() == "another copy"
    assert version(Path(f"{database}.version-1-3.backup")) == 1


def test_a_copy_contains_the_transactions_in_the_log(database: Path) -> None:
    """A killed process leaves its last transactions in the log next to the database."""
    build(database)
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('INSERT INTO roots (path) VALUES (?)', (b'/second',)); c.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, database], check=True)
    assert Path(f"{database}-wal").stat().st_size > 0
    Database(database).close()
    assert (b"/second",) in everything(Path(f"{database}.version-1.backup"))["roots"]


def test_a_new_index_and_one_that_is_up_to_date_are_not_copied(database: Path) -> None:
    for _ in range(2):
        with Database(database, create=True):
            pass
        assert beside(database) == set()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_without_a_copy_nothing_is_upgraded(database: Path) -> None:
    build(database)
    before = everything(database)
    database.parent.chmod(0o500)
    try:
        with pytest.raises(IndexFileError):
            Database(database)
    finally:
        database.parent.chmod(0o700)
    assert (version(database), everything(database)) == (1, before)


# errors

BROKEN = ("adds a table, then fails", "CREATE TABLE extra (x);\nCREATE TABLE photos (x);")


@pytest.mark.parametrize("earlier", EARLIER)
def test_a_failed_step_undoes_the_earlier_steps(database: Path, monkeypatch: pytest.MonkeyPatch, earlier: int) -> None:
    build(database, earlier)
    before = everything(database)
    with monkeypatch.context() as future:
        future.setattr(schema, "MIGRATIONS", (*MIGRATIONS, BROKEN))
        with pytest.raises(IndexFileError, match=r"cannot use .* already exists"):
            Database(database)
    assert (version(database), everything(database), beside(database)) == (earlier, before, set())
    Database(database).close()
    assert version(database) == len(MIGRATIONS)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_an_upgrade_that_is_killed_half_way_leaves_the_index_as_it_was(database: Path) -> None:
    build(database)
    before = everything(database)
    program = """
        import os, pathlib, signal, sys
        from albumsort.index import schema
        from albumsort.index.database import Database
        split = schema._split
        def killed(script):
            for number, statement in enumerate(split(script)):
                if number == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield statement
        schema._split = killed
        Database(pathlib.Path(sys.argv[1]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), database], env=environment())
    assert done.returncode == -signal.SIGKILL
    assert (version(database), everything(database)) == (1, before)
    with Database(database) as index:
        assert len(list(queries.photos(index, Filters()))) == 2


def test_many_processes_may_upgrade_the_same_index_at_once(database: Path) -> None:
    build(database)
    program = (
        "import sys, pathlib; from albumsort.index.database import Database; "
        "Database(pathlib.Path(sys.argv[1])).close()"
    )
    racing = [
        subprocess.Popen([sys.executable, "-c", program, database], env=environment(), stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    assert [(process.communicate()[1], process.returncode) for process in racing] == [(b"", 0)] * 6
    assert version(database) == len(MIGRATIONS)
    assert {name for name in beside(database) if "backup" in name} == {f"{database.name}.version-1.backup"}


def test_an_index_that_another_process_is_just_writing_to_is_not_called_damaged(database: Path) -> None:
    """The log is written to the file page by page; the first page then refers to pages not yet written."""
    Database(database, create=True).close()
    before = database.read_bytes()
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.executemany(
            "INSERT INTO roots (path) VALUES (?)", [(f"/{number}".encode() * 50,) for number in range(2000)]
        )
        writer.commit()
        log = Path(f"{database}-wal").read_bytes()
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        after = database.read_bytes()
    assert len(after) > len(before)
    database.write_bytes(after[:4096] + before[4096:])
    Path(f"{database}-wal").write_bytes(log)
    with Database(database) as index:
        assert counts.stats(index).roots[-1] == Path("/999" * 50)


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no file that is open")
@pytest.mark.parametrize("whose", ["newer", "other"])
def test_the_log_of_a_killed_program_is_left_as_it_is(database: Path, whose: str) -> None:
    """SQLite would clean it up on opening a database; files of other programs stay byte for byte, with their logs."""
    if whose == "newer":
        Database(database, create=True).close()
        with closing(sqlite3.connect(database)) as raw:
            raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    else:
        with closing(sqlite3.connect(database)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
            raw.execute("CREATE TABLE other (x)")
    script = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('CREATE TABLE y (x)'); os._exit(0)"
    subprocess.run([sys.executable, "-c", script, database], check=True)
    before = files(database.parent)
    assert before[f"{database.name}-wal"]
    for create in (False, True):
        with pytest.raises(IndexFileError, match="newer albumsort" if whose == "newer" else "another program"):
            Database(database, create=create)
    assert files(database.parent) == before


def test_the_command_line_says_where_the_copy_is(database: Path) -> None:
    build(database)
    done = run("stats", "--db", database)
    assert done.returncode == 0
    assert f"{database}.version-1.backup" in done.stderr
    assert "backup" not in run("stats", "--db", database).stderr


def test_an_index_of_the_first_version_is_forgotten_by_prune(database: Path) -> None:
    build(database)
    with Database(database) as index, index.transaction():
        storing.forget(index, list(lookup.all_paths(index)))
    assert everything(database, ("contents", "faces", "photos", "crops")) == {
        "contents": [],
        "faces": [],
        "photos": [],
        "crops": [],
    }
