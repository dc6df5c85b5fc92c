"""`why`: the faces of one photo."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import invoke
from helpers import ASTRONAUT_FACE, EVEN, astronaut, face, run
from PIL import Image

from albumsort.answers import ANSWERS
from albumsort.choosing.labels import Album, LabelRule
from albumsort.cli import why as cli_why
from albumsort.index import shares as index_shares
from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.networks import weights
from albumsort.photos.upright import Upright
from albumsort.show import explanation
from albumsort.types import Analysis, Emotion, Taken


def test_why_shows_boxes_label_and_all_probabilities(indexed: SimpleNamespace) -> None:
    result = invoke("why", indexed.album / "astronaut.jpg", db=indexed.database)
    assert result.exit_code == 0
    assert "512 x 512" in result.stdout
    assert re.search(r"^Face 1 looks happy \((9\d|100) % sure\)\.$", result.stdout, re.MULTILINE)
    assert "; eyes open" in result.stdout
    assert all(re.search(rf"^ +{emotion} +[\d.]+ %", result.stdout, re.MULTILINE) for emotion in Emotion)


def print_why(shown: Analysis, faces: Sequence[cli_why.Explained], taken: Taken | None = None) -> None:
    upright = Upright(np.zeros((480, 640, 3), np.uint8), 640, 480)
    seen = cli_why._Seen(Path("a.jpg"), upright, shown, taken, None, [], faces, [])
    cli_why._print_why(seen, cli_why._Known({}, {}, [], EVEN, "0123456789abcdef0123"))


def test_several_photos_are_explained_and_drawn_into_a_folder(indexed: SimpleNamespace, tmp_path: Path) -> None:
    named = [indexed.album / name for name in ("astronaut.jpg", "broken.jpg", "landscape.jpg")]
    other = tmp_path / "other" / "astronaut.jpg"
    other.parent.mkdir()
    shutil.copy(named[0], other)
    (tmp_path / "out").mkdir()
    result = invoke("why", *named, other, "--out", tmp_path / "out", db=indexed.database)
    assert result.exit_code == 1
    assert [line for line in result.stdout.splitlines() if ": " in line and " x " in line] == [
        f"{named[0]}: 512 x 512, taken 2024-07-01 12:00:00+02:00 (DateTimeOriginal)",
        f"{named[2]}: 480 x 320, without a date",
        f"{other}: 512 x 512, taken 2024-07-01 12:00:00+02:00 (DateTimeOriginal)",
    ]
    assert str(named[1]) in result.stderr
    drawn = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert drawn == ["astronaut-faces-2.jpg", "astronaut-faces.jpg", "landscape-faces.jpg"]
    documents = json.loads(invoke("why", named[0], named[2], "--json", db=indexed.database).stdout)
    assert [Path(one["path"]).name for one in documents] == ["astronaut.jpg", "landscape.jpg"]


def test_the_drawings_of_several_photos_need_a_folder_outside_the_album(
    indexed: SimpleNamespace, tmp_path: Path
) -> None:
    named = [indexed.album / "astronaut.jpg", indexed.album / "landscape.jpg"]
    for out in (tmp_path / "faces.jpg", tmp_path / "none", indexed.album):
        assert invoke("why", *named, "--out", out, db=indexed.database).exit_code == 2
    assert not list(indexed.album.glob("*-faces*"))


def test_why_shows_the_figures_of_a_face_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    seen = face((10, 20, 120, 60), happy=0.7, sad=0.15, anger=0.1, neutral=0.03, nothing=0.04)
    faces = [cli_why.Explained(1, seen, replace(seen, sure=0.62, sharpness=0.456), seen.label)]
    shown = Analysis("digest", 640, 480, None, (seen,), b"")
    print_why(shown, faces, Taken("2024-07-01T10:00:00-08:00", "XMP"))
    assert capsys.readouterr().out.splitlines() == [
        "a.jpg: 640 x 480, taken 2024-07-01 10:00:00-08:00 (XMP)",
        "1 face; emotion network 0123456789abcdef",
        "Face 1 looks happy (62 % sure).",
        "  box 10, 20, 120, 60; confidence 0.90; size 25.0 %; sharpness 0.46; eyes open",
        "  matters in this photo",
        "  no clear expression: 4 %; otherwise:",
        "  happy      70.0 %  #####################",
        "  sad        15.0 %  ####",
        "  anger      10.0 %  ###",
        "  neutral     3.0 %  #",
        "  surprise    0.7 %  ",
        "  fear        0.7 %  ",
        "  disgust     0.7 %  ",
    ]


def test_why_says_for_each_face_whether_it_matters_and_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    main = replace(face((10, 20, 200, 200)), sharpness=0.6)
    seen = [
        main,
        replace(main, size=0.1),
        replace(main, sharpness=0.2),
        replace(main, size=0.9, detection=0.55, nothing=0.97),
    ]
    shown = Analysis("digest", 640, 480, None, tuple(seen), b"")
    faces = cli_why._explained(seen, LabelRule(EVEN, EVEN), [])
    print_why(shown, faces)
    assert [line.strip() for line in capsys.readouterr().out.splitlines() if "matter" in line] == [
        "matters in this photo",
        "does not matter in this photo: too small beside the main face",
        "does not matter in this photo: blurred beside the main face",
        "does not matter in this photo: doubtful, perhaps no face",
    ]


def test_why_counts_detections_of_low_confidence_but_shows_them_only_on_request(
    indexed: SimpleNamespace,
) -> None:
    shown = invoke("why", indexed.album / "astronaut.jpg", "--min-detection", "1", db=indexed.database).stdout
    assert "no faces" in shown
    assert re.search(r"ignored: detections with confidence [01]\.\d\d \(a lower --min-detection shows them\)", shown)
    assert "ignored" not in invoke("why", indexed.album / "astronaut.jpg", db=indexed.database).stdout


def test_why_agrees_with_the_index(indexed: SimpleNamespace) -> None:
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


def test_why_reports_an_error_of_a_photo_once(tmp_path: Path, database: Path) -> None:
    """Libraries used by Pillow print their own messages."""
    photo = tmp_path / "damaged.tiff"
    astronaut().save(photo, compression="tiff_lzw")
    data = bytearray(photo.read_bytes())
    data[5_000:5_100] = bytes(100)
    photo.write_bytes(data)
    result = run("why", photo, "--db", database)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [f"albumsort: {photo}: the picture is damaged: the TIFF decoder failed"]


def test_why_draws_the_faces_into_a_new_file(indexed: SimpleNamespace, tmp_path: Path) -> None:
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
def test_why_draws_only_to_a_jpeg_file(name: str, indexed: SimpleNamespace, tmp_path: Path) -> None:
    result = invoke("why", indexed.album / "turned.jpg", "--out", tmp_path / name, db=indexed.database)
    assert result.exit_code == 2
    assert f"--out {tmp_path / name}: name a file that ends in .jpg" in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_why_that_cannot_draw_names_the_file_and_still_prints_the_faces(
    indexed: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = run("why", indexed.album / "turned.jpg", "--out", tmp_path / "file" / "x.jpg", "--db", indexed.database)
    assert done.returncode == 1
    assert f"cannot write {tmp_path / 'file' / 'x.jpg'}: Not a directory" in done.stderr
    assert "Face 1 looks happy" in done.stdout


SERIOUS = {answer: (1 - 7e-9 if answer is Emotion.NEUTRAL else 1e-9) for answer in ANSWERS}


def test_why_uses_the_album_of_an_indexed_photo_and_says_so(indexed: SimpleNamespace, tmp_path: Path) -> None:
    """In an album with few smiles, a face that is happy elsewhere is more likely something else."""
    database, portrait = tmp_path / "index.sqlite", indexed.album / "astronaut.jpg"
    shutil.copy(indexed.database, database)
    with Database(database) as index, index.transaction():
        index_shares.save_albums(index, [Album(indexed.album, SERIOUS, 9)])
    shown = invoke("why", portrait, db=database).stdout
    [said] = [line for line in shown.splitlines() if line.startswith("Face 1")]
    assert said.startswith("Face 1 looks neutral (")
    ordinary = explanation.percent(weights.natural_shares()[Emotion.NEUTRAL])
    assert f"In this album 100 % of the faces look neutral; in an ordinary album {ordinary}, and there" in said
    assert said.endswith("there this face would look happy.")
    listed = {photo["path"]: photo for photo in json.loads(invoke("list", "--json", db=database).stdout)}
    seen = json.loads(invoke("why", portrait, "--json", db=database).stdout)
    assert (seen["label"], seen["sure"]) == ("neutral", listed[str(portrait)]["sure"])
    shutil.copy(portrait, tmp_path / "elsewhere.jpg")
    assert "Face 1 looks happy" in invoke("why", tmp_path / "elsewhere.jpg", db=database).stdout


def test_why_uses_no_album_shares_for_a_photo_that_is_not_indexed(album: Path, database: Path, tmp_path: Path) -> None:
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
    assert "the labels below assume an ordinary album" in result.stderr
    drawn = invoke("why", indexed.album / "astronaut.jpg", "--out", tmp_path / "a.jpg", db=tmp_path / "no.sqlite")
    assert drawn.exit_code == 1  # whether that is inside an album is not known
    assert not (tmp_path / "a.jpg").exists()
