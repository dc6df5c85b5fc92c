from __future__ import annotations

import functools
import json
import os
import stat
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers import astronaut, encoded, exif, landscape, quarters, stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from albumsort.disk import contents
from albumsort.errors import AlbumsortError, PhotoError
from albumsort.photos import decode as photos
from albumsort.photos import read as photo_read
from albumsort.photos.decode import decode
from albumsort.photos.read import read
from albumsort.photos.upright import Upright
from albumsort.photos.walk import Walk, find


def walked(root: Path, exclude: Sequence[str] = ()) -> tuple[list[str], Walk]:
    """Return the photos found, by path below the root, and the counts of the skipped files."""
    walk = Walk()
    return [str(file.path.relative_to(root)) for file in find(root, exclude, walk)], walk


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def rgb(upright: Upright) -> np.ndarray:
    return upright.pixels[:, :, ::-1].astype(int)


def differs(upright: Upright, expected: Image.Image) -> float:
    """Return the mean difference of colours, in levels; the sizes must agree."""
    assert upright.pixels.shape == (expected.height, expected.width, 3)
    return float(np.abs(rgb(upright) - np.asarray(expected.convert("RGB"))).mean())


# the walk


def test_photos_are_found_at_any_depth_sorted_within_their_folder(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a.PNG", "z/1.heic", "c/2.webp", "c/1.jpeg", "c/d/3.tif")
    assert walked(tmp_path)[0] == ["a.PNG", "b.jpg", "c/1.jpeg", "c/2.webp", "c/d/3.tif", "z/1.heic"]


def test_a_photo_comes_with_its_size_and_time(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(0, 1_234_567_890_123_456_789))
    [file] = find(tmp_path, (), Walk())
    assert (file.path, file.size, file.mtime_ns) == (tmp_path / "a.jpg", 1, 1_234_567_890_123_456_789)


def test_other_files_are_passed_by_and_counted_by_type(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "film.MOV", "b/film.mov", "notes.txt", "README")
    found, walk = walked(tmp_path)
    assert found == ["a.jpg"]
    assert walk.skipped == {".mov file": 2, ".txt file": 1, "no extension file": 1}


def test_hidden_files_and_folders_are_skipped(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "._a.jpg", ".thumbnails/a.jpg", ".thumbnails/b.jpg")
    found, walk = walked(tmp_path)
    assert found == ["a.jpg"]
    assert walk.skipped == {"hidden file": 1, "hidden folder": 1}


def test_a_hidden_folder_that_is_named_is_walked(tmp_path: Path) -> None:
    make(tmp_path, ".private/a.jpg")
    assert walked(tmp_path / ".private")[0] == ["a.jpg"]


def test_links_to_photos_and_folders_are_followed(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/a.jpg", "elsewhere/folder/b.jpg", "album/c.jpg")
    (tmp_path / "album" / "a.jpg").symlink_to("../elsewhere/a.jpg")
    (tmp_path / "album" / "more").symlink_to("../elsewhere/folder")
    assert walked(tmp_path / "album")[0] == ["a.jpg", "c.jpg", "more/b.jpg"]


def test_loops_of_links_end_and_each_folder_is_visited_once(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "twin").symlink_to("sub")
    found, walk = walked(tmp_path)
    assert found == ["a.jpg", "sub/b.jpg"]
    assert walk.skipped == {"folder met before (a link)": 2}


def test_broken_links_are_counted_and_are_not_errors(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    found, walk = walked(tmp_path)
    assert found == []
    assert walk.skipped == {"broken link": 2}
    assert walk.errors == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_pipe_with_a_photos_name_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    found, walk = walked(tmp_path)
    assert found == []
    assert walk.skipped == {"not a regular file": 1}


@pytest.mark.parametrize("glob", ["raw", "*/raw", "r?w"])
def test_a_glob_excludes_a_folder_by_name_or_path(tmp_path: Path, glob: str) -> None:
    make(tmp_path, "a.jpg", "raw/b.jpg", "draw/c.jpg")
    found, walk = walked(tmp_path, [glob])
    assert found == ["a.jpg", "draw/c.jpg"]
    assert walk.skipped == {"excluded": 1}


def test_globs_exclude_files_and_each_one_is_counted(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a-small.jpg", "b/c-small.jpg", "b/c.png")
    found, walk = walked(tmp_path, ["*-small.*", "*/b/*.png"])
    assert found == ["a.jpg"]
    assert walk.skipped == {"excluded": 3}


def test_one_file_may_be_named_instead_of_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    assert [file.path for file in find(tmp_path / "a.jpg", (), Walk())] == [tmp_path / "a.jpg"]


def test_a_relative_root_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in find(Path("."), (), Walk())] == [tmp_path / "a.jpg"]


def test_a_missing_root_is_an_error_with_advice(tmp_path: Path) -> None:
    with pytest.raises(AlbumsortError, match="plugged in"):
        list(find(tmp_path / "nowhere", (), Walk()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_root_that_is_neither_folder_nor_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AlbumsortError, match="neither a folder nor a file"):
        list(find(tmp_path / "pipe", (), Walk()))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop this user")
def test_an_unreadable_folder_is_recorded_and_the_rest_found(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "closed/b.jpg")
    (tmp_path / "closed").chmod(0)
    found, walk = walked(tmp_path)
    (tmp_path / "closed").chmod(stat.S_IRWXU)
    assert found == ["a.jpg"]
    assert [path for path, _ in walk.errors] == [tmp_path / "closed"]


# reading


def test_reading_gives_the_bytes(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    assert read(tmp_path / "a.jpg") == b"x"


def test_an_empty_file_is_a_failed_photo(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(PhotoError, match="empty"):
        read(tmp_path / "a.jpg")


def test_a_file_that_is_gone_is_a_failed_photo(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="No such file"):
        read(tmp_path / "a.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_pipe_in_a_photos_place_fails_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(PhotoError, match="not a regular file"):
        read(tmp_path / "a.jpg")


def test_a_file_too_large_for_a_photo_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.jpg", "wb") as file:
        file.truncate(photo_read.BYTE_LIMIT + 1)  # a sparse file: it uses no disk space
    with pytest.raises(PhotoError, match="larger than"):
        read(tmp_path / "a.jpg")


def test_equal_bytes_have_equal_digests_and_others_do_not() -> None:
    assert contents.digest(b"a") == contents.digest(b"a") != contents.digest(b"b")


# upright pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(96, 64), (64, 96)])
def test_a_small_jpeg_comes_upright(orientation: int, size: tuple[int, int]) -> None:
    picture = quarters(*size)
    upright = decode(encoded(stored(picture, orientation), exif=exif(orientation)))
    assert (upright.width, upright.height, upright.scale) == (*size, 1.0)
    assert differs(upright, picture) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_big_jpeg_is_decoded_smaller_and_comes_upright(orientation: int) -> None:
    picture = quarters(2000, 1504)
    upright = decode(encoded(stored(picture, orientation), exif=exif(orientation)))
    assert (upright.width, upright.height, upright.scale) == (2000, 1504, 2.0)
    assert differs(upright, picture.resize((1000, 752))) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_a_lossless_picture_comes_upright_to_the_pixel(format: str, orientation: int) -> None:
    picture = quarters(96, 64)
    options = {"lossless": True} if format == "WEBP" else {}
    upright = decode(encoded(stored(picture, orientation), format, exif=exif(orientation), **options))
    assert differs(upright, picture) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_a_phones_picture_comes_upright_and_is_turned_once(format: str, orientation: int) -> None:
    picture = quarters(96, 64)
    upright = decode(encoded(stored(picture, orientation), format, exif=exif(orientation)))
    assert differs(upright, picture) < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    picture = quarters(96, 64)
    assert differs(decode(encoded(picture, exif=exif(orientation))), picture) < 3


def test_an_exif_block_that_cannot_be_read_counts_as_none() -> None:
    picture = quarters(96, 64)
    upright = decode(encoded(picture, exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken"))
    assert differs(upright, picture) < 3
    assert upright.taken is None


@pytest.mark.parametrize(("side", "divisor"), [(1919, 1), (1920, 2), (3839, 2), (3840, 4), (7680, 8)])
def test_a_jpeg_is_decoded_no_smaller_than_detection_needs(side: int, divisor: int) -> None:
    upright = decode(encoded(quarters(side, 40)))
    assert upright.scale == pytest.approx(divisor, rel=0.01)
    assert (upright.width, upright.height) == (side, 40)
    assert max(upright.pixels.shape) >= photos.DECODE_SIDE


@pytest.mark.parametrize(("side", "divisor"), [(1, 8), (960, 4), (961, 2), (1920, 2), (1921, 1), (9999, 1)])
def test_a_jpeg_is_decoded_as_large_as_requested(side: int, divisor: int) -> None:
    upright = photos.decode(encoded(quarters(3840, 40)), side)
    assert upright.scale == pytest.approx(divisor, rel=0.01)
    assert (upright.width, upright.height) == (3840, 40)


# colours and formats


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (8, 1))
    pixels = decode(encoded(Image.fromarray(ramp), "PNG")).pixels
    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert (pixels == pixels[:, :, :1]).all()


def test_grey_floats_are_stretched_over_the_whole_range() -> None:
    ramp = np.tile(np.linspace(-3, 7, 256).astype(np.float32), (8, 1))
    pixels = decode(encoded(Image.fromarray(ramp), "TIFF")).pixels
    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB"])
def test_pictures_of_every_mode_become_bgr(mode: str) -> None:
    grey = Image.new("L", (40, 30), 255)
    grey.paste(0, (0, 0, 20, 30))
    pixels = decode(encoded(grey.convert(mode), "PNG")).pixels
    assert pixels.shape == (30, 40, 3)
    assert (pixels[:, :20] == 0).all()
    assert (pixels[:, 20:] == 255).all()


def test_a_grey_jpeg_becomes_three_equal_channels() -> None:
    pixels = decode(encoded(Image.new("L", (40, 30), 90))).pixels
    assert pixels.shape == (30, 40, 3)
    assert np.abs(pixels.astype(int) - 90).max() <= 1


def test_transparent_pixels_get_a_white_background() -> None:
    picture = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (0, 0, 20, 30))
    seen = rgb(decode(encoded(picture, "PNG")))
    assert (seen[:, :20] == (200, 0, 0)).all()
    assert (seen[:, 20:] == 255).all()


def test_a_transparent_palette_colour_gets_a_white_background() -> None:
    picture = Image.new("P", (40, 30), 0)
    picture.putpalette([0, 0, 0, 200, 0, 0])
    picture.paste(1, (0, 0, 20, 30))
    seen = rgb(decode(encoded(picture, "PNG", transparency=0)))
    assert (seen[:, :20] == (200, 0, 0)).all()
    assert (seen[:, 20:] == 255).all()


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    picture = quarters(96, 64)
    upright = decode(encoded(picture.convert("CMYK"), exif=exif(1)))
    assert differs(upright, picture) < 6


def test_a_cmyk_jpeg_is_turned_too() -> None:
    picture = quarters(96, 64)
    assert differs(decode(encoded(stored(picture, 6).convert("CMYK"), exif=exif(6))), picture) < 6


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    upright = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100))
    assert (rgb(upright) == (255, 0, 0)).all()


@pytest.mark.parametrize(
    "format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO", "MPO"]
)
def test_common_formats_are_decoded(format: str) -> None:
    picture = landscape(96, 64)
    options = {"sizes": [(96, 64)]} if format == "ICO" else {}
    assert differs(decode(encoded(picture, format, **options)), picture) < 12


def test_opencv_decodes_what_pillow_does_not_know() -> None:
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 6\n"
    upright = decode(header + bytes([128, 128, 128, 129]) * 24)
    assert upright.pixels.shape == (4, 6, 3)


# damaged pictures


def with_thumbnail(picture: Image.Image) -> bytes:
    """Return a JPEG with a smaller complete JPEG in its EXIF, as cameras write it."""
    thumbnail = encoded(picture.resize((64, 64)))
    tiff = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<HI", 0, 14)
    tiff += struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 44, 0x0202, 4, 1, len(thumbnail), 0) + thumbnail
    return encoded(picture, exif=b"Exif\0\0" + tiff)


def test_a_whole_jpeg_with_a_thumbnail_is_decoded() -> None:
    data = with_thumbnail(astronaut())
    assert data.count(b"\xff\xd8\xff") == 2
    assert differs(decode(data), astronaut()) < 3


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_jpeg_that_ends_early_fails_though_its_thumbnail_is_whole(share: float) -> None:
    data = with_thumbnail(astronaut())
    with pytest.raises(PhotoError, match="ends in the middle"):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "HEIF", "AVIF"])
def test_any_picture_that_ends_early_fails_with_a_reason(format: str) -> None:
    data = encoded(astronaut(200), format)
    with pytest.raises(PhotoError) as failed:
        decode(data[: len(data) // 2])
    assert len(str(failed.value)) > 10
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF", "JPEG2000", "TGA", "MPO"])
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(share=st.floats(0, 0.99))
def test_a_picture_cut_anywhere_is_refused(format: str, share: float) -> None:
    data = cut_from(format)
    with pytest.raises(PhotoError):
        decode(data[: int(len(data) * share)])


@functools.cache
def cut_from(format: str) -> bytes:
    return encoded(astronaut(200), format)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_picture_with_zeros_in_place_of_its_end_is_refused(format: str, share: float) -> None:
    data = cut_from(format)
    kept = data[: int(len(data) * share)]
    with pytest.raises(PhotoError):
        decode(kept + bytes(len(data) - len(kept)))


@pytest.mark.parametrize("share", [0.3, 0.6])
@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
def test_a_phones_picture_whose_end_is_zeros_is_refused(format: str, share: float) -> None:
    data = encoded(astronaut(400), format)
    kept = data[: int(len(data) * share)]
    with pytest.raises(PhotoError, match="ends in the middle of the picture"):
        decode(kept + bytes(len(data) - len(kept)))


@pytest.mark.parametrize("format", ["HEIF", "AVIF", "WEBP"])
def test_an_even_lower_part_is_not_taken_for_a_lost_end(format: str) -> None:
    picture = Image.new("RGB", (2000, 2000))
    picture.paste(astronaut(1000), (0, 0))
    options = {"lossless": True, "method": 0} if format == "WEBP" else {}
    data = encoded(picture, format, **options)
    assert data.endswith(bytes(4096)) == (format == "WEBP")
    assert differs(decode(data), picture) < 3


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "HEIF", "AVIF", "JPEG2000"])
def test_a_whole_picture_may_be_followed_by_zeros(format: str) -> None:
    data = cut_from(format)
    assert np.array_equal(decode(data + bytes(5000)).pixels, decode(data).pixels)


@pytest.mark.parametrize("data", [b"x", b"\0" * 5000, b"<html>not found</html>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_not_a_picture_fails(data: bytes) -> None:
    with pytest.raises(PhotoError):
        decode(data)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.mark.parametrize("side", [18_000, 60_000])
def test_a_picture_that_claims_too_many_pixels_is_refused(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    with pytest.raises(PhotoError, match="300 million pixels"):
        decode(bomb)


@pytest.mark.parametrize(("kind", "side"), [("PNG", 18_000), ("JPEG", 18_000), ("Radiance", 18_000)])
def test_a_picture_that_pillow_rejects_may_not_claim_more_pixels_either(kind: str, side: int) -> None:
    """OpenCV would decode a PNG with a wrong checksum outside its pixels, and take the memory for all of it."""
    if kind == "PNG":
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
        wrong = chunk(b"gAMA", bytes(4))[:-1] + b"x"
        data = b"\x89PNG\r\n\x1a\n" + header + wrong + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    elif kind == "JPEG":
        whole = encoded(quarters(32, 24))
        at = whole.index(b"\xff\xc0") + 5
        wrong = b"\xff\xdb\0\x05\x00\x01\x02"  # a table of 2 bytes, which Pillow rejects
        data = whole[:2] + wrong + whole[2:at] + struct.pack(">HH", side, side) + whole[at + 4 :]
    else:
        data = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (side, side) + bytes([128, 128, 128, 129]) * 24
    with pytest.raises(PhotoError, match="300 million pixels"):
        decode(data)


SMALL = {format: encoded(quarters(32, 24), format) for format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")}
SMALL["JPEG"] = encoded(quarters(32, 24), exif=exif(6, "2024:07:01 12:00:00", "+02:00"))


def answers_or_refuses(data: bytes) -> None:
    """Decode the bytes; any error other than PhotoError fails the test."""
    try:
        upright = decode(data)
    except PhotoError:
        return
    assert upright.pixels.dtype == np.uint8
    assert upright.pixels.ndim == 3
    assert upright.pixels.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize("format", SMALL)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damaged_bytes_never_raise_anything_but_a_photo_error(format: str, data: st.DataObject) -> None:
    damaged = bytearray(SMALL[format])
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(damaged) - 1), st.integers(0, 255)), max_size=3)):
        damaged[at] = value
    answers_or_refuses(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))


@settings(max_examples=60)
@given(
    st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"BM"]), st.binary(min_size=1)
)
def test_arbitrary_bytes_never_raise_anything_but_a_photo_error(start: bytes, rest: bytes) -> None:
    answers_or_refuses(start + rest)


@pytest.mark.slow
def test_every_odd_file_is_decoded_or_refused_with_a_reason(shared_photos: Path) -> None:
    files = list(find(shared_photos / "odd", (), Walk()))
    assert len(files) > 150
    for file in files:
        if file.size:
            answers_or_refuses(read(file.path))


def test_a_png_with_a_damaged_stream_keeps_the_rows_before(shared_photos: Path) -> None:
    upright = decode(read(shared_photos / "odd" / "090-broken_data_stream.png"))
    assert (upright.width, upright.height) == (128, 128)
    assert upright.pixels[:80].any()


@pytest.mark.slow
def test_every_odd_file_that_is_known_to_be_readable_is_decoded(shared_photos: Path) -> None:
    entries = json.loads((shared_photos / "odd" / "manifest.json").read_text())
    readable = [entry["file"] for entry in entries if entry["pillow"] == "ok"]
    assert len(readable) > 100
    for name in readable:
        assert decode(read(shared_photos / "odd" / name)).pixels.size
