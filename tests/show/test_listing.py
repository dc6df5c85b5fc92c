from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import face
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from albumsort.show.listing import (
    PLAIN,
    Form,
    failure_table,
    photo_json,
    photo_table,
    write_failures,
    write_photos,
)
from albumsort.text import printable
from albumsort.types import Emotion, Face, Photo


def photo(path: str, *faces: Face, score: float | None = None, taken_at: str | None = None) -> Photo:
    return Photo(
        Path(path),
        4032,
        3024,
        taken_at,
        None if taken_at is None else "XMP",
        "d1",
        faces,
        score,
        None if score is None else Emotion.HAPPY,
    )


PARTY = photo(
    "/album/party.jpg",
    face((10.04, 20.26, 300, 400), happy=0.9),
    replace(face((1, 2, 30, 40), sad=0.6, eyes=None), matters=False),
    score=0.9,
    taken_at="2024-07-01T10:00:00",
)
HILLS = photo("/album/hills.jpg")
UNREAD = photo("/album/blur.jpg", face(happy=0.3, nothing=0.8, eyes=None))


def written(photos: Iterable[Photo], form: Form) -> str:
    stream = io.StringIO()
    write_photos(photos, form, stream)
    return stream.getvalue()


def table(*photos: Photo, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(photo_table(photos))
    return stream.getvalue()


# names on a terminal


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/a/Zoë & 山 (2).jpg", "/a/Zoë & 山 (2).jpg"),
        ("a\x1b[31mred\x07.jpg", "a\\x1b[31mred\\x07.jpg"),
        ("two\nlines\r\t.jpg", "two\\nlines\\r\\t.jpg"),
        ("photo\u202egpj.exe", "photo\\u202egpj.exe"),
        ("a\u2066b\u2069\u200bc\ufeff", "a\\u2066b\\u2069\\u200bc\\ufeff"),
        ("next\x85line\u2028sep\u2029", "next\\x85line\\u2028sep\\u2029"),
        ("\U000e0041tag", "\\U000e0041tag"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf\\xe9.jpg"),
        ("half\ud83d", "half\\ud83d"),
    ],
)
def test_a_name_cannot_control_the_terminal(name: str, shown: str) -> None:
    assert printable(name) == printable(Path(name)) == shown


@given(st.text(st.characters(), max_size=30))
def test_any_name_is_printed_as_visible_text(name: str) -> None:
    shown = printable(name)
    assert shown.encode("utf-8").decode() == shown
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown)
    assert len(shown) >= len(name)


# JSON


def test_a_photo_as_json_has_the_shape_that_scripts_rely_on() -> None:
    assert photo_json(PARTY) == {
        "path": "/album/party.jpg",
        "width": 4032,
        "height": 3024,
        "taken_at": "2024-07-01T10:00:00",
        "taken_from": "XMP",
        "score": 0.9,
        "emotion": "happy",
        "label": "happy",
        "moment": None,
        "marked": None,
        "sure": 0.9,
        "also": [],
        "faces": [
            {
                "box": [10.0, 20.3, 300, 400],
                "detection": 0.9,
                "size": 0.8333,
                "sharpness": 0.5,
                "label": "happy",
                "sure": 0.9,
                "eyes": 0.9,
                "matters": True,
                "probabilities": {e.value: PARTY.faces[0].probabilities[e] for e in Emotion},
            },
            {
                "box": [1, 2, 30, 40],
                "detection": 0.9,
                "size": 0.0833,
                "sharpness": 0.5,
                "label": "sad",
                "sure": 0.6,
                "eyes": None,
                "matters": False,
                "probabilities": {e.value: PARTY.faces[1].probabilities[e] for e in Emotion},
            },
        ],
    }


def test_unrequested_and_unknown_values_are_null() -> None:
    document = photo_json(HILLS)
    assert (document["score"], document["emotion"], document["taken_at"], document["faces"]) == (None, None, None, [])
    assert (document["label"], document["sure"]) == (None, None)


def test_a_face_without_a_label_is_null_in_json_and_so_is_its_photo() -> None:
    document = photo_json(UNREAD)
    assert (document["label"], document["sure"]) == (None, None)
    [seen] = document["faces"]
    assert (seen["label"], seen["sure"], seen["eyes"]) == (None, None, None)
    assert sum(seen["probabilities"].values()) == pytest.approx(1)


def test_how_sure_a_label_is_and_eyes_are_rounded_as_other_shares() -> None:
    [seen] = photo_json(photo("/a", replace(face(happy=0.8), sure=1 / 3, eyes=2 / 3)))["faces"]
    assert (seen["sure"], seen["eyes"]) == (0.3333, 0.6667)


