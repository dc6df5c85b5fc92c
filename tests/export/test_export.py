from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from albumsort.albums import check_destination
from albumsort.disk import locks, whole
from albumsort.errors import AlbumsortError, UsageError
from albumsort.export import report as journal
from albumsort.export import run as export_run
from albumsort.export.copy import execute
from albumsort.export.items import Action, Item, Link
from albumsort.export.plan import plan
from albumsort.export.undo import Fate, undo
from albumsort.types import Emotion, Photo

HAPPY = Emotion.HAPPY


def indexed(path: Path, data: bytes = b"a photo") -> Photo:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return Photo(path, 4, 3, None, None, xxhash.xxh3_128_hexdigest(data), ())


def exported(photos: Sequence[Photo], to: Path, link: Link = Link.COPY, report: Path | None = None) -> list[Item]:
    return list(export_run.run({HAPPY: photos}, to, link, report, (), ()))


def ready(photos: Sequence[Photo], to: Path, link: Link = Link.COPY) -> list[Item]:
    """Return a plan, and create its destination folder."""
    items = plan({HAPPY: photos}, to, link)
    to.mkdir(exist_ok=True)
    return items


def actions(items: Sequence[Item]) -> list[str]:
    return [item.action.value for item in items]


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def fail_with(code: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# the destination


def test_a_destination_beside_the_album_is_fine(album: Path, to: Path) -> None:
    check_destination(to, [album])
    check_destination(album.with_name("album2"), [album])
    to.mkdir()
    check_destination(to, iter([album]))


@pytest.mark.parametrize("inside", ["album", "album/new", "album/new/deeper", "out/../album", "nowhere/../album/x"])
def test_a_destination_inside_the_album_is_refused(album: Path, inside: str) -> None:
    with pytest.raises(UsageError, match="outside the album"):
        check_destination(album.parent / inside, [album.parent / "other", album])


def test_a_destination_inside_the_album_by_a_symlink_is_refused(album: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(album)
    with pytest.raises(UsageError):
        check_destination(tmp_path / "link" / "out", [album])
    with pytest.raises(UsageError):
        check_destination(album / "out", [tmp_path / "link"])


def test_an_emotion_folder_that_leads_into_the_album_is_refused(album: Path, to: Path) -> None:
    to.mkdir()
    (to / "sad").symlink_to(album)
    with pytest.raises(UsageError, match="sad"):
        check_destination(to, [album])


def test_a_folder_with_photos_indexed_one_by_one_is_refused_but_its_subfolders_are_not(album: Path, to: Path) -> None:
    with pytest.raises(UsageError, match="contains indexed photos"):
        check_destination(album, [], [album])
    with pytest.raises(UsageError, match="happy contains indexed photos"):
        check_destination(to, [], [to / "happy"])
    check_destination(album / "sorted", [], [album])


def test_a_destination_that_is_a_file_is_refused(to: Path) -> None:
    to.touch()
    with pytest.raises(UsageError, match="not a folder"):
        check_destination(to, [])


def test_an_emotion_folder_that_is_a_file_is_an_error(album: Path, to: Path) -> None:
    to.mkdir()
    (to / "happy").touch()
    with pytest.raises(AlbumsortError, match="cannot read"):
        plan({HAPPY: [indexed(album / "a.jpg")]}, to, Link.COPY)


# copies


def test_copies_are_named_by_emotion_rank_and_name(album: Path, to: Path) -> None:
    beach, party = indexed(album / "beach.jpg", b"1"), indexed(album / "sub" / "party.jpg", b"2")
    chosen = {HAPPY: [party, beach], Emotion.SAD: [beach]}
    assert actions(list(export_run.run(chosen, to, Link.COPY, None, (), ()))) == ["write"] * 3
    assert held(to / "happy") == {"0001-party.jpg": b"2", "0002-beach.jpg": b"1"}
    assert held(to / "sad") == {"0001-beach.jpg": b"1"}


def test_ranks_beyond_four_digits_still_sort(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    items = plan({HAPPY: [photo] * 10_000}, to, Link.COPY)
    assert items[0].destination.name == "00001-a.jpg"


def test_a_plan_alone_writes_nothing(album: Path, to: Path) -> None:
    items = plan({HAPPY: [indexed(album / "a.jpg")]}, to, Link.COPY)
    assert actions(items) == ["write"]
    assert not to.exists()


def test_the_copy_keeps_the_times_and_the_original_stays_as_it_was(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    os.utime(photo.path, ns=(1_111_111_111_123_456_700, 1_000_000_000_123_456_700))
    os.chmod(photo.path, 0o4557)
    before = photo.path.stat()
    [item] = exported([photo], to)
    copy, after = item.destination.stat(), photo.path.stat()
    assert (copy.st_mtime_ns, copy.st_atime_ns) == (before.st_mtime_ns, before.st_atime_ns)
    assert (after.st_mtime_ns, after.st_ino, after.st_mode) == (before.st_mtime_ns, before.st_ino, before.st_mode)
    assert copy.st_ino != after.st_ino


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
@pytest.mark.parametrize(("source", "copy"), [(0o400, 0o600), (0o640, 0o640), (0o4777, 0o666)])
def test_the_owner_can_write_the_copy_and_nobody_can_execute_it(album: Path, to: Path, source: int, copy: int) -> None:
    photo = indexed(album / "a.jpg")
    photo.path.chmod(source)
    [item] = exported([photo], to)
    assert item.destination.stat().st_mode & 0o7777 == copy


def test_a_photo_changed_since_indexing_fails_and_the_others_are_exported(album: Path, to: Path) -> None:
    photos = [indexed(album / "a.jpg", b"old"), indexed(album / "b.jpg", b"b")]
    photos[0].path.write_bytes(b"new")
    changed, other = exported(photos, to)
    assert (changed.action, other.action) == (Action.FAIL, Action.WRITE)
    assert "albumsort index" in changed.reason
    assert held(to / "happy") == {"0002-b.jpg": b"b"}


@pytest.mark.parametrize("when", ["before the plan", "after the plan"])
def test_a_missing_photo_fails_and_the_others_are_exported(album: Path, to: Path, when: str) -> None:
    photos = [indexed(album / "a.jpg", b"a"), indexed(album / "b.jpg", b"b")]
    if when == "before the plan":
        photos[0].path.unlink()
    planned = ready(photos, to)
    assert (planned[0].action is Action.FAIL) == (when == "before the plan")
    photos[0].path.unlink(missing_ok=True)
    gone, other = execute(planned, Link.COPY)
    assert (gone.action, other.action) == (Action.FAIL, Action.WRITE)
    assert "gone" in gone.reason
    assert list(held(to / "happy")) == ["0002-b.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_pipe_under_a_photos_name_fails_and_does_not_block(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    photo.path.unlink()
    os.mkfifo(photo.path)
    [item] = exported([photo], to)
    assert item.action is Action.FAIL
    assert "no longer a regular file" in item.reason


def test_a_copy_that_reads_back_wrong_fails_and_is_removed(
    album: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "digest", lambda file: "0" * 32)
    [item] = exported([indexed(album / "a.jpg")], to)
    assert item.action is Action.FAIL
    assert held(to / "happy") == {}


# a second export


def test_exporting_again_makes_no_duplicates(album: Path, to: Path) -> None:
    photos = [indexed(album / name, name.encode()) for name in ("a.jpg", "b.jpg")]
    exported(photos, to)
    before = held(to / "happy")
    again = exported(photos, to)
    assert actions(again) == ["skip", "skip"]
    assert [item.destination.name for item in again] == ["0001-a.jpg", "0002-b.jpg"]
    assert held(to / "happy") == before


def test_changed_ranks_make_no_duplicates(album: Path, to: Path) -> None:
    photos = [indexed(album / name, name.encode()) for name in ("a.jpg", "b.jpg", "c.jpg")]
    exported(photos[:2], to)
    assert actions(exported(photos[::-1], to)) == ["write", "skip", "skip"]
    assert sorted(held(to / "happy").values()) == [b"a.jpg", b"b.jpg", b"c.jpg"]


def test_two_photos_with_the_same_bytes_are_exported_once(album: Path, to: Path) -> None:
    photos = [indexed(album / "a.jpg"), indexed(album / "copy of a.jpg")]
    first, second = exported(photos, to)
    assert (first.action, second.action) == (Action.WRITE, Action.SKIP)
    assert second.reason == f"the same bytes as {photos[0].path}"
    assert list(held(to / "happy")) == ["0001-a.jpg"]
    assert actions(exported(photos, to)) == ["skip", "skip"]


@pytest.mark.parametrize(
    "spoil", [lambda photo: photo.write_bytes(b"changed since"), Path.unlink], ids=["changed", "gone"]
)
def test_when_the_first_of_two_with_the_same_bytes_fails_the_second_is_exported(
    album: Path, to: Path, spoil: Callable[[Path], None]
) -> None:
    photos = [indexed(album / "a.jpg"), indexed(album / "b.jpg")]
    spoil(photos[0].path)
    assert actions(exported(photos, to)) == ["fail", "write"]
    assert list(held(to / "happy").values()) == [b"a photo"]


def test_an_existing_file_is_hashed_once_and_only_if_its_size_matches(
    album: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (to / "happy").mkdir(parents=True)
    (to / "happy" / "same size").write_bytes(b"x")
    (to / "happy" / "other size").write_bytes(b"xyz")
    hashed: list[str] = []
    digest = whole.digest

    def noting(file: Path) -> str:
        hashed.append(file.name)
        return digest(file)

    monkeypatch.setattr(whole, "digest", noting)
    plan({HAPPY: [indexed(album / f"{n}.jpg", bytes([n])) for n in range(5)]}, to, Link.COPY)
    assert hashed == ["same size"]


def test_unfinished_files_of_a_killed_export_do_not_count_as_exported(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    (to / "happy").mkdir(parents=True)
    shutil.copy(photo.path, to / "happy" / ".albumsort-0123456789abcdef")
    assert actions(exported([photo], to)) == ["write"]


# existing files


def test_a_foreign_file_is_never_overwritten(album: Path, to: Path) -> None:
    (to / "happy").mkdir(parents=True)
    (to / "happy" / "0001-a.jpg").write_bytes(b"foreign")
    planned = ready([indexed(album / "b.jpg")], to)
    assert planned[0].destination.name == "0002-b.jpg"
    (to / "happy" / "0002-b.jpg").write_bytes(b"foreign, and written after the plan")
    (to / "happy" / "0002-b-2.jpg").mkdir()
    [item] = execute(planned, Link.COPY)
    assert item.destination.name == "0002-b-3.jpg"
    assert (to / "happy" / "0001-a.jpg").read_bytes() == b"foreign"


@pytest.fixture(params=["hard links", "exclusive renames", "neither"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems that differ in how a file can get a free name without replacing another."""
    if request.param != "hard links":
        monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    if request.param == "neither":
        monkeypatch.setattr(whole, "_rename_exclusively", lambda old, new: False)


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("link", [Link.COPY, Link.SOFT])
def test_a_file_that_appears_after_the_plan_is_not_overwritten(album: Path, to: Path, link: Link) -> None:
    photos = [indexed(album / "a.jpg", b"a"), indexed(album / "b.jpg", b"b")]
    planned = ready(photos, to, link)
    (to / "happy").mkdir(parents=True)
    (to / "happy" / "0001-a.jpg").write_bytes(b"foreign")
    (to / "happy" / "0002-b.jpg").write_bytes(b"b")
    assert actions(list(execute(planned, link))) == ["write", "skip"]
    assert held(to / "happy") == {"0001-a.jpg": b"foreign", "0001-a-2.jpg": b"a", "0002-b.jpg": b"b"}


@pytest.mark.usefixtures("file_system")
def test_every_file_system_gets_complete_copies_only(album: Path, to: Path) -> None:
    assert actions(exported([indexed(album / "a.jpg")], to)) == ["write"]
    assert held(to / "happy") == {"0001-a.jpg": b"a photo"}


# errors


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_disk_ends_the_run_and_leaves_no_partial_file(
    album: Path, to: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    photos = [indexed(album / f"{name}.jpg", name.encode()) for name in "abc"]
    run = execute(ready(photos, to), Link.COPY)
    assert next(run).action is Action.WRITE
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail_with(code))
        with pytest.raises(AlbumsortError, match=r"0002-b\.jpg.*again.*Files written: 1$"):
            next(run)
    assert held(to / "happy") == {"0001-a.jpg": b"a"}
    assert actions(exported(photos, to)) == ["skip", "write", "write"]


@pytest.mark.parametrize("call", ["link", "rename", "mkdir", "symlink"])
def test_a_disk_that_fills_up_at_any_step_leaves_no_partial_file(
    album: Path, to: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    link = Link.SOFT if call == "symlink" else Link.COPY
    planned = ready([indexed(album / "a.jpg")], to, link)
    if call == "rename":
        monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    if call in ("link", "rename"):
        monkeypatch.setattr(whole, "_rename_exclusively", lambda old, new: False)
        monkeypatch.setattr(os, "rename", fail_with(errno.ENOSPC))
    monkeypatch.setattr(os, call, fail_with(errno.ENOSPC))
    with pytest.raises(AlbumsortError, match="No space left"):
        list(execute(planned, link))
    assert not list(to.glob("*/*"))


def test_an_error_with_one_file_does_not_stop_the_others(
    album: Path, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [indexed(album / f"{name}.jpg", name.encode()) for name in "ab"]
    run = execute(ready(photos, to), Link.COPY)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail_with(errno.EIO))
        failed = next(run)
    assert failed.action is Action.FAIL
    assert os.strerror(errno.EIO) in failed.reason
    assert actions(list(run)) == ["write"]
    assert held(to / "happy") == {"0002-b.jpg": b"b"}


@pytest.mark.parametrize("call", ["fsync", "utime", "link", "rename"])
def test_an_interrupted_copy_leaves_no_file(album: Path, to: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    planned = ready([indexed(album / "a.jpg")], to)
    if call == "rename":
        monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
        monkeypatch.setattr(whole, "_rename_exclusively", lambda old, new: False)
    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(execute(planned, Link.COPY))
    assert held(to / "happy") == {}


def test_a_copy_gets_its_name_only_when_complete(album: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    fsync = os.fsync

    def looking(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            seen.extend(os.listdir(to / "happy"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", looking)
    exported([indexed(album / "a.jpg")], to)
    assert [name[:11] for name in seen] == [".albumsort-"]


# links


def test_a_hard_link_is_the_same_file_and_is_made_once(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    [item] = exported([photo], to, Link.HARD)
    if item.action is Action.FAIL:
        pytest.skip(f"no hard links here: {item.reason}")
    assert os.path.samefile(item.destination, photo.path)
    assert actions(exported([indexed(album / "0.jpg", b"0"), photo], to, Link.HARD)) == ["write", "skip"]


def test_a_hard_link_leads_to_the_file_behind_a_symlink(album: Path, to: Path) -> None:
    real = indexed(album / "real.jpg")
    (album / "a.jpg").symlink_to("real.jpg")
    [item] = exported([Photo(album / "a.jpg", 4, 3, None, None, real.digest, ())], to, Link.HARD)
    assert not item.destination.is_symlink()
    assert item.destination.samefile(real.path)


def test_an_earlier_copy_counts_when_hard_links_are_requested(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    exported([photo], to, Link.COPY)
    assert actions(exported([photo], to, Link.HARD)) == ["skip"]


def test_a_hard_link_to_another_disk_fails_and_suggests_copies(album: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == album.stat().st_dev:
        pytest.skip("needs /dev/shm as a second file system")
    with tempfile.TemporaryDirectory(dir=other) as to:
        [item] = exported([indexed(album / "a.jpg")], Path(to), Link.HARD)
    assert item.action is Action.FAIL
    assert "--link copy" in item.reason


def test_a_soft_link_is_absolute_and_is_made_once(album: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = indexed(album / "a.jpg")
    monkeypatch.chdir(album)
    [item] = exported([Photo(Path("a.jpg"), 4, 3, None, None, photo.digest, ())], to, Link.SOFT)
    assert os.readlink(item.destination) == str(photo.path)
    assert actions(exported([indexed(album / "0.jpg", b"0"), photo], to, Link.SOFT)) == ["write", "skip"]


def test_a_soft_link_does_not_count_as_a_copy(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    exported([photo], to, Link.SOFT)
    [item] = exported([photo], to, Link.COPY)
    assert (item.action, item.destination.name) == (Action.WRITE, "0002-a.jpg")


@pytest.mark.parametrize("link", [Link.HARD, Link.SOFT])
def test_a_photo_that_changed_is_not_linked(album: Path, to: Path, link: Link) -> None:
    photo = indexed(album / "a.jpg")
    photo.path.write_bytes(b"new")
    assert actions(exported([photo], to, link)) == ["fail"]
    assert held(to / "happy") == {}


# names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Zoë & Ann (2).JPG", "0001-Zoë & Ann (2).JPG"),
        ("-rf.jpg", "0001--rf.jpg"),
        ("CON.jpg", "0001-CON.jpg"),
        ("NUL", "0001-NUL"),
        ("com1. ", "0001-com1"),
        ("LPT9.tar.jpg", "0001-LPT9.tar.jpg"),
        ("a\\b.jpg", "0001-a_b.jpg"),
        ("<a>|*.jpg.", "0001-_a___.jpg"),
        ("a .jpg ", "0001-a.jpg"),
        ('a:b"c?\n\x7f.jpg', "0001-a_b_c___.jpg"),
        ("no extension. . ", "0001-no extension"),
        (" . .", "0001-photo"),
        ("é" * 125 + ".jpg", "0001-" + "é" * 123 + ".jpg"),
        ("x." + "y" * 250, "0001-x." + "y" * 248),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows cannot hold these names to begin with")
def test_names_stay_readable_and_become_safe(album: Path, to: Path, name: str, expected: str) -> None:
    [item] = exported([indexed(album / name)], to)
    assert item.action is Action.WRITE
    assert item.destination.name == expected


def test_a_shortened_name_keeps_its_number_and_extension(album: Path, to: Path) -> None:
    planned = ready([indexed(album / ("x" * 250 + ".jpg"))], to)
    (to / "happy").mkdir(parents=True)
    planned[0].destination.touch()
    [item] = execute(planned, Link.COPY)
    assert item.destination.name == "0001-" + "x" * 244 + "-2.jpg"


def takes_any_bytes() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(folder, os.fsdecode(b"\xff\xfe\n")).touch()
        except OSError:
            return False
    return True


RAW = st.binary(min_size=1, max_size=255) | st.text(min_size=1).map(lambda name: name.encode(errors="replace"))
NASTY = st.sampled_from(
    [
        b"caf\xe9.jpg", b"\xff\xfe", b"\xed\xa0\x80.jpg", b"x" * 255, b"x" * 251 + b".jpg",
        *(
            name.encode()
            for name in (
                "CON", "nul.jpg", "com1.jpg", "aux.", "LPT9", "a.jpg.", "a.jpg ", "...", " ", "~", ".albumsort-lock",
                "=1+1.jpg", "-rf.jpg", "@x.jpg", "a\tb.jpg", "a;=b.jpg", '"a",b.jpg', "'a'.jpg", "a\nb.jpg", "a\rb.jpg",
                "\x1b[31mred.jpg", "\x07.jpg", "gpj.\u202ea.jpg", "\u2066.jpg", "\u05e9\u05dc\u05d5.jpg", "\ufeff",
                "A.JPG", "a.jpg", "A.jpg", "a-2.jpg", "Zo\u00eb.jpg", "Zoe\u0308.jpg", "STRASSE.jpg", "stra\u00dfe.jpg",
                "\ufb01.jpg", "fi.jpg", "\u0130.jpg", "i.jpg", "\u00e9" * 127,
            )
        ),
    ]
)  # fmt: skip
FILE_NAMES = (
    (NASTY | RAW)
    .map(lambda raw: raw.replace(b"/", b"?").replace(b"\0", b"\n")[:255])
    .filter(lambda raw: raw not in (b".", b".."))
    .map(os.fsdecode)
)
unflushed = mock.patch.object(os, "fsync", return_value=None)  # flushing is tested elsewhere
any_names = pytest.mark.skipif(not takes_any_bytes(), reason="this file system does not take any bytes as a name")


@any_names
def test_name_bytes_that_are_not_text_become_safe(album: Path, to: Path) -> None:
    [item] = exported([indexed(album / os.fsdecode(b"caf\xe9.jpg"))], to)
    assert (item.action, item.destination.name) == (Action.WRITE, "0001-caf_.jpg")


@any_names
@settings(max_examples=60)
@given(names=st.lists(FILE_NAMES, min_size=1, max_size=6), link=st.sampled_from(Link))
def test_any_name_becomes_a_name_valid_on_every_system(names: list[str], link: Link) -> None:
    with tempfile.TemporaryDirectory() as folder, unflushed:
        to = Path(folder, "out")
        # each in its own folder, so that several may have the same name
        photos = [indexed(Path(folder, str(i), name), bytes([i])) for i, name in enumerate(names + names)]
        items = exported(photos, to, link)
        assert actions(items) == ["write"] * len(photos)
        written = [item.destination.name for item in items]
        assert sorted(written) == sorted(os.listdir(to / "happy"))
        assert all(len(os.fsencode(name)) <= 255 for name in written)
        assert not any(unicodedata.category(c) in ("Cc", "Cs") or c in '<>:"/\\|?*' for name in written for c in name)
        assert not any(name.endswith((".", " ")) for name in written)
        assert all(re.match("[0-9]{4}-.", name) for name in written)  # so a name is never CON, -rf or =1+1
        assert len({unicodedata.normalize("NFC", name).casefold() for name in written}) == len(written)
        assert [item.destination.read_bytes() for item in items] == [bytes([i]) for i in range(len(photos))]
        assert set(actions(exported(photos[::-1], to, link))) == {"skip"}


@any_names
@settings(max_examples=60)
@given(data=st.data())
def test_any_plan_gives_each_photo_its_own_file_and_a_second_export_does_nothing(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, unflushed:
        to, report = Path(folder, "new", "out"), Path(folder, "report.csv")
        contents = st.binary(max_size=1)  # some are equal
        drawn = data.draw(st.lists(st.tuples(FILE_NAMES, contents), min_size=1, max_size=8))
        photos = [indexed(Path(folder, "album", str(i), name), bytes_) for i, (name, bytes_) in enumerate(drawn)]
        emotions = data.draw(st.lists(st.sampled_from(Emotion), min_size=1, max_size=3, unique=True))
        chosen = {emotion: data.draw(st.permutations(photos)) for emotion in emotions}
        there = data.draw(st.lists(st.sampled_from([p.path.name for p in photos]), max_size=3))
        for name in there:  # other files with these names
            way = to / emotions[0].value / f"0001-{name}"[:100]
            if not os.path.lexists(way):
                indexed(way, b"foreign")
        before = {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
        link = data.draw(st.sampled_from(Link))
        items = list(export_run.run(chosen, to, link, report, (), ()))
        written = [item.destination for item in items if item.action is Action.WRITE]
        assert len(items) == len(photos) * len(emotions)
        assert Action.FAIL not in {item.action for item in items}
        assert len(set(written)) == len(written)
        assert {path.parent for path in written} <= {to / emotion.value for emotion in emotions}
        for item in items:
            assert item.destination.read_bytes() == item.source.read_bytes()
            assert os.path.normpath(item.destination) == str(item.destination)
        found = {path for path in Path(folder).rglob("*") if path.is_file()}
        assert found - set(before) == {*written, report}
        assert actions(list(export_run.run(chosen, to, link, None, (), ()))) == ["skip"] * len(items)
        assert {path for path in Path(folder).rglob("*") if path.is_file()} == found
        assert {outcome.fate for outcome in undo(report, [Path(folder, "album")])} <= {Fate.REMOVE, Fate.LEFT}
        report.unlink()
        assert {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()} == before


# a whole run


def test_a_report_lists_created_folders_and_the_result_for_each_photo(album: Path, to: Path, tmp_path: Path) -> None:
    photos = [indexed(album / "a.jpg"), indexed(album / "b.jpg"), indexed(album / "c.jpg", b"c")]
    photos[2].path.unlink()
    exported(photos, to, report=tmp_path / "report.csv")
    lines = [(line.action, line.source, line.destination) for line in journal.read(tmp_path / "report.csv")]
    copy = str(to / "happy" / "0001-a.jpg")
    assert lines == [
        ("into", "", str(to)),
        ("folder", "", str(to)),
        ("folder", "", str(to / "happy")),
        ("write", str(album / "a.jpg"), copy),
        ("skip", str(album / "b.jpg"), copy),
        ("fail", str(album / "c.jpg"), str(to / "happy" / "0002-c.jpg")),
    ]


def test_a_line_is_written_right_after_its_file(album: Path, to: Path, tmp_path: Path) -> None:
    photos = [indexed(album / f"{name}.jpg", name.encode()) for name in "abc"]
    for item in export_run.run({HAPPY: photos}, to, Link.COPY, tmp_path / "report.csv", (), ()):
        assert journal.read(tmp_path / "report.csv")[-1].destination == str(item.destination)
        assert item.destination.exists()


def test_a_report_that_exists_stops_the_run_before_the_first_copy(album: Path, to: Path, tmp_path: Path) -> None:
    (tmp_path / "report.csv").touch()
    with pytest.raises(AlbumsortError, match="already exists"):
        exported([indexed(album / "a.jpg")], to, report=tmp_path / "report.csv")
    assert not to.exists()


def test_a_report_may_lie_in_the_new_destination(album: Path, to: Path) -> None:
    exported([indexed(album / "a.jpg")], to, report=to / "report.csv")
    assert journal.read(to / "report.csv")[-1].action == "write"


def test_a_run_that_wrote_nothing_leaves_no_folder(album: Path, to: Path) -> None:
    photo = indexed(album / "a.jpg")
    photo.path.unlink()
    assert actions(exported([photo], to / "deeper")) == ["fail"]
    assert actions(exported([], to / "deeper")) == []
    assert not to.exists()


def test_two_exports_into_one_folder_at_once_are_refused(album: Path, to: Path) -> None:
    photos = [indexed(album / f"{name}.jpg", name.encode()) for name in "ab"]
    first = export_run.run({HAPPY: photos}, to, Link.COPY, None, (), ())
    next(first)
    with pytest.raises(AlbumsortError, match="another export"):
        exported(photos, to)
    assert actions(list(first)) == ["write"]
    assert actions(exported(photos, to)) == ["skip", "skip"]


def test_unfinished_files_are_removed_unless_an_export_is_running(album: Path, to: Path) -> None:
    photos = [indexed(album / f"{name}.jpg", name.encode()) for name in "ab"]
    first = export_run.run({HAPPY: photos}, to, Link.COPY, None, (), ())
    next(first)
    (to / "happy" / whole.temporary_name()).touch()
    (to / "happy" / ".albumsort-mine").touch()
    with pytest.raises(AlbumsortError):
        exported(photos, to)
    assert len(os.listdir(to / "happy")) == 3
    first.close()
    exported(photos, to)
    assert sorted(os.listdir(to / "happy")) == [".albumsort-mine", "0001-a.jpg", "0002-b.jpg"]


def test_without_locks_nothing_is_removed(album: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (to / "happy").mkdir(parents=True)
    (to / "happy" / whole.temporary_name()).touch()
    monkeypatch.setattr(locks, "_lock", fail_with(errno.ENOLCK))
    assert actions(exported([indexed(album / "a.jpg")], to)) == ["write"]
    assert len(os.listdir(to / "happy")) == 2


def test_the_folders_of_an_unplugged_drive_are_not_created_again(album: Path, to: Path) -> None:
    photos = [indexed(album / f"{name}.jpg", name.encode()) for name in "ab"]
    running = export_run.run({HAPPY: photos[:1], Emotion.SAD: photos[1:]}, to, Link.COPY, None, (), ())
    next(running)
    to.rename(to.with_name("unplugged"))
    with pytest.raises(AlbumsortError, match=r"sad.0001-b\.jpg: No such file.* Check that its disk is connected"):
        next(running)
    assert not to.exists()


def test_a_duplicate_is_reported_at_the_final_place_of_the_first(album: Path, to: Path) -> None:
    photos = [indexed(album / "a.jpg"), indexed(album / "b.jpg")]
    planned = ready(photos, to)
    indexed(to / "happy" / "0001-a.jpg", b"foreign")
    items = list(execute(planned, Link.COPY))
    assert [item.destination.name for item in items] == ["0001-a-2.jpg"] * 2


def test_a_destination_that_cannot_be_created_is_a_single_error(tmp_path):
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"pixels")
    (tmp_path / "file").write_text("no folder")
    digest = xxhash.xxh3_128_hexdigest(b"pixels")
    items = [Item(source, tmp_path / "file" / "happy" / name, digest, Action.WRITE) for name in ("a.jpg", "b.jpg")]
    with pytest.raises(AlbumsortError, match=r"cannot write to .*a\.jpg: Not a directory"):
        list(execute(items, Link.COPY))
