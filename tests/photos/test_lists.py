"""Lists of files: every name exactly as it stands there, or no list at all."""

from __future__ import annotations

import codecs
import io
import os
import sys
import zipfile
from pathlib import Path

import pytest
from helpers import encoded, landscape
from hypothesis import given
from hypothesis import strategies as st

from albumsort.errors import UsageError
from albumsort.photos.lists import parse

MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF16 = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}

needs_any_bytes = pytest.mark.skipif(sys.platform == "win32", reason="names on Windows are Unicode")


def names(paths: list[Path]) -> list[bytes]:
    return [os.fsencode(path) for path in paths]


def as_path(name: bytes) -> bytes:
    return os.fsencode(Path(os.fsdecode(name)))


# names that are lines: not blank, and no folder like "..", which a list of control characters must not name
LINE = (
    st.binary(min_size=1)
    .map(lambda name: name.translate(None, b"\0\n").rstrip(b"\r"))
    .filter(lambda name: name.strip() and name.strip(b"./") and not name.startswith(MARKS))
)
ENTRY = (
    st.binary(min_size=2)
    .map(lambda name: name.replace(b"\0", b"\n"))
    .filter(lambda name: name.strip(b"./") and not name.startswith(b"\n") and not name.endswith(b"\n"))
    .filter(lambda name: not name.startswith(MARKS))
)
TEXT = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: bool(name.encode().strip()) and bool(name.strip("./"))
)


@needs_any_bytes
@given(st.lists(LINE), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.booleans())
def test_lines_are_read_back_byte_for_byte(lines: list[bytes], end: bytes, last: bool, mark: bool) -> None:
    data = end.join(lines) + (end if last else b"")
    assert names(parse((codecs.BOM_UTF8 if mark else b"") + data)) == [as_path(line) for line in lines]


@needs_any_bytes
@given(st.lists(ENTRY, min_size=1))
def test_names_that_end_in_nul_are_read_back_byte_for_byte(entries: list[bytes]) -> None:
    data = b"".join(entry + b"\0" for entry in entries)
    assert names(parse(data)) == [as_path(entry) for entry in entries]


@given(st.lists(TEXT.filter(lambda name: len(name.encode()) > 1)), st.sampled_from([*UTF16]), st.booleans(), st.data())
def test_utf_16_with_its_mark_is_read_back(texts: list[str], codec: str, last: bool, more: st.DataObject) -> None:
    end = more.draw(st.sampled_from(["\n", "\r\n", "\0"] if texts else ["\n"]))
    data = UTF16[codec] + (end.join(texts) + (end if last else "")).encode(codec)
    assert parse(data) == [Path(text) for text in texts]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-32"])
@given(st.lists(TEXT, min_size=1), st.sampled_from(["\n", "\r\n", "\0"]), st.booleans())
def test_utf_16_without_its_mark_is_no_list(codec: str, texts: list[str], end: str, last: bool) -> None:
    data = (end.join(f"{text}.jpg" for text in texts) + (end if last else "")).encode(codec)
    with pytest.raises(UsageError):
        parse(data)


MISREAD = [
    "/",
    ".\n",
    "Photos",
    "/home\r\n",
    "C:\\Photos\r\n",
    "фото/ё.jpg\n",
    "写真/b.jpg\r\n",
    "/文文/文文文文",
    "/文文\n/文文\n",
    "文文1\n文文2",
    "ā0ā0ā0ā.jpg",
]


@pytest.mark.parametrize("codec", [*UTF16])
@pytest.mark.parametrize("text", MISREAD)
def test_folders_that_a_wrong_reading_makes_up_are_not_named(codec: str, text: str) -> None:
    """Read as bytes, these hold ".", "/" or the folders of single letters."""
    data = text.encode(codec)
    for misread in (data, data[:-1]):
        if b"\0" in misread:
            with pytest.raises(UsageError):
                parse(misread)
    assert parse(UTF16[codec] + data) == [Path(line) for line in text.split()]


@pytest.mark.parametrize("codec", [*UTF16])
@given(st.lists(TEXT, min_size=1))
def test_half_a_character_is_no_list(codec: str, texts: list[str]) -> None:
    with pytest.raises(UsageError, match="UTF-16"):
        parse(UTF16[codec] + "\n".join(texts).encode(codec)[:-1])


def test_half_a_surrogate_pair_is_no_list() -> None:
    with pytest.raises(UsageError, match="UTF-16"):
        parse(codecs.BOM_UTF16_LE + "a\ud83d.jpg\n".encode("utf-16-le", "surrogatepass"))


@pytest.mark.parametrize(
    "data",
    [
        b"a.jpg\nb\0.jpg\nc.jpg\n",
        b"a.jpg\nb.jpg\n\0",
        b"a.jpg\nb.jpg\n\0\0\0",
        b"a.jpg\n\0b.jpg\n\0",
        b"a.jpg\0\0b.jpg\0",
        b"\0a.jpg\0",
        b"a.jpg\n" + "b.jpg\r\n".encode("utf-16-le"),
        b"\0",
    ],
)
def test_nul_bytes_that_end_no_name_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match="NUL"):
        parse(data)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF", "JPEG2000", "ICO"])
def test_a_picture_is_no_list(format: str) -> None:
    with pytest.raises(UsageError, match="NUL"):
        parse(encoded(landscape(), format))


def test_an_archive_is_no_list() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.jpg", b"picture")
    with pytest.raises(UsageError, match="NUL"):
        parse(packed.getvalue())


@pytest.mark.parametrize("folder", [b".", b"/", b"..", b"./", b"//"])
def test_a_folder_of_dots_is_walked_only_if_the_list_is_text(folder: bytes) -> None:
    assert parse(folder + b"\n") == parse(b"\xef\xbb\xbf" + folder) == [Path(os.fsdecode(folder))]
    for end in (b"\n", b"\0"):
        with pytest.raises(UsageError, match="whole path of that folder"):
            parse(end.join([b"\x89\x01\x02", b"\x03\x04", folder, b""]))
        assert parse(end.join([b"\x89\x01\x02", b"\x03\x04", b"/home", b""]))[2] == Path("/home")


@needs_any_bytes
@pytest.mark.parametrize("folder", [b".", b"/", b"..", b"./"])
def test_what_find_writes_may_begin_with_the_folder_itself(folder: bytes) -> None:
    inside = folder.removesuffix(b"/") + b"/caf\xe9\n.jpg"
    assert names(parse(b"\0".join([folder, inside, inside, b""]))) == [
        as_path(name) for name in (folder, inside, inside)
    ]
    with pytest.raises(UsageError, match="whole path of that folder"):
        parse(b"\0".join([folder, inside, b"photo.jpg", b""]))


def test_line_ends_may_be_mixed_and_blank_lines_name_nothing() -> None:
    assert parse(b"a.jpg\r\n\r\n  \nb b.jpg \n\nc.jpg\r") == [Path("a.jpg"), Path("b b.jpg "), Path("c.jpg")]
    assert parse(b"") == parse(codecs.BOM_UTF8) == parse(codecs.BOM_UTF16_LE) == []
