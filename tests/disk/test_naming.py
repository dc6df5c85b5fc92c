from __future__ import annotations

import os
from pathlib import Path

import pytest

from albumsort.disk.naming import Naming, ask

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")


def can_hold(path: Path) -> bool:
    try:
        path.touch()
    except OSError:
        return False
    path.unlink()
    return True


@posix
def test_the_longest_name_that_fits_can_be_written_and_a_longer_one_cannot(tmp_path: Path) -> None:
    naming = ask(tmp_path)
    assert can_hold(tmp_path / ("x" * naming.octets))
    assert not can_hold(tmp_path / ("x" * (naming.octets + 1)))


@posix
def test_a_long_folder_leaves_less_for_names(tmp_path: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_PATH_MAX") - 150
    folder = tmp_path
    while len(str(folder)) < longest - 100:
        folder /= "d" * 99
    folder.mkdir(parents=True)
    left = ask(folder).octets
    assert left < 255
    assert can_hold(folder / ("x" * left))
    assert not can_hold(folder / ("x" * (left + 1)))


def test_asking_writes_nothing_even_for_folders_that_do_not_exist(tmp_path: Path) -> None:
    assert ask(tmp_path / "new" / "deeper") == ask(tmp_path / "now" / "deeper")
    assert os.listdir(tmp_path) == []


def test_a_name_must_fit_in_bytes_and_in_utf_16_units() -> None:
    fat = Naming(octets=1530)  # what Linux reports for FAT: 255 characters of 6 bytes
    assert fat.fits("é" * 255)
    assert not fat.fits("é" * 256)
    assert not fat.fits("🎈" * 128)  # two units each
    assert Naming(143).fits("é" * 71)
    assert not Naming(143).fits("é" * 72)
    assert Naming(143).fits("\udce9" * 143)  # name bytes that are not text
