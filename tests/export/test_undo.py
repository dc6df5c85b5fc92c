from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import xxhash

from albumsort.disk import whole
from albumsort.errors import AlbumsortError
from albumsort.export import report as journal
from albumsort.export import run as export_run
from albumsort.export.items import Action, Item, Link
from albumsort.export.report import Journal
from albumsort.export.undo import Fate, Undone, undo
from albumsort.types import Emotion, Photo

NAMES = ("a.jpg", "b.jpg", "c.jpg")
HEADER = ",".join(f'"{column}"' for column in journal.COLUMNS) + "\n"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "new" / "out"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return tmp_path / "report.csv"


def write(album: Path, to: Path, report: Path, link: Link = Link.COPY, names: tuple[str, ...] = NAMES) -> list[Item]:
    photos = [Photo(album / name, 4, 3, None, None, xxhash.xxh3_128_hexdigest(name.encode()), ()) for name in names]
    return list(export_run.run({Emotion.HAPPY: photos[:2], Emotion.SAD: photos[2:]}, to, link, report, (), ()))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): b"" if p.is_dir() else p.read_bytes() for p in folder.rglob("*")}


def fates(outcomes: list[Undone]) -> list[str]:
    return [outcome.fate.value for outcome in outcomes if not outcome.is_folder]


def left(outcomes: list[Undone]) -> dict[str, str]:
    return {outcome.path.name: outcome.reason for outcome in outcomes if outcome.fate is Fate.LEFT}


@pytest.mark.parametrize("link", Link)
def test_what_was_written_goes_and_everything_else_stays(tmp_path: Path, album: Path, report: Path, link: Link) -> None:
    before = tree(tmp_path)
    write(album, tmp_path / "new" / "out", report, link)
    outcomes = list(undo(report, [album]))
    assert fates(outcomes) == ["remove"] * 3
    report.unlink()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("link", Link)
def test_a_second_undo_does_nothing_even_to_files_that_came_back(
    album: Path, to: Path, report: Path, link: Link
) -> None:
    write(album, to, report, link)
    list(undo(report, [album]))
    assert list(undo(report, [album])) == []
    write(album, to, report.with_name("another.csv"), link)
    before = tree(to)
    assert list(undo(report, [album])) == []
    assert tree(to) == before


def test_a_dry_run_reports_the_same_and_changes_nothing(tmp_path: Path, album: Path, to: Path, report: Path) -> None:
    write(album, to, report)
    (to / "sad" / whole.temporary_name()).touch()
    before = tree(tmp_path)
    told = list(undo(report, [album], dry_run=True))
    assert tree(tmp_path) == before
    assert told == list(undo(report, [album]))
    assert not to.parent.exists()


def test_files_that_an_export_skipped_are_not_removed(album: Path, to: Path, report: Path) -> None:
    write(album, to, report.with_name("first.csv"), names=NAMES[:2])
    assert [item.action for item in write(album, to, report)] == [Action.SKIP, Action.SKIP, Action.WRITE]
    assert fates(list(undo(report, [album]))) == ["remove"]
    assert tree(to) == {"happy": b"", "happy/0001-a.jpg": b"a.jpg", "happy/0002-b.jpg": b"b.jpg"}


def test_two_runs_are_undone_one_after_the_other(album: Path, to: Path, report: Path) -> None:
    first = report.with_name("first.csv")
    write(album, to, first, names=NAMES[:2])
    write(album, to, report)
    list(undo(report, [album]))
    list(undo(first, [album]))
    assert not to.parent.exists()


def test_other_files_and_their_folders_stay(album: Path, to: Path, report: Path) -> None:
    write(album, to, report)
    (to / "happy" / "0003-mine.jpg").write_text("mine")
    outcomes = list(undo(report, [album]))
    assert "0003-mine.jpg" in left(outcomes)["happy"]
    assert set(left(outcomes)) == {"happy", "out", "new"}
    assert tree(to) == {"happy": b"", "happy/0003-mine.jpg": b"mine"}


def change(file: Path) -> None:
    file.write_bytes(b"A.JPG")  # the size stays


def to_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def to_link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("elsewhere"))


def to_copy(file: Path) -> None:
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("link", "spoil"),
    [
        *((Link.COPY, spoil) for spoil in (change, to_folder, to_link)),
        *((Link.HARD, spoil) for spoil in (to_copy, to_folder, to_link)),
        *((Link.SOFT, spoil) for spoil in (to_copy, to_folder, to_link)),
    ],
)
def test_changed_files_stay(album: Path, to: Path, report: Path, link: Link, spoil: Callable[[Path], None]) -> None:
    write(album, to, report, link)
    spoil(to / "happy" / "0001-a.jpg")
    outcomes = list(undo(report, [album]))
    assert os.listdir(to / "happy") == ["0001-a.jpg"]
    assert not (to / "sad").exists()
    assert fates(outcomes) == ["left", "remove", "remove"]
    assert "0001-a.jpg" in left(outcomes)


