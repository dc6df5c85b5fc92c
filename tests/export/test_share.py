from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import planted
import pytest
import xxhash
from commands import invoke
from helpers import astronaut, encoded, exif, face, landscape, quarters, save, stored
from PIL import ExifTags, Image
from raw_files import dng

from albumsort.disk import whole
from albumsort.export import report as journal
from albumsort.export import run as export_run
from albumsort.export.copy import execute
from albumsort.export.items import Action, Item, Link
from albumsort.export.plan import plan
from albumsort.export.share import Sharing
from albumsort.export.undo import Fate, undo
from albumsort.index import storing
from albumsort.index.database import Database
from albumsort.photos import full
from albumsort.photos.decode import decode
from albumsort.types import Emotion, Photo

HAPPY = Emotion.HAPPY


def indexed(path: Path, data: bytes) -> Photo:
    path.write_bytes(data)
    return Photo(path, 4, 3, None, None, xxhash.xxh3_128_hexdigest(data), ())


def shared(photos: Sequence[Photo], to: Path, longest: int | None = None, report: Path | None = None) -> list[Item]:
    return list(export_run.run({HAPPY: photos}, to, Link.COPY, report, (), (), sharing=Sharing(longest)))


def only(folder: Path) -> Path:
    [file] = (folder / "happy").iterdir()
    return file


