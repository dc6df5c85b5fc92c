"""Names of exported files: numbers across exports, lengths, and file systems that refuse names."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.disk import whole
from albumsort.disk.naming import Naming
from albumsort.errors import AlbumsortError
from albumsort.export import names, run
from albumsort.export import report as journal
from albumsort.export.items import Action, Item, Link, SidecarName
from albumsort.export.plan import plan
from albumsort.export.sidecar import ROOM, Sidecars
from albumsort.export.undo import undo
from albumsort.types import Emotion, Photo

HAPPY = Emotion.HAPPY
unflushed = mock.patch.object(os, "fsync", return_value=None)


def indexed(path: Path, data: bytes) -> Photo:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Photo(path, 4, 3, None, None, xxhash.xxh3_128_hexdigest(data), (), 0.9, HAPPY)


def exported(photos: list[Photo], to: Path, report: Path | None = None) -> list[Item]:
    return list(run.run({HAPPY: photos}, to, Link.COPY, report, (), ()))


def listed(to: Path) -> list[str]:
    return sorted(os.listdir(to / "happy"))


# numbers


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    return [indexed(tmp_path / "album" / f"{name}.jpg", name.encode()) for name in "abcdef"]


def test_a_second_export_continues_after_the_highest_number(photos: list[Photo], tmp_path: Path) -> None:
    a, b, c, d, *_ = photos
    exported([b, a], tmp_path)
    exported([d, a, c, b], tmp_path)
    assert listed(tmp_path) == ["0001-b.jpg", "0002-a.jpg", "0003-d.jpg", "0004-c.jpg"]


def test_an_interrupted_export_continues_where_it_stopped(photos: list[Photo], tmp_path: Path) -> None:
    exported(photos, tmp_path / "undisturbed")
    broken = run.run({HAPPY: photos}, tmp_path, Link.COPY, None, (), ())
    next(broken)
    next(broken)
    broken.close()
    exported(photos, tmp_path)
    assert listed(tmp_path) == listed(tmp_path / "undisturbed")


def test_undo_of_one_export_leaves_the_files_of_the_other(photos: list[Photo], tmp_path: Path) -> None:
    to, report = tmp_path / "out", tmp_path / "first.csv"
    exported(photos[:2], to, report)
    exported(photos[2:4], to)
    list(undo(report, ()))
    assert listed(to) == ["0003-c.jpg", "0004-d.jpg"]
    exported(photos[:1], to)
    assert listed(to) == ["0003-c.jpg", "0004-d.jpg", "0005-a.jpg"]


def test_numbers_get_more_digits_when_they_run_out(photos: list[Photo], tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "9997-x.jpg").touch()
    exported(photos[:2], tmp_path)
    exported(photos[2:4], tmp_path)
    assert listed(tmp_path) == ["9997-x.jpg", "9998-a.jpg", "9999-b.jpg", "99991-c.jpg", "99992-d.jpg"]


@given(st.lists(st.integers(0, 10**17).map(lambda n: f"{n:04}-x") | st.text(max_size=20)), st.integers(0, 200))
def test_new_numbers_sort_after_all_others_and_in_order(there: list[str], count: int) -> None:
    ours = [name for name in there if re.match(r"[0-9]{4,16}-", name)]
    new = [f"{number}-y" for number in names.numbers_after(there, count)]
    assert sorted([*new, *ours]) == sorted(ours) + new


ROUND = st.lists(st.integers(0, 11), min_size=1, max_size=8, unique=True)


@settings(max_examples=60)
@given(st.lists(ROUND, min_size=1, max_size=5))
def test_any_exports_into_one_folder_sort_by_export_and_then_by_rank(rounds: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, unflushed:
        photos = [
            indexed(Path(folder, "album", f"{number % 3}", f"{number}.jpg"), bytes([number])) for number in range(12)
        ]
        for chosen in rounds:
            exported([photos[number] for number in chosen], Path(folder))
        expected = list(dict.fromkeys(number for chosen in rounds for number in chosen))
        assert [Path(folder, "happy", name).read_bytes()[0] for name in listed(Path(folder))] == expected


# lengths


RAW = st.text(min_size=1, max_size=255) | st.sampled_from(
    [
        "x" * 255,
        "🎈" * 63,
        "é" * 125 + ".jpg",
        "ΐ" * 127,
        "a" * 240 + ".JPEG",
        "x." + "y" * 250,
        "\ufdfa" * 80 + ".heic",
    ]
)
STEMS = RAW.map(lambda name: re.sub(r"[/\0]", "_", name)).filter(lambda name: name.strip("."))
PLACES = st.builds(lambda stem, end: Path("/album", stem + end), STEMS, st.sampled_from([".jpg", ".HEIC", ".jpeg"]))
NAMINGS = st.builds(Naming, st.integers(48, 1530), st.integers(48, 255))


@settings(max_examples=200)
@given(st.lists(PLACES, min_size=1, max_size=8), NAMINGS)
def test_any_names_fit_any_limit_and_keep_their_extension(places: list[Path], naming: Naming) -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = [Photo(place, 4, 3, None, None, str(number), ()) for number, place in enumerate(places)]
        items = plan({HAPPY: photos}, Path(folder), Link.COPY, naming)
    written = [item.destination.name for item in items]
    assert len({name.casefold() for name in written}) == len(places)
    for name, place in zip(written, places, strict=True):
        assert naming.fits(name)
        assert names.safe(name) == name
        assert re.match(r"[0-9]{4}-", name)
        assert Path(name).suffix == place.suffix


def test_a_shortened_name_is_reported_with_the_name_it_had(tmp_path: Path) -> None:
    photo = indexed(tmp_path / "album" / ("long" * 40 + ".jpg"), b"1")
    [item] = plan({HAPPY: [photo]}, tmp_path, Link.COPY, Naming(143))
    assert item.destination.name == ("0001-" + "long" * 40)[:139] + ".jpg"
    assert item.reason == f"the name was shortened from {photo.path.name}"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")
def test_a_destination_without_room_for_names_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    to = tmp_path / "/".join(["d" * 100] * 60)
    with pytest.raises(AlbumsortError, match=r"cannot create .*: File name too long; choose"):
        exported([indexed(tmp_path / "album" / "a.jpg", b"1")], to)
    with pytest.raises(AlbumsortError, match="is too long to hold files; choose"):
        plan({HAPPY: []}, to, Link.COPY)
    assert os.listdir(tmp_path) == ["album"]


# names with room for files beside them


@given(st.lists(PLACES, min_size=1, max_size=8), st.builds(Naming, st.integers(60, 1530), st.integers(60, 255)))
def test_names_of_copies_leave_room_for_sidecars(places: list[Path], naming: Naming) -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = [Photo(place, 4, 3, None, None, str(number), ()) for number, place in enumerate(places)]
        items = plan({HAPPY: photos}, Path(folder), Link.COPY, naming, room=ROOM)
    for item, place in zip(items, places, strict=True):
        assert naming.fits(f"{item.destination.name}.xmp-99.bak")
        assert item.destination.suffix == place.suffix


@pytest.mark.parametrize("form", list(SidecarName))
@pytest.mark.parametrize("name", ["é" * 125 + ".jpg", "n" * 255], ids=["accents", "no ending"])
def test_a_shortened_copy_and_its_sidecar_fit_together_and_are_undone_together(
    name: str, form: SidecarName, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    photos = {HAPPY: [replace(indexed(tmp_path / "album" / name, b"1"), score=0.9, emotion=HAPPY)]}
    [copy, sidecar] = run.run(photos, to, Link.COPY, tmp_path / "1.csv", (), (), sidecars=Sidecars(form, photos))
    assert (copy.action, sidecar.action) == (Action.WRITE, Action.WRITE)
    assert copy.reason == f"the name was shortened from {name}"
    stem = copy.destination.name if form is SidecarName.LONG else copy.destination.stem
    assert sidecar.destination.name == f"{stem}.xmp"
    edited = sidecar.destination.read_bytes().replace(b"happy", b"merry")
    sidecar.destination.write_bytes(edited)
    [_, added] = run.run(photos, to, Link.COPY, tmp_path / "2.csv", (), (), sidecars=Sidecars(form, photos))
    assert (added.action, added.source.name) == (Action.MERGE, f"{stem}.xmp.bak")
    assert actions_of_undo(tmp_path / "2.csv") == ["restore"]
    assert sidecar.destination.read_bytes() == edited
    sidecar.destination.write_bytes(edited.replace(b"merry", b"happy"))
    assert actions_of_undo(tmp_path / "1.csv") == ["remove", "remove"]
    assert not to.exists()


def test_a_copy_whose_name_has_no_room_for_a_sidecar_is_named(tmp_path: Path) -> None:
    photos = {HAPPY: [indexed(tmp_path / "album" / ("n" * 246 + ".jpg"), b"1")]}
    exported(photos[HAPPY], tmp_path / "out")
    sidecars = Sidecars(SidecarName.LONG, photos)
    [copy, sidecar] = run.run(photos, tmp_path / "out", Link.COPY, None, (), (), sidecars=sidecars)
    assert (copy.action, sidecar.action) == (Action.SKIP, Action.FAIL)
    assert sidecar.reason.endswith(".jpg.xmp would be too long; shorten the name of the copy, then export again")
    copy.destination.rename(copy.destination.with_name("0001-n.jpg"))
    [_, sidecar] = run.run(photos, tmp_path / "out", Link.COPY, None, (), (), sidecars=sidecars)
    assert (sidecar.action, sidecar.destination.name) == (Action.WRITE, "0001-n.jpg.xmp")


# file systems that refuse names


def refuse(patch: pytest.MonkeyPatch, code: int, accepts: Callable[[str], bool]) -> None:
    """Make the file system refuse names, as some do that report no limit."""

    def picky(call: Callable[..., None]) -> Callable[..., None]:
        def attempt(old: Path, new: Path) -> None:
            if not accepts(new.name):
                raise OSError(code, os.strerror(code))
            call(old, new)

        return attempt

    for name in ("link", "rename", "symlink"):
        patch.setattr(os, name, picky(getattr(os, name)))
    patch.setattr(whole, "_rename_exclusively", lambda old, new: False)


@pytest.mark.skipif(os.name == "nt", reason="soft links need a permission there")
@pytest.mark.parametrize(
    ("code", "accepts", "name"),
    [
        (errno.ENAMETOOLONG, lambda name: len(os.fsencode(name)) <= 143, "0001-" + "é" * 67 + ".jpg"),
        (errno.EILSEQ, str.isascii, "0001-" + "e" * 32 + ".jpg"),
        (errno.EINVAL, str.isascii, "0001-" + "e" * 32 + ".jpg"),
    ],
    ids=["too long", "illegal", "invalid"],
)
@pytest.mark.parametrize("link", Link)
def test_a_photo_whose_name_is_refused_gets_a_plainer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, accepts: Callable[[str], bool], name: str, link: Link
) -> None:
    photo = indexed(tmp_path / "album" / ("é" * 120 + ".jpg"), b"1")
    refuse(monkeypatch, code, accepts)
    report = tmp_path / "report.csv"
    [item] = run.run({HAPPY: [photo]}, tmp_path / "out", link, report, (), ())
    assert (item.action, listed(tmp_path / "out")) == (Action.WRITE, [name])
    assert item.reason == f"the file system refused the name 0001-{photo.path.name}"
    assert item.destination.read_bytes() == b"1"
    assert actions_of_undo(report) == ["remove"]


@pytest.mark.parametrize("link", [Link.COPY, Link.HARD])
def test_a_plainer_name_leaves_room_for_a_sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Link) -> None:
    photos = {HAPPY: [indexed(tmp_path / "album" / ("n" * 200 + ".jpg"), b"1")]}
    refuse(monkeypatch, errno.ENAMETOOLONG, lambda name: len(os.fsencode(name)) <= 143)
    sidecars = Sidecars(SidecarName.LONG, photos)
    [copy, sidecar] = run.run(photos, tmp_path / "out", link, None, (), (), sidecars=sidecars)
    assert len(f"{copy.destination.name}.xmp-99.bak") == 143
    assert (sidecar.action, sidecar.destination.name) == (Action.WRITE, f"{copy.destination.name}.xmp")


def test_a_file_system_that_refuses_every_name_fails_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, errno.EINVAL, lambda name: False)
    [item] = exported([indexed(tmp_path / "album" / "a.jpg", b"1")], tmp_path / "out")
    assert item.action is Action.FAIL
    assert os.strerror(errno.EINVAL) in item.reason


def actions_of_undo(report: Path) -> list[str]:
    return [outcome.fate.value for outcome in undo(report, ()) if not outcome.is_folder]


@given(PLACES)
def test_the_plainest_name_is_short_and_ascii(place: Path) -> None:
    *_, last = names.plainer(f"0001-{names.safe(place.name)}")
    assert last.isascii()
    assert len(last) <= 60
    assert names.safe(last) == last
    assert re.match("0001-.", last)


def test_an_export_whose_names_were_shortened_can_be_undone(tmp_path: Path) -> None:
    photo = indexed(tmp_path / "album" / ("é" * 125 + ".jpg"), b"1")
    report = tmp_path / "report.csv"
    exported([photo], tmp_path / "out", report)
    assert [line.reason for line in journal.read(report) if line.source] == [
        f"the name was shortened from {photo.path.name}"
    ]
    list(undo(report, [tmp_path / "album"]))
    assert not (tmp_path / "out").exists()
