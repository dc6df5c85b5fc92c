"""Runs of `index` killed at random moments: nothing is lost, wrong or left behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import astronaut, command, encoded, end, environment, exif, landscape

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the processes of a run in /proc"),
]

KILLS = 50
PHOTOS, COPIES, BROKEN = 200, 8, 4
SEED = 7

FREQUENT = """
    from albumsort.indexing import writer

    writer.BATCH = 5
"""
"""Makes transactions frequent, so that kills hit them."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """The files of one series of runs."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "data" / "index.sqlite"

    def settings(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "site"), environment()["PYTHONPATH"]])
        return environment(PYTHONPATH=path, TMPDIR=str(self.folder / "tmp"), HOME=str(self.folder / "home"))

    def make(self) -> Place:
        for name in ("data", "site", "tmp", "home"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "site" / "sitecustomize.py").write_text(textwrap.dedent(FREQUENT))
        return self

    def leftovers(self) -> list[str]:
        """Every file that a run created, except the index and its empty lock file."""
        files = (p for p in self.folder.rglob("*") if not p.is_dir() and "site" not in p.parts)
        known = (self.database, self.database.with_name("index.sqlite.lock"))
        return [str(p) for p in files if p not in known or (p != self.database and p.stat().st_size)]


def rows(database: Path) -> set[Row]:
    """Return everything in the index, except ids that join tables, and moments, which are ids and found last."""
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        if raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'photos'").fetchone() is None:
            return set()
        found = raw.execute(
            "SELECT p.*, c.*, f.* FROM photos p LEFT JOIN contents c ON c.id = p.content"
            " LEFT JOIN faces f ON f.content = c.id"
        )
        kept = [i for i, (name, *_) in enumerate(found.description) if name not in ("id", "content", "moment")]
        return {tuple(row[i] for i in kept) for row in found}


def after_a_kill(place: Place, scratch: Path) -> set[Row]:
    """Return the state that the next run will find; read from a copy, to leave the database as the kill left it."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for name in ("index.sqlite", "index.sqlite-wal"):
        if (place.database.parent / name).exists():
            shutil.copy(place.database.parent / name, scratch)
    return rows(scratch / "index.sqlite") if (scratch / "index.sqlite").exists() else set()


def is_passing(row: Row) -> bool:
    """Whether this photo failed only because its worker was killed."""
    return any(isinstance(value, str) and "tried again on the next run" in value for value in row)


def look(album: Path) -> dict[str, tuple[bytes, int, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode) for p in album.iterdir()}


def start(album: Path, place: Place) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("index", album, "--db", place.database, "--workers", "2"),
        env=place.settings(),
        cwd=place.folder / "home",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def group(pid: int) -> dict[int, str]:
    """Return the living processes of a run: id to command line."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == pid and state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_text()
            except OSError:  # it has ended
                pass
    return found