def held(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def actions(items: Sequence[Item]) -> list[str]:
    return [item.action.value for item in items]


# what copies tell


def fields_of_exif(file: Path) -> dict[str, set[int]]:
    with Image.open(file) as image:
        block = image.getexif()
        details, gps = block.get_ifd(ExifTags.IFD.Exif), block.get_ifd(ExifTags.IFD.GPSInfo)
        assert not {"icc_profile", "xmp", "comment", "photoshop", "mp"} & set(image.info)
    return {"first": set(block) - {ExifTags.IFD.Exif}, "details": set(details), "place": set(gps)}


@pytest.mark.parametrize("format", planted.FORMATS)
def test_nothing_planted_is_left_but_the_time_taken(format: str, album: Path, to: Path) -> None:
    data = planted.photo(quarters(96, 64), format)
    assert planted.SECRET.encode() in data
    shared([indexed(album / f"a.{format.lower()}", data)], to)
    copy = only(to)
    for form in ("utf-8", "utf-16-le", "utf-16-be"):
        assert planted.SECRET.encode(form) not in copy.read_bytes()
    assert fields_of_exif(copy) == {"first": set(), "details": {ExifTags.Base.DateTimeOriginal}, "place": set()}
    with Image.open(copy) as image:
        assert getattr(image, "n_frames", 1) == 1
        details = image.getexif().get_ifd(ExifTags.IFD.Exif)
    assert details[ExifTags.Base.DateTimeOriginal] == planted.TAKEN
    assert all(part in KNOWN_PARTS for part in parts(copy.read_bytes()))


KNOWN_PARTS = {
    *("E0", "E1", "DB", "C0", "C4", "DA", "D9"),  # JPEG: JFIF, EXIF, tables, picture, end
    *("IHDR", "PLTE", "tRNS", "IDAT", "eXIf", "IEND"),
    *("VP8X", "VP8 ", "VP8L", "ALPH", "EXIF"),
}


def parts(file: bytes) -> Iterator[str]:
    """Yield the segments of a JPEG, and whatever follows its end, or the chunks of a PNG or WebP."""
    if file.startswith(b"\xff\xd8"):
        at = 2
        while file[at + 1] != 0xDA:
            yield f"{file[at + 1]:02X}"
            at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        assert file.count(b"\xff\xd9") == 1
        assert file.endswith(b"\xff\xd9")
        return
    is_png = file.startswith(b"\x89PNG")
    at = 8 if is_png else 12
    while at < len(file):
        (length,) = struct.unpack_from(">I" if is_png else "<I", file, at if is_png else at + 4)
        yield file[at + 4 : at + 8].decode() if is_png else file[at : at + 4].decode()
        at += length + 12 if is_png else length + length % 2 + 8


HARMLESS = {
    *("SourceFile", "ExifToolVersion", "DateTimeOriginal"),
    *("FileName", "Directory", "FileSize", "FileModifyDate", "FileAccessDate", "FileInodeChangeDate"),
    *("FilePermissions", "FileType", "FileTypeExtension", "MIMEType", "ExifByteOrder", "ImageWidth", "ImageHeight"),
    *("EncodingProcess", "BitsPerSample", "ColorComponents", "YCbCrSubSampling", "JFIFVersion", "ResolutionUnit"),
    *("XResolution", "YResolution", "ImageSize", "Megapixels", "BitDepth", "ColorType", "Compression", "Filter"),
    *("Interlace", "WebP_Flags", "VP8Version", "HorizontalScale", "VerticalScale", "AlphaIsUsed"),
}


def told_by_exiftool(file: Path) -> dict[str, object]:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool, which is not installed (Debian: libimage-exiftool-perl)")
    command = [program, "-j", "-a", "-ee", "-u", "-U", "-G4", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    [fields] = json.loads(done.stdout)
    return {name.rpartition(":")[2]: value for name, value in fields.items()}


@pytest.mark.parametrize("format", planted.FORMATS)
def test_exiftool_finds_no_place_person_or_device(format: str, album: Path, to: Path) -> None:
    photo = indexed(album / f"a.{format.lower()}", planted.photo(quarters(96, 64), format))
    if format != "AVIF":
        assert {"GPSLatitude", "Artist", "BodySerialNumber"} & set(told_by_exiftool(photo.path))
    shared([photo], to)
    assert set(told_by_exiftool(only(to))) - HARMLESS == set()


def test_a_raw_file_becomes_a_jpeg_without_device(album: Path, to: Path) -> None:
    shared([indexed(album / "a.dng", dng(quarters(320, 240), taken=planted.TAKEN))], to)
    assert only(to).name == "0001-a.jpg"
    assert b"drawn camera" not in only(to).read_bytes()
    assert fields_of_exif(only(to))["details"] == {ExifTags.Base.DateTimeOriginal}


@pytest.mark.parametrize(
    ("tags", "at"),
    [
        ({"DateTimeOriginal": "2024:07:01 23:30:00", "OffsetTimeOriginal": "-09:30"}, "2024-07-01T23:30:00-09:30"),
        ({"DateTimeOriginal": "2024:07:01 23:30:00"}, "2024-07-01T23:30:00"),
        (
            {"DateTimeOriginal": "0000:00:00 00:00:00", "DateTimeDigitized": "1999:12:31 08:00:00"},
            "1999-12-31T08:00:00",
        ),
        ({"DateTimeOriginal": "1952:05:03"}, "1952-05-03"),
    ],
    ids=["offset", "local", "second tag", "day alone"],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_copy_has_the_local_time_of_its_photo_without_the_offset(
    tags: dict[str, str], at: str, format: str, album: Path, to: Path
) -> None:
    block = exif()
    details = block.get_ifd(ExifTags.IFD.Exif)
    details.update({ExifTags.Base[name]: value for name, value in tags.items()})
    data = encoded(quarters(64, 48), format, exif=block.tobytes())
    shared([indexed(album / f"a.{format.lower()}", data)], to)
    for photo, told in ((data, at), (only(to).read_bytes(), at[:19])):
        taken = decode(photo).taken
        assert taken is not None
        assert taken.at == told


def test_a_copy_tells_no_offset_that_comes_from_the_place(album: Path, to: Path) -> None:
    block = planted.exif()  # its fix tells the time in UTC
    block.get_ifd(ExifTags.IFD.GPSInfo)[7] = (10.0, 0.0, 0.0)
    del block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal]
    data = encoded(quarters(64, 48), exif=block.tobytes())
    shared([indexed(album / "a.jpg", data)], to)
    photo, copy = decode(data).taken, decode(only(to).read_bytes()).taken
    assert photo is not None
    assert copy is not None
    assert (photo.at, copy.at) == ("2024-07-01T12:00:00+02:00", "2024-07-01T12:00:00")


def test_exiftool_reads_a_day_alone_without_a_time(album: Path, to: Path) -> None:
    shared([indexed(album / "a.jpg", encoded(quarters(64, 48), exif=exif(taken="1952:05:03")))], to)
    assert told_by_exiftool(only(to))["DateTimeOriginal"] == "1952:05:03   :  :  "


def test_a_photo_without_a_time_gets_no_tags_at_all(album: Path, to: Path) -> None:
    shared([indexed(album / "a.jpg", encoded(quarters(64, 48)))], to)
    assert "E1" not in parts(only(to).read_bytes())


# what copies show


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_copy_is_upright_and_has_no_orientation(orientation: int, album: Path, to: Path) -> None:
    upright = quarters(96, 64)
    shared([indexed(album / "a.jpg", planted.photo(stored(upright, orientation), "JPEG", orientation))], to)
    with Image.open(only(to)) as copy:
        assert copy.size == upright.size
        assert np.abs(np.asarray(copy, float) - np.asarray(upright, float)).mean() < 3


@pytest.mark.parametrize(
    ("name", "format", "copied"),
    [
        ("a.jpeg", "JPEG", "a.jpeg"),
        ("a.JPG", "JPEG", "a.JPG"),
        ("a.png", "PNG", "a.png"),
        ("a.webp", "WEBP", "a.webp"),
        ("a.heic", "HEIF", "a.jpg"),
        ("a.tif", "TIFF", "a.jpg"),
        ("a.avif", "AVIF", "a.jpg"),
        ("wrong.png", "JPEG", "wrong.jpg"),
        ("Dr. Who", "JPEG", "Dr. Who.jpg"),
    ],
)
def test_the_name_ends_as_the_format_needs(name: str, format: str, copied: str, album: Path, to: Path) -> None:
    shared([indexed(album / name, encoded(quarters(64, 48), format))], to)
    assert only(to).name == f"0001-{copied}"
    with Image.open(only(to)) as copy:
        assert copy.format == (format if format in ("PNG", "WEBP") else "JPEG")


@pytest.mark.parametrize(
    ("name", "format"), [("n" * 255, "JPEG"), ("é" * 127, "TIFF"), ("n" * 250 + ".png", "JPEG"), ("n.", "PNG")]
)
@pytest.mark.parametrize("room", [0, 11])
def test_a_name_that_gets_another_ending_still_fits(name: str, format: str, room: int, album: Path, to: Path) -> None:
    photo = indexed(album / name, encoded(quarters(64, 48), format))
    planned = plan({HAPPY: [photo]}, to, Link.COPY, is_shared=True, room=room)
    [preview] = Sharing(room=room).preview(planned)
    to.mkdir()
    [item] = execute(planned, Link.COPY, preparing=Sharing(room=room), room=room)
    assert (item.action, item.destination) == (Action.WRITE, preview.destination)
    assert only(to) == item.destination
    assert len(os.fsencode(item.destination.name)) <= 255 - room
    assert item.destination.suffix == (".png" if format == "PNG" else ".jpg")
    assert item.reason == preview.reason == ("" if len(name) < 9 else f"the name was shortened from {name}")


@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_transparency_is_kept(format: str, options: dict[str, bool], album: Path, to: Path) -> None:
    clear = quarters(64, 48).convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 20, 20))
    shared([indexed(album / f"a.{format.lower()}", encoded(clear, format, **options))], to)
    assert only(to).suffix == (".webp" if format == "WEBP" else ".png")
    with Image.open(only(to)) as copy:
        assert np.array_equal(np.asarray(copy)[..., 3], np.asarray(clear)[..., 3])
        seen = np.asarray(clear)[..., 3] > 0
        assert np.array_equal(np.asarray(copy)[seen], np.asarray(clear)[seen])


