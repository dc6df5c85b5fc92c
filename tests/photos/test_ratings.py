"""The stars that other programs gave a photo: inside it, or in a sidecar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import encoded, quarters
from photo_tags import directory, jpeg, packet, png, psd, resource, webp, xmp_packet

from albumsort.errors import PhotoError
from albumsort.photos import xmp
from albumsort.photos.ratings import rating


def stars(text: str, elements: bool = False) -> bytes:
    return xmp_packet({"xmp:Rating": text}, elements)


FOUR = stars("4")
FORMATS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: jpeg(xmp=[FOUR]),
    "JPEG with elements": lambda: jpeg(xmp=[stars("4", elements=True)]),
    "JPEG with other packets": lambda: jpeg(xmp=[b"<broken", xmp_packet({"xmp:CreateDate": "2019"}), FOUR]),
    "PNG": lambda: png(xmp=FOUR, late=True),
    "PNG with a profile": lambda: png(texts={"Raw profile type xmp": f"\nxmp\n{len(FOUR)}\n{FOUR.hex()}\n"}),
    "WebP": lambda: webp(xmp=FOUR),
    "HEIF": lambda: encoded(quarters(16, 12), "HEIF", xmp=FOUR),
    "TIFF": lambda: encoded(quarters(16, 12), "TIFF", tiffinfo={700: FOUR}),
    "DNG": lambda: directory({50706: (1, bytes([1, 4, 0, 0])), 700: (1, FOUR)}),
    "PSD": lambda: psd(resource(1060, FOUR)),
}


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_stars_are_found_in_the_file(tmp_path: Path, name: str) -> None:
    data = FORMATS[name]()
    path = saved(tmp_path / "photo.jpg", data)
    assert rating(path) == 4
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", ["photo.jpg.xmp", "photo.xmp"])
def test_a_sidecar_comes_before_the_file(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / "photo.jpg", jpeg(xmp=[stars("0")]))
    saved(tmp_path / name, FOUR)
    assert rating(path) == 4


def test_the_sidecar_of_the_whole_name_comes_first(tmp_path: Path) -> None:
    path = saved(tmp_path / "photo.jpg", jpeg())
    saved(tmp_path / "photo.xmp", stars("1"))
    assert rating(path) == 1
    saved(tmp_path / "photo.jpg.xmp", FOUR)
    assert rating(path) == 4


@pytest.mark.parametrize("sidecar", [b"", b"<broken", xmp_packet({"xmp:CreateDate": "2019"}), stars("many")])
def test_a_sidecar_without_stars_hides_nothing(tmp_path: Path, sidecar: bytes) -> None:
    path = saved(tmp_path / "photo.jpg", jpeg(xmp=[FOUR]))
    saved(tmp_path / "photo.jpg.xmp", sidecar)
    assert rating(path) == 4


@pytest.mark.parametrize("data", [jpeg(), b"no photo", encoded(quarters(16, 12), "GIF")])
def test_a_photo_may_have_no_stars(tmp_path: Path, data: bytes) -> None:
    assert rating(saved(tmp_path / "photo.jpg", data)) is None


def test_a_photo_that_is_gone_cannot_be_rated(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="cannot read the file"):
        rating(tmp_path / "gone.jpg")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("5", 5), ("-1", -1), ("3.0", 3), (" 2 ", 2), ("6", None), ("-2", None), ("nan", None), ("x", None)],
)
def test_only_stars_are_a_rating(text: str, expected: int | None) -> None:
    assert xmp.rating(stars(text)) == expected
    assert xmp.rating(stars(text, elements=True)) == expected


def test_the_stars_of_an_ingredient_are_not_of_the_photo() -> None:
    nested = FOUR.decode().partition("<rdf:RDF")[2].partition(">")[2].partition("</rdf:RDF>")[0]
    assert xmp.rating(packet(nested)) == 4
    assert xmp.rating(packet(f'<rdf:Description xmlns:m="m"><m:Pantry>{nested}</m:Pantry></rdf:Description>')) is None
