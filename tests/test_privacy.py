"""No data leaves the machine, and only its owner can read the index."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from helpers import command, end, environment

from albumsort.index import storing
from albumsort.index.database import Database

NO_NETWORK = """
    import os, sys

    def watch(event, arguments):
        if event == "socket.__new__":
            forbidden = arguments[1] not in (-1, getattr(__import__("socket"), "AF_UNIX", None))
        else:
            forbidden = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
        if forbidden:
            with open(os.environ["TEST_NETWORK_LOG"], "a") as log:
                print(event, arguments, file=log)
            raise PermissionError(f"no network here: {event}")

    with open(os.environ["TEST_NETWORK_LOG"] + ".watched", "a") as log:
        print(os.getpid(), file=log)
    sys.addaudithook(watch)
"""
"""Runs at the start of every Python process, including workers: Python sockets raise and are recorded."""

ISOLATED = ["unshare", "--user", "--map-root-user", "--net"]
"""Runs a command, including native libraries, without any network, not even loopback."""


def main_commands(album: Path, folder: Path) -> list[list[str | Path]]:
    database = folder / "index.sqlite"
    return [
        [*arguments, "--db", database]
        for arguments in (
            ["index", album, "--workers", "2"],
            ["top", "happy", "--json"],
            ["list", "--csv"],
            ["stats", "--json"],
            ["why", album / "astronaut.jpg", "--out", folder / "seen.jpg"],
            ["export", "--to", folder / "out", "--report", folder / "report.csv"],
            ["gallery", "--to", folder / "gallery.html"],
            ["doctor"],
            ["prune", "--yes"],
        )
    ]


def succeeds(prefix: list[str], arguments: list[str | Path], env: dict[str, str]) -> str:
    done = subprocess.run([*prefix, *command(*arguments)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == (1 if arguments[0] == "index" else 0), (arguments, done.stderr)  # 1: the broken photo
    assert "Traceback" not in done.stderr
    return done.stdout


# no network access


def test_no_command_and_no_worker_opens_a_socket_to_anywhere(album: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(textwrap.dedent(NO_NETWORK))
    log = tmp_path / "network.log"
    path = os.pathsep.join([str(tmp_path / "site"), environment()["PYTHONPATH"]])
    env = environment(PYTHONPATH=path, TEST_NETWORK_LOG=str(log))
    for arguments in main_commands(album, tmp_path):
        succeeds([], arguments, env)
        assert not log.exists(), (arguments, log.read_text())
    watched = set((tmp_path / "network.log.watched").read_text().split())
    assert len(watched) >= len(main_commands(album, tmp_path)) + 2, "the two workers were watched, too"
    # the check itself works
    attempt = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    assert subprocess.run([sys.executable, "-c", attempt], env=env, capture_output=True).returncode != 0
    assert "socket" in log.read_text()


def can_isolate() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*ISOLATED, "true"], capture_output=True).returncode == 0


def test_every_command_works_where_there_is_no_network_at_all(album: Path, tmp_path: Path) -> None:
    if not can_isolate():
        pytest.skip("this system lets nobody make a network namespace (unshare)")
    for arguments in main_commands(album, tmp_path):
        succeeds(ISOLATED, arguments, environment())
    assert (tmp_path / "seen.jpg").exists()
    assert len([*(tmp_path / "out").rglob("*.jpg")]) == 2


def inodes(*kinds: str) -> set[str]:
    """Return the inodes of all sockets of these kinds on this machine."""
    found = set()
    for kind in kinds:
        if Path("/proc/net", kind).exists():
            header, *lines = Path("/proc/net", kind).read_text().splitlines()
            # some tables have columns that are separate in the header but joined in the lines
            column = (
                9 if header.split()[1] == "local_address" else [name.lower() for name in header.split()].index("inode")
            )
            found |= {line.split()[column] for line in lines}
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_no_process_of_a_run_holds_a_network_socket(album: Path, tmp_path: Path) -> None:
    """Neither Python nor the decoders nor LiteRT may open one."""
    for number in range(60):
        shutil.copy(album / "astronaut.jpg", album / f"copy-{number}.jpg")
        with open(album / f"copy-{number}.jpg", "ab") as file:
            file.write(number.to_bytes(2))
    local, network, processes = set[str](), set[str](), set[str]()
    process = subprocess.Popen(
        command("index", album, "--db", tmp_path / "index.sqlite", "--workers", "2"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            for folder in Path("/proc").iterdir():
                try:
                    if folder.name.isdigit() and os.getsid(int(folder.name)) == process.pid:
                        links = [os.readlink(fd) for fd in (folder / "fd").iterdir()]
                        held = {link[8:-1] for link in links if link.startswith("socket:[")}
                        processes.add(folder.name)
                        local |= held & inodes("unix")
                        network |= held & inodes("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet")
                except OSError:  # it has ended
                    pass
            time.sleep(0.02)
    finally:
        end(process)
    assert len(processes) >= 3, "the program and two workers"
    assert local, "the pipes to the workers are such"
    assert not network


# file permissions


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_the_index_is_its_owners_alone_whatever_the_umask(album: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "albumsort"
    before = os.umask(0)
    try:
        succeeds([], ["index", album, "--db", folder / "index.sqlite"], environment())
        with Database(folder / "index.sqlite") as index, index.transaction():
            storing.add_root(index, tmp_path / "another")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "index.sqlite.lock"), 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