def lose(original: Path) -> None:
    original.unlink()


def lose_all(original: Path) -> None:
    shutil.rmtree(original.parent)


def replace_it(original: Path) -> None:
    original.unlink()
    original.write_bytes(b"another")


@pytest.mark.parametrize("link", [Link.COPY, Link.HARD])
@pytest.mark.parametrize("spoil", [lose, lose_all, replace_it])
def test_what_may_be_the_only_copy_of_a_photo_stays(
    album: Path, to: Path, report: Path, link: Link, spoil: Callable[[Path], None]
) -> None:
    write(album, to, report, link)
    spoil(album / "a.jpg")
    outcomes = list(undo(report, [album]))
    assert (to / "happy" / "0001-a.jpg").read_bytes() == b"a.jpg"
    assert "only copy" in left(outcomes)["0001-a.jpg"]


def test_a_soft_link_is_removed_even_if_its_photo_is_gone(album: Path, to: Path, report: Path) -> None:
    write(album, to, report, Link.SOFT)
    lose_all(album / "a.jpg")
    assert fates(list(undo(report, []))) == ["remove"] * 3


def test_a_file_already_gone_is_reported_once(album: Path, to: Path, report: Path) -> None:
    write(album, to, report)
    (to / "happy" / "0001-a.jpg").unlink()
    assert fates(list(undo(report, [album]))) == ["gone", "remove", "remove"]
    assert list(undo(report, [album])) == []


def test_an_unplugged_disk_does_not_count_as_undone(album: Path, to: Path, report: Path) -> None:
    write(album, to, report)
    to.parent.rename(to.parent.with_name("unplugged"))
    assert fates(list(undo(report, [album]))) == ["gone"] * 3
    to.parent.with_name("unplugged").rename(to.parent)
    assert fates(list(undo(report, [album]))) == ["remove"] * 3
    assert not to.parent.exists()


def test_an_interrupted_undo_can_be_resumed(album: Path, to: Path, report: Path) -> None:
    write(album, to, report)
    run = undo(report, [album])
    next(run)
    run.close()
    assert len(list(to.rglob("*.jpg"))) == 2
    assert fates(list(undo(report, [album]))) == ["remove"] * 2
    assert not to.parent.exists()


def test_nothing_is_undone_while_an_export_runs_there(album: Path, to: Path, report: Path) -> None:
    write(album, to, report)
    before = tree(to), report.read_bytes()
    with export_run.claimed(to), pytest.raises(AlbumsortError, match="another export"):
        list(undo(report, [album]))
    assert (tree(to), report.read_bytes()) == before


