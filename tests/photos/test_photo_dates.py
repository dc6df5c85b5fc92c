"""When a photo was taken: the day on the photographer's watch or none, never a wrong one."""

from __future__ import annotations

import csv
import errno
import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from helpers import encoded, exif, quarters
from hypothesis import example, given, settings
from hypothesis import strategies as st
from photo_tags import (
    JPEG,
    chunk,
    cr3,
    directory,
    exif_block,
    iptc_block,
    jpeg,
    packet,
    png,
    psd,
    raf,
    resource,
    webp,
    xmp_packet,
)
from PIL import ExifTags
from raw_files import dng

from albumsort.dates import day_in_name
from albumsort.errors import PhotoError, TransientPhotoError
from albumsort.photos import dates
from albumsort.photos.decode import decode
from albumsort.photos.metadata import taken, taken_of_file
from albumsort.types import Taken

ORIGINAL, DIGITIZED, CHANGED = ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized, ExifTags.Base.DateTime
OFFSETS = {
    ORIGINAL: ExifTags.Base.OffsetTimeOriginal,
    DIGITIZED: ExifTags.Base.OffsetTimeDigitized,
    CHANGED: ExifTags.Base.OffsetTime,
}


def read(data: bytes) -> Taken | None:
    return taken(io.BytesIO(data))


def at(text: object, offset: object = None) -> str | None:
    """Return what a photo with this EXIF date is said to be taken at."""
    chosen = dates.choose([dates.Tag("DateTimeOriginal", text, offset)])
    return chosen.at if chosen else None


# one date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019:07:14 10:00:00", "2019-07-14T10:00:00"),
        (b"2019:07:14 10:00:00\0", "2019-07-14T10:00:00"),
        ("2019:07:14\00010:00:00\0\0", "2019-07-14T10:00:00"),
        ("  2019-07-14 10:00:00  ", "2019-07-14T10:00:00"),
        ("2019/07/14 10:00", "2019-07-14T10:00:00"),
        ("2019.07.14 10:00", "2019-07-14T10:00:00"),
        ("2019: 7: 4 10: 5: 9", "2019-07-04T10:05:09"),
        ("20190714T100000", "2019-07-14T10:00:00"),
        ("2019-07-14T10:00:00.75+0530", "2019-07-14T10:00:00+05:30"),
        ("2019:07:14 10:00:00 -03", "2019-07-14T10:00:00-03:00"),
        ("2019-07-14T10:00:00Z", "2019-07-14T10:00:00+00:00"),
        ("2019-07-14T10:00:00-00:00", "2019-07-14T10:00:00+00:00"),
        ("Sun, 14 Jul 2019 10:00:00 +0200", "2019-07-14T10:00:00+02:00"),
        ("4 July 2019 10:00:00 GMT", "2019-07-04T10:00:00+00:00"),
        ("2019:12:31 24:00:00", "2020-01-01T00:00:00"),
        ("2019:12:31 23:59:60", "2019-12-31T23:59:59"),
        ("1826:06:01 12:00:00", "1826-06-01T12:00:00"),
        ("1980:01:01 00:00:00", "1980-01-01T00:00:00"),
        # a day alone: no time, or one that cannot be trusted
        ("2019:07:14", "2019-07-14"),
        ("20190714", "2019-07-14"),
        ("2019:07:14   :  :  ", "2019-07-14"),
        ("2019:07:14 24:30:00", "2019-07-14"),
        ("2019:07:14 10:61:00", "2019-07-14"),
        ("2019:07:14 10:0", "2019-07-14"),
        ("2019:07:14 03:00:00 PM", "2019-07-14"),
        ("2019:07:14 03:00:00 +99:00", "2019-07-14"),
        # no day
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("", None),
        ("2019", None),
        ("2019-07", None),
        ("2019:07:1", None),
        ("2019:13:14 10:00:00", None),
        ("2019:02:29 10:00:00", None),
        ("2019:07:1410:00:00", None),
        ("20190714100000", None),
        ("07/14/2019 10:00", None),
        ("14 Foo 2019 10:00:00", None),
        ("1825:12:31 10:00:00", None),
        ("2100:01:01 10:00:00", None),
        ("٢٠١٩:07:14 10:00:00", None),
        (None, None),
        (20190714, None),
        (("2019:07:14",), None),
    ],
)
def test_a_date_is_read_in_any_spelling(text: object, expected: str | None) -> None:
    assert at(text) == expected


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("+02:00", "+02:00"),
        (b"-0930\0", "-09:30"),
        ("+14:00", "+14:00"),
        ("-12:00", "-12:00"),
        ("Z", "+00:00"),
        ("UTC+1", "+01:00"),
        ("+14:01", ""),
        ("-12:15", ""),
        ("+01:75", ""),
        ("   :  ", ""),
        ("summer", ""),
        (None, ""),
    ],
)
def test_an_offset_is_kept_if_a_time_zone_can_have_it(offset: object, expected: str) -> None:
    assert at("2019:07:14 10:00:00", offset) == f"2019-07-14T10:00:00{expected}"
    assert at("2019:07:14", offset) == "2019-07-14"


