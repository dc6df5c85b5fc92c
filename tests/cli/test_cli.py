from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xxhash
from helpers import (
    ASTRONAUT_FACE,
    EVEN,
    NOW,
    astronaut,
    command,
    encoded,
    end,
    environment,
    face,
    on_a_terminal,
    run,
    save,
    start,
)
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner, Result

import albumsort
from albumsort.choosing.labels import Album
from albumsort.cli import index as cli_index
from albumsort.cli import why as cli_why
from albumsort.cli.app import app
from albumsort.index import folders, lookup, queries, storing
from albumsort.index import shares as index_shares
from albumsort.index.database import Database
from albumsort.index.schema import MIGRATIONS
from albumsort.indexing.report import Profile
from albumsort.networks import weights
from albumsort.query import Filters
from albumsort.show import explanation
from albumsort.types import ANSWERS, FOUR, Analysis, Emotion, PhotoFile

PHOTO_KEYS = {"path", "width", "height", "taken_at", "score", "emotion", "label", "sure", "faces"}
INDEX_KEYS = {"found", "analysed", "unchanged", "moved", "missing", "failed", "faces", "rescored", "seconds"}


def invoke(*arguments: str | Path, db: Path | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in this process; an error that no command should let through fails the test."""
    chosen = {"ALBUMSORT_DB": str(db)} if db else {}
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={**chosen, **(env or {})}, prog_name="albumsort")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(result: Result | subprocess.CompletedProcess[str]) -> list[str]:
    """The names of the photos that a command listed, all below the library."""
    paths = result.stdout.splitlines()
    return [path.partition("/library/")[2] for path in paths]


# wrong usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["top"],
        ["top", "happy", "--nonsense"],
        ["top", "happy", "-n", "0"],
        ["top", "happy", "-n", "many"],
        ["top", "happy", "--by", "median"],
        ["top", "happy", "--min-score", "2"],
        ["top", "happy", "--min-detection", "50"],
        ["top", "happy", "--min-face", "large"],
        ["stats", "--min-face", "-1"],
        ["list", "--min-sharpness", "x"],
        ["list", "--faces", "some"],
        ["list", "--faces", "3..1"],
        ["list", "--faces", "-1"],
        ["list", "--since", "yesterday"],
        ["list", "--until", "2024-13"],
        ["list", "--until", "2024-02-30"],
        ["list", "--json", "--csv"],
        ["list", "--nl", "-0"],
        ["top", "happy", "--json", "--nl", "--csv", "--null"],
        ["export"],
        ["export", "joyless", "--to", "out"],
        ["export", "--to", "out", "--link", "move"],
        ["index", "--files-from", "no such list"],
        ["index", "--workers", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_and_says_why_on_stderr(arguments: list[str], library: SimpleNamespace) -> None:
    result = invoke(*arguments, db=library.database)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (["top", "happy", "--by"], ["max", "mean", "min"]),
        (["export", "--to", "out", "--link"], ["copy", "hard", "soft"]),
    ],
    ids=lambda value: value[-1],
)
def test_the_choices_of_an_option_are_in_its_help_and_said_of_a_wrong_one(
    library: SimpleNamespace, arguments: list[str], choices: list[str]
) -> None:
    result = invoke(*arguments, "median", db=library.database)
    assert result.exit_code == 2
    assert all(repr(choice) in result.stderr for choice in choices)
    assert f"{arguments[-1]} <{'|'.join(choices)}>" in invoke(arguments[0], "--help").stdout


@pytest.mark.parametrize("text", ["2", "202", "2024-1", "2024-07-3", "2024-", "2024-07-01T1"])
@pytest.mark.parametrize("option", ["--since", "--until"])
def test_half_a_date_is_refused_and_not_guessed(library: SimpleNamespace, option: str, text: str) -> None:
    result = invoke("list", option, text, db=library.database)
    assert result.exit_code == 2
    assert "no date" in result.stderr


@pytest.mark.parametrize("word", ["joyless", "contempt"])
def test_an_unknown_emotion_exits_2_with_the_list(library: SimpleNamespace, word: str) -> None:
    result = invoke("top", word, db=library.database)
    assert result.exit_code == 2
    assert all(emotion.value in result.stderr for emotion in Emotion)


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        (["list", "--faces", "9" * 20], 0),
        (["list", "--faces", "0.." + "9" * 20], 8),
        (["top", "happy", "-n", "9" * 20], 7),
    ],
)
def test_a_number_beyond_any_database_is_as_good_as_the_largest(
    library: SimpleNamespace, arguments: list[str], listed: int
) -> None:
    result = invoke(*arguments, db=library.database)
    assert (result.exit_code, len(lines(result))) == (0, listed)


# help and version


def test_the_version_is_the_packages() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"albumsort {albumsort.__version__}\n")


@pytest.mark.parametrize("name", ["index", "top", "list", "export", "stats", "why", "prune", "doctor"])
def test_every_command_explains_itself(name: str) -> None:
    overview, own = invoke("--help"), invoke(name, "--help")
    assert overview.exit_code == own.exit_code == 0
    assert re.search(rf"^. {name} +\w", overview.stdout, re.MULTILINE)
    assert "--db" in own.stdout
    assert "ALBUMSORT_DB" in own.stdout


def test_help_shows_what_stands_in_square_brackets() -> None:
    def help_of(*arguments: str) -> str:
        shown = invoke(*arguments, "--help", env={"COLUMNS": "200"}).stdout
        return " ".join(shown.replace("│", " ").split())  # wherever its lines end

    assert "albumsort[train]" in help_of("model")
    assert "[default: one a core]" in help_of("index")
    assert "[default: in the user's data folder]" in help_of("top")


# top


def test_top_lists_the_best_paths_when_piped(library: SimpleNamespace) -> None:
    result = invoke("top", "happy", "-n", "3", db=library.database)
    assert result.exit_code == 0
    assert lines(result) == ["beach/party.jpg", "beach2/crowd.jpg", "beach/grin.jpg"]
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("word", "best"),
    [("angry", "row.jpg"), ("sadness", "rain.jpg"), ("JOY", "beach/party.jpg"), ("surprised", "shock.jpg")],
)
def test_top_understands_synonyms(library: SimpleNamespace, word: str, best: str) -> None:
    assert lines(invoke("top", word, "-n", "1", db=library.database)) == [best]


def test_top_shows_twenty_unless_told_otherwise(database: Path) -> None:
    with Database(database, create=True) as index:
        for number in range(25):
            save(index, f"/library/{number:02}.jpg", [face(happy=0.5)])
    assert len(lines(invoke("top", "happy", db=database))) == 20
    assert len(lines(invoke("top", "happy", "-n", "22", db=database))) == 22


def test_top_by_the_worst_or_the_mean_of_several_faces(library: SimpleNamespace) -> None:
    def place(by: str) -> int:
        return lines(invoke("top", "happy", "--by", by, db=library.database)).index("beach2/crowd.jpg")

    assert (place("max"), place("mean"), place("min")) == (1, 2, 2)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--min-score", "0.75"], ["beach/party.jpg", "beach2/crowd.jpg"]),
        (["--since", "2024", "--min-score", "0.5"], ["beach/party.jpg", "beach/grin.jpg"]),
        (["--until", "2023", "--min-score", "0.5"], ["beach2/crowd.jpg"]),
        (["--faces", "2"], ["beach2/crowd.jpg"]),
        (["--faces", "2.."], ["beach2/crowd.jpg"]),
        (["--min-face", "5", "-n", "2"], ["beach/party.jpg", "beach/grin.jpg"]),
        (["--min-face", "10%"], ["beach2/crowd.jpg"]),
        (["--min-detection", "0.91"], []),
        (["--min-sharpness", "0.51"], []),
        (["--path", "beach"], ["beach/party.jpg", "beach/grin.jpg"]),
        (["--path", "beach", "--path", "beach2", "-n", "2"], ["beach/party.jpg", "beach2/crowd.jpg"]),
        (["--path", "nowhere"], []),
    ],
    ids=lambda value: " ".join(value),
)
def test_top_takes_filters(
    library: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, filters: list[str], expected: list[str]
) -> None:
    monkeypatch.chdir(library.folder)  # folders may be relative
    result = invoke("top", "happy", *filters, db=library.database)
    assert result.exit_code == 0
    assert lines(result) == expected


@pytest.fixture
def unsure(tmp_path: Path) -> SimpleNamespace:
    """A smile in front, with what may be a face in the background, and a photo of nothing sure."""
    folder, database = tmp_path / "library", tmp_path / "unsure.sqlite"
    folder.mkdir()
    front = face((10, 10, 100, 100), happy=0.9)
    shadow = replace(face((200, 10, 200, 200), anger=0.9), detection=0.4, sharpness=None)
    with Database(database, create=True) as index:
        for name, faces in {"front.jpg": [front, shadow], "shadow.jpg": [shadow]}.items():
            (folder / name).write_bytes(name.encode())
            save(index, folder / name, faces, None, xxhash.xxh3_128_hexdigest(name.encode()))
        with index.transaction():
            storing.add_root(index, folder)
    return SimpleNamespace(folder=folder, database=database)


def test_what_is_hardly_a_face_counts_nowhere_unless_asked_for(unsure: SimpleNamespace, tmp_path: Path) -> None:
    def counts(*options: str) -> tuple[int, ...]:
        document = json.loads(invoke("stats", "--json", *options, db=unsure.database).stdout)
        return tuple(document[key] for key in ("photos", "faces", "anger", "happy", "without_face"))

    def faces(*options: str) -> list[int]:
        return [len(p["faces"]) for p in json.loads(invoke("list", "--json", *options, db=unsure.database).stdout)]

    assert (counts(), faces()) == ((2, 1, 0, 1, 1), [1, 0])
    assert lines(invoke("top", "anger", db=unsure.database)) == ["front.jpg"]
    asked = ["--min-detection", "0.3"]
    assert (counts(*asked), faces(*asked)) == ((2, 3, 2, 0, 0), [2, 1])
    assert lines(invoke("top", "anger", *asked, db=unsure.database)) == ["front.jpg", "shadow.jpg"]
    for name, options, expected in (("a", [], ["happy/0001-front.jpg"]), ("b", asked, 2 * ["anger"])):
        assert invoke("export", "--to", tmp_path / name, *options, db=unsure.database).exit_code == 0
        assert [path[: len(e)] for path, e in zip(exported(tmp_path / name), expected, strict=True)] == expected


def test_a_face_of_unknown_sharpness_is_not_sharp(unsure: SimpleNamespace) -> None:
    asked = ["--min-detection", "0.3", "--min-sharpness", "0.01"]
    assert lines(invoke("top", "anger", *asked, db=unsure.database)) == ["front.jpg"]


def test_top_before_anything_was_indexed_exits_1_with_advice_and_makes_no_index(database: Path) -> None:
    result = invoke("top", "happy", db=database)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "albumsort index" in result.stderr
    assert not database.exists()


# list


def test_list_shows_every_photo_by_path_faces_or_not(library: SimpleNamespace) -> None:
    assert lines(invoke("list", db=library.database)) == [
        "beach/grin.jpg",
        "beach/party.jpg",
        "beach2/crowd.jpg",
        "hills.jpg",
        "rain.jpg",
        "row.jpg",
        "shock.jpg",
        "wait.jpg",
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--faces", "0"], ["hills.jpg"]),
        (["--faces", "1", "--min-face", "10"], ["beach2/crowd.jpg"]),
        (["--faces", "0..1", "--since", "2024"], ["beach/grin.jpg", "beach/party.jpg", "hills.jpg"]),
        (["--min-score", "0.86"], ["beach/party.jpg", "wait.jpg"]),
        (["--since", "2024-07-01T10:00:01"], ["beach/grin.jpg", "hills.jpg"]),
        (["--since", "2024-07-01 10:00"], ["beach/grin.jpg", "beach/party.jpg", "hills.jpg"]),
        (["--since", "2024-07-02"], ["beach/grin.jpg", "hills.jpg"]),
        (["--since", "2024-08"], []),
        (["--until", "2022"], ["row.jpg"]),
        (["--until", "2024-07-01"], ["beach/party.jpg", "beach2/crowd.jpg", "row.jpg"]),
        (["--since", "2024-07", "--until", "2024-07"], ["beach/grin.jpg", "beach/party.jpg", "hills.jpg"]),
        (["--since", "2023-01-01T00:00:00Z", "--until", "2023-01-01T00:00:00Z"], ["beach2/crowd.jpg"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_list_takes_filters(library: SimpleNamespace, filters: list[str], expected: list[str]) -> None:
    assert lines(invoke("list", *filters, db=library.database)) == expected


def test_a_time_with_an_offset_means_that_moment(library: SimpleNamespace) -> None:
    def since(time: str) -> list[str]:
        return lines(invoke("list", "--since", time, "--until", "2024-07-01", db=library.database))

    assert since("2024-07-01T11:30:00+02:00") == ["beach/party.jpg"]
    assert since("2024-07-01T12:30:00+02:00") == []


# forms


@pytest.mark.parametrize("arguments", [["top", "happy"], ["list"]])
def test_json_is_one_document_of_photos(library: SimpleNamespace, arguments: list[str]) -> None:
    photos = json.loads(invoke(*arguments, "--json", db=library.database).stdout)
    by_name = {Path(photo["path"]).name: photo for photo in photos}
    party = by_name["party.jpg"]
    assert set(party) == PHOTO_KEYS
    ranked = arguments[0] == "top"
    assert (party["score"], party["emotion"]) == ((0.9, "happy") if ranked else (None, None))
    assert (party["width"], party["height"], party["taken_at"]) == (640, 480, "2024-07-01T10:00:00Z")
    [seen] = party["faces"]
    assert set(seen) == {"box", "detection", "size", "sharpness", "label", "sure", "eyes", "probabilities"}
    assert (seen["box"], seen["label"], seen["sure"], seen["eyes"]) == ([10, 10, 40, 40], "happy", 0.9, 0.9)
    assert (party["label"], party["sure"]) == ("happy", 0.9)
    assert list(seen["probabilities"]) == [emotion.value for emotion in Emotion]
    assert sum(seen["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("arguments", [["top", "sad"], ["list"]])
def test_every_form_lists_the_same_photos_in_the_same_order(library: SimpleNamespace, arguments: list[str]) -> None:
    def listed(*form: str) -> str:
        return invoke(*arguments, *form, db=library.database).stdout

    paths = listed().splitlines()
    assert [photo["path"] for photo in json.loads(listed("--json"))] == paths
    assert [json.loads(line)["path"] for line in listed("--nl").splitlines()] == paths
    assert [row["path"] for row in csv.DictReader(io.StringIO(listed("--csv")))] == paths
    assert listed("-0") == listed("--null") == "".join(f"{path}\0" for path in paths)


def test_nothing_found_is_an_empty_document_and_exit_code_0(library: SimpleNamespace) -> None:
    result = invoke("list", "--path", "/nowhere", "--json", db=library.database)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert invoke("list", "--path", "/nowhere", db=library.database).stdout == ""


def test_a_terminal_gets_a_table(library: SimpleNamespace) -> None:
    code, shown = on_a_terminal("top", "happy", "-n", "2", "--db", library.database)
    assert code == 0
    row = next(line for line in shown.splitlines() if "party.jpg" in line)
    assert "90.0 %" in row
    assert "2024-07-01" in row
    assert str(library.folder / "beach/party.jpg") not in shown


def test_a_terminal_is_told_when_no_photo_matches(library: SimpleNamespace) -> None:
    assert "No photo matches" in on_a_terminal("list", "--path", "/nowhere", "--db", library.database)[1]


def test_no_color_is_honoured(library: SimpleNamespace) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9]")
    top = ("top", "happy", "--db", library.database)
    assert colour.search(on_a_terminal(*top)[1])
    assert not colour.search(on_a_terminal(*top, env={"NO_COLOR": "1"})[1])


@pytest.mark.skipif(os.name == "nt", reason="Windows names are UTF-16")
@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_names_that_are_not_utf8_pass_through_a_pipe_byte_for_byte(tmp_path: Path, locale: str) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    name = os.fsencode(folder) + b"/caf\xe9 \xc3\xa9.jpg"
    try:
        Path(os.fsdecode(name)).write_bytes(encoded(astronaut(128)))
    except OSError:
        pytest.skip("this file system takes no such name")
    settings = environment(ALBUMSORT_DB=str(tmp_path / "index.sqlite"), LC_ALL=locale)
    assert subprocess.run(command("index", folder), env=settings, capture_output=True).returncode == 0
    for arguments, end_of_name in ((["list"], b"\n"), (["list", "-0"], b"\0"), (["top", "happy"], b"\n")):
        listed = subprocess.run(command(*arguments), env=settings, capture_output=True)
        assert (listed.returncode, listed.stdout) == (0, name + end_of_name)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes")
@pytest.mark.parametrize("form", ["--nl", "--json", "--csv", "--null"])
def test_a_reader_that_has_seen_enough_ends_the_list_quietly(database: Path, form: str) -> None:
    with Database(database, create=True) as index:
        for number in range(60):
            save(index, f"/library/{number}.jpg", [face(happy=0.5)] * 40)
    process = start("list", form, "--min-score", "0.1", "--db", database)
    try:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            end(process)
        process.stderr.close()  # type: ignore[union-attr]


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_a_short_list_cut_by_head_is_quiet(library: SimpleNamespace) -> None:
    shell = f"'{sys.executable}' -m albumsort list --db '{library.database}' | head -1"
    done = subprocess.run(["sh", "-c", shell], env=environment(), capture_output=True, text=True)
    assert (lines(done), done.stderr) == (["beach/grin.jpg"], "")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_a_list_needs_no_stderr(library: SimpleNamespace) -> None:
    shell = f"'{sys.executable}' -m albumsort list --db '{library.database}' 2>&-"
    done = subprocess.run(["sh", "-c", shell], env=environment(), capture_output=True, text=True)
    assert (done.returncode, len(lines(done))) == (0, 8)


# the index file and the environment


def test_the_index_may_be_named_before_or_after_the_command(library: SimpleNamespace) -> None:
    after = invoke("list", "--db", library.database)
    before = invoke("--db", library.database, "list")
    assert len(lines(after)) == len(lines(before)) == 8


def test_what_the_command_line_names_goes_before_the_environment(library: SimpleNamespace, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.sqlite"
    assert invoke("--db", library.database, "list", db=nowhere).exit_code == 0
    assert invoke("list", "--db", library.database, db=nowhere).exit_code == 0
    assert invoke("--db", nowhere, "list", "--db", library.database).exit_code == 0
    assert invoke("list", db=nowhere).exit_code == 1


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("ALBUMSORT_MIN_SCORE", "0.75", 2),
        ("ALBUMSORT_MIN_FACE", "10", 1),
        ("ALBUMSORT_MIN_DETECTION", "0.91", 0),
        ("ALBUMSORT_MIN_SHARPNESS", "0.51", 0),
    ],
)
def test_settings_are_read_from_the_environment(
    library: SimpleNamespace, variable: str, value: str, expected: int
) -> None:
    assert len(lines(invoke("top", "happy", db=library.database, env={variable: value}))) == expected


def test_a_setting_goes_before_its_variable(library: SimpleNamespace) -> None:
    setting = {"ALBUMSORT_MIN_SCORE": "0.85"}
    assert len(lines(invoke("top", "happy", "--min-score", "0.75", db=library.database, env=setting))) == 2


def test_quiet_can_be_set_in_the_environment(indexed: SimpleNamespace) -> None:
    assert "broken.jpg" in invoke("stats", db=indexed.database).stderr
    assert invoke("stats", db=indexed.database, env={"ALBUMSORT_QUIET": "1"}).stderr == ""


COUNTED = {"min_face", "min_detection", "min_sharpness"}
SETTINGS = {
    "albumsort index": {"workers", "exclude", "cluster", "cluster_path", "db", "quiet"},
    "albumsort top": {"by", "min_score", *COUNTED, "db", "quiet"},
    "albumsort list": {"min_score", *COUNTED, "db", "quiet"},
    "albumsort export": {"link", *COUNTED, "db", "quiet"},
    "albumsort stats": {*COUNTED, "db", "quiet"},
    "albumsort why": {"min_detection", "db", "quiet"},
    "albumsort prune": {"db", "quiet"},
    "albumsort doctor": {"db", "quiet"},
    "albumsort model train emotion": {"quiet"},
    "albumsort model train faces": {"quiet"},
    "albumsort model evaluate emotion": {"quiet"},
    "albumsort model evaluate faces": {"quiet"},
    "albumsort model compare": {"quiet"},
}


def parameters(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every option and argument of a command and of those within it, with the words that call it."""
    yield from ((name, parameter) for parameter in command.params)
    for word, within in getattr(command, "commands", {}).items():
        yield from parameters(within, f"{name} {word}")


def test_settings_have_a_variable_and_what_a_run_is_to_do_has_none() -> None:
    """A variable that somebody forgot must not cap an export, remove one, or choose where it goes."""
    named = [(name, p.name, p.envvar) for name, p in parameters(get_command(app), "albumsort") if p.envvar]
    assert sorted(named) == sorted(
        (command, name, f"ALBUMSORT_{name.upper()}") for command, names in SETTINGS.items() for name in names
    )


def test_no_variable_says_what_an_export_does(library: SimpleNamespace, tmp_path: Path) -> None:
    orders = {"N": "1", "UNDO": "report.csv", "DRY_RUN": "1", "REPORT": str(tmp_path / "report.csv")}
    variables = {f"ALBUMSORT_{name}": value for name, value in orders.items()}
    assert invoke("export", "--to", tmp_path / "out", db=library.database, env=variables).exit_code == 0
    assert len(exported(tmp_path / "out")) == 6
    assert not (tmp_path / "report.csv").exists()
    assert invoke("export", db=library.database, env={"ALBUMSORT_TO": str(tmp_path / "out")}).exit_code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the place is Linux's")
def test_without_a_name_the_index_is_in_the_users_data_folder(album: Path, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    assert run("index", album / "drawing.png", env=home).returncode == 0
    assert (tmp_path / "data" / "albumsort" / "index.sqlite").is_file()
    assert run("list", env=home).stdout == f"{album / 'drawing.png'}\n"


@pytest.mark.parametrize("arguments", [["list"], ["top", "sad"], ["stats"], ["export", "--to", "out"], ["prune"]])
def test_a_file_that_is_no_index_exits_1_and_stays_as_it_is(database: Path, arguments: list[str]) -> None:
    database.write_bytes(b"a shopping list\n" * 100)
    result = invoke(*arguments, db=database)
    assert result.exit_code == 1
    assert "--db" in result.stderr
    assert "Traceback" not in result.stderr
    assert database.read_bytes() == b"a shopping list\n" * 100


# index


def test_index_exits_1_if_a_photo_failed_and_names_it_on_stderr(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.search(r"^5 +photos found", done.stderr, re.MULTILINE)
    assert re.search(r"^4 +analysed", done.stderr, re.MULTILINE)
    assert f"failed: {album / 'broken.jpg'}: " in done.stderr


def test_index_exits_0_if_all_is_well_and_the_second_time_analyses_nothing(album: Path, database: Path) -> None:
    (album / "broken.jpg").unlink()
    first = run("index", album, "--db", database, "--json")
    second = run("index", album, "--db", database, "--json")
    assert (first.returncode, second.returncode) == (0, 0)
    for report in (json.loads(first.stdout), json.loads(second.stdout)):
        assert set(report) == INDEX_KEYS
        assert report["found"] == 4
        assert report["failed"] == []
    assert json.loads(first.stdout)["analysed"] == json.loads(second.stdout)["unchanged"] == 4
    assert json.loads(second.stdout)["analysed"] == 0


def test_index_says_at_once_that_it_waits_for_another_and_goes_on_when_that_is_done(
    album: Path, database: Path
) -> None:
    with Database(database, create=True) as other:
        with other.alone():
            process = start("index", album / "drawing.png", "--db", database)
            try:
                assert process.stderr is not None
                said = process.stderr.readline()
                assert process.poll() is None
                with closing(sqlite3.connect(database)) as raw:
                    assert raw.execute("SELECT count(*) FROM photos").fetchone() == (0,)
            except BaseException:
                end(process)
                raise
        try:
            process.communicate(timeout=60)
        finally:
            end(process)
    assert said == f"Another albumsort is indexing into {database}; waiting until it is done\n"
    assert process.returncode == 0
    assert run("list", "--db", database).stdout.splitlines() == [str(album / "drawing.png")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to signal")
def test_an_index_that_waits_ends_at_a_ctrl_c(album: Path, database: Path) -> None:
    with Database(database, create=True) as other, other.alone():
        process = start("index", album, "--db", database)
        try:
            assert process.stderr is not None
            process.stderr.readline()
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=20)[1]
        finally:
            end(process)
    assert (process.returncode, said) == (130, "albumsort: interrupted\n")


@pytest.mark.parametrize(
    "arguments", [["top", "happy"], ["list"], ["stats"], ["export", "--to", "out"], ["prune", "--yes"], ["doctor"]]
)
def test_while_another_indexes_every_other_command_works(library: SimpleNamespace, arguments: list[str]) -> None:
    """Even in the middle of its writing, all that only read."""
    (library.folder / "rain.jpg").unlink()
    with Database(library.database) as other, other.alone():
        if arguments[0] == "prune":
            done = run(*arguments, "--db", library.database, cwd=library.folder.parent)
        else:
            with other.transaction():
                done = run(*arguments, "--db", library.database, cwd=library.folder.parent)
    assert done.returncode == (1 if arguments[0] == "export" else 0)  # one photo is gone
    assert "waiting" not in done.stderr.lower()


def test_index_says_how_much_was_judged_anew_without_its_photo(album: Path, database: Path) -> None:
    run("index", album / "astronaut.jpg", "--db", database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.execute("UPDATE faces SET happy = 0.5")
        raw.commit()
    (album / "astronaut.jpg").unlink()
    done = run("index", album / "drawing.png", "--db", database, "--json")
    assert json.loads(done.stdout)["rescored"] == 1
    assert "1  judged again from stored faces" in done.stderr
    assert "the stored faces of 1 are judged again, without opening a photo" in done.stderr
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT happy FROM faces ORDER BY detection DESC").fetchone()[0] > 0.9
    assert "judged again" not in run("index", album / "drawing.png", "--db", database).stderr


def test_index_says_what_an_upgrade_costs_before_it_is_done(album: Path, database: Path) -> None:
    run("index", album, "--db", database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.execute("UPDATE contents SET found_with = 'another method' WHERE height = 80")  # the drawing
        raw.commit()
    said = run("index", album, "--db", database).stderr.splitlines()
    assert said[0] == (
        "albumsort has changed since the last run: 1 photos are analysed again; the stored faces of 3 are first "
        "judged again, without opening a photo"
    )
    assert "has changed" not in run("index", album, "--db", database).stderr


def test_a_quiet_index_says_nothing_of_costs(album: Path, database: Path) -> None:
    run("index", album / "drawing.png", "--db", database)
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.commit()
    assert run("index", album / "drawing.png", "--db", database, "--quiet").stderr == ""


def test_the_report_of_index_counts_all_seven_labels(album: Path, database: Path) -> None:
    said = run("index", album, "--db", database).stderr
    line = next(line for line in said.splitlines() if line.startswith("In the index"))
    counts = "0 anger, 2 happy, 0 sad, 0 neutral, 0 surprise, 0 fear, 0 disgust, 0 no clear expression"
    assert line == f"In the index: {counts} (by the largest face)"


def test_index_json_names_what_failed_and_why(album: Path, database: Path) -> None:
    begun = time.perf_counter()
    report = json.loads(run("index", album, "--db", database, "--json").stdout)
    took = time.perf_counter() - begun
    [failed] = report["failed"]
    assert failed["path"] == str(album / "broken.jpg")
    assert "ends in the middle" in failed["error"]
    assert (report["faces"], report["moved"], report["missing"]) == (2, 0, 0)
    assert 0 < report["seconds"] < took


def test_index_shows_where_the_time_went_when_asked(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database, "--profile", "--json")
    profile = json.loads(done.stdout)["profile"]
    assert profile["workers"] == 1
    assert {"read", "decode", "resize", "classify"} <= set(profile["steps"])
    assert all(name in done.stderr for name in ("ms a photo", "decode", "idle", "writing"))
    again = run("index", album, "--db", database, "--profile", "--json")
    assert json.loads(again.stdout)["profile"]["steps"] == {}
    assert "profile" not in json.loads(run("index", album, "--db", database, "--json").stdout)


@pytest.mark.parametrize(
    ("analysed", "milliseconds"),
    [(4, ["450.00", "50.00", "500.00", "25.00"]), (0, ["1800.00", "200.00", "2000.00", "100.00"])],
)
def test_the_profile_shares_out_the_time_of_all_workers_and_divides_it_by_photos(
    capsys: pytest.CaptureFixture[str], indexed: SimpleNamespace, analysed: int, milliseconds: list[str]
) -> None:
    profile = Profile({"read": 0.2, "decode": 1.8}, writing=0.1, seconds=2.0, size=2)
    cli_index._print_profile(replace(indexed.report, analysed=analysed, profile=profile))
    shown = capsys.readouterr().err
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.splitlines() if "%" in line]
    assert "2 workers, 2.0 s" in shown
    assert [row[2] for row in rows] == milliseconds
    assert [[row[0], row[1], row[3]] for row in rows] == [
        ["decode", "1.80", "45.0 %"],
        ["read", "0.20", "5.0 %"],
        ["idle", "2.00", "50.0 %"],
        ["writing, beside them", "0.10", "2.5 %"],
    ]


def test_index_says_how_fast_it_was(capsys: pytest.CaptureFixture[str], indexed: SimpleNamespace) -> None:
    with Database(indexed.database) as index:
        for analysed in (50, 0):
            cli_index._print_report(replace(indexed.report, analysed=analysed, seconds=2.5), index)
    said = [" ".join(line.split()) for line in capsys.readouterr().err.splitlines() if "analysed in" in line]
    assert said == ["50 analysed in 2.5 s, 20 a second", "0 analysed in 2.5 s"]


def test_index_knows_no_path_of_a_cluster_without_a_cluster(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database, "--cluster-path", "/a=/b")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--cluster" in done.stderr
    assert not database.exists()


def test_index_quiet_says_nothing_but_failures(album: Path, database: Path) -> None:
    done = run("index", album, "--db", database, "--quiet")
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["failed"]
    (album / "broken.jpg").unlink()
    assert run("--quiet", "index", album, "--db", database).stderr == ""


def test_index_shows_no_progress_bar_but_on_a_terminal(album: Path, database: Path) -> None:
    photo = album / "drawing.png"
    assert "1/1" not in run("index", photo, "--db", database).stderr
    assert "1/1" in on_a_terminal("index", photo, "--db", database, "--rescan")[1]
    assert on_a_terminal("index", photo, "--db", database, "--rescan", "--quiet") == (0, "")


def test_index_without_a_path_goes_over_the_folders_indexed_before(album: Path, database: Path) -> None:
    run("index", album, "--db", database)
    (album / "new.jpg").write_bytes(encoded(astronaut(128)))
    report = json.loads(run("index", "--db", database, "--json").stdout)
    assert (report["found"], report["analysed"], report["unchanged"]) == (6, 1, 4)


def test_index_without_a_path_the_first_time_exits_2(database: Path) -> None:
    done = run("index", "--db", database)
    assert done.returncode == 2
    assert "albumsort index" in done.stderr


def test_index_of_a_folder_that_is_not_there_exits_1_with_advice(tmp_path: Path, database: Path) -> None:
    done = run("index", tmp_path / "nowhere", "--db", database)
    assert done.returncode == 1
    assert "plugged in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_index_takes_a_list_of_files(album: Path, database: Path, tmp_path: Path, separator: str) -> None:
    (tmp_path / "names").write_text(separator.join([str(album / "drawing.png"), str(album / "landscape.jpg"), ""]))
    report = json.loads(run("index", "--files-from", tmp_path / "names", "--db", database, "--json").stdout)
    assert (report["found"], report["analysed"]) == (2, 2)


def test_index_takes_a_list_of_files_from_standard_input(album: Path, database: Path) -> None:
    done = run("index", "--files-from", "-", "--db", database, "--json", stdin="drawing.png\ngone.jpg\n", cwd=album)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["analysed"] == 1
    assert [Path(failed["path"]).name for failed in report["failed"]] == ["gone.jpg"]
    assert run("list", "--db", database).stdout == f"{album / 'drawing.png'}\n"


def test_index_excludes_what_matches_any_of_the_globs(album: Path, database: Path) -> None:
    done = run("index", album, "--exclude", "*.jpg", "--exclude", "*/raw", "--db", database)
    assert done.returncode == 0
    assert "4 excluded" in done.stderr
    assert run("list", "--db", database).stdout == f"{album / 'drawing.png'}\n"


def test_index_rescans_when_told_to(album: Path, database: Path) -> None:
    run("index", album / "drawing.png", "--db", database)
    report = json.loads(run("index", album / "drawing.png", "--rescan", "--db", database, "--json").stdout)
    assert (report["analysed"], report["unchanged"]) == (1, 0)


# stats


def test_stats_counts_photos_by_label_and_what_has_none(library: SimpleNamespace) -> None:
    result = invoke("stats", "--json", db=library.database)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "photos": 8,
        "faces": 8,
        "anger": 1,
        "happy": 2,
        "sad": 2,
        "neutral": 1,
        "surprise": 1,
        "fear": 0,
        "disgust": 0,
        "no_clear_expression": 0,
        "without_face": 1,
        "failed": 0,
        "missing": 0,
        "waiting": 0,
        "roots": [str(library.folder)],
        "albums": [],
        "failures": [],
    }


def test_stats_piped_are_names_and_counts_and_failures_go_to_stderr(indexed: SimpleNamespace) -> None:
    result = invoke("stats", db=indexed.database)
    counts = dict(line.split("\t") for line in result.stdout.splitlines())
    assert counts == {
        "photos": "5",
        "faces": "2",
        "anger": "0",
        "happy": "2",
        "sad": "0",
        "neutral": "0",
        "no_clear_expression": "0",
        "without_face": "2",
        "failed": "1",
        "missing": "0",
    }
    assert f"failed: {indexed.album / 'broken.jpg'}: " in result.stderr


def share_out(library: SimpleNamespace, **named: float) -> None:
    """Give the library's album these shares; what they leave of 1 is shared by the other answers."""
    rest = (1 - sum(named.values())) / (len(ANSWERS) - len(named))
    with Database(library.database) as index, index.transaction():
        index_shares.save_natural_shares(index, EVEN, due=False)
        shares = {answer: named.get(str(answer or "nothing"), rest) for answer in ANSWERS}
        index_shares.save_albums(index, [Album(library.folder, shares, 1204)])


def test_piped_stats_name_the_four_even_where_there_are_none(indexed: SimpleNamespace) -> None:
    named = [line.split("\t")[0] for line in invoke("stats", db=indexed.database).stdout.splitlines()]
    assert {"anger", "happy", "sad", "neutral"} <= set(named)
    assert "fear" not in named


def test_stats_says_what_is_expected_of_each_album(library: SimpleNamespace) -> None:
    share_out(library, neutral=0.55, happy=0.41, sad=0.006, nothing=0.03)
    result = invoke("stats", db=library.database)
    assert result.stderr.splitlines()[:1] == [
        f"In {library.folder}, estimated from 1,204 faces: 55 % neutral, 41 % happy, 3 % no clear expression, "
        "0.6 % sad, 0.1 % anger, 0.1 % surprise, 0.1 % fear, 0.1 % disgust"
    ]
    [album] = json.loads(invoke("stats", "--json", db=library.database).stdout)["albums"]
    assert (album["path"], album["faces"]) == (str(library.folder), 1204)
    assert (album["shares"]["happy"], album["shares"]["nothing"]) == (0.41, 0.03)


def test_stats_counts_what_waits_for_the_new_network(indexed: SimpleNamespace, tmp_path: Path) -> None:
    shutil.copy(indexed.database, tmp_path / "index.sqlite")
    with closing(sqlite3.connect(tmp_path / "index.sqlite")) as raw:
        raw.execute("UPDATE contents SET classified_with = 'another network'")
        raw.commit()
    said = invoke("stats", db=tmp_path / "index.sqlite").stderr
    assert "Analysed by an older albumsort: 4 photos. To judge them as this one does, index their folders" in said
    assert json.loads(invoke("stats", "--json", db=tmp_path / "index.sqlite").stdout)["waiting"] == 4
    assert "older" not in invoke("stats", db=indexed.database).stderr
    for listing in (["top", "happy"], ["list"], ["export", "--to", str(tmp_path / "out"), "--dry-run"]):
        assert "by an older albumsort: 4 photos" in invoke(*listing, db=tmp_path / "index.sqlite").stderr
        assert "older" not in invoke(*listing, "--quiet", db=tmp_path / "index.sqlite").stderr


def test_faces_without_a_label_are_counted_and_listed_as_such(library: SimpleNamespace) -> None:
    with Database(library.database) as index:
        save(index, library.folder / "rain.jpg", [face(sad=0.3, nothing=0.9)], digest="blurred")
    counts = json.loads(invoke("stats", "--json", db=library.database).stdout)
    assert (counts["sad"], counts["no_clear_expression"]) == (1, 1)
    [rain] = [p for p in json.loads(invoke("list", "--json", db=library.database).stdout) if "rain" in p["path"]]
    assert (rain["label"], rain["sure"], rain["faces"][0]["label"]) == (None, None, None)
    assert "rain.jpg" not in invoke("list", "--min-score", "0.01", db=library.database).stdout


# why


def test_why_shows_boxes_label_and_all_probabilities(indexed: SimpleNamespace) -> None:
    result = invoke("why", indexed.album / "astronaut.jpg", db=indexed.database)
    assert result.exit_code == 0
    assert "512 x 512" in result.stdout
    assert re.search(r"^Face 1 looks happy \((9\d|100) % sure\)\.$", result.stdout, re.MULTILINE)
    assert "; eyes open" in result.stdout
    assert all(re.search(rf"^ +{emotion} +[\d.]+ %", result.stdout, re.MULTILINE) for emotion in Emotion)


def test_why_says_a_faces_figures_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    seen = face((10, 20, 120, 60), happy=0.7, sad=0.15, anger=0.1, neutral=0.03, nothing=0.04)
    faces = [(replace(seen, sure=0.62, sharpness=0.456), seen)]
    shown = Analysis("digest", 640, 480, None, (seen,), b"")
    cli_why._print_why(Path("a.jpg"), shown, faces, None, EVEN, "0123456789abcdef0123")
    assert capsys.readouterr().out.splitlines() == [
        "a.jpg: 640 x 480, taken at an unknown time",
        "1 face; emotion network 0123456789abcdef",
        "Face 1 looks happy (62 % sure).",
        "  box 10, 20, 120, 60; sure of a face 0.90; size 25.0 %; sharpness 0.46; eyes open",
        "  no clear expression: 4 %; as far as there is one:",
        "  happy      70.0 %  #####################",
        "  sad        15.0 %  ####",
        "  anger      10.0 %  ###",
        "  neutral     3.0 %  #",
        "  surprise    0.7 %  ",
        "  fear        0.7 %  ",
        "  disgust     0.7 %  ",
    ]


def test_why_names_what_is_hardly_a_face_but_shows_it_only_when_asked(
    indexed: SimpleNamespace,
) -> None:
    shown = invoke("why", indexed.album / "astronaut.jpg", "--min-detection", "1", db=indexed.database).stdout
    assert "no faces" in shown
    assert re.search(r"not counted, as less sure of a face \(--min-detection shows them\): [01]\.\d\d", shown)
    assert "not counted" not in invoke("why", indexed.album / "astronaut.jpg", db=indexed.database).stdout


def test_why_says_what_the_index_says(indexed: SimpleNamespace) -> None:
    photos = json.loads(invoke("list", "--json", db=indexed.database).stdout)
    listed = next(photo for photo in photos if photo["path"].endswith("turned.jpg"))
    seen = json.loads(invoke("why", indexed.album / "turned.jpg", "--json", db=indexed.database).stdout)
    for key in ("path", "width", "height", "taken_at", "label", "sure", "faces"):
        assert seen[key] == listed[key]
    assert seen["model"] == weights.load("emotion")[1].sha256


def test_why_needs_no_index_and_makes_none(album: Path, database: Path) -> None:
    assert invoke("why", album / "landscape.jpg", db=database).exit_code == 0
    assert not database.exists()


def test_why_a_photo_without_a_face_says_so(indexed: SimpleNamespace) -> None:
    result = invoke("why", indexed.album / "landscape.jpg", db=indexed.database)
    assert result.exit_code == 0
    assert "no faces" in result.stdout


@pytest.mark.parametrize(("name", "reason"), [("broken.jpg", "ends in the middle"), ("gone.jpg", "No such file")])
def test_why_a_photo_that_cannot_be_read_exits_1_with_the_reason(
    indexed: SimpleNamespace, name: str, reason: str
) -> None:
    result = invoke("why", indexed.album / name, db=indexed.database)
    assert (result.exit_code, result.stdout) == (1, "")
    assert name in result.stderr
    assert reason in result.stderr


def test_why_says_once_what_is_wrong_with_a_photo(tmp_path: Path, database: Path) -> None:
    """Libraries below Pillow print by themselves what they stumble over."""
    photo = tmp_path / "damaged.tiff"
    astronaut().save(photo, compression="tiff_lzw")
    data = bytearray(photo.read_bytes())
    data[5_000:5_100] = bytes(100)
    photo.write_bytes(data)
    result = run("why", photo, "--db", database)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [f"albumsort: {photo}: the picture is damaged: the TIFF decoder gave up"]


def test_why_draws_what_it_saw_into_a_new_file(indexed: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "seen.jpg"
    result = invoke("why", indexed.album / "turned.jpg", "--out", out, db=indexed.database)
    assert result.exit_code == 0
    with Image.open(out) as drawn:
        drawn.load()
        assert drawn.format == "JPEG"
        assert drawn.width == drawn.height
        frame = astronaut(drawn.width)
        changed = np.abs(np.asarray(drawn).astype(int) - np.asarray(frame)).max(axis=2) > 100
    rows, columns = np.nonzero(changed)
    share = [v / drawn.width for v in (columns.min(), rows.min())]
    assert share == pytest.approx([ASTRONAUT_FACE.x / 512, ASTRONAUT_FACE.y / 512], abs=0.03)


def test_why_never_overwrites(indexed: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    result = invoke("why", indexed.album / "turned.jpg", "--out", tmp_path / "mine.jpg", db=indexed.database)
    assert result.exit_code == 1
    assert (tmp_path / "mine.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["seen.png", "seen"])
def test_why_draws_only_what_is_called_a_jpeg(name: str, indexed: SimpleNamespace, tmp_path: Path) -> None:
    result = invoke("why", indexed.album / "turned.jpg", "--out", tmp_path / name, db=indexed.database)
    assert result.exit_code == 2
    assert f"name a file that ends in .jpg, not {tmp_path / name}" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_why_that_cannot_draw_says_which_file_and_nevertheless_what_it_saw(
    indexed: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = run("why", indexed.album / "turned.jpg", "--out", tmp_path / "file" / "x.jpg", "--db", indexed.database)
    assert done.returncode == 1
    assert f"cannot write {tmp_path / 'file' / 'x.jpg'}: Not a directory" in done.stderr
    assert "Face 1 looks happy" in done.stdout


SERIOUS = {answer: (1 - 7e-9 if answer is Emotion.NEUTRAL else 1e-9) for answer in ANSWERS}


def test_why_goes_by_the_album_of_a_photo_that_is_indexed_and_says_so(indexed: SimpleNamespace, tmp_path: Path) -> None:
    """An album in which nearly nobody smiles: what looks happy elsewhere is likelier something else."""
    database, portrait = tmp_path / "index.sqlite", indexed.album / "astronaut.jpg"
    shutil.copy(indexed.database, database)
    with Database(database) as index, index.transaction():
        index_shares.save_albums(index, [Album(indexed.album, SERIOUS, 9)])
    shown = invoke("why", portrait, db=database).stdout
    [said] = [line for line in shown.splitlines() if line.startswith("Face 1")]
    assert said.startswith("Face 1 looks neutral (")
    ordinary = explanation.percent(weights.natural_shares()[Emotion.NEUTRAL])
    assert f"In this album 100 % of the faces look neutral, in an ordinary one {ordinary};" in said
    assert said.endswith("there this face would look happy.")
    listed = {photo["path"]: photo for photo in json.loads(invoke("list", "--json", db=database).stdout)}
    seen = json.loads(invoke("why", portrait, "--json", db=database).stdout)
    assert (seen["label"], seen["sure"]) == ("neutral", listed[str(portrait)]["sure"])
    shutil.copy(portrait, tmp_path / "elsewhere.jpg")
    assert "Face 1 looks happy" in invoke("why", tmp_path / "elsewhere.jpg", db=database).stdout


def test_why_leaves_the_shares_of_an_album_out_of_a_photo_that_is_not_indexed(
    album: Path, database: Path, tmp_path: Path
) -> None:
    run("index", album / "drawing.png", "--db", database)
    with Database(database) as index, index.transaction():
        storing.add_root(index, album)
        index_shares.save_albums(index, [Album(album, SERIOUS, 9)])
    assert "Face 1 looks happy" in invoke("why", album / "astronaut.jpg", db=database).stdout


def test_why_draws_nothing_into_the_album(indexed: SimpleNamespace) -> None:
    out = indexed.album / "seen.jpg"
    result = invoke("why", indexed.album / "turned.jpg", "--out", out, db=indexed.database)
    assert result.exit_code == 2
    assert not out.exists()


def test_why_needs_no_index_to_look_at_a_photo(indexed: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "no.sqlite").write_text("this is no database, and long enough to have a header" * 9)
    result = invoke("why", indexed.album / "astronaut.jpg", db=tmp_path / "no.sqlite")
    assert result.exit_code == 0
    assert "looks happy" in result.stdout
    assert "labels are those of an ordinary album" in result.stderr
    drawn = invoke("why", indexed.album / "astronaut.jpg", "--out", tmp_path / "a.jpg", db=tmp_path / "no.sqlite")
    assert drawn.exit_code == 1  # whether that is inside an album is not known
    assert not (tmp_path / "a.jpg").exists()


# export


def exported(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_export_puts_every_photo_into_the_folder_of_its_label(library: SimpleNamespace, tmp_path: Path) -> None:
    to = tmp_path / "out"
    result = invoke("export", "--to", to, db=library.database)
    assert result.exit_code == 0
    by_name = {path.name[5:]: path.parent.name for path in to.rglob("*.jpg")}
    assert by_name == {
        "row.jpg": "anger",
        "party.jpg": "happy",
        "grin.jpg": "happy",
        "crowd.jpg": "sad",
        "rain.jpg": "sad",
        "wait.jpg": "neutral",
    }
    assert (to / "happy" / "0001-party.jpg").read_bytes() == b"beach/party.jpg"
    assert "6 written" in result.stderr
    assert left_out(result.stderr) == "1 without a face; 1 surprise: name them to export them too"


def left_out(said: str) -> str:
    [line] = [line for line in said.splitlines() if line.startswith("Left out: ")]
    return line.removeprefix("Left out: ")


def test_export_says_what_was_left_out_and_why(library: SimpleNamespace, tmp_path: Path) -> None:
    with Database(library.database) as index:
        save(index, library.folder / "blur.jpg", [face(happy=0.3, nothing=0.9)])
        for number, emotion in enumerate(("surprise", "fear")):
            save(index, library.folder / f"{number}.jpg", [face(**{emotion: 0.9})])
        with index.transaction():
            storing.save_failure(index, PhotoFile(library.folder / "broken.jpg", 1, 1), "broken", NOW)
            storing.save_failure(index, PhotoFile(library.folder / "gone.jpg", 1, 1), "broken", NOW)
            storing.mark_missing(
                index, [library.folder / "rain.jpg", library.folder / "gone.jpg"]
            )  # each is counted once
    result = invoke("export", "happy", "anger", "neutral", "-n", "1", "--to", tmp_path / "out", db=library.database)
    assert "3 photos chosen: 1 happy, 1 anger, 1 neutral" in result.stderr
    assert left_out(result.stderr) == (
        "1 without a face; 1 with no clear expression; 1 not among the first 1; 2 missing when last indexed; "
        "1 that could not be analysed; 2 surprise, 1 sad, 1 fear: name them to export them too"
    )


def test_export_that_leaves_nothing_out_says_nothing_of_it(library: SimpleNamespace, tmp_path: Path) -> None:
    with Database(library.database) as index, index.transaction():
        storing.forget(index, [library.folder / "hills.jpg"])
    said = invoke("export", *FOUR, "surprise", "--to", tmp_path / "out", db=library.database).stderr
    assert "7 written" in said
    assert "Left out" not in said


def test_export_goes_by_the_labels_of_the_album(library: SimpleNamespace, tmp_path: Path) -> None:
    share_out(library, surprise=0.9)
    invoke("export", "surprise", "--to", tmp_path / "out", db=library.database)
    assert "surprise/0001-shock.jpg" in exported(tmp_path / "out")
    assert len(exported(tmp_path / "out")) > 1


def test_export_tells_photos_that_are_missing_from_those_without_a_face(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    with Database(library.database) as index:
        faceless = next(photo.path for photo in queries.photos(index, Filters()) if not photo.faces)
    forget_about(library, "rain.jpg", str(faceless))
    said = run("export", "--to", tmp_path / "out", "--db", library.database).stderr
    assert "2 missing when last indexed" in left_out(said)
    assert "without a face" not in said


def test_export_again_doubles_nothing(library: SimpleNamespace, tmp_path: Path) -> None:
    to = tmp_path / "out"
    invoke("export", "--to", to, db=library.database)
    before = exported(to)
    again = invoke("export", "--to", to, db=library.database)
    assert again.exit_code == 0
    assert "0 written, 6 already there" in again.stderr
    assert exported(to) == before


def test_a_dry_run_shows_the_plan_and_writes_nothing(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = tmp_path / "out", tmp_path / "report.csv"
    result = invoke("export", "--to", to, "--dry-run", "--report", report, db=library.database)
    assert result.exit_code == 0
    plan = [line.split("\t") for line in result.stdout.splitlines()]
    assert {row[0] for row in plan} == {"write"}
    assert not to.exists()
    assert not report.exists()
    invoke("export", "--to", to, db=library.database)
    assert sorted(row[2] for row in plan) == [str(to / name) for name in exported(to)]


@pytest.mark.parametrize("inside", [".", "out", "beach", "../library/out"])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_export_into_the_album_exits_2_and_writes_nothing(
    library: SimpleNamespace, inside: str, more: list[str]
) -> None:
    before = exported(library.folder)
    result = invoke("export", "--to", library.folder / inside, *more, db=library.database)
    assert result.exit_code == 2
    assert "outside the album" in result.stderr
    assert exported(library.folder) == before


def test_export_of_named_emotions_makes_their_folders_alone(library: SimpleNamespace, tmp_path: Path) -> None:
    invoke("export", "surprised", "sadness", "--to", tmp_path / "out", db=library.database)
    assert exported(tmp_path / "out") == ["sad/0001-rain.jpg", "sad/0002-crowd.jpg", "surprise/0001-shock.jpg"]


def test_export_takes_at_most_so_many_of_each(library: SimpleNamespace, tmp_path: Path) -> None:
    invoke("export", "-n", "1", "--to", tmp_path / "out", db=library.database)
    assert exported(tmp_path / "out") == [
        "anger/0001-row.jpg",
        "happy/0001-party.jpg",
        "neutral/0001-wait.jpg",
        "sad/0001-rain.jpg",
    ]


@pytest.mark.parametrize("how", ["hard", "soft"])
def test_export_can_link_instead_of_copying(library: SimpleNamespace, tmp_path: Path, how: str) -> None:
    result = invoke("export", "happy", "--link", how, "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 0
    link = tmp_path / "out" / "happy" / "0001-party.jpg"
    assert link.is_symlink() == (how == "soft")
    assert link.samefile(library.folder / "beach" / "party.jpg")


def test_export_reports_every_photo_as_csv(library: SimpleNamespace, tmp_path: Path) -> None:
    invoke("export", "--to", tmp_path / "out", "--report", tmp_path / "report.csv", db=library.database)
    with open(tmp_path / "report.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"]]
    assert [row["action"] for row in rows] == ["write"] * 6
    assert sorted(row["destination"] for row in rows) == [
        str(tmp_path / "out" / name) for name in exported(tmp_path / "out")
    ]


def undoable(library: SimpleNamespace, tmp_path: Path) -> tuple[Path, Path]:
    """An export and its report."""
    to, report = tmp_path / "new" / "out", tmp_path / "report.csv"
    assert invoke("export", "--to", to, "--report", report, db=library.database).exit_code == 0
    return to, report


def test_an_export_is_undone_by_its_report_once(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    done = invoke("export", "--undo", report, db=library.database)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "6 files and 6 folders removed, 0 already gone, 0 left\n"
    assert not to.parent.exists()
    again = invoke("export", "--undo", report, db=library.database)
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr.startswith("Nothing is left to undo")


def test_undo_needs_no_index(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    assert invoke("export", "--undo", report, db=tmp_path / "none.sqlite").exit_code == 0
    assert not to.exists()
    assert not (tmp_path / "none.sqlite").exists()


def test_a_dry_run_of_undo_shows_what_would_go_and_removes_nothing(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    before, text = exported(to), report.read_bytes()
    (to / "sad" / "0001-rain.jpg").write_bytes(b"changed")
    result = invoke("export", "--undo", report, "--dry-run", db=library.database)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    files = [row[1] for row in rows if row[0] == "remove" and row[1].endswith(".jpg")]
    assert sorted(files) == [str(to / name) for name in before if name != "sad/0001-rain.jpg"]
    assert ["left", str(to / "sad" / "0001-rain.jpg"), "it was changed since it was written"] in rows
    assert "5 files and 3 folders would be removed, 0 already gone, 1 left" in result.stderr
    assert (result.exit_code, exported(to), report.read_bytes()) == (0, before, text)


def test_undo_says_what_it_left_and_why(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    (to / "sad" / "0001-rain.jpg").write_bytes(b"changed")
    (library.folder / "wait.jpg").unlink()
    (to / "mine").touch()
    result = invoke("export", "--undo", report, db=library.database)
    assert result.exit_code == 1
    assert f"left: {to}/sad/0001-rain.jpg: it was changed" in result.stderr
    assert re.search(f"left: {to}/neutral/000.-wait.jpg: it may be the only copy", result.stderr)
    assert f"left: {to}/sad: it holds other files" in result.stderr
    assert {name.partition("-")[2] for name in exported(to)} == {"", "rain.jpg", "wait.jpg"}


@pytest.mark.parametrize(
    "more",
    [["happy"], ["--to", "out"], ["-n", "3"], ["--link", "soft"], ["--report", "again.csv"], ["sad", "--dry-run"]],
)
def test_undo_takes_nothing_but_a_report(library: SimpleNamespace, tmp_path: Path, more: list[str]) -> None:
    to, report = undoable(library, tmp_path)
    result = invoke("export", "--undo", report, *more, db=library.database)
    assert result.exit_code == 2
    assert "--undo takes a report alone" in result.stderr
    assert len(exported(to)) == 6


def test_settings_for_exports_do_not_stand_in_the_way_of_undo(library: SimpleNamespace, tmp_path: Path) -> None:
    to, report = undoable(library, tmp_path)
    settings = {"ALBUMSORT_LINK": "soft", "ALBUMSORT_MIN_FACE": "3"}
    assert invoke("export", "--undo", report, db=library.database, env=settings).exit_code == 0
    assert not to.exists()


def test_undo_of_what_is_no_report_fails(library: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n")
    for name in ("notes.csv", "nowhere.csv"):
        result = invoke("export", "--undo", tmp_path / name, db=library.database)
        assert result.exit_code == 1
        assert name in result.stderr


def test_no_report_inside_the_album_is_written_to(library: SimpleNamespace, tmp_path: Path) -> None:
    _, report = undoable(library, tmp_path)
    moved = report.rename(library.folder / "report.csv")
    text = moved.read_bytes()
    assert invoke("export", "--undo", moved, db=library.database).exit_code == 2
    assert moved.read_bytes() == text


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot hold these names to begin with")
@pytest.mark.parametrize(
    "name", ["\x1b]0;owned\x07.jpg", "gpj.\u202egnp", "a\nfailed: b\r.jpg", "caf\udce9.jpg", "=1+1"]
)
def test_a_name_cannot_drive_what_export_shows(tmp_path: Path, name: str) -> None:
    (tmp_path / "album").mkdir()
    good, bad = tmp_path / "album" / f"good {name}", tmp_path / "album" / f"bad {name}"
    with Database(tmp_path / "index.sqlite", create=True) as index:
        for path in (good, bad):
            path.write_bytes(os.fsencode(path))
            save(index, path, [face(happy=0.9)], digest=xxhash.xxh3_128_hexdigest(os.fsencode(path)))
    bad.write_bytes(b"changed")
    more, report = ("--db", tmp_path / "index.sqlite"), tmp_path / "report.csv"
    shown = [run("export", "--to", tmp_path / "out", "--dry-run", *more)]
    shown.append(run("export", "--to", tmp_path / "out", "--report", report, *more))
    [copy] = (tmp_path / "out" / "happy").iterdir()
    copy.write_bytes(b"changed")
    shown.append(run("export", "--undo", report, "--dry-run", *more))
    shown.append(run("export", "--undo", report, *more))
    assert [done.returncode for done in shown] == [0, 1, 0, 1]
    text = "".join(done.stdout + done.stderr for done in shown)
    assert not set(text) & set("\x1b\x07\r\u202e\udce9")
    assert not any(line.startswith("failed: b") and "bad" not in line for line in text.splitlines())
    assert "bad" in shown[1].stderr
    assert copy.name[:4] in shown[3].stderr
    with open(report, encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.reader(file))
    assert {row[0] for row in rows if len(row[0]) > 6} == {str(good), str(bad)}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


def test_a_photo_that_changed_since_fails_and_the_others_are_exported(library: SimpleNamespace, tmp_path: Path) -> None:
    (library.folder / "row.jpg").write_bytes(b"another")
    result = invoke("export", "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 1
    assert "row.jpg" in result.stderr
    assert "5 written, 0 already there, 1 failed" in result.stderr


def test_export_leaves_the_album_as_it_is(library: SimpleNamespace, tmp_path: Path) -> None:
    def seen() -> dict[str, tuple[bytes, int]]:
        files = (path for path in library.folder.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = seen()
    for how in ("copy", "hard", "soft"):
        invoke("export", "--link", how, "--to", tmp_path / how, db=library.database)
    assert seen() == before


# prune


def forget_about(library: SimpleNamespace, *names: str) -> None:
    """Delete photos, and let the index know that they are gone."""
    with Database(library.database) as index, index.transaction():
        for name in names:
            (library.folder / name).unlink()
        storing.mark_missing(index, (library.folder / name for name in names))


def stored(library: SimpleNamespace) -> int:
    with closing(sqlite3.connect(library.database)) as raw:
        return int(raw.execute("SELECT count(*) FROM photos").fetchone()[0])


def test_prune_without_a_terminal_asks_for_yes_and_forgets_nothing(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg")
    done = run("prune", "--db", library.database)
    assert done.returncode == 2
    assert lines(done) == ["rain.jpg"]
    assert "--yes" in done.stderr
    assert stored(library) == 8


def test_prune_forgets_what_is_gone_and_nothing_else(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg", "row.jpg")
    done = run("prune", "--yes", "--db", library.database)
    assert (done.returncode, lines(done)) == (0, ["rain.jpg", "row.jpg"])
    assert stored(library) == 6
    assert "Nothing to forget" in run("prune", "--yes", "--db", library.database).stderr
    assert run("prune", "--yes", "--quiet", "--db", library.database).stderr == ""


def test_prune_keeps_a_photo_that_is_back(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg")
    (library.folder / "rain.jpg").write_bytes(b"rain.jpg")
    done = run("prune", "--yes", "--db", library.database)
    assert (done.returncode, done.stdout) == (0, "")
    assert stored(library) == 8


def test_prune_forgets_although_nobody_reads_what(library: SimpleNamespace) -> None:
    forget_about(library, "rain.jpg")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*command("prune", "--yes", "--db", library.database)], stdout=writing, env=environment())
    os.close(writing)
    assert (done.returncode, stored(library)) == (0, 7)


def test_prune_keeps_photos_indexed_one_by_one_whose_whole_folder_is_gone(tmp_path: Path) -> None:
    """It may be on a disk that is not plugged in."""
    database = tmp_path / "index.sqlite"
    for name in ("stick", "here"):
        (tmp_path / name).mkdir()
        astronaut(64).save(tmp_path / name / "photo.jpg")
    (tmp_path / "here" / "notes.txt").touch()
    files = [tmp_path / name / "photo.jpg" for name in ("stick", "here")]
    assert run("index", *files, "--db", database).returncode == 0
    shutil.rmtree(tmp_path / "stick")
    files[1].unlink()
    done = run("prune", "--yes", "--db", database)
    assert done.stdout.splitlines() == [str(files[1])]
    assert f"The whole album {tmp_path / 'stick'} is not there" in done.stderr
    with Database(database) as index:
        assert list(lookup.all_paths(index)) == [files[0]]


@pytest.mark.parametrize(("typed", "left"), [("y\n", 7), ("n\n", 8), ("\n", 8)])
def test_prune_on_a_terminal_asks_first(library: SimpleNamespace, typed: str, left: int) -> None:
    forget_about(library, "rain.jpg")
    code, shown = on_a_terminal("prune", "--db", library.database, typed=typed)
    assert "Forget these photos (1)" in shown
    assert code == 0
    assert stored(library) == left


# doctor


def test_doctor_finds_a_sound_installation_and_index_sound(indexed: SimpleNamespace) -> None:
    result = invoke("doctor", db=indexed.database)
    assert result.exit_code == 0
    findings = {line[5:30].strip(): line for line in result.stdout.splitlines()}
    assert all(line.startswith("ok ") for line in findings.values())
    assert {"albumsort", "python", "emotion", "face_proposer", "face_verifier", "index integrity"} <= set(findings)
    assert "5 photos, 2 faces, 1 failed" in findings["index"]
    assert all(f"decode {name}" in findings for name in ("JPEG", "PNG", "HEIF"))


def test_doctor_before_anything_was_indexed_finds_nothing_wrong(database: Path) -> None:
    result = invoke("doctor", db=database)
    assert result.exit_code == 0
    assert "none yet" in result.stdout
    assert not database.exists()


def test_doctor_exits_1_if_the_index_is_damaged(database: Path) -> None:
    database.write_bytes(b"a shopping list\n" * 100)
    result = invoke("doctor", db=database)
    assert result.exit_code == 1
    assert [line[5:10] for line in result.stdout.splitlines() if line.startswith("BAD")] == ["index"]


def test_doctor_finds_a_library_that_cannot_be_loaded_and_goes_on(database: Path, tmp_path: Path) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ImportError('libheif.so.1 is missing')")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = run("doctor", "--db", database, env={"PYTHONPATH": path})
    assert done.returncode == 1
    bad = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
    assert bad
    assert all("libheif.so.1 is missing" in line for line in bad)
    assert "index" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop this user")
def test_doctor_says_that_it_may_not_look_at_the_index(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    done = run("doctor", "--db", closed / "index.sqlite")
    assert done.returncode == 1
    assert "Permission denied" in done.stdout
    assert "emotion.tflite" in done.stdout


def test_doctor_shows_what_it_checks_in_the_index(library: SimpleNamespace) -> None:
    result = invoke("doctor", db=library.database)
    findings = {line[5:30].strip(): line[30:].strip() for line in result.stdout.splitlines()}
    assert findings["index integrity"] == findings["index references"] == "ok"
    assert findings["index version"] == f"{len(MIGRATIONS)}, journal wal"


def test_doctor_exits_1_if_a_row_refers_to_nothing(library: SimpleNamespace) -> None:
    with closing(sqlite3.connect(library.database)) as raw:
        raw.execute("DELETE FROM contents WHERE id = 1")
        raw.commit()
    result = invoke("doctor", "--quiet", db=library.database)
    assert result.exit_code == 1
    assert "index references         2 lead nowhere" in result.stdout


def test_doctor_exits_1_if_pages_of_the_index_are_damaged(database: Path) -> None:
    with Database(database, create=True) as index:
        for number in range(300):
            save(index, f"/album/{number}.jpg", [face(happy=0.5)])
    damaged = bytearray(database.read_bytes())
    damaged[8 * 4096 : 9 * 4096] = b"\xff" * 4096
    database.write_bytes(damaged)
    result = invoke("doctor", db=database)
    assert result.exit_code == 1
    assert any(line.startswith("BAD  index") for line in result.stdout.splitlines())
    assert database.read_bytes() == damaged


def test_doctor_exits_1_if_the_index_is_of_a_newer_version(library: SimpleNamespace) -> None:
    with closing(sqlite3.connect(library.database)) as raw:
        raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    result = invoke("doctor", db=library.database)
    assert result.exit_code == 1
    assert "newer albumsort" in result.stdout


def test_doctor_exits_1_if_an_album_is_not_there(library: SimpleNamespace) -> None:
    shutil.rmtree(library.folder)
    result = invoke("doctor", "--quiet", db=library.database)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("BAD")
    assert str(library.folder) in result.stdout


# all of it


def test_from_a_folder_to_the_best_photo_and_a_copy_of_it(album: Path, tmp_path: Path) -> None:
    settings = {"ALBUMSORT_DB": str(tmp_path / "index.sqlite")}
    assert run("index", album, env=settings).returncode == 1
    best = run("top", "happy", "-n", "1", env=settings).stdout.rstrip("\n")
    assert Path(best).name in ("astronaut.jpg", "turned.jpg")
    assert run("export", "happy", "--to", tmp_path / "out", env=settings).returncode == 0
    copy = tmp_path / "out" / "happy" / f"0001-{Path(best).name}"
    assert xxhash.xxh3_128_hexdigest(copy.read_bytes()) == xxhash.xxh3_128_hexdigest(Path(best).read_bytes())


def test_prune_keeps_an_album_that_is_absent_as_a_whole(library: SimpleNamespace) -> None:
    """It may be a disk that is not plugged in."""
    library.folder.rename(library.folder.with_name("unplugged"))
    before = stored(library)
    done = run("prune", "--yes", "--db", library.database)
    assert done.returncode == 0
    assert "whole album" in done.stderr
    assert stored(library) == before


@pytest.mark.parametrize("mounted", ["gone", "empty"])
def test_prune_keeps_what_a_link_within_an_album_led_to(library: SimpleNamespace, tmp_path: Path, mounted: str) -> None:
    """Its disk, too, may be unplugged, and leave an empty folder where it was."""
    disk = tmp_path / "disk"
    (disk / "2019").mkdir(parents=True)
    (disk / "2019" / "old.jpg").write_bytes(encoded(astronaut(200)))
    (library.folder / "usb").symlink_to(disk)
    assert run("index", library.folder, "--db", library.database).returncode == 1  # most are no photos
    before = stored(library)
    disk.rename(tmp_path / "unplugged")
    if mounted == "empty":
        disk.mkdir()
    next(library.folder.glob("*.jpg")).unlink()
    done = run("prune", "--yes", "--db", library.database)
    assert done.returncode == 0
    assert f"What the link {library.folder / 'usb'} led to is not there (1 photos)" in done.stderr
    assert stored(library) == before - 1
    with Database(library.database) as index:
        assert library.folder / "usb" / "2019" / "old.jpg" in list(lookup.all_paths(index))
    code, _ = on_a_terminal("prune", "--db", library.database, typed="y\n")
    assert (code, stored(library)) == (0, before - 2)


@pytest.mark.parametrize("home", ["disk", "link"])
def test_prune_keeps_what_was_in_a_folder_now_empty(tmp_path: Path, database: Path, home: str) -> None:
    """A disk that is mounted within an album leaves such a folder."""
    (tmp_path / "disk" / "album" / "usb" / "2019").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    album = tmp_path / home / "album"
    gone, here, old = (album / name for name in ("gone.jpg", "here.jpg", "usb/2019/old.jpg"))
    for number, photo in enumerate((gone, here, old)):
        photo.write_bytes(encoded(astronaut(100 + number)))
    assert run("index", album, "--db", database).returncode == 0
    shutil.rmtree(album / "usb" / "2019")
    gone.unlink()
    done = run("prune", "--yes", "--db", database)
    assert (done.returncode, done.stdout.splitlines()) == (0, [str(gone)])
    assert f"All that was in the folder {album / 'usb'} is not there (1 photos)" in done.stderr
    with Database(database) as index:
        assert list(lookup.all_paths(index)) == [here, old]
    assert on_a_terminal("prune", "--db", database, typed="y\n")[0] == 0
    with Database(database) as index:
        assert list(lookup.all_paths(index)) == [here]


def test_prune_forgets_photos_behind_a_link_that_leads_to_others(library: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    for name in ("old.jpg", "new.jpg"):
        (tmp_path / "disk" / name).write_bytes(encoded(astronaut(200 + len(name) + ord(name[0]))))
    (library.folder / "usb").symlink_to(tmp_path / "disk")
    assert run("index", library.folder, "--db", library.database).returncode == 1  # most are no photos
    before = stored(library)
    (tmp_path / "disk" / "old.jpg").unlink()
    assert run("prune", "--yes", "--db", library.database).returncode == 0
    assert stored(library) == before - 1


def test_prune_forgets_an_album_that_is_gone_when_told_so(library: SimpleNamespace) -> None:
    shutil.rmtree(library.folder)
    code, _ = on_a_terminal("prune", "--db", library.database, typed="y\n")
    assert (code, stored(library)) == (0, 0)
    with Database(library.database) as index:
        assert folders.indexed_folders(index) == ()


def test_an_unknown_file_name_suffix_cannot_drive_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "x.\x1b[31mred").write_text("not a photo")
    done = run("index", tmp_path, "--db", tmp_path / "index.sqlite")
    assert "\x1b" not in done.stderr
    assert "\\x1b[31mred file" in done.stderr


@pytest.mark.parametrize("arguments", [["list"], ["--version"], ["--help"], ["top", "--help"]])
def test_a_full_disk_behind_standard_output_is_said(library: SimpleNamespace, arguments: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command(*arguments),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(ALBUMSORT_DB=str(library.database)),
        )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "No space left" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes what a program begins with")
@pytest.mark.parametrize(
    "line", ["top happy >&-", "stats >&-", "list --json >&-", "prune <&-", "index --files-from - <&-", "list 2>&-"]
)
def test_a_stream_that_is_closed_is_as_if_nobody_were_there(library: SimpleNamespace, line: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.quote(sys.executable)} -m albumsort {line}"],
        env=environment(ALBUMSORT_DB=str(library.database)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize(
    "arguments", [["export", "--to", ""], ["index", ""], ["list", "--path="], ["list", "--path", ""], ["why", ""]]
)
def test_an_empty_argument_is_refused_as_it_would_mean_the_folder_one_is_in(
    library: SimpleNamespace, arguments: list[str]
) -> None:
    result = invoke(*arguments, db=library.database)
    assert (result.exit_code, "an argument is empty" in result.stderr) == (2, True)


def test_prune_forgets_what_photos_showed_before_they_changed(album: Path, database: Path) -> None:
    run("index", album, "--db", database, "--quiet")
    shutil.copy(album / "landscape.jpg", album / "astronaut.jpg")
    run("index", album, "--db", database, "--quiet")
    with closing(sqlite3.connect(database)) as raw:
        before = raw.execute("SELECT count(*) FROM contents").fetchone()[0]
    assert "Nothing to forget" in run("prune", "--db", database).stderr
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT count(*) FROM contents").fetchone()[0] == before - 1
        assert raw.execute("SELECT * FROM crops WHERE content NOT IN (SELECT id FROM contents)").fetchall() == []


def test_export_refuses_a_folder_that_a_link_inside_the_album_leads_to(
    tmp_path: Path, library: SimpleNamespace
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deeper").mkdir(parents=True)
    astronaut(200).save(elsewhere / "deeper" / "portrait.jpg")
    (library.folder / "link").symlink_to(elsewhere)
    run("index", library.folder, "--db", library.database)
    assert run("export", "--to", elsewhere / "sorted", "--db", library.database).returncode == 2
    assert [p.name for p in elsewhere.rglob("*") if p.is_file()] == ["portrait.jpg"]
    assert [p.name for p in elsewhere.iterdir()] == ["deeper"]


def test_a_report_is_not_written_into_an_album(tmp_path: Path, library: SimpleNamespace) -> None:
    report = library.folder / "report.csv"
    done = run("export", "--to", tmp_path / "out", "--report", report, "--db", library.database)
    assert (done.returncode, report.exists(), (tmp_path / "out").exists()) == (2, False, False)


@pytest.mark.parametrize("name", ["index", "top", "list", "export", "stats", "why", "prune", "doctor"])
def test_every_command_tells_the_version(name: str) -> None:
    done = run(name, "--version")
    assert (done.returncode, done.stdout) == (0, f"albumsort {albumsort.__version__}\n")
