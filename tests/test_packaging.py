"""The content of the wheel and of the sdist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUNDLED = "albumsort/bundled/"


def built(source: Path, kind: str, to: Path) -> Path:
    """Build a wheel or sdist as pip does, with the backend in pyproject.toml."""
    code = f"from hatchling import build; print(build.build_{kind}({str(to)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return to / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist."""
    pytest.importorskip("hatchling", reason="needs hatchling, which builds the package (albumsort[test])")
    to = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built(ROOT, "sdist", to)) as archive:
        archive.extractall(to, filter="data")
    [folder] = (path for path in to.iterdir() if path.is_dir())
    return folder


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """A wheel built from the sdist."""
    return ZipFile(built(unpacked, "wheel", tmp_path_factory.mktemp("wheel")))


def bundled(wheel: ZipFile) -> set[str]:
    return {name.removeprefix(BUNDLED) for name in wheel.namelist() if name.startswith(BUNDLED)}


def test_a_wheel_built_from_the_sdist_bundles_only_networks_manifest_and_cards(wheel: ZipFile) -> None:
    networks = json.loads(wheel.read(f"{BUNDLED}manifest.json"))["networks"]
    files = {network["file"] for network in networks.values()}
    cards = {path.name for path in (ROOT / "weights").glob("*.md")}
    assert bundled(wheel) == {"manifest.json", *files, *cards}
    assert {Path(name).suffix for name in files | cards} == {".tflite", ".md"}


def test_the_wheel_bundles_the_weights_of_the_checkout(wheel: ZipFile) -> None:
    assert all(wheel.read(BUNDLED + name) == (ROOT / "weights" / name).read_bytes() for name in bundled(wheel))


def test_the_wheel_contains_only_the_modules_and_the_page_of_a_gallery(wheel: ZipFile) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "albumsort").rglob("*.py")}
    page = {f"albumsort/show/page/{path.name}" for path in (ROOT / "albumsort" / "show" / "page").iterdir()}
    assert {Path(name).suffix for name in page} == {".html", ".css", ".js", ".json"}
    others = {name for name in wheel.namelist() if not name.startswith(BUNDLED) and ".dist-info/" not in name}
    assert others == {*modules, *page, "albumsort/py.typed"}


def test_the_sdist_contains_everything_for_tests_and_training(unpacked: Path) -> None:
    parts = ("tests", "benchmarks", "weights", ".ci/run", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")
    assert [part for part in parts if not (unpacked / part).exists()] == []
    weights = [path for path in (ROOT / "weights").rglob("*") if path.is_file()]
    assert [path for path in weights if not (unpacked / path.relative_to(ROOT)).is_file()] == []


def test_the_wheel_requires_tensorflow_only_where_it_exists(wheel: ZipFile) -> None:
    [metadata] = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    lines = re.findall(r"^Requires-Dist: (.+)$", wheel.read(metadata).decode(), re.MULTILINE)
    markers = [r.marker for r in map(Requirement, lines) if r.name == "tensorflow" and r.marker is not None]
    for extra in ("train", "test"):
        asked = {
            python: any(marker.evaluate({"python_version": python, "extra": extra}) for marker in markers)
            for python in ("3.11", "3.13", "3.14")
        }
        assert asked == {"3.11": True, "3.13": True, "3.14": False}
