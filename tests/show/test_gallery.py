from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from gallery_pages import ASTRONAUT, FACE, coloured, happy, moment, page_of, photo, several, written
from helpers import encoded, exif, face, landscape, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from albumsort.errors import AlbumsortError
from albumsort.photos.colour import DISPLAY_P3, profile_of
from albumsort.show import gallery, gallery_page, thumbnails
from albumsort.show.explanation import LOOKS
from albumsort.show.gallery_data import readable_name
from albumsort.types import Box, Emotion, Photo

PAGE = Path(gallery_page.__file__).parent / "page"

HOSTILE = [
    b"</script><script>alert(1)</script>.jpg",
    b"<!--.jpg",
    b"<img src=x onerror=alert(1)>.jpg",
    b"quote\"s' &amp; `${1}` {n}.jpg",
    b"two\nlines\r\n\x00.jpg".replace(b"\x00", b"\x01"),
    b"tab\t\x1b]0;EVIL\x07.jpg",
    b"caf\xe9.jpg",
    "\u202egnp.jpg".encode(),
    "\u2028\u2029\u0085.jpg".encode(),
    "عيد ميلاد.jpg".encode(),
    "👩‍👩‍👧.jpg".encode(),
    b"x" * 251 + b".jpg",
]


def can_name(folder: Path, name: bytes) -> bool:
    try:
        os.close(os.open(os.path.join(os.fsencode(folder), name), os.O_CREAT))
    except (OSError, ValueError):
        return False
    return True


# names


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses such names itself")
def test_hostile_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    names = [name for name in HOSTILE if can_name(tmp_path, name)]
    photos = [photo(tmp_path / os.fsdecode(name), coloured(i)) for i, name in enumerate(names)]
    page = written(tmp_path / "hostile.html", happy(*photos))
    plain = written(tmp_path / "plain.html", happy(*several(tmp_path, len(names))))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [[*attributes] for _, attributes in page.elements] == [[*attributes] for _, attributes in plain.elements]
    assert [one["name"] for one in page.data["photos"]] == [readable_name(one) for one in photos]
    markup = re.sub(r'(?s)<script type="application/json" id="data">.*?</script>', "", page.html)
    assert not any(mark in markup for mark in ("alert(1)", "EVIL", "onerror", "gnp"))
    assert not re.search(r"[<>&]", page.texts["data"])


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("a b.jpg", "a b.jpg"),
        ("two\nlines\t.jpg", "two\ufffdlines\ufffd.jpg"),
        (os.fsdecode(b"caf\xe9.jpg"), "caf\ufffd.jpg"),
        ("\u202egnp.jpg", "\ufffdgnp.jpg"),
        ("\u2028\u0085\x7f.jpg", "\ufffd\ufffd\ufffd.jpg"),
        ("👩‍👩‍👧 é.jpg", "👩‍👩‍👧 é.jpg"),
    ],
)
def test_a_readable_name_is_one_line_of_characters(name: str, readable: str) -> None:
    assert readable_name(Photo(Path("/folder", name), 1, 1, None, None, "", ())) == readable


# safe, private, the same every time


def test_the_page_allows_its_own_style_and_script_and_no_others(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", happy(*several(tmp_path, 2)))

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert page.policy == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": allowed(page.texts["style"]),
        "script-src": allowed(page.texts["script"]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    kinds = [attributes["type"] for tag, attributes in page.elements if tag == "script"]
    assert set(kinds) == {"text/plain", "application/json", "module"}
    assert kinds.count("module") == 1


def test_the_page_names_no_address(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", happy(*several(tmp_path, 2)))
    for tag, attributes in page.elements:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "href", "srcset")}, tag
        assert (attributes.get("src") or "data:").startswith("data:"), tag
    addresses = re.findall(r"(?:https?:)?//[\w.]+|url\(|@import|\bimport\b|fetch\(|XMLHttp", page.texts["script"])
    assert set(addresses) == {"http://www.w3.org"}  # the name of SVG
    assert not re.search(r"//|url\(|@import", page.texts["style"])


def test_no_path_place_or_camera_is_inside(tmp_path: Path) -> None:
    block = exif(taken="2024:07:01 12:00:00")
    block.get_ifd(34853)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(landscape(), exif=block, icc_profile=profile)
    gone = photo(tmp_path / "gone.jpg", coloured(1))
    gone.path.unlink()
    page = written(tmp_path / "g.html", happy(photo(tmp_path / "a.jpg", data), gone))
    assert page.failures
    assert str(tmp_path) not in page.html
    assert tmp_path.name not in page.html
    for picture in page.pictures() + page.views():
        assert not {"exif", "icc_profile", "xmp"} & set(picture.info)
        assert not picture.getexif()


def test_the_same_photos_make_the_same_bytes(tmp_path: Path) -> None:
    section = happy(*several(tmp_path, 3))
    written(tmp_path / "one.html", section)
    written(tmp_path / "other.html", section)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "other.html").read_bytes()


# pictures


