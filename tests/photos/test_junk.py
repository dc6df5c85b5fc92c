"""Folders that are no album, by their names, by what lies beside them, and by what marks them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from albumsort.photos.walk import Walk, find

TAG = b"Signature: 8a477f597d28d172789f06886806bc55"


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(TAG + b"\n# made by a test" if name.endswith("CACHEDIR.TAG") else b"x")


def walked(root: Path, exclude: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """Return the photos found and what was skipped, with the reason, by path below the root."""
    skipped = dict[str, str]()
    walk = Walk(note=lambda path, reason: skipped.__setitem__(str(path.relative_to(root)), reason))
    found = [str(file.path.relative_to(root)) for file in find(root, exclude, walk)]
    assert walk.skipped.total() == len(skipped)
    return found, skipped


@pytest.mark.parametrize(
    ("reason", "names"),
    [
        ("recycle bin", ["@Recycle", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", "Recycle Bin", "@Trash"]),
        ("recycle bin", ["#recycle-2", "Recycle Bin - Volume_1", "S-1-5-21-1004336348-1177238915-682003330-512"]),
        ("folder of snapshots", ["@Recently-Snapshot", "#snapshot", "~snapshot", "@GMT-2024.07.31-22.00.00"]),
        ("folder of snapshots", ["Backups.backupdb"]),
        ("folder of thumbnails", ["@eaDir", "@__thumb", "Thumbnails", "thumbs", "THMBNL", "appdata_oc1x2y3z"]),
        ("catalogue or cache of a photo program", ["Family Previews.lrdata", "Smart Previews.LRDATA"]),
        ("catalogue or cache of a photo program", ["Family.lrcat-data", "mipmaps-3f2504e04f8911d39a0c.d"]),
        ("system folder", ["lost+found", "System Volume Information", "@tmp", "__MACOSX", "FOUND.000"]),
        ("hidden folder", [".snapshots", ".Trash-1000", ".@__thumb", ".dtrash", ".zfs"]),
    ],
)
def test_folders_of_other_programs_are_skipped_at_any_depth(tmp_path: Path, reason: str, names: list[str]) -> None:
    make(tmp_path, "a.jpg", *(f"deep/{name}/inside/a.jpg" for name in names))
    assert walked(tmp_path) == (["a.jpg"], {f"deep/{name}": reason for name in names})


@pytest.mark.parametrize(
    "name",
    [
        *("Snapshots", "Trash the dress", "#trashthedress", "#snapshots of Rome", "@home", "Cache", "Previews"),
        *("Originals", "Masters", "recycled art", "Lightroom", "CaptureOne", "2024-07 GMT", "darktable_exported"),
    ],
)
def test_a_folder_that_people_may_name_so_is_walked(tmp_path: Path, name: str) -> None:
    make(tmp_path, f"{name}/a.jpg")
    assert walked(tmp_path) == ([f"{name}/a.jpg"], {})


@pytest.mark.parametrize(
    "library",
    ["Photos Library.photoslibrary", "iPhoto.photolibrary", "A.migratedphotolibrary", "A.aplibrary", "B.cocatalog"],
)
@pytest.mark.parametrize("originals", ["originals", "Masters", "Originals"])
def test_of_a_photo_library_in_an_album_only_the_originals_are_found(
    tmp_path: Path, library: str, originals: str
) -> None:
    make(tmp_path, "z.jpg", *(f"{library}/{name}/0/a.jpg" for name in (originals, "resources", "Previews", "scopes")))
    make(tmp_path, f"{library}/cover.jpg", f"{library}/Info.plist", f"{library}/resources/originals/b.jpg")
    inside = "previews or data of a photo library"
    skipped = {f"{library}/{name}": inside for name in ("cover.jpg", "resources", "Previews", "scopes")}
    found = [f"{library}/{originals}/0/a.jpg"]
    assert walked(tmp_path) == (["z.jpg", *found], skipped | {f"{library}/Info.plist": ".plist file"})
    (tmp_path / "by another name").symlink_to(library)
    assert [path.split("/", 1)[1] for path in found] == walked(tmp_path / library)[0]
    assert walked(tmp_path / library)[0] == walked(tmp_path / "by another name")[0]


def test_lightrooms_library_has_its_originals_a_folder_deeper(tmp_path: Path) -> None:
    account = "Lightroom Library.lrlibrary/0f1e2d3c"
    make(tmp_path, *(f"{account}/{name}/2024/a.jpg" for name in ("originals", "previews", "sizes")))
    found, skipped = walked(tmp_path)
    assert found == [f"{account}/originals/2024/a.jpg"]
    assert sorted(skipped) == [f"{account}/previews", f"{account}/sizes"]


def test_iphotos_folder_without_an_ending_is_known_by_its_file(tmp_path: Path) -> None:
    make(tmp_path, *(f"iPhoto Library/{name}" for name in ("Originals/a.jpg", "Modified/a.jpg", "Data/a.jpg")))
    make(tmp_path, "iPhoto Library/mine/b.jpg", "iPhoto Library/AlbumData.xml", "Data/c.jpg")
    assert walked(tmp_path)[0] == ["Data/c.jpg", "iPhoto Library/Originals/a.jpg", "iPhoto Library/mine/b.jpg"]


def test_capture_ones_caches_are_skipped_and_its_photos_are_not(tmp_path: Path) -> None:
    cache = "catalogue or cache of a photo program"
    make(tmp_path, "CaptureOne/Wedding/Wedding.cosessiondb", "CaptureOne/Wedding/Capture/a.jpg")
    make(tmp_path, "CaptureOne/Wedding/Trash/b.jpg", "CaptureOne/Wedding/Capture/CaptureOne/Proxies/a.jpg")
    make(tmp_path, "RAW/CaptureOne/Cache/Thumbnails/a.jpg", "Catalog/x.cocatalogdb", "Catalog/Cache/a.jpg")
    make(tmp_path, "Catalog/Originals/c.jpg", "Trash/d.jpg")
    found, skipped = walked(tmp_path)
    assert found == ["CaptureOne/Wedding/Capture/a.jpg", "Catalog/Originals/c.jpg", "Trash/d.jpg"]
    assert [path for path, reason in skipped.items() if reason == cache] == [
        "CaptureOne/Wedding/Trash",
        "CaptureOne/Wedding/Capture/CaptureOne",
        "Catalog/Cache",
        "RAW/CaptureOne",
    ]


@pytest.mark.parametrize("marker", ["CACHEDIR.TAG", ".nomedia", ".albumsortignore"])
def test_a_marker_skips_the_folder_it_lies_in_unless_that_is_named(tmp_path: Path, marker: str) -> None:
    make(tmp_path, "a.jpg", f"cache/{marker}", "cache/b.jpg", "cache/deep/c.jpg")
    assert walked(tmp_path) == (["a.jpg"], {"cache": f"folder with {marker}"})
    assert walked(tmp_path / "cache")[0] == ["b.jpg", "deep/c.jpg"]
    assert walked(tmp_path / "cache" / "deep")[0] == ["c.jpg"]


def test_a_marker_skips_a_folder_that_a_link_leads_to(tmp_path: Path) -> None:
    make(tmp_path, "album/a.jpg", "elsewhere/.nomedia", "elsewhere/b.jpg")
    (tmp_path / "album" / "more").symlink_to("../elsewhere")
    assert walked(tmp_path / "album") == (["a.jpg"], {"more": "folder with .nomedia"})


@pytest.mark.parametrize("content", [b"", b"Signature: 0", b" " + TAG, None])
def test_a_cache_tag_counts_only_with_its_signature(tmp_path: Path, content: bytes | None) -> None:
    make(tmp_path, "cache/a.jpg")
    if content is not None:
        (tmp_path / "cache" / "CACHEDIR.TAG").write_bytes(content)
    elif hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "cache" / "CACHEDIR.TAG")
    assert walked(tmp_path)[0] == ["cache/a.jpg"]


def test_everything_that_is_skipped_is_named_with_its_reason(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "raw/b.jpg", "c.mov", ".d.jpg", "@Recycle/e.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "up").symlink_to(".")
    assert walked(tmp_path, ["raw"])[1] == {
        "raw": "excluded",
        "c.mov": ".mov file",
        ".d.jpg": "hidden file",
        "@Recycle": "recycle bin",
        "gone.jpg": "broken link",
        "up": "folder met before (a link)",
    }
