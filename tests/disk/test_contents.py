from __future__ import annotations

from pathlib import Path

from albumsort.disk import contents, whole


def test_the_content_hash_has_not_changed() -> None:
    assert contents.digest(b"") == "99aa06d3014798d86001c324468d497f"
    assert contents.digest(b"albumsort") == "11d18c7de0d86e8e839b27ff86211ed7"


def test_bytes_and_their_file_have_the_same_hash(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "photo.jpg").write_bytes(data)
    with open(tmp_path / "photo.jpg", "rb") as file:
        assert contents.digest_of_file(file) == contents.digest(data)
    assert (
        whole.digest(tmp_path / "photo.jpg") == contents.digest(data) == contents.digest(data) != contents.digest(b"")
    )
