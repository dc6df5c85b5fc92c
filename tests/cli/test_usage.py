"""Wrong usage, help, versions, the index file, the environment, and rules for all commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import xxhash
from commands import exported, invoke, lines, stored
from helpers import astronaut, command, encoded, environment, on_a_terminal, run
from typer.main import get_command

import albumsort
from albumsort.cli.app import app
from albumsort.index import folders, lookup
from albumsort.index.database import Database
from albumsort.types import Emotion

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
        ["top", "happy", "--min-score", "nan"],
        ["list", "--sure", "nan"],
        ["list", "--faces", "9" * 5_000],
        ["list", "--failed", "--min-detection", "0.9"],
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
        (["top", "happy", "--by"], ["everyone", "max", "mean", "min"]),
        (["export", "--to", "out", "--link"], ["copy", "hard", "soft"]),
    ],
    ids=lambda value: value[-1],
)
def test_the_choices_of_an_option_are_in_its_help_and_in_the_error(
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
    assert "not a date" in result.stderr


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
def test_a_number_too_large_for_the_database_counts_as_the_largest(
    library: SimpleNamespace, arguments: list[str], listed: int
) -> None:
    result = invoke(*arguments, db=library.database)
    assert (result.exit_code, len(lines(result))) == (0, listed)


# help and version


def test_the_version_is_the_packages() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"albumsort {albumsort.__version__}\n")


@pytest.mark.parametrize("name", ["index", "top", "list", "export", "stats", "why", "moved", "prune", "doctor"])
def test_every_command_explains_itself(name: str) -> None:
    overview, own = invoke("--help"), invoke(name, "--help")
    assert overview.exit_code == own.exit_code == 0
    assert re.search(rf"^. {name} +\w", overview.stdout, re.MULTILINE)
    assert "--db" in own.stdout
    assert "ALBUMSORT_DB" in own.stdout


def test_help_shows_text_in_square_brackets() -> None:
    def help_of(*arguments: str) -> str:
        shown = invoke(*arguments, "--help", env={"COLUMNS": "200"}).stdout
        return " ".join(shown.replace("│", " ").split())  # wherever its lines break

    assert "albumsort[train]" in help_of("model")
    assert "[default: one per CPU core]" in help_of("index")
    assert "[default: in the user's data folder]" in help_of("top")


# the index file and the environment


def test_the_index_may_be_named_before_or_after_the_command(library: SimpleNamespace) -> None:
    after = invoke("list", "--db", library.database)
    before = invoke("--db", library.database, "list")
    assert len(lines(after)) == len(lines(before)) == 8


def test_the_command_line_overrides_the_environment(library: SimpleNamespace, tmp_path: Path) -> None:
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


def test_an_option_overrides_its_variable(library: SimpleNamespace) -> None:
    setting = {"ALBUMSORT_MIN_SCORE": "0.85"}
    assert len(lines(invoke("top", "happy", "--min-score", "0.75", db=library.database, env=setting))) == 2


def test_quiet_can_be_set_in_the_environment(indexed: SimpleNamespace) -> None:
    assert "broken.jpg" in invoke("stats", db=indexed.database).stderr
    assert invoke("stats", db=indexed.database, env={"ALBUMSORT_QUIET": "1"}).stderr == ""


COUNTED = {"min_face", "min_detection", "min_sharpness"}
SETTINGS = {
    "albumsort index": {"workers", "exclude", "cluster", "cluster_path", "db", "quiet"},
    "albumsort top": {"min_score", "sure", *COUNTED, "db", "quiet"},
    "albumsort list": {"min_score", "sure", *COUNTED, "db", "quiet"},
    "albumsort export": {"min_score", "sure", *COUNTED, "db", "quiet"},
    "albumsort gallery": {"min_score", "sure", *COUNTED, "db", "quiet"},
    "albumsort stats": {*COUNTED, "db", "quiet"},
    "albumsort why": {"min_detection", "db", "quiet"},
    "albumsort mark": {"db", "quiet"},
    "albumsort compare-choice": {"db", "quiet"},
    "albumsort moved": {"db", "quiet"},
    "albumsort prune": {"db", "quiet"},
    "albumsort doctor": {"db", "quiet"},
    "albumsort model train emotion": {"quiet"},
    "albumsort model train faces": {"quiet"},
    "albumsort model evaluate emotion": {"quiet"},
    "albumsort model evaluate faces": {"quiet"},
    "albumsort model compare": {"quiet"},
}


def parameters(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every option and argument of a command and its subcommands, with the command's words."""
    yield from ((name, parameter) for parameter in command.params)
    for word, within in getattr(command, "commands", {}).items():
        yield from parameters(within, f"{name} {word}")


def test_settings_have_variables_and_actions_have_none() -> None:
    """A forgotten variable must not limit an export, remove one, or choose its destination."""
    named = [(name, p.name, p.envvar) for name, p in parameters(get_command(app), "albumsort") if p.envvar]
    assert sorted(named) == sorted(
        (command, name, f"ALBUMSORT_{name.upper()}") for command, names in SETTINGS.items() for name in names
    )


def test_no_variable_changes_what_an_export_does(library: SimpleNamespace, tmp_path: Path) -> None:
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


