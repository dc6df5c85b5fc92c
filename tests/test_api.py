"""The Python API: its examples run, and its answers equal the command line's."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_type_hints

import pytest
from helpers import astronaut, encoded, environment, run

import albumsort
from albumsort import api
from albumsort.errors import IndexFileError, PhotoError, UsageError

OFFERED = albumsort.analyse, albumsort.open_index, albumsort.index_photos, albumsort.Index


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one portrait, for the examples."""
    (tmp_path / "portrait.jpg").write_bytes(encoded(astronaut()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # for the worker processes
    return tmp_path


def test_the_examples_in_the_docstrings_run_and_print_what_they_say(here: Path) -> None:
    examples = doctest.DocTestFinder(recurse=False)
    objects = [albumsort, albumsort.analyse, albumsort.index_photos, albumsort.Index.top, albumsort.Index.photos]
    parts = [part for thing in objects for part in examples.find(thing, globs={"albumsort": albumsort})]
    parts.sort(key=lambda part: "index_photos" not in part.name)  # it creates the index that the others open
    parts = [part for part in parts if part.examples]
    assert len(parts) == len(objects)
    for part in parts:
        result = doctest.DocTestRunner().run(part)
        assert (result.failed, result.attempted > 0) == (0, True), part.name


def test_everything_exported_exists_with_types_and_docstrings() -> None:
    assert {*albumsort.__all__} == {name for name in dir(albumsort) if getattr(albumsort, name) is not None}
    for thing in OFFERED:
        assert inspect.getdoc(thing)
    for function in (albumsort.analyse, albumsort.open_index, albumsort.index_photos):
        assert "return" in get_type_hints(
            function, {**vars(api), **vars(sys.modules["albumsort.types"]), "Report": object}
        )
    with pytest.raises(AttributeError, match="nothing_like_it"):
        albumsort.nothing_like_it  # noqa: B018


def test_the_api_gives_the_same_answers_as_the_commands(library: SimpleNamespace) -> None:
    def said(*command: str) -> list[str]:
        done = run(*command, "--json", "--db", library.database)
        return [photo["path"] for photo in json.loads(done.stdout)]

    with albumsort.open_index(library.database) as index:
        assert [str(p.path) for p in index.top("happiness", n=2)] == said("top", "happy", "-n", "2")
        assert [str(p.path) for p in index.top(albumsort.Emotion.HAPPY, by="min")] == said(
            "top", "happy", "--by", "min"
        )
        assert [str(p.path) for p in index.photos()] == said("list")
        asked = {"since": "2023", "until": "2024-07", "folders": [library.folder / "beach"], "min_score": 0.8}
        options = [
            "--since",
            "2023",
            "--until",
            "2024-07",
            "--path",
            str(library.folder / "beach"),
            "--min-score",
            ".8",
        ]
        assert [str(p.path) for p in index.photos(**asked)] == said("list", *options) != []
        assert [str(p.path) for p in index.photos(faces=2)] == said("list", "--faces", "2") != []
        assert [str(p.path) for p in index.photos(faces=(0, 1))] == said("list", "--faces", "0..1") != []
        assert [len(p.faces) for p in index.photos(min_detection=1.0)] == [0] * 8


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (lambda index: index.top("joyful-ish"), "joyful-ish"),
        (lambda index: list(index.photos(since="last summer")), "'last summer' is not a date"),
        (lambda index: list(index.photos(until="2024-13")), "'2024-13' is not a date"),
    ],
)
def test_invalid_arguments_are_refused(library: SimpleNamespace, query, reason: str) -> None:
    with albumsort.open_index(library.database) as index, pytest.raises(UsageError, match=reason):
        query(index)


def test_a_missing_index_and_a_broken_photo_are_errors(tmp_path: Path) -> None:
    with pytest.raises(IndexFileError, match="no index yet"):
        albumsort.open_index(tmp_path / "none.sqlite")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    with pytest.raises(PhotoError):
        albumsort.analyse(tmp_path / "broken.jpg")
    with pytest.raises(albumsort.AlbumsortError, match="no folder"):
        albumsort.index_photos([], tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


def test_a_closed_index_refuses_queries(library: SimpleNamespace) -> None:
    index = albumsort.open_index(library.database)
    index.close()
    with pytest.raises(Exception, match="closed"):
        index.top("happy")


def test_the_index_of_the_program_is_the_default(library: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALBUMSORT_DB", str(library.database))
    with albumsort.open_index() as index:
        assert len(list(index.photos())) == 8


def test_a_script_indexes_with_several_processes(here: Path) -> None:
    script = """if __name__ == "__main__":
        import albumsort
        shown = []
        report = albumsort.index_photos(["."], "index.sqlite", workers=2, progress=lambda: shown.append(1))
        print(report.analysed, len(shown))
    """
    (here / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], env={**os.environ, **environment()}, cwd=here, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("1 1\n", "")