def test_nothing_is_removed_if_the_report_cannot_record_it(
    album: Path, to: Path, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(album, to, report)

    def refuse(path: Path) -> Journal:
        raise AlbumsortError("read-only")

    monkeypatch.setattr(Journal, "reopen", refuse)
    with pytest.raises(AlbumsortError, match="read-only"):
        list(undo(report, [album]))
    assert len(list(to.rglob("*.jpg"))) == 3


# forged reports


def forged(report: Path, to: Path, source: Path | str, destination: Path | str, link: str = "copy") -> Path:
    digest = whole.digest(Path(source)) if os.path.isfile(source) else "00"
    with Journal.create(report, to) as written:
        written._note(journal.Line(str(source), str(destination), digest, "write", "", link))
    return report


@pytest.fixture
def twin(album: Path, to: Path) -> Path:
    """A copy that no export wrote, but that a forged report could name."""
    (to / "happy").mkdir(parents=True)
    return Path(shutil.copy(album / "a.jpg", to / "happy" / "0001-a.jpg"))


def test_the_forged_report_of_these_tests_works_for_a_real_export_file(
    album: Path, to: Path, report: Path, twin: Path
) -> None:
    assert fates(list(undo(forged(report, to, album / "a.jpg", twin), [album]))) == ["remove"]


@pytest.mark.parametrize(
    "lie",
    [
        "{base}/elsewhere/happy/0001-a.jpg",
        "{to}/happy/../../../elsewhere/happy/0001-a.jpg",
        "{to}/../../elsewhere/happy/0001-a.jpg",
        "{to}/happy/./0001-a.jpg",
        "{to}/happy/deeper/0001-a.jpg",
        "{to}/holidays/0001-a.jpg",
        "{to}/0001-a.jpg",
        "{to}/happy/a.jpg",
        "{to}/happy/0001-a.jpg\0",
        "happy/0001-a.jpg",
        "{to}/linked/0001-a.jpg",
        "{to}/sad/0001-a.jpg",
        "{album}/a.jpg",
        "",
    ],
)
@pytest.mark.parametrize("link", Link)
def test_a_file_outside_the_places_of_an_export_stays(
    tmp_path: Path,
    album: Path,
    to: Path,
    report: Path,
    twin: Path,
    monkeypatch: pytest.MonkeyPatch,
    lie: str,
    link: str,
) -> None:
    for folder in (to / "happy" / "deeper", to / "holidays", to, tmp_path / "elsewhere" / "happy"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(twin, folder / "0001-a.jpg")
    shutil.copy(twin, to / "happy" / "a.jpg")
    (to / "sad").symlink_to(tmp_path / "elsewhere" / "happy")
    (to / "linked").symlink_to(tmp_path / "elsewhere" / "happy")
    monkeypatch.chdir(to)
    forged(report, to, album / "a.jpg", lie.format(base=tmp_path, to=to, album=album), link)
    before = tree(tmp_path)
    assert fates(list(undo(report, [album]))) == ["left"]
    assert {**tree(tmp_path), "report.csv": b""} == {**before, "report.csv": b""}


def test_a_line_whose_file_is_an_original_removes_nothing(album: Path, to: Path, report: Path, twin: Path) -> None:
    with Journal.create(report, to) as written:
        for source in (twin, album / "a.jpg"):
            for link in Link:
                written.photo(Item(source, twin, whole.digest(twin), Action.WRITE), link)
    assert fates(list(undo(report, [album]))) == ["left"] * 6
    assert twin.exists()


def test_an_original_under_another_name_stays(tmp_path: Path, to: Path, report: Path, twin: Path) -> None:
    (tmp_path / "link").symlink_to(to)
    forged(report, to, tmp_path / "link" / "happy" / "0001-a.jpg", twin)
    assert fates(list(undo(report, []))) == ["left"]
    report.unlink()
    forged(report, to, tmp_path / "link" / "happy" / "0001-a.jpg", twin, "hard")
    assert fates(list(undo(report, []))) == ["left"]
    assert twin.exists()


@pytest.mark.parametrize("where", ["to", "to/happy", "tmp"])
def test_nothing_is_removed_from_a_folder_that_became_an_album(
    tmp_path: Path, album: Path, to: Path, report: Path, twin: Path, where: str
) -> None:
    forged(report, to, album / "a.jpg", twin)
    indexed = {"to": to, "to/happy": to / "happy", "tmp": tmp_path}[where]
    before = tree(tmp_path)
    if where == "to/happy":
        assert "indexed" in left(list(undo(report, [indexed])))["0001-a.jpg"]
    else:
        with pytest.raises(AlbumsortError, match="nothing is removed from an album"):
            list(undo(report, [indexed]))
    assert twin.exists()
    report.unlink()
    assert {**before, "report.csv": b""} == {**tree(tmp_path), "report.csv": b""}


def test_a_destination_that_became_a_link_is_refused(album: Path, to: Path, report: Path, twin: Path) -> None:
    forged(report, to, album / "a.jpg", twin)
    to.rename(to.with_name("moved"))
    to.symlink_to(to.with_name("moved"))
    with pytest.raises(AlbumsortError, match="symbolic link"):
        list(undo(report, [album]))
    assert twin.exists()


@pytest.mark.parametrize("into", ["", "out", "/out/../album", "/out/"])
def test_a_report_without_a_destination_is_refused(album: Path, report: Path, into: str) -> None:
    report.write_text(HEADER + f'"","{into}","","into","",""\n')
    with pytest.raises(AlbumsortError, match="does not name the destination"):
        list(undo(report, [album]))
    report.write_text(HEADER + '"/a","/out/happy/0001-a","","write","",""\n')
    with pytest.raises(AlbumsortError, match="does not name the destination"):
        list(undo(report, [album]))


def test_only_empty_folders_of_an_export_are_removed(tmp_path: Path, album: Path, to: Path, report: Path) -> None:
    to.mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (to / "empty").mkdir()
    (to / "happy").symlink_to(tmp_path / "empty")
    with Journal.create(report, to) as written:
        for folder in (tmp_path / "empty", to / "empty", to / "happy", tmp_path, to.parent, to, album):
            written.folder(folder)
    before = tree(tmp_path)
    outcomes = list(undo(report, [album]))
    assert {outcome.fate for outcome in outcomes} == {Fate.LEFT}
    assert {**tree(tmp_path), "report.csv": b""} == {**before, "report.csv": b""}
