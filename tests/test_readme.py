"""The commands in README work."""

import json
import os
import re
import shlex
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
COOKBOOK = [row.replace("\\|", "|") for row in re.findall(r"^\|.+\| `(albumsort .+)` \|$", README, re.MULTILINE)]
SET_UP = [block.strip() for block in re.findall(r"^```\n(pip .+?)\n```$", README, re.MULTILINE)]


def test_two_commands_set_everything_up():
    assert len(SET_UP) == 2
    assert SET_UP[0].startswith("pip install . && albumsort index ")


def test_ci_runs_exactly_the_second_command():
    assert f"{SET_UP[1]} || exit 1" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_session_shows_the_main_commands():
    assert {command.split()[1] for command in SESSION} >= {"index", "top", "export"}


def portrait(path: Path, quality: int = 95) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data.astronaut()).save(path, quality=quality)


def run_in(home: Path, *commands: str) -> list[str]:
    """Run commands as a user with this home folder would; returns the output of each."""
    program = shutil.which("albumsort", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("the albumsort command is not installed beside this Python")
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}",
    }
    environment.pop("ALBUMSORT_DB", None)
    printed = []
    for command in commands:
        done = subprocess.run(["sh", "-c", command], env=environment, cwd=home, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stderr)
        printed.append(done.stdout)
    return printed


def test_every_command_of_the_session_works_in_a_new_home(tmp_path):
    portrait(tmp_path / "Photos" / "portrait.jpg")
    run_in(tmp_path, *SESSION)
    copies = [p.name for p in (tmp_path / "Sorted").rglob("*") if p.is_file()]
    assert copies == ["0001-portrait.jpg"]


def test_every_command_of_the_cookbook_and_the_python_example_work(tmp_path):
    assert len(COOKBOOK) > 15
    portrait(tmp_path / "Photos" / "Rome" / "portrait.jpg")
    shutil.copytree(tmp_path / "Photos" / "Rome", tmp_path / "Pictures")
    portrait(tmp_path / "Photos" / "beach.jpg", quality=90)
    run_in(tmp_path, SESSION[0])
    printed = dict(zip(COOKBOOK, run_in(tmp_path, *COOKBOOK), strict=True))
    assert len(printed["albumsort top happy"].splitlines()) == 2
    assert (tmp_path / "why.jpg").stat().st_size > 0
    assert not (tmp_path / "Sorted").exists()  # dry run, export and undo
    assert [path.is_symlink() for path in (tmp_path / "Links").rglob("*.jpg")] == [True, True]
    listed = json.loads((tmp_path / "faces.json").read_text())
    assert sorted(1 + len(photo["also"]) for photo in listed) == [1, 2]  # an album has a copy
    [example] = re.findall(r"^```python\n(.+?)^```$", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "example.py").write_text(example.replace(', since="2024-06"', ""))  # the portrait has no date
    assert str(tmp_path / "Photos" / "beach.jpg") in run_in(tmp_path, f"{shlex.quote(sys.executable)} example.py")[0]


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


def test_the_version_is_the_newest_of_the_release_notes():
    newest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == albumsort.__version__