def test_probabilities_in_json_sum_to_one() -> None:
    for seen in json.loads(written([PARTY], Form.JSON))[0]["faces"]:
        assert sum(seen["probabilities"].values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("photos", [[], [PARTY], [PARTY, HILLS]])
def test_json_is_one_document_and_lines_are_one_object_each(photos: list[Photo]) -> None:
    expected = [photo_json(photo) for photo in photos]
    assert json.loads(written(photos, Form.JSON)) == expected
    lines = written(photos, Form.LINES)
    assert [json.loads(line) for line in lines.splitlines()] == expected
    assert lines.count("\n") == len(photos)


@pytest.mark.parametrize("form", [Form.JSON, Form.LINES])
def test_json_is_plain_ascii_whatever_the_names(form: Form) -> None:
    names = ["/album/caf\xe9\u2028\n.jpg", os.fsdecode(b"/album/caf\xe9.jpg")]
    text = written([photo(name) for name in names], form)
    assert text.isascii()
    documents = json.loads(text) if form is Form.JSON else [json.loads(line) for line in text.splitlines()]
    assert [document["path"] for document in documents] == names


# CSV


def test_csv_has_a_header_and_the_largest_face() -> None:
    header, party, hills, unread = csv.reader(io.StringIO(written([PARTY, HILLS, UNREAD], Form.CSV)))
    assert header[:8] == ["path", "width", "height", "taken_at", "score", "emotion", "faces", "label"]
    assert header[8:] == ["sure", "eyes", *(emotion.value for emotion in Emotion), "copies"]
    assert party[:8] == ["/album/party.jpg", "4032", "3024", "2024-07-01T10:00:00", "0.9", "happy", "2", "happy"]
    assert party[8:10] == ["0.9", "0.9"]
    assert unread[6:10] == ["1", "", "", ""]
    assert float(unread[header.index("happy")]) == 0.3
    assert float(party[header.index("happy")]) == 0.9
    assert hills == ["/album/hills.jpg", "4032", "3024", "", "", "", "0"] + [""] * 10 + ["0"]


def test_csv_of_nothing_is_its_header() -> None:
    assert written([], Form.CSV).count("\n") == 1


def test_csv_keeps_names_with_commas_quotes_and_line_ends_whole() -> None:
    name = '/album/a,"b"\nc.jpg'
    rows = list(csv.reader(io.StringIO(written([photo(name)], Form.CSV))))
    assert rows[1][0] == name


def test_copies_are_named_in_json_and_counted_in_csv_and_the_table() -> None:
    party = replace(PARTY, also=(Path("/album/b.jpg"), Path("/c.jpg")))
    assert photo_json(party)["also"] == ["/album/b.jpg", "/c.jpg"]
    [row] = csv.DictReader(io.StringIO(written([party], Form.CSV)))
    assert row["copies"] == "2"
    assert "party.jpg (+2 copies)" in table(party)
    assert "party.jpg (+1 copy)" in table(replace(party, also=party.also[:1]))
    assert "cop" not in table(PARTY)


# paths


@pytest.mark.parametrize(("form", "end"), [(Form.PATHS, "\n"), (Form.NULL, "\0")])
def test_paths_are_written_as_they_are(form: Form, end: str) -> None:
    names = ["/album/a b.jpg", "/album/\u202eé.jpg", os.fsdecode(b"/album/caf\xe9.jpg")]
    assert written([photo(name) for name in names], form) == "".join(name + end for name in names)
    assert PLAIN[form] == end


def test_photos_are_written_one_at_a_time() -> None:
    stream = io.StringIO()

    def photos() -> Iterable[Photo]:
        yield PARTY
        assert "party.jpg" in stream.getvalue()
        yield HILLS

    for form in (Form.PATHS, Form.JSON, Form.LINES, Form.CSV):
        stream.seek(0)
        stream.truncate()
        write_photos(photos(), form, stream)


# the table


def test_the_table_shows_the_score_the_label_the_faces_and_the_day() -> None:
    line = next(line for line in table(PARTY).splitlines() if "party.jpg" in line)
    assert all(text in line for text in ("1", "90.0 %", "happy 90 %", "2", "2024-07-01"))


def test_the_table_names_the_shared_folder_once() -> None:
    text = table(PARTY, photo("/album/beach/sea.jpg"))
    assert text.count("/album") == 1
    assert "beach/sea.jpg" in text


def test_a_table_without_scores_has_no_column_for_them() -> None:
    assert "score" in table(PARTY)
    assert "score" not in table(HILLS)
    assert " – " in table(HILLS)  # noqa: RUF001


def test_a_face_without_a_label_is_a_dash_in_the_table() -> None:
    line = next(line for line in table(UNREAD).splitlines() if "blur.jpg" in line)
    assert " – " in line  # noqa: RUF001
    assert "%" not in line


def test_failed_photos_keep_names_and_reasons_in_one_row_of_csv_and_escape_them_in_the_table() -> None:
    failures = [(Path("/album/two\nlines.jpg"), 'a "reason", [bold]\x1b'), (Path("/album/b.jpg"), "none")]
    stream = io.StringIO()
    write_failures(failures, Form.CSV, stream)
    stream.seek(0)
    assert list(csv.reader(stream)) == [["path", "error"], *([str(path), reason] for path, reason in failures)]
    shown = io.StringIO()
    Console(file=shown, width=100).print(failure_table(failures))
    assert "two\\nlines.jpg" in shown.getvalue()
    assert 'a "reason", [bold]\\x1b' in shown.getvalue()
    assert shown.getvalue().count("/album") == 1


def test_names_in_the_table_are_neither_markup_nor_control_characters() -> None:
    text = table(photo("/album/[red]\x1b[31m[bold].jpg"))
    assert "[red]\\x1b[31m[bold].jpg" in text
    assert "\x1b" not in text


def test_long_names_are_folded_not_cut_in_the_table() -> None:
    name = "x" * 150 + ".jpg"
    assert table(photo(f"/album/{name}"), width=60).count("x") == 150
