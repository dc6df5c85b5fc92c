"""A file that is no picture is named by what it is; a picture is read whatever its name says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from helpers import astronaut, encoded
from hypothesis import given
from hypothesis import strategies as st

from albumsort.errors import PhotoError
from albumsort.photos import kinds
from albumsort.photos.decode import decode
from albumsort.photos.read import read
from albumsort.photos.walk import Walk, find

BOX = b"\0\0\0\x18ftyp"
FILES = {
    "JPEG XL": [b"\xff\x0a\xfa\x1f\x01\x90\x12\x08", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20)],
    "JSON": [b'{"error": "quota exceeded"}', b" [1, 2]", json.dumps([{"x": "y" * 9000}]).encode()],
    "a ZIP archive": [b"PK\3\4" + bytes(60)],
    "a PDF document": [b"%PDF-1.7\n%\xe2\xe3"],
    "an HTML page": [b"<!DOCTYPE html>\n<html>", b"<html><body>not found", b"\n<!-- x --><HTML>"],
    "an SVG drawing": [b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">'],
    "a text file": [b"hello\n", "Grüße".encode() * 900, "hello".encode("utf-16")],
    r"a pointer to a file kept elsewhere \(Git LFS\); fetch": [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    ],
    r"a pointer to a file kept elsewhere \(git-annex\); fetch": [b"/annex/objects/SHA256E-s12345--4d7a.jpg\n"],
    r"a pointer to a file kept elsewhere \(iCloud\); fetch": [b"bplist00\xd4" + b"NSURLNameKey"],
    "this is a video, not a photo": [
        BOX + b"qt  \0\0\0\0qt  " + bytes(4000),
        BOX + b"mp42\0\0\0\0isommp42" + bytes(4000),
        b"\0\0\0\x08wide\0\0\x10\0mdat" + bytes(4000),
        b"\x1aE\xdf\xa3" + bytes(4000),
        b"RIFF\0\x10\0\0AVI LIST" + bytes(4000),
        b"\0\0\1\xba" + bytes(4000),
    ],
    "only zero bytes": [bytes(1), bytes(5000)],
    "not a picture in a supported format": [bytes(range(7, 200)), b"\x80\x81\x82"],
}


@pytest.mark.parametrize(("what", "data"), [(what, data) for what, files in FILES.items() for data in files])
def test_a_file_that_is_no_picture_is_named(what: str, data: bytes) -> None:
    with pytest.raises(PhotoError, match=what):
        decode(data)


@pytest.mark.parametrize(
    "format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "MPO"]
)
def test_no_picture_is_taken_for_something_else(format: str) -> None:
    assert kinds.container(encoded(astronaut(64), format)) is None


@given(st.binary(max_size=300), st.sampled_from([data for files in FILES.values() for data in files]))
def test_any_bytes_have_a_name(rest: bytes, start: bytes) -> None:
    assert kinds.what(rest)
    assert kinds.what(start + rest)


def test_every_reported_file_is_read_or_named(shared_photos: Path) -> None:
    folder = shared_photos / "reports"
    if not folder.is_dir():
        pytest.skip(f"needs the files in {folder}")
    with open(folder / "expected.csv", newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["file"].startswith(("ends/", "tiff/", "names/"))]
    assert len(rows) > 10
    for row in rows:
        wanted, outcome = row["result"], reported(folder / row["file"])
        if isinstance(outcome, str):
            assert "refused" in wanted, (row["file"], outcome)
            assert wanted.partition("refused: ")[2] in outcome, (row["file"], outcome)
        else:
            assert wanted.startswith("read"), row["file"]
            assert outcome >= 256, row["file"]


def reported(file: Path) -> int | str:
    """Return the longer side of a picture, or why it is refused."""
    try:
        upright = decode(read(file))
    except PhotoError as e:
        return str(e)
    return max(upright.width, upright.height)


def test_the_odd_files_that_are_pictures_are_not_called_something_else(shared_photos: Path) -> None:
    for file in find(shared_photos / "odd", (), Walk()):
        if file.size:
            assert kinds.container(read(file.path)) is None, file.path.name