def workers(pid: int) -> list[int]:
    return [p for p, line in group(pid).items() if "spawn_main" in line]


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An album of small photos (some with a face, copies, broken ones), and the expected index."""
    folder = tmp_path_factory.mktemp("crashes")
    album = folder / "album"
    album.mkdir()
    chance = random.Random(SEED)
    for number in range(PHOTOS):
        picture = astronaut(160 + number % 7).copy() if number % 4 == 0 else landscape(160, 120)
        at = chance.randrange(100), chance.randrange(20)
        picture.paste((chance.randrange(256), 0, 0), (*at, at[0] + 12, at[1] + 12))
        taken = f"2024:07:01 12:{number // 60:02}:{number % 60:02}"
        (album / f"{number:03}.jpg").write_bytes(encoded(picture, exif=exif(taken=taken)))
    for number in range(COPIES):
        shutil.copy(album / f"{4 * number:03}.jpg", album / f"copy-{number}.jpg")
    for number in range(BROKEN):
        (album / f"broken-{number}.jpg").write_bytes((album / f"{number:03}.jpg").read_bytes()[:1500])
    place = Place(folder / "undisturbed").make()
    finish(album, place)
    expected = rows(place.database)
    assert len(expected) == PHOTOS + COPIES + BROKEN
    assert place.leftovers() == []
    return SimpleNamespace(album=album, rows=expected)


def finish(album: Path, place: Place) -> None:
    """Wait until a run ends by itself."""
    process = start(album, place)
    try:
        said = process.communicate(timeout=120)[1]
    finally:
        end(process)
    assert process.returncode in (0, 1), said  # 1: broken photos that no killed run has recorded
    assert "Traceback" not in said


def kill_program(album: Path, place: Place, chance: random.Random) -> None:
    """Kill the program, alone or with its workers, at its start or at a random moment."""
    files = [place.database, place.database.with_name("index.sqlite-wal")]

    def written() -> list[int]:
        return [file.stat().st_mtime_ns for file in files if file.exists()]

    before, is_new = written(), not place.database.exists()
    process = start(album, place)
    try:
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0.1, 1.5))
        else:  # tables are written first, photos later
            wait_until(lambda: written() != before or process.poll() is not None)
            time.sleep(chance.uniform(0, 2.5 if is_new else 0.6))
        kill = chance.choice([os.kill, os.killpg])
        kill(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not group(process.pid), seconds=20)  # the workers notice the kill and end
    finally:
        end(process)


def kill_workers(album: Path, place: Place, chance: random.Random) -> int:
    """Kill one worker after another until the run ends; returns the number of kills."""
    process = start(album, place)
    killed = 0
    try:
        wait_until(lambda: workers(process.pid) or process.poll() is not None)
        while killed < 3 and process.poll() is None:
            time.sleep(chance.uniform(0, 0.8))
            if found := workers(process.pid):
                os.kill(chance.choice(found), signal.SIGKILL)
                killed += 1
        said = process.communicate(timeout=120)[1]
    finally:
        end(process)
    assert process.returncode in (0, 1), said
    return killed


def series(undisturbed: SimpleNamespace, folder: Path, seed: int, least: int) -> int:
    """Kill runs on one database until at least `least` kills happened; returns the number of kills."""
    chance = random.Random(seed)
    kills = life = 0
    while kills < least:
        place = Place(folder / f"life-{life}").make()
        seen: set[Row] = set()
        for _ in range(chance.randint(2, 8)):
            kill_program(undisturbed.album, place, chance)
            kills += 1
            found = after_a_kill(place, folder / "scratch")
            assert found <= undisturbed.rows, "what the index holds at any moment is true"
            assert found >= seen, "what was once stored is never lost"
            seen = found
        killed = kill_workers(undisturbed.album, place, chance)
        kills += killed
        found = rows(place.database)
        passing = {row for row in found if is_passing(row)}
        assert found - passing <= undisturbed.rows
        assert len(found) == len(undisturbed.rows)
        assert len(passing) <= killed, "a worker that is killed costs one photo"
        finish(undisturbed.album, place)
        assert rows(place.database) == undisturbed.rows
        assert place.leftovers() == []
        life += 1
    return kills


def test_an_index_whose_runs_were_killed_at_any_moment_is_that_of_an_undisturbed_run(
    undisturbed: SimpleNamespace, tmp_path: Path
) -> None:
    before = look(undisturbed.album)
    lanes = 2  # in parallel, because most of a run's time is its start
    with ThreadPoolExecutor(lanes) as pool:
        running = [
            pool.submit(series, undisturbed, tmp_path / f"{lane}", SEED + lane, KILLS // lanes) for lane in range(lanes)
        ]
        assert sum(future.result() for future in running) >= KILLS
    assert look(undisturbed.album) == before


def test_a_run_shares_nothing_with_the_system_that_a_kill_could_leave_behind(
    undisturbed: SimpleNamespace, tmp_path: Path
) -> None:
    """Named semaphores, such as multiprocessing's locks, lie in /dev/shm and outlive a killed process group."""
    process = start(undisturbed.album, Place(tmp_path / "place").make())
    try:
        wait_until(lambda: len(workers(process.pid)) == 2)
        time.sleep(0.5)
        maps = [Path(f"/proc/{pid}/maps").read_text() for pid in (process.pid, *workers(process.pid))]
    finally:
        end(process)
    assert sys.platform == "linux"
    shared = {line for text in maps for line in text.splitlines() if "/dev/shm/" in line}
    assert not {line for line in shared if not line.endswith("(deleted)")}
