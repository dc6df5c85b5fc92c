from __future__ import annotations

import os
from pathlib import Path

import pytest

from albumsort.disk import filesystems
from albumsort.disk.filesystems import network

LINE = "36 35 {device} / /mnt\\040photos rw,noatime {tags}- {kind} server:/export rw,vers=4.2\n"


def mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, tags: str = "shared:1 ") -> None:
    """Make the system report this kind of file system for a temporary folder."""
    number = os.stat(tmp_path).st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    mounts = tmp_path / "mountinfo"
    other = LINE.format(device="0:0", kind="nfs", tags="")
    mounts.write_text(other + LINE.format(device=device, kind=kind, tags=tags) + other)
    monkeypatch.setattr(filesystems, "MOUNTS", mounts)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no device numbers like these")
@pytest.mark.parametrize("tags", ["", "shared:1 ", "shared:1 master:2 propagate_from:3 "])
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("smb3", True),
        ("fuse.sshfs", True),
        ("fuse.rclone", True),
        ("9p", True),
        ("ext4", False),
        ("btrfs", False),
        ("fuseblk", False),
        ("fuse.mergerfs", False),
        ("overlay", False),
    ],
)
def test_a_network_file_system_is_known_by_its_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, found: bool, tags: str
) -> None:
    mounted(monkeypatch, tmp_path, kind, tags)
    assert network(tmp_path) == (kind if found else None)


def test_an_unknown_file_system_is_not_called_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "none")
    assert network(tmp_path) is None
    assert network(tmp_path / "not there") is None


def test_other_lines_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_bytes(b"\n1\n - \n1 2 - nfs\n\xff \xff \xff - nfs4 x\n")
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "mountinfo")
    assert network(tmp_path) is None
