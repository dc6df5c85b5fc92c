"""Exports with a full disk, an error at any step, or a killed process."""

from __future__ import annotations

import errno
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers import end, environment, face, run, save

from albumsort.disk import whole
from albumsort.errors import AlbumsortError
from albumsort.export import copy
from albumsort.export import report as journal
from albumsort.export import run as export_run
from albumsort.export.items import Link
from albumsort.export.undo import Fate, undo
from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.types import FOUR, Emotion, Photo


def make_library(folder: Path, count: int, size: int) -> Path:
    """Write files of noise with invented results of the four emotions; returns the index."""
    noise = random.Random(count)
    database = folder / "index.sqlite"
    (folder / "album").mkdir()
    with Database(database, create=True) as index:
        for number in range(count):
            path = folder / "album" / f"{number}.jpg"
            path.write_bytes(noise.randbytes(size))
            probability = {FOUR[number % 4].value: 0.6 + 0.3 * number / count}
            save(index, path, [face(**probability)], digest=whole.digest(path))
        with index.transaction():
            storing.add_root(index, folder / "album")
    return database


def tree(folder: Path) -> dict[str, str]:
    """Return every file, including hidden ones, with its hash."""
    return {str(p.relative_to(folder)): whole.digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}


# a full disk


ON_A_SMALL_DISK = """
import json, os, subprocess, sys
disk, export = sys.argv[1], sys.argv[2:]

def attempt(*more):
    done = subprocess.run([*export, *more], capture_output=True, text=True)
    found = [os.path.join(at, name) for at, _, names in os.walk(disk) for name in names]
    return done.returncode, done.stderr, {path: open(path, "rb").read().hex() for path in found}

mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, text=True)
if mounted.returncode:
    print("cannot mount: " + mounted.stderr, file=sys.stderr)
    sys.exit(77)
full = attempt("--report", sys.argv[1] + "/first.csv")
again = attempt()
subprocess.run(["mount", "-o", "remount,size=16m", "none", disk], check=True)
print(json.dumps([full, again, attempt()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk in a namespace of its own")
def test_a_disk_that_is_full_holds_whole_files_and_gets_the_rest_once_there_is_room(tmp_path: Path) -> None:
    database = make_library(tmp_path, 24, 100_000)
    disk, program = tmp_path / "disk", tmp_path / "small_disk.py"
    disk.mkdir()
    program.write_text(ON_A_SMALL_DISK)
    arguments = [sys.executable, "-m", "albumsort", "export", "--to", str(disk / "out"), "--db", str(database)]
    try:
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", sys.executable, program, disk, *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    originals = {p.read_bytes().hex() for p in (tmp_path / "album").iterdir()}
    full, again, roomy = json.loads(done.stdout)
    for code, message, found in (full, again):
        copies = [data for path, data in found.items() if "/out/" in path]
        assert code == 1
        assert 5 <= len(copies) <= 10
        assert set(copies) <= originals
        assert f"cannot write to {disk}/out/" in message
        assert ".jpg: No space left on device. Make room there, then export again" in message
        assert f"Files written: {len(copies) if (code, message, found) == tuple(full) else 0}" in message
    assert full[2] == again[2]
    assert (roomy[0], sorted(data for path, data in roomy[2].items() if "/out/" in path)) == (0, sorted(originals))


# an error at any step


class Steps:
    """Counts the file system calls of an export, and makes them fail from the n-th on."""

    def __init__(self, patch: pytest.MonkeyPatch, fail: Callable[[], BaseException], first: float) -> None:
        self.count, self._fail, self._first = 0, fail, first
        for name in ("mkdir", "link", "rename"):
            patch.setattr(os, name, self._counted(getattr(os, name)))  # pathlib calls these, too
        patch.setattr(os, "fsync", lambda descriptor: self.step())  # real ones would take too long
        for module in (copy, journal):
            patch.setattr(module, "open", self._open, raising=False)

    def step(self) -> None:
        self.count += 1
        if self.count > self._first:
            raise self._fail()

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self.step()
            return call(*arguments, **more)

        return counted

    def _open(self, path: Path, mode: str, opener: Any = None) -> io.BufferedWriter:
        self.step()
        steps = self

        class Raw(io.FileIO):
            def write(self, data: Any) -> int:
                data = memoryview(data)
                try:
                    steps.step()
                except BaseException:
                    super().write(data[: len(data) // 2])
                    raise
                return super().write(data) or 0

        return io.BufferedWriter(Raw(path, mode.replace("b", ""), opener=opener))


def chosen(album: Path) -> dict[Emotion, list[Photo]]:
    photos = [Photo(path, 4, 3, None, None, whole.digest(path), ()) for path in sorted(album.iterdir())]
    return {Emotion.HAPPY: photos[:2], Emotion.SAD: photos[2:]}


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize(
    "fail",
    [
        lambda: OSError(errno.ENOSPC, "No space left on device"),
        lambda: OSError(errno.EIO, "Input/output error"),
        KeyboardInterrupt,
    ],
    ids=["full", "broken", "interrupted"],
)
def test_an_error_at_any_step_leaves_only_complete_files_and_the_next_run_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], BaseException], links: bool
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (album / name).write_bytes(name.encode() * 2000)
    photos = chosen(album)
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no hard links")))
        monkeypatch.setattr(whole, "_rename_exclusively", lambda old, new: False)
    list(export_run.run(photos, tmp_path / "undisturbed", Link.COPY, None, (), ()))
    undisturbed = tree(tmp_path / "undisturbed")
    for first in itertools.count():
        to = tmp_path / str(first) / "new" / "out"
        reports = [to.parent.parent / name for name in ("first.csv", "second.csv")]
        reports[0].parent.mkdir()
        with monkeypatch.context() as patch:
            steps = Steps(patch, fail, first)
            with suppress(AlbumsortError, KeyboardInterrupt):
                list(export_run.run(photos, to, Link.COPY, reports[0], (), ()))
        left = tree(to) if to.exists() else {}
        assert left.items() <= undisturbed.items()
        assert bool(left) == to.parent.exists()
        list(export_run.run(photos, to, Link.COPY, reports[1], (), ()))
        assert tree(to) == undisturbed
        check_undone(to, reports, album, kills=1)
        if steps.count <= first:  # this run had no error
            break
    assert first > 20


def check_undone(to: Path, reports: list[Path], album: Path, kills: int) -> None:
    """Undo all runs: only complete files remain, at most one per kill between a file and its line."""
    originals = {whole.digest(path) for path in album.iterdir()}
    named = set()
    for report in reports[::-1]:
        if report.exists():
            try:
                lines = journal.read(report)
            except AlbumsortError:  # killed within the first lines
                assert report.stat().st_size < 300
                continue
            named |= {line.destination for line in lines if line.action == "write"}
            if lines:
                assert Fate.LEFT not in {o.fate for o in undo(report, [album]) if not o.is_folder}
    remaining = [path for path in to.parent.rglob("*") if path.is_file()]
    assert len(remaining) <= kills
    assert not named & {str(path) for path in remaining}
    assert {whole.digest(path) for path in remaining} <= originals


# killed processes


ON_A_SLOW_DISK = """
import io, sys, time
from albumsort import export
from albumsort.cli.app import app

