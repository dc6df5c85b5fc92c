"""`export --files-from`: copy what a list names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import exported, invoke
from helpers import run

from albumsort.disk import contents


def test_a_list_of_paths_is_copied_in_its_order(library: SimpleNamespace, tmp_path: Path) -> None:
    chosen = ["rain.jpg", "beach/party.jpg", "hills.jpg", "rain.jpg"]
    (tmp_path / "list.txt").write_text("".join(f"{library.folder / name}\n" for name in chosen))
    result = invoke("export", "--files-from", tmp_path / "list.txt", "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 0, result.stderr
    assert exported(tmp_path / "out") == ["chosen/0001-rain.jpg", "chosen/0002-party.jpg", "chosen/0003-hills.jpg"]


def test_what_top_prints_can_be_piped_into_an_export(library: SimpleNamespace, tmp_path: Path) -> None:
    listed = run("top", "happy", "-n", "2", "-0", "--db", library.database).stdout
    done = run("export", "--files-from", "-", "--to", tmp_path / "out", "--db", library.database, stdin=listed)
    assert done.returncode == 0, done.stderr
    assert exported(tmp_path / "out") == ["chosen/0001-party.jpg", "chosen/0002-crowd.jpg"]


def test_a_list_of_kept_photos_copies_exactly_these_bytes(library: SimpleNamespace, tmp_path: Path) -> None:
    kept = [library.folder / "rain.jpg", library.folder / "beach/grin.jpg"]
    hashes = [contents.digest(path.read_bytes()) for path in kept]
    text = f"{hashes[0]}\ta name\r\n\n{hashes[1]}\t../../etc/passwd\r\n"
    (tmp_path / "kept.txt").write_bytes(text.encode())
    result = invoke("export", "--files-from", tmp_path / "kept.txt", "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 0, result.stderr
    copies = sorted((tmp_path / "out" / "chosen").iterdir())
    assert [copy.read_bytes() for copy in copies] == [path.read_bytes() for path in kept]


def test_what_the_index_does_not_have_is_named(library: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{library.folder / 'rain.jpg'}\n/nowhere/a.jpg\n")
    result = invoke("export", "--files-from", tmp_path / "list.txt", "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 1
    assert "not in the index, or left out by the filters: /nowhere/a.jpg" in result.stderr
    assert exported(tmp_path / "out") == ["chosen/0001-rain.jpg"]


def test_filters_hold_for_listed_photos_and_what_they_leave_out_is_named(
    library: SimpleNamespace, tmp_path: Path
) -> None:
    chosen = [library.folder / "beach/grin.jpg", library.folder / "beach/party.jpg"]
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path in chosen))
    for number, options in enumerate((["--sure", "0.8"], ["--min-score", "0.8"])):
        out = tmp_path / f"out{number}"
        asked = ("export", "--files-from", tmp_path / "list.txt", "--to", out, *options)
        result = invoke(*asked, db=library.database)
        assert result.exit_code == 1
        assert f"left out by the filters: {chosen[0]}" in result.stderr
        assert exported(out) == ["chosen/0001-party.jpg"]


def test_a_damaged_list_is_named(library: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{'0' * 32}\ta\nno photo\n")
    result = invoke("export", "--files-from", tmp_path / "list.txt", "--to", tmp_path / "out", db=library.database)
    assert result.exit_code == 2
    assert f"cannot use the list {tmp_path / 'list.txt'}: " in result.stderr


def test_ranking_options_need_a_number(library: SimpleNamespace, tmp_path: Path) -> None:
    for option in (["--by", "everyone"], ["--spread", "day"]):
        result = invoke("export", *option, "--to", tmp_path / "out", db=library.database)
        assert result.exit_code == 2
        assert "needs -n" in result.stderr


def test_a_number_larger_than_any_index_asks_for_all(library: SimpleNamespace, tmp_path: Path) -> None:
    assert invoke("export", "happy", "-n", "9" * 23, "--to", tmp_path / "out", db=library.database).exit_code == 0
    assert len(exported(tmp_path / "out")) == 7


@pytest.mark.parametrize(
    "other", [["-n", "3"], ["--moments"], ["--unsure-folder"], ["--all"], ["--by", "min"], ["sad"]]
)
def test_a_list_goes_with_nothing_that_chooses(library: SimpleNamespace, tmp_path: Path, other: list[str]) -> None:
    (tmp_path / "list.txt").write_text("a.jpg\n")
    asked = ("export", "--files-from", tmp_path / "list.txt", "--to", tmp_path / "out", *other)
    assert invoke(*asked, db=library.database).exit_code == 2


def test_n_copies_what_top_lists(library: SimpleNamespace, tmp_path: Path) -> None:
    for options in ([], ["--by", "everyone"], ["--spread", "folder"], ["--sure", "0.7"]):
        out = tmp_path / "-".join(["out", *options])
        listed = run("top", "happy", "-n", "2", *options, "--db", library.database).stdout.splitlines()
        assert invoke("export", "happy", "-n", "2", *options, "--to", out, db=library.database).exit_code == 0
        assert [name[11:] for name in exported(out)] == [Path(path).name for path in listed]
