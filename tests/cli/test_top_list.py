"""`top` and `list`: selection, order and formats."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import xxhash
from commands import exported, forget_about, invoke, lines
from helpers import NOW, astronaut, command, encoded, end, environment, face, on_a_terminal, save, start

from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.types import Emotion, PhotoFile

PHOTO_KEYS = {"path", "width", "height", "taken_at", "taken_from", "score", "emotion", "label", "sure", "faces"}
PHOTO_KEYS |= {"moment", "marked", "also"}


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


def test_top_shows_twenty_by_default(database: Path) -> None:
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
        (["--min-face", "8", "-n", "2"], ["beach/party.jpg", "beach/grin.jpg"]),
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
    """A smile with a doubtful detection in the background, and a photo with a doubtful detection only."""
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


def test_detections_of_low_confidence_count_only_on_request(unsure: SimpleNamespace, tmp_path: Path) -> None:
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


def test_list_shows_all_photos_by_path_with_or_without_faces(library: SimpleNamespace) -> None:
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
        (["--since", "2023-01-01T00:00:00", "--until", "2023-01-01T00:00:00"], ["beach2/crowd.jpg"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_list_takes_filters(library: SimpleNamespace, filters: list[str], expected: list[str]) -> None:
    assert lines(invoke("list", *filters, db=library.database)) == expected


@pytest.mark.parametrize("time", ["2024-07-01T11:30:00+02:00", "2024-07-01 11:30Z", "2024-07-01T11:30:00-0800"])
def test_a_time_zone_is_refused_because_photos_keep_local_time(library: SimpleNamespace, time: str) -> None:
    result = invoke("list", "--since", time, db=library.database)
    assert result.exit_code == 2
    assert "time zone" in result.stderr


def test_photos_without_a_date_are_counted_where_a_date_leaves_them_out(library: SimpleNamespace) -> None:
    undated = lines(invoke("list", "--undated", db=library.database))
    assert undated == ["rain.jpg", "shock.jpg", "wait.jpg"]
    for question in (["list"], ["list", "--json"], ["top", "happy"]):
        said = invoke(*question, "--since", "2024", db=library.database).stderr
        assert f"{len(undated)} photos without a date are left out" in said
        assert "without a date" not in invoke(*question, db=library.database).stderr
        assert invoke(*question, "--since", "2024", "--quiet", db=library.database).stderr == ""
    in_folder = invoke("list", "--since", "2024", "--path", library.folder / "beach", db=library.database)
    assert "without a date" not in in_folder.stderr


@pytest.mark.parametrize("other", ["--since", "--until"])
def test_undated_photos_are_not_asked_for_by_date(library: SimpleNamespace, other: str) -> None:
    assert invoke("list", "--undated", other, "2024", db=library.database).exit_code == 2


# files with equal bytes


@pytest.fixture
def copied(library: SimpleNamespace) -> SimpleNamespace:
    """The library with three copies: two of a happy face, one of hills."""
    copies = {"a/grin.jpg": "beach/grin.jpg", "z.jpg": "beach/grin.jpg", "beach/hills.jpg": "hills.jpg"}
    with Database(library.database) as index, index.transaction():
        for name, copy in copies.items():
            digest = xxhash.xxh3_128_hexdigest(copy.encode())
            storing.save_known(index, PhotoFile(library.folder / name, 1, 1), digest, None)
    return library


def also(library: SimpleNamespace, *arguments: str) -> dict[str, list[str]]:
    """Return the listed photos, each with its copies, relative to the library."""
    photos = json.loads(invoke(*arguments, "--json", db=library.database).stdout)
    name = len(f"{library.folder}{os.sep}")
    return {photo["path"][name:]: [path[name:] for path in photo["also"]] for photo in photos}


def test_equal_files_are_listed_once_with_the_others_beside(copied: SimpleNamespace) -> None:
    assert also(copied, "top", "happy", "-n", "3") == {
        "beach/party.jpg": [],
        "beach2/crowd.jpg": [],
        "a/grin.jpg": ["beach/grin.jpg", "z.jpg"],
    }
    listed = also(copied, "list")
    assert {name: names for name, names in listed.items() if names} == {
        "a/grin.jpg": ["beach/grin.jpg", "z.jpg"],
        "beach/hills.jpg": ["hills.jpg"],
    }
    assert len(listed) == 8
    for form in ([], ["-0"], ["--csv"]):
        text = invoke("list", *form, db=copied.database).stdout
        assert "a/grin.jpg" in text
        assert "beach/grin.jpg" not in text


def test_the_first_path_that_passes_the_filters_is_listed(copied: SimpleNamespace) -> None:
    beach = ("--path", str(copied.folder / "beach"))
    assert also(copied, "top", "happy", *beach) == {"beach/party.jpg": [], "beach/grin.jpg": []}
    assert also(copied, "list", *beach, "--faces", "0") == {"beach/hills.jpg": []}
    forget_about(copied, "beach/grin.jpg")
    assert also(copied, "list", "--min-score", "0.65", "--since", "2024-07-31") == {"a/grin.jpg": ["z.jpg"]}
    assert also(copied, "list", "--missing") == {"beach/grin.jpg": []}


def test_all_lists_every_file_by_itself(copied: SimpleNamespace) -> None:
    assert lines(invoke("top", "happy", "-n", "5", "--all", db=copied.database)) == [
        "beach/party.jpg",
        "beach2/crowd.jpg",
        "a/grin.jpg",
        "beach/grin.jpg",
        "z.jpg",
    ]
    result = invoke("list", "--all", db=copied.database)
    assert (len(lines(result)), result.stderr) == (11, "")
    listed = also(copied, "list", "--all")
    assert (len(listed), [names for names in listed.values() if names]) == (11, [])


def test_a_list_counts_the_copies_that_it_does_not_name(copied: SimpleNamespace) -> None:
    said = "3 more files have the same bytes as a listed one (--all lists them)\n"
    for form in ([], ["-0"], ["--csv"]):
        assert invoke("list", *form, db=copied.database).stderr == said
    assert invoke("list", "--quiet", db=copied.database).stderr == ""
    assert invoke("list", "--json", db=copied.database).stderr == ""
    beach = invoke("list", "--path", copied.folder / "beach", "--path", copied.folder / "z.jpg", db=copied.database)
    assert beach.stderr == said.replace("3 more files have", "1 more file has")


def test_a_table_and_csv_show_the_number_of_copies(copied: SimpleNamespace) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal("list", "--db", copied.database)[1])
    assert "a/grin.jpg (+2 copies)" in shown
    assert "beach/hills.jpg (+1 copy)" in shown
    assert "3 more files have the same bytes" in shown
    rows = csv.DictReader(io.StringIO(invoke("list", "--csv", db=copied.database).stdout))
    assert [row["copies"] for row in rows] == ["2", "1", "0", "0", "0", "0", "0", "0"]


# failed and missing photos


@pytest.fixture
def damaged(library: SimpleNamespace) -> SimpleNamespace:
    """The library with failed photos: two broken ones, and one that is gone since; one good photo is gone, too."""
    reasons = {"beach/cut.jpg": "it ends early", "gone.jpg": "it was empty", "zero.jpg": "the file is empty"}
    with Database(library.database) as index, index.transaction():
        for name, reason in reasons.items():
            storing.save_failure(index, PhotoFile(library.folder / name, 0, 0), reason, NOW)
        storing.mark_missing(index, [library.folder / "gone.jpg"])
    forget_about(library, "rain.jpg")
    return library


def test_list_failed_names_every_failed_photo_with_the_reason_where_it_has_room(damaged: SimpleNamespace) -> None:
    def listed(*form: str) -> str:
        return invoke("list", "--failed", *form, db=damaged.database).stdout

    paths = [str(damaged.folder / name) for name in ("beach/cut.jpg", "zero.jpg")]
    failed = [
        {"path": path, "error": error}
        for path, error in zip(paths, ["it ends early", "the file is empty"], strict=True)
    ]
    assert listed().splitlines() == paths
    assert listed("-0") == "".join(f"{path}\0" for path in paths)
    assert json.loads(listed("--json")) == failed
    assert [json.loads(line) for line in listed("--nl").splitlines()] == failed
    assert list(csv.DictReader(io.StringIO(listed("--csv")))) == failed


def test_list_failed_on_a_terminal_is_a_table_with_reasons(damaged: SimpleNamespace, database: Path) -> None:
    code, shown = on_a_terminal("list", "--failed", "--db", damaged.database)
    assert code == 0
    assert all(any(a in line and b in line for line in shown.splitlines()) for a, b in [("cut.jpg", "it ends early")])
    Database(database, create=True).close()
    assert "No photo failed" in on_a_terminal("list", "--failed", "--db", database)[1]


def test_list_missing_names_photos_that_are_gone_as_every_list_does(damaged: SimpleNamespace) -> None:
    assert lines(invoke("list", "--missing", db=damaged.database)) == ["rain.jpg"]
    [rain] = json.loads(invoke("list", "--missing", "--json", db=damaged.database).stdout)
    assert (set(rain), rain["label"]) == (PHOTO_KEYS, "sad")
    assert lines(invoke("list", "--missing", "--faces", "0", db=damaged.database)) == []
    assert lines(invoke("list", "--missing", "--failed", db=damaged.database)) == ["gone.jpg"]


def test_list_failed_takes_folders_and_refuses_what_a_failed_photo_does_not_have(damaged: SimpleNamespace) -> None:
    asked = ("list", "--failed", "--path", damaged.folder / "beach")
    assert lines(invoke(*asked, db=damaged.database)) == ["beach/cut.jpg"]
    settings = {"ALBUMSORT_MIN_SCORE": "0.5", "ALBUMSORT_SURE": "0.5"}
    assert invoke(*asked, db=damaged.database, env=settings).exit_code == 0
    for option, value in (("--since", "2024"), ("--until", "2024"), ("--faces", "1"), ("--min-score", "0.5")):
        result = invoke(*asked, option, value, db=damaged.database)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--failed goes only with" in result.stderr


# forms


@pytest.mark.parametrize("arguments", [["top", "happy"], ["list"]])
def test_json_is_one_document_of_photos(library: SimpleNamespace, arguments: list[str]) -> None:
    photos = json.loads(invoke(*arguments, "--json", db=library.database).stdout)
    by_name = {Path(photo["path"]).name: photo for photo in photos}
    party = by_name["party.jpg"]
    assert set(party) == PHOTO_KEYS
    ranked = arguments[0] == "top"
    assert (party["score"], party["emotion"]) == ((0.9, "happy") if ranked else (None, None))
    assert (party["width"], party["height"], party["taken_at"]) == (640, 480, "2024-07-01T10:00:00")
    [seen] = party["faces"]
    assert set(seen) == {"box", "detection", "size", "sharpness", "label", "sure", "eyes", "matters", "probabilities"}
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


def test_a_terminal_gets_a_message_when_no_photo_matches(library: SimpleNamespace) -> None:
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
def test_a_closed_pipe_ends_the_list_quietly(database: Path, form: str) -> None:
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