class Slow(io.FileIO):
    def write(self, data):
        time.sleep(0.0005)
        return super().write(memoryview(data)[:4096])

export.open = lambda path, mode, opener: io.BufferedWriter(Slow(path, mode.replace("b", ""), opener=opener))
app(sys.argv[1:], prog_name="albumsort")
"""
"""The program with slow writes, so that a kill at a random moment hits an incomplete file."""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_exports_that_are_killed_leave_whole_files_and_the_next_run_does_the_rest(tmp_path: Path) -> None:
    photos, rounds, kills = 200, 2, 10
    chance = random.Random(7)
    database = make_library(tmp_path, photos, 20_000)
    album = tmp_path / "album"
    originals = {whole.digest(path) for path in album.iterdir()}
    assert run("export", "--to", tmp_path / "undisturbed", "--db", database).returncode == 0
    undisturbed = tree(tmp_path / "undisturbed")
    assert len(undisturbed) == photos
    killed = 0
    for number in range(rounds):
        base = tmp_path / f"round {number}"
        base.mkdir()
        to, reports = base / "new" / "out", [base / f"{kill}.csv" for kill in range(kills + 1)]
        for report in reports[:-1]:
            more = chance.randrange(2 * photos // (kills + 2))
            process = subprocess.Popen(
                [sys.executable, "-c", ON_A_SLOW_DISK, "export", "--to", to, "--report", report, "--db", database],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            try:
                while process.poll() is None and (not report.exists() or report.read_bytes().count(b'"write"') < more):
                    time.sleep(0.002)
                time.sleep(chance.random() * 0.008)
                process.send_signal(signal.SIGKILL)
            finally:
                end(process)
            killed += process.returncode == -signal.SIGKILL
            for path in (p for p in to.rglob("*") if p.is_file() and not p.name.startswith(".")):
                assert whole.digest(path) in originals
        done = run("export", "--to", to, "--report", reports[-1], "--db", database)
        assert (done.returncode, tree(to)) == (0, undisturbed), done.stderr
        check_undone(to, reports, album, kills)
    assert killed >= rounds * kills - 2
    assert {whole.digest(path) for path in album.iterdir()} == originals