def run_homeless(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as a user without HOME and without an account, as in a container or from cron."""
    homeless = ["unshare", "--user", "--map-user=4242"]
    if not shutil.which("unshare") or subprocess.run([*homeless, "true"], capture_output=True).returncode:
        pytest.skip("this system maps no user to one without an account")
    kept = {k: v for k, v in environment().items() if k != "HOME" and not k.startswith("XDG_")}
    whole = [*homeless, *command(*arguments)]
    return subprocess.run(whole, env=kept, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_without_a_home_every_command_works_with_an_index_that_is_named(album: Path, tmp_path: Path) -> None:
    (album / "broken.jpg").unlink()
    commands = [
        ["index", album],
        ["top", "happy"],
        ["list"],
        ["stats"],
        ["why", album / "drawing.png"],
        ["export", "--to", "out", "--report", "out.csv"],
        ["export", "--undo", "out.csv"],
        ["prune", "--yes"],
        ["doctor"],
    ]
    for arguments in commands:
        done = run_homeless(*arguments, "--db", tmp_path / "index.sqlite", cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert run_homeless("--help", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["index", "."],
        ["top", "happy"],
        ["list"],
        ["stats"],
        ["why", "a.jpg"],
        ["export", "--to", "out"],
        ["export", "--undo", "report.csv"],
        ["prune"],
        ["doctor"],
        ["--install-completion", "bash"],
    ],
    ids=" ".join,
)
def test_without_a_home_a_command_says_what_to_do(tmp_path: Path, arguments: list[str]) -> None:
    done = run_homeless(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()[-1]
    assert "no home folder" in said
    assert ("HOME to a folder" if arguments[0].startswith("--") else "--db or ALBUMSORT_DB") in said
    assert len(done.stderr.splitlines()) == 1 or arguments[0].startswith("--")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["list"], ["top", "sad"], ["stats"], ["export", "--to", "out"], ["prune"]])
def test_a_file_that_is_not_an_index_exits_1_and_is_not_changed(database: Path, arguments: list[str]) -> None:
    database.write_bytes(b"a shopping list\n" * 100)
    result = invoke(*arguments, db=database)
    assert result.exit_code == 1
    assert "--db" in result.stderr
    assert "Traceback" not in result.stderr
    assert database.read_bytes() == b"a shopping list\n" * 100


# a whole session


def test_from_a_folder_to_the_best_photo_and_a_copy_of_it(album: Path, tmp_path: Path) -> None:
    settings = {"ALBUMSORT_DB": str(tmp_path / "index.sqlite")}
    assert run("index", album, env=settings).returncode == 1
    best = run("top", "happy", "-n", "1", env=settings).stdout.rstrip("\n")
    assert Path(best).name in ("astronaut.jpg", "turned.jpg")
    assert run("export", "happy", "--to", tmp_path / "out", env=settings).returncode == 0
    copy = tmp_path / "out" / "happy" / f"0001-{Path(best).name}"
    assert xxhash.xxh3_128_hexdigest(copy.read_bytes()) == xxhash.xxh3_128_hexdigest(Path(best).read_bytes())


def test_prune_keeps_an_album_that_is_absent_as_a_whole(library: SimpleNamespace) -> None:
    """It may be on a disk that is not plugged in."""
    library.folder.rename(library.folder.with_name("unplugged"))
    before = stored(library)
    done = run("prune", "--yes", "--db", library.database)
    assert done.returncode == 0
    assert "whole album" in done.stderr
    assert stored(library) == before


@pytest.mark.parametrize("mounted", ["gone", "empty"])
def test_prune_keeps_what_a_link_within_an_album_led_to(library: SimpleNamespace, tmp_path: Path, mounted: str) -> None:
    """Its disk may be unplugged and leave an empty folder in its place."""
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
    assert f"The target of the link {library.folder / 'usb'} is missing (1 photos)" in done.stderr
    assert stored(library) == before - 1
    with Database(library.database) as index:
        assert library.folder / "usb" / "2019" / "old.jpg" in list(lookup.all_paths(index))
    code, _ = on_a_terminal("prune", "--db", library.database, typed="y\n")
    assert (code, stored(library)) == (0, before - 2)


@pytest.mark.parametrize("home", ["disk", "link"])
def test_prune_keeps_what_was_in_a_folder_now_empty(tmp_path: Path, database: Path, home: str) -> None:
    """A disk mounted inside an album leaves an empty folder when it is unplugged."""
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
    assert f"Everything in the folder {album / 'usb'} is missing (1 photos)" in done.stderr
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


def test_prune_forgets_a_missing_album_on_request(library: SimpleNamespace) -> None:
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
def test_a_full_disk_behind_standard_output_is_reported(library: SimpleNamespace, arguments: list[str]) -> None:
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
def test_a_closed_stream_is_ignored(library: SimpleNamespace, line: str) -> None:
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
def test_an_empty_argument_is_refused_because_it_would_mean_the_current_folder(
    library: SimpleNamespace, arguments: list[str]
) -> None:
    result = invoke(*arguments, db=library.database)
    assert (result.exit_code, "an argument is empty" in result.stderr) == (2, True)


def test_prune_forgets_the_old_results_of_changed_photos(album: Path, database: Path) -> None:
    run("index", album, "--db", database, "--quiet")
    shutil.copy(album / "landscape.jpg", album / "astronaut.jpg")
    run("index", album, "--db", database, "--quiet")
    with closing(sqlite3.connect(database)) as raw:
        before = raw.execute("SELECT count(*) FROM contents").fetchone()[0]
    assert "Nothing to remove" in run("prune", "--db", database).stderr
    with closing(sqlite3.connect(database)) as raw:
        assert raw.execute("SELECT count(*) FROM contents").fetchone()[0] == before - 1
        assert raw.execute("SELECT * FROM crops WHERE content NOT IN (SELECT id FROM contents)").fetchall() == []


def test_export_refuses_a_folder_linked_from_inside_the_album(tmp_path: Path, library: SimpleNamespace) -> None:
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