@given(st.text() | st.binary() | st.from_regex(r"\d{4}.\d\d.\d\d.{0,12}"), st.text() | st.binary())
def test_any_text_is_a_date_or_none(text: object, offset: object) -> None:
    found = at(text, offset)
    if found is not None:
        assert 1826 <= datetime.fromisoformat(found).year <= 2100


# the GPS fix


def with_fix(local: str, day: object, time: object, offset: object = None) -> str:
    chosen = dates.choose([dates.Tag("DateTimeOriginal", local, offset)], [dates.Fix(day, time)])
    assert chosen is not None
    return chosen.at


@pytest.mark.parametrize(
    ("day", "time", "expected"),
    [
        ("2019:07:14", (8, 0, 0), "+02:00"),
        ("2019:07:14", (7, 59, 1.5), "+02:00"),  # the fix is a minute old
        ("2019:07:14", (4, 15, 30), "+05:45"),
        ("2019:07:13", (20, 0, 0), "+14:00"),
        ("2019:07:14", (22, 0, 0), "-12:00"),
        ("2019:07:14", (7, 55, 0), ""),
        ("2019:07:14", (4, 45, 0), ""),  # a quarter of an hour that no zone has
        ("2019:07:13", (8, 0, 0), ""),
        ("1999:11:28", (8, 0, 0), ""),
        ("0000:00:00", (8, 0, 0), ""),
        ("2019:07:14", (float("nan"), 0, 0), ""),
        ("2019:07:14", (8, 0), ""),
        ("2019:07:14", (24, 0, 0), ""),
        ("2019:07:14", None, ""),
    ],
)
def test_a_fresh_fix_tells_the_offset(day: object, time: object, expected: str) -> None:
    assert with_fix("2019:07:14 10:00:00", day, time) == f"2019-07-14T10:00:00{expected}"
    assert with_fix("2019:07:14 10:00:00", day, time, "+03:00") == "2019-07-14T10:00:00+03:00"
    assert with_fix("2019:07:14", day, time) == "2019-07-14"


def test_a_fix_alone_gives_only_a_day() -> None:
    assert dates.choose([], [dates.Fix("2019:07:14", (23, 59, 59))]) == Taken("2019-07-14", "GPS")
    assert dates.choose([dates.Tag("DateTime", "0000:00:00")], [dates.Fix("", (1, 1, 1))]) is None


# any mix of tags


@dataclass(frozen=True)
class Wanted:
    """A tag's text, and the local time (or day) and offset that it tells; none if it is nonsense."""

    text: str
    local: str = ""
    offset: int | None = None
    beside: str | None = None


