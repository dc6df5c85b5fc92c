"""`gallery`: what the command chooses, refuses and says. The page itself: tests/show."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import invoke
from gallery_pages import page_of
from helpers import index_album, landscape, on_a_terminal, run

from albumsort.cli import gallery as cli_gallery


def names(page: Path) -> list[str]:
    return [photo["name"] for photo in page_of(page).data["photos"]]


def test_a_gallery_shows_what_top_lists(indexed: SimpleNamespace, tmp_path: Path) -> None:
    done = run("gallery", "happy", "--to", tmp_path / "g.html", "--db", indexed.database)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    top = run("top", "happy", "--db", indexed.database).stdout.splitlines()
    assert names(tmp_path / "g.html") == [Path(path).name for path in top]
    assert re.search(r"^Wrote .*g\.html: 2 photos, 0\.\d MB$", done.stderr, re.MULTILINE)


def test_the_four_are_the_default_and_options_of_top_choose(indexed: SimpleNamespace, tmp_path: Path) -> None:
    four = invoke("gallery", "--to", tmp_path / "four.html", db=indexed.database)
    assert four.exit_code == 0, four.stderr
    shown = [a["data-emotion"] for tag, a in page_of(tmp_path / "four.html").elements if tag == "section"]
    assert shown == ["anger", "happy", "sad", "neutral"]
    one = invoke("gallery", "joy", "happy", "-n", "1", "--to", tmp_path / "one.html", db=indexed.database)
    assert one.exit_code == 0, one.stderr
    assert len(names(tmp_path / "one.html")) == 1
    since = invoke("gallery", "happy", "--since", "2024", "--to", tmp_path / "since.html", db=indexed.database)
    assert names(tmp_path / "since.html") == ["astronaut.jpg"]
    assert "without a date" in since.stderr


def test_a_gallery_is_refused_where_it_must_not_be(indexed: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "mine.html").write_text("mine")
    (tmp_path / "link").symlink_to(indexed.album, target_is_directory=True)
    refused = {
        indexed.album / "g.html": (2, "is in the album"),
        tmp_path / "link" / "g.html": (2, "is in the album"),
        tmp_path / "g.jpg": (2, "ends in .html"),
        tmp_path / "mine.html": (1, "exists already"),
        tmp_path / "nowhere" / "g.html": (1, "there is no folder"),
    }
    for to, (code, message) in refused.items():
        done = invoke("gallery", "--to", to, db=indexed.database)
        assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    assert "--to" in (without := invoke("gallery", db=indexed.database)).stderr
    assert without.exit_code == 2
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert not (indexed.album / "g.html").exists()


def test_nothing_is_written_if_no_photo_matches(indexed: SimpleNamespace, tmp_path: Path) -> None:
    done = invoke("gallery", "--until", "1999", "--to", tmp_path / "g.html", db=indexed.database)
    assert done.exit_code == 1
    assert "no photo matches" in done.stderr
    assert [*tmp_path.iterdir()] == []


def test_photos_that_are_gone_are_counted(album: Path, database: Path, tmp_path: Path) -> None:
    index_album(database, album)
    (album / "turned.jpg").unlink()
    done = run("gallery", "happy", "--to", tmp_path / "g.html", "--db", database)
    assert done.returncode == 1
    assert "1 photo could not be read; the gallery shows a placeholder instead" in done.stderr
    assert str(album / "turned.jpg") in done.stderr
    assert len(names(tmp_path / "g.html")) == 2


def test_a_large_gallery_is_announced(
    indexed: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_gallery, "LARGE", 1000)
    said = invoke("gallery", "happy", "--to", tmp_path / "a.html", db=indexed.database).stderr
    assert re.search(r"^2 photos will make a file of about 0\.\d MB; for a smaller file, lower -n or", said)
    quiet = invoke("gallery", "happy", "--to", tmp_path / "b.html", "--quiet", db=indexed.database)
    assert (quiet.exit_code, quiet.stderr, quiet.stdout) == (0, "", "")


def test_a_terminal_shows_progress(indexed: SimpleNamespace, tmp_path: Path) -> None:
    code, shown = on_a_terminal("gallery", "happy", "--to", tmp_path / "g.html", "--db", indexed.database)
    assert code == 0
    assert "2/2" in shown
    assert "2 photos," in shown


@pytest.mark.skipif(os.name == "nt", reason="needs names as Linux has them")
def test_frames_of_a_moment_are_behind_one_card(album: Path, database: Path, tmp_path: Path) -> None:
    for name in ("turned.jpg", "landscape.jpg", "drawing.png", "broken.jpg"):
        (album / name).unlink()
    burst = album / "burst"
    burst.mkdir()
    for i in range(3):
        shutil.copy(album / "astronaut.jpg", burst / f"frame-{i}.jpg")
        with open(burst / f"frame-{i}.jpg", "ab") as file:
            file.write(bytes(i + 1))  # other bytes, the same picture and time
    (album / "astronaut.jpg").unlink()
    landscape().save(album / "hills.jpg")
    index_album(database, album)
    done = run("gallery", "happy", "--to", tmp_path / "g.html", "--db", database)
    assert done.returncode == 0, done.stderr
    kinds = [cell["class"] for cell in page_of(tmp_path / "g.html").cells()]
    assert kinds == ["cell moment", "cell frame", "cell frame"]
    run("gallery", "happy", "--all", "--to", tmp_path / "all.html", "--db", database)
    assert [cell["class"] for cell in page_of(tmp_path / "all.html").cells()] == ["cell"] * 3
