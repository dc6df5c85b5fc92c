"""Moving photos in the index: every path once, whatever the folders."""

from __future__ import annotations

import tempfile
from pathlib import Path

from helpers import EVEN, face, save
from hypothesis import example, given
from hypothesis import strategies as st
from index_rows import mark_missing

from albumsort.choosing.labels import Album
from albumsort.index import folders, lookup, moving, storing
from albumsort.index import shares as index_shares
from albumsort.index.database import Database

PARTS = st.sampled_from(["a", "b"])
FOLDERS = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: Path("/", *parts))


@given(
    photos=st.sets(st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: Path("/", *parts, "x.jpg"))),
    missing=st.sets(st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: Path("/", *parts, "x.jpg"))),
    old=FOLDERS,
    new=FOLDERS,
)
@example(photos={Path("/a/b/x.jpg")}, missing={Path("/a/b/b/x.jpg")}, old=Path("/a/b"), new=Path("/a"))
def test_every_photo_has_its_new_path_and_no_path_is_lost_or_double(
    photos: set[Path], missing: set[Path], old: Path, new: Path
) -> None:
    every = photos | missing
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder, "index.sqlite"), create=True) as index:
        for path in every:
            save(index, path, [face(happy=0.5)], digest=str(path))
        mark_missing(index, *missing)
        with index.transaction():
            doubles = moving.move(index, old, new)
        after = {path: new / path.relative_to(old) if path.is_relative_to(old) else path for path in every}
        assert list(lookup.all_paths(index)) == sorted(set(after.values()), key=str)
        for path, now in after.items():
            rivals = [other for other in every if after[other] == now]
            stays = [other for other in rivals if other == now and other not in missing] or [
                other for other in rivals if other.is_relative_to(old)
            ]
            expected = stays[0] if len(rivals) > 1 else path
            assert lookup.paths_of(index, str(expected)) == [now]
        pairs = [now for path, now in after.items() if path.is_relative_to(old) and now in every - missing]
        assert doubles == len([now for now in pairs if not now.is_relative_to(old)])


def test_photos_moved_into_another_album_make_its_shares_due(index: Database) -> None:
    albums = [Album(Path(root), EVEN, 9) for root in ("/a", "/b")]
    for album in albums:
        save(index, album.root / "trip" / f"{album.root.name}.jpg", [face(happy=0.5)])
        with index.transaction():
            storing.add_root(index, album.root)
    for old, new, due in (("/a", "/c", False), ("/c/trip", "/b/trip", True)):
        with index.transaction():
            index_shares.save_natural_shares(index, EVEN, due=False)
            index_shares.save_albums(index, [Album(root, EVEN, 9) for root in folders.indexed_folders(index)])
        with index.transaction():
            moving.move(index, Path(old), Path(new))
        assert index_shares.shares_due(index) == due
    assert folders.indexed_folders(index) == (Path("/b"), Path("/c"))


def test_the_place_of_an_album_is_the_folder_with_most_of_its_photos(index: Database, tmp_path: Path) -> None:
    for name in ("some", "most"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    for number in range(4):
        for place in ("/gone", tmp_path / "most", "/gone too") if number else ("/gone", tmp_path / "some"):
            save(index, f"{place}/{number}.jpg", [], digest=f"d{number}")
        save(index, f"{tmp_path}/most{number}.jpg", [], digest=f"d{number}")
    save(index, "/gone/own.jpg", [])
    assert moving.place_now(index, Path("/gone")) == (tmp_path / "most", 3, 5)
    assert moving.place_now(index, Path("/nowhere")) is None