def test_cell_and_view_have_their_sizes(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", happy(photo(tmp_path / "a.jpg", encoded(landscape(2400, 1600)), [])))
    assert [picture.size for picture in page.pictures()] == [(320, 320)]
    assert [picture.size for picture in page.views()] == [(1280, 853)]
    smaller = written(tmp_path / "smaller.html", happy(photo(tmp_path / "b.jpg")), view_side=200)
    assert [picture.size for picture in smaller.views()] == [(200, 200)]
    assert written(tmp_path / "none.html", happy(photo(tmp_path / "c.jpg")), view_side=0).views() == []


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_cell_is_cut_around_the_face_that_decides(orientation: int, tmp_path: Path) -> None:
    picture = Image.new("RGB", (2400, 800), (240, 240, 240))
    picture.paste((200, 30, 30), (2000, 300, 2200, 500))
    faces = [face((100, 100, 60, 60), sad=0.9), face((2000, 300, 200, 200), happy=0.9)]
    turned = picture.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else picture
    data = encoded(turned, exif=exif(orientation))
    shown = photo(tmp_path / "a.jpg", data, faces)
    [cell] = written(tmp_path / "g.html", happy(replace(shown, width=2400, height=800))).pictures()
    red, green, _ = cell.convert("RGB").resize((1, 1), Image.Resampling.BOX, (120, 100, 200, 180)).getpixel((0, 0))
    assert red > 180
    assert green < 80


def test_colours_are_those_of_the_photo(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", happy(photo(tmp_path / "a.png", encoded(quarters(400, 400), "PNG"), [])))
    for picture in (*page.pictures(), *page.views()):
        rgb, side = picture.convert("RGB"), picture.width
        for (x, y), colour in {(1, 1): (200, 30, 30), (3, 1): (30, 180, 60), (1, 3): (40, 60, 210)}.items():
            seen = rgb.getpixel((x * side // 4, y * side // 4))
            assert all(abs(a - b) < 12 for a, b in zip(seen, colour, strict=True))


def test_colours_of_a_wide_profile_become_those_of_the_web(tmp_path: Path) -> None:
    """Cameras of phones write Display P3: read as sRGB, its colours would be pale."""
    wide = encoded(Image.new("RGB", (64, 64), (60, 200, 60)), "PNG", icc_profile=profile_of(DISPLAY_P3))
    page = written(tmp_path / "g.html", happy(photo(tmp_path / "a.png", wide, [])))
    for picture in (*page.pictures(), *page.views()):
        red, green, _ = picture.convert("RGB").getpixel((32, 32))
        assert red < 20
        assert green > 195


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG")
    page = written(tmp_path / "g.html", happy(photo(tmp_path / "a.png", clear, [])))
    assert min(page.views()[0].convert("RGB").getpixel((32, 32))) > 250


SIDES = st.integers(1, 9000)


@given(SIDES, SIDES, st.none() | st.tuples(*[st.floats(-0.2, 1)] * 2, *[st.floats(0.01, 1.2)] * 2))
def test_a_square_is_inside_its_photo(
    width: int, height: int, relative: tuple[float, float, float, float] | None
) -> None:
    box = None if relative is None else Box(*(v * s for v, s in zip(relative, (width, height) * 2, strict=True)))
    square = thumbnails.square_around(box, width, height)
    assert square.w == square.h > 0
    assert square.x >= 0
    assert square.y >= 0
    assert square.x + square.w <= width + 1e-6
    assert square.y + square.h <= height + 1e-6


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000), (3, 2)])
def test_a_photo_of_any_shape_has_its_pictures(size: tuple[int, int], tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", happy(photo(tmp_path / "a.png", encoded(Image.new("RGB", size), "PNG"), [])))
    assert page.failures == []
    assert len(page.pictures()) == len(page.views()) == 1


# what is shown


def test_a_photo_in_two_sections_is_inside_once(tmp_path: Path) -> None:
    both, other = several(tmp_path, 2)
    page = written(tmp_path / "g.html", happy(both, other), gallery.Section(Emotion.NEUTRAL, [both]))
    assert [cell["data-photo"] for cell in page.cells()] == ["0", "1", "0"]
    assert [one["name"] for one in page.data["photos"]] == ["photo-0.jpg", "photo-1.jpg"]
    assert len(page.views()) == 2
    assert page.html.count(page.texts["view-0"]) == 1
    assert len(page.pictures()) == 3


def test_the_frames_of_a_moment_are_hidden_behind_the_best(tmp_path: Path) -> None:
    best, frames = moment(tmp_path, 3)
    page = written(tmp_path / "g.html", happy(best, *several(tmp_path, 1), behind={best.path: frames}))
    card, *behind, other = page.cells()
    assert card["class"] == "cell moment"
    assert [cell["data-of"] for cell in behind] == [card["id"]] * 2
    assert all("hidden" in cell for cell in behind)
    assert other["class"] == "cell"
    assert "hidden" not in other


def test_a_photo_that_is_gone_leaves_a_place_and_the_others(tmp_path: Path) -> None:
    photos = several(tmp_path, 3)
    photos[0].path.unlink()
    photos[1].path.write_bytes(b"no picture")
    page = written(tmp_path / "g.html", happy(*photos))
    assert [path for path, _ in page.failures] == [photos[0].path, photos[1].path]
    assert len(page.cells()) == 3
    assert len(page.pictures()) == 1
    assert [bool(one["error"]) for one in page.data["photos"]] == [True, True, False]
    assert "No such file" in page.data["photos"][0]["error"]


def test_the_data_says_what_the_index_knows(tmp_path: Path) -> None:
    faces = [face((0, 0, 9, 9), sad=0.9), face(FACE, eyes=0.1, happy=0.75)]
    shown = photo(tmp_path / "a.jpg", ASTRONAUT, faces)
    dated = Photo(shown.path, 400, 400, "2024-07-01T22:00:05+09:00", "GPS", shown.digest, shown.faces, 0.7)
    page = written(tmp_path / "g.html", happy(dated))
    [one] = page.data["photos"]
    assert (one["hash"], one["w"], one["h"], one["taken"]) == (shown.digest, 400, 400, "2024-07-01 22:00")
    assert one["decides"] == 1
    assert one["faces"][1]["eyes"] == "closed"
    assert one["faces"][1]["box"] == [*map(float, FACE)]
    assert dict(zip(page.data["emotions"], one["faces"][1]["probabilities"], strict=True))["happy"] == 0.75
    assert page.cells()[0]["data-score"] == "0.7000"


def test_an_emotion_without_photos_says_so(tmp_path: Path) -> None:
    page = written(tmp_path / "g.html", happy(*several(tmp_path, 1)), gallery.Section(Emotion.FEAR, []))
    assert "No photo for this emotion" in page.html


# the file


def test_no_file_is_overwritten_and_none_is_left_half_written(tmp_path: Path) -> None:
    section = happy(*several(tmp_path, 1))
    (tmp_path / "g.html").write_text("mine")
    before = {*tmp_path.iterdir()}
    with pytest.raises(AlbumsortError, match="exists already"):
        written(tmp_path / "g.html", section)
    with pytest.raises(AlbumsortError, match="cannot write"):
        written(tmp_path / "nowhere" / "g.html", section)
    unfinished = gallery.write([section], tmp_path / "other.html", 0)
    next(unfinished)
    assert len({*tmp_path.iterdir()}) == len(before) + 1
    unfinished.close()
    assert {*tmp_path.iterdir()} == before
    assert (tmp_path / "g.html").read_text() == "mine"


def test_the_size_is_known_before(tmp_path: Path) -> None:
    detailed = Image.effect_noise((1600, 1200), 24).convert("RGB")
    for picture in (detailed, landscape(1600, 1200)):
        shown = photo(tmp_path / "a.jpg", encoded(picture), [])
        expected = gallery.expected_bytes([happy(shown)], 1280)
        assert 100_000 < expected < 250_000
    assert gallery.expected_bytes([happy(shown)], 0) < 20_000
    twice = gallery.expected_bytes([happy(shown), happy(shown)], 1280)
    assert twice - expected == gallery.expected_bytes([happy(shown)], 0)  # its view is inside once


# the page


def test_the_page_without_photos_is_small(tmp_path: Path) -> None:
    assert sum(map(len, gallery_page.parts())) < 100_000


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    texts = json.loads((PAGE / "words.json").read_text(encoding="utf-8"))
    script = "".join((PAGE / f"{name}.js").read_text(encoding="utf-8") for name in gallery_page.SCRIPTS)
    python = Path(gallery.__file__).read_text(encoding="utf-8") + Path(gallery_page.__file__).read_text("utf-8")
    used = {*re.findall(r"\bwords\.(\w+)", script), *re.findall(r'\btexts\["(\w+)"\]', python)}
    used |= {kind + more for kind in re.findall(r'"(alt\w*)"', python) for more in ("", "_looks")}
    assert used == set(texts)
    assert texts["looks"] == {emotion.value: looks for emotion, looks in LOOKS.items()}
    assert set(texts["emotions"]) == set(Emotion)


def test_the_scripts_can_be_inside_a_page() -> None:
    assert {path.stem for path in PAGE.glob("*.js")} == set(gallery_page.SCRIPTS)
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        assert path.suffix == ".html" or not re.search(r"</(script|style)|<!--", text), path
        assert ".innerHTML" not in text
        assert "insertAdjacentHTML" not in text


def test_a_page_is_read_whole(tmp_path: Path) -> None:
    """The reader of these tests sees every element: a page without its end would pass others."""
    written(tmp_path / "g.html", happy(*several(tmp_path, 1)))
    page = page_of(tmp_path / "g.html")
    assert page.html.endswith("</html>\n")
    assert [tag for tag, _ in page.elements if tag == "section"] == ["section"]


def test_a_photo_that_changed_since_it_was_indexed_is_not_shown_with_its_old_faces(tmp_path: Path) -> None:
    shown = photo(tmp_path / "a.jpg")
    shown.path.write_bytes(coloured(3))
    page = written(tmp_path / "g.html", happy(shown))
    assert page.pictures() == []
    assert "changed since it was indexed" in page.data["photos"][0]["error"]