def clock(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


SPELLINGS: list[Callable[[datetime], tuple[str, str]]] = [
    lambda t: (f"{t:%Y:%m:%d %H:%M:%S}", t.isoformat()),
    lambda t: (f"{t:%Y-%m-%dT%H:%M:%S}", t.isoformat()),
    lambda t: (f"{t:%Y/%m/%d %H:%M:%S.25}", t.isoformat()),
    lambda t: (f"{t:%Y:%m:%d %H:%M}", t.replace(second=0).isoformat()),
    lambda t: (f"{t - timedelta(days=1):%Y:%m:%d} 24:00:00", f"{t.date()}T00:00:00"),
    lambda t: (f"{t:%Y:%m:%d}", f"{t.date()}"),
    lambda t: (f"{t:%Y-%m-%d} later", f"{t.date()}"),
]
NONSENSE = [
    "0000:00:00 00:00:00",
    "    :  :     :  :  ",
    "?",
    "2019",
    "2019-07",
    "2019:13:01 00:00:00",
    "1066:10:14 09:00",
]
LOCAL = st.datetimes(datetime(1950, 1, 2), datetime(2090, 12, 31)).map(lambda t: t.replace(microsecond=0))
ZONES = st.sampled_from([-720, -480, -210, 0, 60, 345, 540, 840])


@st.composite
def written(draw: st.DrawFn, beside: bool) -> Wanted:
    """Draw a tag. beside: it has a tag of its own for the offset."""
    if draw(st.booleans()):
        return Wanted(draw(st.sampled_from(NONSENSE)))
    text, local = draw(st.sampled_from(SPELLINGS))(draw(LOCAL))
    if "T" not in local:
        return Wanted(text, local, beside="+02:00" if beside else None)
    place = draw(st.sampled_from(["inside", "none", "nonsense", *(["beside"] if beside else [])]))
    if place in ("inside", "beside"):
        zone = draw(ZONES)
        return Wanted(text + clock(zone) if place == "inside" else text, local, zone, clock(zone) if beside else None)
    return Wanted(text, local, None, "+99:99" if place == "nonsense" and beside else None)


TAGS = {
    "original": "DateTimeOriginal",
    "digitized": "DateTimeDigitized",
    "photoshop:DateCreated": "XMP",
    "exif:DateTimeOriginal": "XMP",
    "iptc": "IPTC",
    "changed": "DateTime",
    "xmp:CreateDate": "XMP",
    "png": "PNG",
}
"""In the order of trust."""
BESIDE = "original", "digitized", "changed"


@st.composite
def photos(draw: st.DrawFn) -> tuple[bytes, Taken | None]:
    """Draw a photo with any tags, and when it was taken."""
    kind = draw(st.sampled_from(["jpeg", "png", "late png", "webp"]))
    absent = {"jpeg": {"png"}, "png": {"iptc"}, "late png": {"iptc"}, "webp": {"iptc", "png"}}[kind]
    tags = {name: draw(written(name in BESIDE)) for name in TAGS if name not in absent and draw(st.integers(0, 2)) == 0}
    name, chosen = next(((name, tag) for name, tag in tags.items() if tag.local), ("", None))
    gps, zone = draw(fixes(chosen))
    if chosen is not None:
        known = chosen.offset if chosen.offset is not None else zone
        expected = Taken(chosen.local + (clock(known) if known is not None and "T" in chosen.local else ""), TAGS[name])
    else:
        expected = Taken(str(gps[29]).replace(":", "-"), "GPS") if gps else None
    return file(kind, tags, gps, draw(st.booleans())), expected


@st.composite
def fixes(draw: st.DrawFn, chosen: Wanted | None) -> tuple[dict[int, object], int | None]:
    """Draw the GPS tags beside a date, and the offset that they tell: those of a fresh fix do."""
    kind = draw(st.sampled_from(["none", "fresh", "old", "elsewhere"]))
    if kind == "none":
        return {}, None
    local = datetime.fromisoformat(chosen.local) if chosen else draw(LOCAL)
    zone = draw(ZONES)
    lag = {"fresh": st.integers(-90, 90), "old": st.integers(180, 700), "elsewhere": st.integers(10**6, 10**7)}[kind]
    utc = local - timedelta(minutes=zone, seconds=draw(lag))
    return {29: f"{utc:%Y:%m:%d}", 7: (utc.hour, utc.minute, utc.second)}, zone if kind == "fresh" else None


def file(kind: str, tags: dict[str, Wanted], gps: dict[int, object], elements: bool) -> bytes:
    details: dict[int, object] = {}
    first: dict[int, object] = {}
    for name, tag in (("original", ORIGINAL), ("digitized", DIGITIZED), ("changed", CHANGED)):
        if name in tags:
            (first if tag == CHANGED else details)[tag] = tags[name].text
            if tags[name].beside is not None:
                details[OFFSETS[tag]] = tags[name].beside
    block = exif_block(details, first, gps)
    xmp = xmp_packet({name: tag.text for name, tag in tags.items() if ":" in name}, elements)
    if kind == "webp":
        return webp(block, xmp)
    if kind == "jpeg":
        day, _, time = tags["iptc"].text.replace("T", " ").partition(" ") if "iptc" in tags else ("", "", "")
        return jpeg([block], [xmp], iptc_block(day, time) if day else b"")
    return png(block, xmp, {"Creation Time": tags["png"].text} if "png" in tags else {}, late=kind == "late png")


@given(photos())
@settings(max_examples=400)
def test_any_mix_of_tags_gives_the_right_local_day_or_none(photo: tuple[bytes, Taken | None]) -> None:
    data, expected = photo
    assert read(data) == expected
    assert decode(data).taken == expected


# where the tags are


AT = "2019-07-14T22:30:00+09:00"
BLOCK = exif(taken="2019:07:14 22:30:00", offset="+09:00")
EXIF = exif_block({ORIGINAL: "2019:07:14 22:30:00", OFFSETS[ORIGINAL]: "+09:00"})
XMP = xmp_packet({"photoshop:DateCreated": AT})
FORMATS: dict[str, Callable[[], bytes]] = {
    **{f: lambda f=f: encoded(quarters(16, 12), f, exif=BLOCK) for f in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF")},
    "MPO": lambda: encoded(quarters(16, 12), "MPO", exif=BLOCK, save_all=True, append_images=[quarters(16, 12)]),
    "HEIF with XMP": lambda: encoded(quarters(16, 12), "HEIF", xmp=XMP),
    "AVIF with XMP": lambda: encoded(quarters(16, 12), "AVIF", xmp=XMP),
    "TIFF with XMP": lambda: encoded(quarters(16, 12), "TIFF", tiffinfo={700: XMP}),
    "TIFF with IPTC": lambda: encoded(
        quarters(16, 12), "TIFF", tiffinfo={33723: iptc_block("20190714", "223000+0900")}
    ),
    "TIFF": lambda: encoded(quarters(16, 12), "TIFF", exif=EXIF),
    "compressed TIFF": lambda: encoded(quarters(16, 12), "TIFF", tiffinfo={700: XMP}, compression="tiff_lzw"),
    "JPEG with elements in XMP": lambda: jpeg(xmp=[xmp_packet({"photoshop:DateCreated": AT}, elements=True)]),
    "JPEG with a broken block before": lambda: jpeg([b"Exif\0\0II*\0\xff\xff\xff\xff", EXIF]),
    "JPEG with another block behind": lambda: jpeg([EXIF, b"Exif\0\0MM\0*"], [b"<broken", XMP, b"<broken"]),
    "JPEG with a block in two segments": lambda: jpeg([EXIF[:90], b"Exif\0\0" + EXIF[90:]]),
    "JPEG with all blocks but one broken": lambda: jpeg(
        [b"Exif\0\0nothing"], [b"<x:xmpmeta"], iptc_block("20190714", "223000+0900")
    ),
    "PSD with EXIF": lambda: psd(resource(1058, EXIF[6:])),
    "PSD with XMP and IPTC": lambda: psd(
        resource(1060, b"<broken"), resource(1028, iptc_block("20190714", "22:30:00+09:00"))
    ),
    "PNG with a profile of ImageMagick": lambda: png(texts={"Software": "x", "Raw profile type exif": profile(EXIF)}),
    "PNG with a profile of XMP": lambda: png(texts={"Raw profile type xmp": profile(XMP)}, late=True),
    "PNG with a mail's date": lambda: png(texts={"Creation Time": "Sun, 14 Jul 2019 22:30:00 +0900"}),
    "DNG": lambda: dng(quarters(64, 48), None, 1, "2019:07:14 22:30:00"),
    "DNG with a preview": lambda: dng(quarters(1024, 768), 1024, 1, "2019:07:14 22:30:00"),
}


def profile(block: bytes) -> str:
    return f"\nexif\n{len(block):8}\n{block.hex()}\n"


@pytest.mark.parametrize("format", FORMATS)
def test_a_date_is_found_in_every_format(format: str, tmp_path: Path) -> None:
    data = FORMATS[format]()
    (tmp_path / "photo").write_bytes(data)
    found = taken_of_file(tmp_path / "photo")
    assert found is not None
    assert found.at == (AT.removesuffix("+09:00") if "DNG" in format else AT)
    assert decode(data).taken == found


def test_a_photo_without_tags_has_no_date() -> None:
    for format in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP"):
        assert read(encoded(quarters(16, 12), format)) is None, format
    for preview in (None, 1024):  # LibRaw would add one of 1970
        data = dng(quarters(1024, 768), preview)
        assert read(data) is None
        assert decode(data).taken is None


def test_texts_that_grow_without_end_are_given_up() -> None:
    bomb = chunk(b"zTXt", b"Creation Time\0\0" + zlib.compress(bytes(4_000_000)))
    data = png(EXIF, late=True)
    at = data.index(b"eXIf") - 4
    assert read(data[:at] + 5 * bomb + data[at:]) == Taken(AT, "DateTimeOriginal")
    assert read(data[:at] + 20 * bomb + data[at:]) is None


def test_the_dates_that_programs_write_about_files_are_left_out() -> None:
    assert read(png(texts={"date:create": "2024-01-01T00:00:00+00:00", "date:modify": "2024-01-01T00:00:00"})) is None


@pytest.mark.parametrize("mark", [b"IIRO", b"IIRS", b"IIU\0", b"II*\0"])
def test_tiffs_and_raw_files_that_are_nearly_tiffs_have_dates(mark: bytes) -> None:
    tags = {271: (2, b"a camera\0"), 306: (2, b"2019:07:14 22:30:00\0")}
    assert read(directory(tags, mark)) == Taken("2019-07-14T22:30:00", "DateTime")


def test_the_jpeg_in_a_raw_file_has_its_date() -> None:
    assert read(raf(jpeg([EXIF]))) == Taken(AT, "DateTimeOriginal")
    assert read(directory({46: (7, jpeg([EXIF]))}, b"IIU\0")) == Taken(AT, "DateTimeOriginal")
    for broken in (raf(b""), raf(b"nothing"), raf(jpeg([EXIF]))[:86], directory({46: (7, b"nothing")}, b"IIU\0")):
        assert read(broken) is None


def test_a_canon_file_has_a_block_for_each_directory() -> None:
    first = directory({306: (2, b"2020:01:01 00:00:00\0")})
    details = directory({ORIGINAL: (2, b"2019:07:14 22:30:00\0")})
    gps = directory({29: (2, b"2019:07:14\0"), 7: (5, struct.pack("<6I", 13, 1, 30, 1, 0, 1))})
    assert read(cr3(first, details, gps)) == Taken(AT, "DateTimeOriginal")
    no_time = directory({29: (2, b"2019:07:14\0"), 7: (5, bytes(24))})  # fractions over zero
    assert read(cr3(first, details, no_time)) == Taken("2019-07-14T22:30:00", "DateTimeOriginal")
    assert read(cr3(first, b"", b"")) == Taken("2020-01-01T00:00:00", "DateTime")
    assert read(cr3(b"", b"", b"")) is None


# XMP, which is XML that anybody wrote


@pytest.mark.parametrize("elements", [False, True])
def test_the_dates_of_ingredients_and_history_are_not_of_the_photo(elements: bool) -> None:
    whole = xmp_packet({"photoshop:DateCreated": "1999-01-01"}, elements).decode()
    rest = whole.partition("<rdf:Description")[2]
    end = "</rdf:Description>" if elements else "/>"
    nested = f"<rdf:Description{rest.partition(end)[0]}{end}"
    pantry = f"<m:Pantry><rdf:Bag><rdf:li>{nested}</rdf:li></rdf:Bag></m:Pantry>"
    assert read(jpeg(xmp=[packet(nested)])) == Taken("1999-01-01", "XMP")
    assert read(jpeg(xmp=[packet(f'<rdf:Description xmlns:m="m">{pantry}</rdf:Description>')])) is None


def test_xmp_with_a_document_type_is_refused() -> None:
    entities = '<!DOCTYPE x [<!ENTITY a "2019-07-14">]>'
    described = xmp_packet({"photoshop:DateCreated": "&a;"}).decode().replace("&amp;a;", "&a;")
    assert read(jpeg(xmp=[described.replace("?><x:", f"?>{entities}<x:").encode()])) is None
    assert read(jpeg(xmp=[XMP.replace(b"?><x:", f"?>{entities}<x:".encode())])) is None
    assert read(jpeg(xmp=[XMP])) is not None


def test_xmp_may_be_padded() -> None:
    assert read(jpeg(xmp=[b"\n" + XMP + b"  \n\0"])) == Taken(AT, "XMP")


@pytest.mark.parametrize("encoding", ["utf-9", "utf-16", "idna"])
def test_xmp_in_an_unknown_encoding_has_no_date(encoding: str) -> None:
    assert read(jpeg(xmp=[f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + XMP])) is None


# files


class Counted(io.BytesIO):
    """A file that counts the bytes that are read from it, and can fail."""

    count = 0
    failing = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.failing and self.tell() > 8:
            raise OSError(errno.EIO, "Input/output error")
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize(
    "data",
    [
        jpeg([EXIF]),
        encoded(quarters(16, 12), "TIFF", exif=EXIF),
        dng(quarters(64, 48), None, 1, "2019:07:14 10:00:00"),
    ],
    ids=["JPEG", "TIFF", "DNG"],
)
def test_only_the_tags_of_a_large_file_are_read(data: bytes) -> None:
    file = Counted(data + bytes(10_000_000))
    assert taken(file) is not None
    assert file.count < 200_000


def test_a_tag_that_claims_to_be_large_is_skipped() -> None:
    file = Counted(directory({306: (2, b"2019:07:14 22:30:00\0"), 700: (1, bytes(5_000_000))}, b"IIRO"))
    assert taken(file) == Taken("2019-07-14T22:30:00", "DateTime")
    assert file.count < 200_000


def test_the_pixels_of_a_png_are_skipped() -> None:
    data = png(EXIF, late=True)
    at = data.index(b"IDAT") - 4
    large = struct.pack(">I", 10_000_000) + b"IDAT" + bytes(10_000_004)
    file = Counted(data[:at] + large + data[at:])
    assert taken(file) == Taken(AT, "DateTimeOriginal")
    assert file.count < 200_000


@pytest.mark.parametrize("data", [jpeg([EXIF]), png(EXIF), webp(EXIF), dng(quarters(64, 48)), raf(jpeg([EXIF]))])
def test_a_failing_disk_is_not_a_photo_without_a_date(data: bytes) -> None:
    file = Counted(data)
    file.failing = True
    with pytest.raises(OSError, match="Input/output error"):
        taken(file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TransientPhotoError, match="cannot read the file: No such file"):
        taken_of_file(tmp_path / "gone.jpg")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PhotoError, match="the file is empty"):
        taken_of_file(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    assert taken_of_file(tmp_path / "text.jpg") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_pipe_is_no_photo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="not a regular file"):
        taken_of_file(tmp_path / "pipe.jpg")


DAMAGED = [
    jpeg([EXIF], [XMP], iptc_block("20190714", "223000+0900")),
    png(EXIF, XMP, {"Creation Time": AT, "Raw profile type exif": profile(EXIF)}, late=True),
    webp(EXIF, XMP),
    encoded(quarters(16, 12), "HEIF", exif=BLOCK),
    encoded(quarters(16, 12), "TIFF", exif=EXIF),
    psd(resource(1058, EXIF[6:]), resource(1060, XMP)),
    dng(quarters(64, 48), None, 1, "2019:07:14 10:00:00"),
    cr3(*[directory({306: (2, b"2020:01:01 00:00:00\0"), ORIGINAL: (2, b"2019:07:14 22:30:00\0")})] * 3),
    raf(jpeg([EXIF])),
]


@given(
    st.sampled_from(DAMAGED), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4), st.integers(0)
)
@settings(max_examples=300)
@example(JPEG, [], 3)
def test_a_damaged_file_has_the_same_date_for_both_readers(data: bytes, wrong: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data)
    for place, value in wrong:
        damaged[place % len(damaged)] = value
    if cut % 4 == 3:
        del damaged[cut % len(damaged) :]
    found = read(bytes(damaged))
    try:
        upright = decode(bytes(damaged))
    except PhotoError:
        return
    assert upright.taken == found


# the photos of reports


def test_every_reported_photo_has_the_date_of_its_camera(shared_photos: Path) -> None:
    table = (shared_photos / "reports" / "expected.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(table.splitlines()) if row["taken_at"]]
    assert len(rows) >= 15
    for row in rows:
        path = shared_photos / "reports" / row["file"]
        day = day_in_name(path.name)
        found = taken_of_file(path) or (Taken(day, "file name") if day else None)
        assert found == Taken(row["taken_at"], row["taken_from"]), row["file"]
        assert decode(path.read_bytes()).taken == taken_of_file(path)