@pytest.mark.parametrize(("longest", "size"), [(None, (600, 400)), (300, (300, 200)), (5000, (600, 400))])
def test_a_copy_is_no_larger_than_asked_and_never_enlarged(
    longest: int | None, size: tuple[int, int], album: Path, to: Path
) -> None:
    shared([indexed(album / "a.jpg", encoded(landscape(600, 400)))], to, longest)
    with Image.open(only(to)) as copy:
        assert copy.size == size


# exports that run again, and undo


def test_a_second_run_writes_nothing(album: Path, to: Path) -> None:
    photos = [indexed(album / f"{n}.heic", encoded(landscape(60 + n, 40), "HEIF")) for n in range(3)]
    assert actions(shared(photos, to)) == ["write"] * 3
    before = sorted((to / "happy").iterdir())
    assert actions(shared(photos[::-1], to)) == ["skip"] * 3
    assert sorted((to / "happy").iterdir()) == before


def test_a_plain_copy_in_the_folder_is_not_taken_for_one_to_share(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg", planted.photo(quarters(64, 48), "JPEG"))
    list(export_run.run({HAPPY: [photo]}, to, Link.COPY, None, (), ()))
    [item] = shared([photo], to)
    assert item.action is Action.WRITE
    assert planted.SECRET.encode() not in item.destination.read_bytes()
    assert len(list((to / "happy").iterdir())) == 2


def test_photos_that_differ_only_in_metadata_give_one_copy(album: Path, to: Path) -> None:
    picture = quarters(64, 48)
    photos = [indexed(album / f"{n}.jpg", encoded(picture, comment=f"{n}")) for n in range(2)]
    items = shared(photos, to)
    assert actions(items) == ["write", "skip"]
    assert items[0].destination == items[1].destination == only(to)


def test_equal_photos_give_one_copy(album: Path, to: Path) -> None:
    data = encoded(quarters(64, 48), "HEIF")
    items = shared([indexed(album / f"{n}.heic", data) for n in range(2)], to)
    assert [(item.action, item.destination, item.content) for item in items] == [
        (Action.WRITE, only(to), whole.digest(only(to))),
        (Action.SKIP, only(to), whole.digest(only(to))),
    ]


def test_a_photo_that_cannot_be_decoded_fails_alone(album: Path, to: Path) -> None:
    photos = [
        indexed(album / "broken.jpg", encoded(astronaut(300))[:4000]),
        indexed(album / "fine.jpg", encoded(quarters(64, 48))),
    ]
    broken, fine = shared(photos, to)
    assert broken.action is Action.FAIL
    assert "ends in the middle" in broken.reason
    assert only(to) == fine.destination


@pytest.mark.parametrize("where", [(full, "load"), (Image.Image, "thumbnail")], ids=["decoding", "scaling"])
def test_a_photo_that_needs_too_much_memory_fails_alone(
    where: tuple[Any, str], album: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [indexed(album / f"{n}.jpg", encoded(quarters(64 + n, 48))) for n in range(2)]
    step, calls = getattr(*where), itertools.count()

    def fill_memory_once(*arguments: Any, **options: Any) -> Any:
        if not next(calls):
            raise MemoryError
        return step(*arguments, **options)

    monkeypatch.setattr(*where, fill_memory_once)
    large, fine = shared(photos, to, longest=48)
    assert large.action is Action.FAIL
    assert "no copy to share: not enough memory" in large.reason
    assert only(to) == fine.destination


def test_undo_removes_copies_by_their_own_hash(album: Path, to: Path, tmp_path: Path) -> None:
    photos = [indexed(album / f"{n}.png", encoded(quarters(60 + n, 40), "TIFF")) for n in range(3)]
    kept, changed, gone = [item.destination for item in shared(photos, to, report=tmp_path / "r.csv")]
    lines = journal.read(tmp_path / "r.csv")[-3:]
    assert [(line.digest, line.written) for line in lines] == [
        (whole.digest(photo.path), whole.digest(copy))
        for photo, copy in zip(photos, (kept, changed, gone), strict=True)
    ]
    changed.write_bytes(b"edited")
    photos[2].path.unlink()
    fates = {outcome.path: outcome.fate for outcome in undo(tmp_path / "r.csv", [album])}
    assert [fates[path] for path in (kept, changed, gone)] == [Fate.REMOVE, Fate.LEFT, Fate.LEFT]
    assert [path.exists() for path in (kept, changed, gone)] == [False, True, True]


def test_a_report_of_an_older_version_can_be_undone(album: Path, to: Path, tmp_path: Path) -> None:
    photos = [indexed(album / f"{n}.jpg", bytes([n])) for n in range(2)]
    report = tmp_path / "r.csv"
    list(export_run.run({HAPPY: photos}, to, Link.COPY, report, (), ()))
    old = report.read_text().replace(',"written_hash"', "").replace(',""\n', "\n")
    assert old.splitlines()[-1].count(",") == 5
    report.write_text(old)
    photos[1].path.unlink()
    assert [outcome.fate for outcome in undo(report, [album])][:2] == [Fate.REMOVE, Fate.LEFT]
    assert "undone" in [line.action for line in journal.read(report)]  # appended in the new form
    photos[1].path.write_bytes(bytes([1]))
    first, *_ = list(undo(report, [album]))
    assert first.fate == Fate.REMOVE
    assert not to.exists()


# the command


@pytest.fixture
def phone(tmp_path: Path) -> SimpleNamespace:
    """An indexed album of real pictures with places; results invented."""
    folder = tmp_path / "phone"
    folder.mkdir()
    database = tmp_path / "phone.sqlite"
    with Database(database, create=True) as index:
        for name, format in (("a.heic", "HEIF"), ("b.jpg", "JPEG"), ("c.png", "PNG")):
            data = planted.photo(quarters(96, 64), format)
            if name == "c.png":
                data = encoded(quarters(97, 64), "PNG")
            (folder / name).write_bytes(data)
            save(index, folder / name, [face(happy=0.9)], digest=xxhash.xxh3_128_hexdigest(data))
        with index.transaction():
            storing.add_root(index, folder)
    return SimpleNamespace(folder=folder, database=database)


def test_a_plain_export_says_once_that_copies_tell_the_place(phone: SimpleNamespace, to: Path) -> None:
    result = invoke("export", "happy", "--to", to, db=phone.database)
    assert result.stderr.count("place") == 1
    assert "2 of the copies carry the place where they were taken; --share writes copies without it" in result.stderr
    assert "place" not in invoke("export", "happy", "--to", to, "--share", db=phone.database).stderr
    assert "place" not in invoke("export", "happy", "--to", to / "q", "--quiet", db=phone.database).stderr


def test_one_copy_that_tells_the_place_is_in_the_singular(phone: SimpleNamespace, to: Path) -> None:
    result = invoke("export", "happy", "--to", to, "-n", "1", db=phone.database)
    assert "1 of the copies carries the place where it was taken" in result.stderr


def test_share_writes_small_copies_and_a_dry_run_only_names_them(phone: SimpleNamespace, to: Path) -> None:
    arguments = ("export", "happy", "--to", to, "--share", "--share-size", "48")
    planned = invoke(*arguments, "--dry-run", db=phone.database)
    assert not to.exists()
    lines = [line.split("\t")[:3] for line in planned.stdout.splitlines()]
    written = [to / "happy" / name for name in ("0001-a.jpg", "0002-b.jpg", "0003-c.png")]
    assert [(action, Path(path)) for action, _, path in lines] == [("write", path) for path in written]
    assert "3 would be written" in planned.stderr
    assert invoke(*arguments, db=phone.database).exit_code == 0
    assert sorted((to / "happy").iterdir()) == written
    with Image.open(io.BytesIO(written[0].read_bytes())) as copy:
        assert copy.size == (48, 32)
    again = invoke(*arguments, "--dry-run", db=phone.database)
    assert [line.split("\t")[0] for line in again.stdout.splitlines()] == ["skip"] * 3


@pytest.mark.parametrize("by", ["last", "report", "journal"])
def test_copies_to_share_and_sidecars_are_undone_once_by_either_record(
    by: str, phone: SimpleNamespace, to: Path, tmp_path: Path
) -> None:
    sharing = ("export", "happy", "--to", to, "--share")
    invoke(*sharing, "-n", "1", db=phone.database)
    first = set(tmp_path.rglob("*.csv"))
    (to / "happy" / "0001-a.jpg.xmp").write_bytes(planted.XMP)
    before = held(to)
    report = tmp_path / "r.csv"
    done = invoke(*sharing, "--sidecar", "long", "--report", report, db=phone.database)
    assert "1 written, 2 already there, 0 failed" in done.stderr
    assert "Sidecars: 1 written, 1 added to" in done.stderr
    [kept] = set(tmp_path.rglob("*.csv")) - first - {report}
    named = {"last": (), "report": (report,), "journal": (kept,)}[by]
    undone = invoke("export", "--undo", *named, db=phone.database)
    assert "2 files and 0 folders removed, 1 sidecars restored" in undone.stderr
    assert held(to) == before
    for again in (report, kept):
        assert "Nothing to undo" in invoke("export", "--undo", again, db=phone.database).stderr
    assert "1 files" in invoke("export", "--undo", db=phone.database).stderr
    assert set(held(to)) == {Path("happy", "0001-a.jpg.xmp")}


def test_a_dry_run_says_what_cannot_be_shared(library: SimpleNamespace, to: Path) -> None:
    result = invoke("export", "sad", "--to", to, "--share", "--dry-run", db=library.database)
    assert result.exit_code == 1
    assert "no copy to share: " in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--share", "--link", "hard"], "cannot make hard links"),
        (["--share", "--link", "soft"], "cannot make soft links"),
        (["--share-size", "900"], "--share-size needs --share"),
        (["--share", "--share-size", "0"], "--share-size"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: list[str], said: str, phone: SimpleNamespace, to: Path
) -> None:
    result = invoke("export", "--to", to, *options, db=phone.database)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not to.exists()


def test_a_plan_for_sharing_ignores_files_with_a_photos_bytes(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg", b"1")
    (to / "happy").mkdir(parents=True)
    (to / "happy" / "0001-a.jpg").write_bytes(b"1")
    assert actions(plan({HAPPY: [photo]}, to, Link.COPY)) == ["skip"]
    assert actions(plan({HAPPY: [photo]}, to, Link.COPY, is_shared=True)) == ["write"]
