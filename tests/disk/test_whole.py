from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import environment
from hypothesis import given
from hypothesis import strategies as st

from albumsort.disk import locks, whole
from albumsort.errors import AlbumsortError

# names of unfinished files


def test_every_temporary_name_is_new_and_recognised() -> None:
    names = {whole.temporary_name() for _ in range(100)}
    assert len(names) == 100
    assert all(whole.is_temporary(name) for name in names)


@given(st.from_regex(r"\.albumsort-[0-9a-f]{32}", fullmatch=True) | st.text() | st.just(".albumsort-lock"))
def test_no_other_name_is_recognised(name: str) -> None:
    assert not whole.is_temporary(name)
    assert not whole.is_temporary(whole.temporary_name() + name[:1] + "x")


def test_only_regular_files_with_a_name_of_ours_are_removed(tmp_path: Path) -> None:
    (tmp_path / whole.temporary_name()).write_text("unfinished")
    kept = {".albumsort-0123456789abcdef", ".albumsort-" + "a" * 32, ".albumsort-notes.txt", "photo.jpg"}
    for name in kept:
        (tmp_path / name).write_text("not ours")
    folder, link = whole.temporary_name(), whole.temporary_name()
    (tmp_path / folder).mkdir()
    (tmp_path / link).symlink_to(tmp_path / "photo.jpg")
    whole.remove_temporaries(tmp_path)
    whole.remove_temporaries(tmp_path / "nowhere")
    assert set(os.listdir(tmp_path)) == {*kept, folder, link}


@pytest.mark.skipif(os.name == "nt", reason="on Windows nobody else writes into a folder of one's own")
def test_unfinished_files_of_other_users_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unfinished = tmp_path / whole.temporary_name()
    unfinished.touch()
    with monkeypatch.context() as as_another:
        as_another.setattr(os, "geteuid", lambda: unfinished.stat().st_uid + 1)
        whole.remove_temporaries(tmp_path)
    assert unfinished.exists()
    whole.remove_temporaries(tmp_path)
    assert not unfinished.exists()


# final names


PLACES = {"hard links": (True, True), "exclusive renames": (False, True), "neither": (False, False)}


@pytest.fixture(params=PLACES)
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    links, exclusive = PLACES[request.param]

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    if not exclusive:
        monkeypatch.setattr(whole, "_rename_exclusively", lambda old, new: False)
    return str(request.param)


def test_a_file_moves_to_its_name(file_system: str, tmp_path: Path) -> None:
    (tmp_path / "temporary").write_text("whole")
    whole.place(tmp_path / "temporary", tmp_path / "file\xe9")
    assert os.listdir(tmp_path) == ["file\xe9"]
    assert (tmp_path / "file\xe9").read_text() == "whole"


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_an_existing_file_is_not_replaced(file_system: str, tmp_path: Path, kind: str) -> None:
    (tmp_path / "temporary").write_text("whole")
    taken = tmp_path / "taken"
    {"file": taken.touch, "folder": taken.mkdir, "broken link": lambda: taken.symlink_to("nowhere")}[kind]()
    with pytest.raises(FileExistsError):
        whole.place(tmp_path / "temporary", taken)
    assert (tmp_path / "temporary").read_text() == "whole"
    assert taken.is_symlink() if kind == "broken link" else taken.stat().st_size != len("whole")


def test_only_one_of_many_processes_gets_a_name(file_system: str, tmp_path: Path) -> None:
    if file_system == "neither":
        pytest.skip("without help from the system there is a gap between the look and the rename")
    got: list[int] = []
    start = threading.Barrier(8)

    def want(number: int) -> None:
        (tmp_path / f"temporary{number}").write_text(str(number))
        start.wait()
        try:
            whole.place(tmp_path / f"temporary{number}", tmp_path / "name")
        except FileExistsError:
            return
        got.append(number)

    threads = [threading.Thread(target=want, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number) for number in got] == [(tmp_path / "name").read_text()]


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="other systems' renames replace nothing")
def test_an_exclusive_rename_says_why_it_failed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        whole._rename_exclusively(tmp_path / "nowhere", tmp_path / "name")


# folders


def test_missing_folders_are_created_and_yielded_outermost_first(tmp_path: Path) -> None:
    assert list(whole.make_folders(tmp_path / "a" / "b")) == [tmp_path / "a", tmp_path / "a" / "b"]
    assert list(whole.make_folders(tmp_path / "a" / "b")) == []
    assert list(whole.make_folders(tmp_path / "a" / "c")) == [tmp_path / "a" / "c"]


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(NotADirectoryError):
        list(whole.make_folders(tmp_path / "a" / "b"))
    with pytest.raises(FileExistsError):
        list(whole.make_folders(tmp_path / "link"))


# locks


def in_another_process(folder: Path, then: str = "print(alone)") -> subprocess.CompletedProcess[str]:
    code = (
        "import os\nfrom pathlib import Path\nfrom albumsort.disk import locks\n"
        f"with locks.locked(Path({str(folder)!r})) as alone:\n    {then}"
    )
    return subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)


def test_one_process_holds_a_folder_at_a_time(tmp_path: Path) -> None:
    with locks.locked(tmp_path) as alone:
        assert alone
        assert "another export is writing to" in in_another_process(tmp_path).stderr
        with pytest.raises(AlbumsortError, match="wait"), locks.locked(tmp_path):
            pass
    assert os.listdir(tmp_path) == []
    assert in_another_process(tmp_path).stdout == "True\n"


def test_a_lock_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    assert in_another_process(tmp_path, "os.kill(os.getpid(), 9) if os.name != 'nt' else os._exit(1)").returncode != 0
    assert len(os.listdir(tmp_path)) == 1
    with locks.locked(tmp_path) as alone:
        assert alone
    assert os.listdir(tmp_path) == []


def test_a_users_file_with_the_locks_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".albumsort-lock").write_text("mine")
    with locks.locked(tmp_path) as alone:
        assert alone
    assert (tmp_path / ".albumsort-lock").read_text() == "mine"


def lead_elsewhere(lock: Path) -> None:
    lock.symlink_to(lock.with_name("made through a link"))


@pytest.mark.parametrize("make", [Path.mkdir, lead_elsewhere])
def test_without_a_lock_file_there_is_no_lock(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / ".albumsort-lock")
    with locks.locked(tmp_path) as alone:
        assert not alone
    assert os.listdir(tmp_path) == [".albumsort-lock"]


def test_a_file_system_without_locks_has_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks, "_lock", refuse)
    with locks.locked(tmp_path) as alone:
        assert not alone
    assert os.listdir(tmp_path) == []
