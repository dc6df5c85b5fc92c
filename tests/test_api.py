"""The Python API: its examples run, and its answers equal the command line's."""

from __future__ import annotations

import doctest
import inspect
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
        (lambda index: index.top("happy", by="median"), "by='median': choose from everyone, max, mean, min"),
        (lambda index: index.top("happy", n=0), "n=0"),
        (lambda index: index.top("happy", min_score=7), "min_score=7: give a number from 0 to 1"),
        (lambda index: index.top("happy", min_sharpness=-1), "min_sharpness=-1"),
        (lambda index: list(index.photos(faces=(5, 2))), r"faces=\(5, 2\)"),
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


def test_numbers_beyond_what_a_database_holds_ask_for_all(library: SimpleNamespace) -> None:
    with albumsort.open_index(library.database) as index:
        assert len(index.top("happy", n=2**70)) == 7
        assert len(list(index.photos(faces=(0, 2**70)))) == 8


def test_a_filter_that_does_not_exist_is_an_error_of_the_program(library: SimpleNamespace) -> None:
    with albumsort.open_index(library.database) as index, pytest.raises(TypeError, match="min_shrapness"):
        index.top("happy", min_shrapness=0.9)


def test_one_path_or_glob_is_one_and_not_its_letters(library: SimpleNamespace, here: Path) -> None:
    with albumsort.open_index(library.database) as index:
        assert {p.path.parent.name for p in index.photos(folders=str(library.folder / "beach"))} == {"beach"}
    (here / "new").mkdir()
    for name in ("one.jpg", "other.png"):
        (here / "new" / name).write_bytes(encoded(astronaut(), "PNG"))
    report = albumsort.index_photos(str(here / "new"), here / "index.sqlite", workers=1, exclude="*.png")
    assert (report.found, report.analysed) == (1, 1)
    with pytest.raises(UsageError, match="workers=0"):
        albumsort.index_photos(here, here / "index.sqlite", workers=0)


def test_it_indexes_in_any_thread(here: Path) -> None:
    """Only the main thread may take Ctrl-C; in a program with a window another one does the work."""
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(albumsort.index_photos, [here], here / "index.sqlite", workers=1).result()
    assert (report.analysed, report.failed) == (1, ())


def test_a_closed_index_refuses_queries(library: SimpleNamespace) -> None:
    index = albumsort.open_index(library.database)
    index.close()
    with pytest.raises(IndexFileError, match="closed") as refused:
        index.top("happy")
    assert "damaged" not in str(refused.value)


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
