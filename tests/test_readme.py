"""What README tells a person to type works."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import albumsort

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSION = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
SET_UP = [block.strip() for block in re.findall(r"^```\n(pip .+?)\n```$", README, re.MULTILINE)]


def test_two_commands_do_all_the_set_up():
    assert len(SET_UP) == 2
    assert SET_UP[0].startswith("pip install . && albumsort index ")


def test_ci_runs_exactly_the_second_command():
    assert f"{SET_UP[1]} || exit 1" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_session_shows_the_main_commands():
    assert {command.split()[1] for command in SESSION} >= {"index", "top", "export", "stats"}


def test_every_command_of_the_session_works_in_a_new_home(tmp_path):
    photos = tmp_path / "Photos"
    photos.mkdir()
    Image.fromarray(data.astronaut()).save(photos / "portrait.jpg")
    program = shutil.which("albumsort", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("the albumsort command is not installed beside this Python")
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}",
    }
    environment.pop("ALBUMSORT_DB", None)
    for command in SESSION:
        done = subprocess.run(["sh", "-c", command], env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stderr)
    copies = [p.name for p in (tmp_path / "Sorted").rglob("*") if p.is_file()]
    assert copies == ["0001-portrait.jpg"]


def test_the_installed_package_carries_its_networks_and_works_outside_the_checkout(tmp_path):
    where = subprocess.run(
        [sys.executable, "-I", "-c", "import albumsort; print(albumsort.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    if where.returncode != 0 or "site-packages" not in where.stdout:
        pytest.skip("albumsort is not installed as a package here; .ci/run installs it")
    package = Path(where.stdout.strip()).parent
    bundled = [p for p in (package / "bundled").rglob("*") if p.is_file()]
    assert {p.suffix for p in bundled} == {".tflite", ".json", ".md"}
    assert all(p.read_bytes() == (ROOT / "weights" / p.name).read_bytes() for p in bundled)
    Image.fromarray(data.astronaut()).save(tmp_path / "portrait.jpg")
    run = [sys.executable, "-I", "-m", "albumsort"]
    environment = {**os.environ, "ALBUMSORT_DB": str(tmp_path / "index.sqlite")}
    indexed = subprocess.run([*run, "index", "."], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert indexed.returncode == 0, indexed.stderr
    top = subprocess.run([*run, "top", "happy"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert top.stdout.splitlines() == [str(tmp_path / "portrait.jpg")]


def test_the_version_is_the_changelogs_newest():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == albumsort.__version__


def functions_of(name: str) -> set[str]:
    path = ROOT / "tests" / name
    nodes = ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


PROMISES = README.partition("## What albumsort promises\n")[2].partition("\n## ")[0]


def test_every_promise_names_tests_that_exist():
    promises = re.findall(r"^- \*\*.+?(?=^- |\n\n)", PROMISES, re.MULTILINE | re.DOTALL)
    assert len(promises) > 8
    for promise in promises:
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", promise)
        assert named, promise
        assert promise.count("::") == len(named), promise
        assert [(file, name) for file, name in named if name not in functions_of(file)] == []
