"""Make folders and files read-only, as disks, containers and their owners do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def read_only(place: Path, but: Path | None = None) -> Iterator[None]:
    """Let nothing be written to a file, or in a folder and to the files in it, but to this one."""
    if os.name == "nt":
        pytest.skip("permissions of folders are different on Windows")
    if os.geteuid() == 0:  # permissions do not stop root, but mounts do
        yield from _mounted_read_only(place, but)
        return
    inside = [path for path in place.iterdir() if path != but] if place.is_dir() else []
    modes = {path: path.stat().st_mode for path in (*inside, place)}
    for path, mode in modes.items():
        path.chmod(mode & 0o555)
    try:
        yield
    finally:
        for path, mode in reversed(modes.items()):
            path.chmod(mode)


def _mounted_read_only(place: Path, but: Path | None) -> Iterator[None]:
    try:
        subprocess.run(["mount", "--bind", place, place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"this root may not mount ({e})")
    try:
        if but is not None:
            subprocess.run(["mount", "--bind", but, but], check=True)
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield
    finally:  # lazily, because a test that failed may have left a file open
        subprocess.run(["umount", "--lazy", "--recursive", place], check=True)
