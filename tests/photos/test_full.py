from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import planted
import pytest
from helpers import astronaut, encoded, exif, quarters, stored
from PIL import ExifTags, Image
from raw_files import dng

from albumsort.errors import PhotoError
from albumsort.photos.colour import ADOBE_RGB, DISPLAY_P3, profile_of
from albumsort.photos.decode import decode
from albumsort.photos.full import load
from albumsort.types import Taken

# from linear RGB to XYZ (D65): SMPTE EG 432-1, Adobe RGB (1998) 4.3.5.3, IEC 61966-2-1
P3_TO_XYZ = np.array([[0.486571, 0.265668, 0.198217], [0.228975, 0.691739, 0.079287], [0, 0.045113, 1.043944]])
ADOBE_TO_XYZ = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
SRGB_TO_XYZ = np.array([[0.412391, 0.357584, 0.180481], [0.212639, 0.715169, 0.072192], [0.019331, 0.119195, 0.950532]])
WITHIN = 1.0, 3
"""Mean and largest difference of a colour from its formula, of 255, in a lossless file."""


def chart() -> Image.Image:
    """A picture with 6 shades of each channel in every combination, in patches of 8 x 8 pixels."""
    shades = np.array(np.meshgrid(*[np.linspace(0, 255, 6)] * 3)).reshape(3, -1).T.reshape(12, 18, 3)
    return Image.fromarray(np.repeat(np.repeat(shades.round().astype(np.uint8), 8, axis=0), 8, axis=1))


def srgb_of(picture: Image.Image, space: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture's colours in sRGB by formula, 0-255, and whether sRGB has them."""
    values = np.asarray(picture, np.float64) / 255
    if space == "p3":
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    else:
        linear = values ** (563 / 256)
    matrix = np.linalg.inv(SRGB_TO_XYZ) @ (P3_TO_XYZ if space == "p3" else ADOBE_TO_XYZ)
    light = linear @ matrix.T
    has = np.all((light > -0.002) & (light < 1.002), axis=2)
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055), has


def differences(picture: Image.Image, wanted: np.ndarray) -> tuple[float, float]:
    found = np.abs(np.asarray(picture, np.float64) - wanted)
    return float(found.mean()), float(found.max())


# colours


@pytest.mark.parametrize(("space", "profile"), [("p3", DISPLAY_P3), ("adobe", ADOBE_RGB)])
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_colours_of_a_wide_space_become_those_of_srgb(space: str, profile: object, format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    photo = load(encoded(chart(), format, icc_profile=profile_of(profile), **options))
    wanted, _ = srgb_of(chart(), space)
    mean, largest = differences(photo.picture, wanted)
    assert mean < WITHIN[0]
    assert largest <= WITHIN[1]
    assert differences(photo.picture, np.asarray(chart()))[1] > 30  # unconverted would be far off


@pytest.mark.parametrize("format", ["JPEG", "HEIF"])
def test_colours_survive_a_lossy_format(format: str) -> None:
    options = {"quality": 98, "chroma": 444} if format == "HEIF" else {"quality": 98}
    photo = load(encoded(chart(), format, icc_profile=profile_of(DISPLAY_P3), **options))
    wanted, has = srgb_of(chart(), "p3")
    centres = np.zeros(has.shape, bool)
    centres[3::8, 3::8] = True
    found = np.abs(np.asarray(photo.picture, np.float64) - wanted)[has & centres]
    assert found.mean() < 2
    assert found.max() < 12


def test_adobe_rgb_without_a_profile_is_recognised() -> None:
    block = exif()
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = 0xFFFF
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop] = {ExifTags.Interop.InteropIndex: "R03"}
    photo = load(encoded(chart(), "PNG", exif=block.tobytes()))
    assert differences(photo.picture, srgb_of(chart(), "adobe")[0])[0] < WITHIN[0]


def test_a_heif_that_only_names_display_p3_is_converted() -> None:
    data = encoded(chart(), "HEIF", quality=-1, chroma=444, matrix_coefficients=0, color_primaries=12)
    with Image.open(io.BytesIO(data)) as image:
        assert "icc_profile" not in image.info
        named = image.info["nclx_profile"]["color_primaries"]
    assert named == 12
    assert differences(load(data).picture, srgb_of(chart(), "p3")[0])[0] < WITHIN[0]


def test_a_grey_profile_is_applied() -> None:
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (8, 1)))
    tags = {b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)}
    tags[b"kTRC"] = struct.pack(">4sIIH2x", b"curv", 0, 1, 256)  # gamma 1: linear light
    photo = load(encoded(ramp, "PNG", icc_profile=icc(b"GRAY", b"XYZ ", b"mntr", tags)))
    light = np.arange(256) / 255
    wanted = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert photo.picture.mode == "L"
    assert differences(photo.picture, np.tile(wanted, (8, 1)))[1] <= 2


def test_a_cmyk_profile_decides_what_the_inks_look_like() -> None:
    """The invented press prints cyan ink in green: a program that ignores the profile shows blue-green."""
    grid = np.full((2, 2, 2, 2, 3), 128, np.uint8)
    grid[:, :, :, 1] = 0, 128, 128  # black ink
    grid[0, 0, 0, 0] = 255, 128, 128  # paper
    grid[1, 0, 0, 0] = 128, 64, 192  # Lab 50, -64, 64
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    table += bytes(range(256)) * 4 + grid.tobytes() + bytes(range(256)) * 3
    profile = icc(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table})
    photo = load(encoded(Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "TIFF", icc_profile=profile))
    red, green, blue = np.asarray(photo.picture)[16, 16]
    assert photo.picture.mode == "RGB"
    assert green > 120
    assert max(red, blue) < 90


def icc(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    start, table, content = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(content), len(tag))
        content += tag
    header = struct.pack(">I4xI4s4s4s12x4s", start + len(content), 0x02400000, kind, space, connection, b"acsp")
    return header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061).ljust(60, b"\0") + table + content


@pytest.mark.parametrize("profile", [b"broken", planted.PROFILE[:200], icc(b"CMYK", b"Lab ", b"prtr", {})])
def test_a_profile_that_does_not_fit_counts_as_none(profile: bytes) -> None:
    for mode in ("RGB", "L"):
        picture = chart().convert(mode)
        assert differences(load(encoded(picture, "PNG", icc_profile=profile)).picture, np.asarray(picture))[1] == 0


def test_a_profile_for_colours_is_not_applied_to_a_grey_picture() -> None:
    grey = chart().convert("L")
    photo = load(encoded(grey, "PNG", icc_profile=profile_of(ADOBE_RGB)))
    assert differences(photo.picture, np.asarray(grey))[1] == 0


# pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "HEIF"])
def test_a_photo_is_turned_upright(orientation: int, format: str) -> None:
    upright = quarters(96, 64)
    block = exif(orientation)
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(stored(upright, orientation), format, exif=block if format == "HEIF" else block.tobytes(), **options)
    picture = load(data).picture
    assert picture.size == upright.size
    assert differences(picture, np.asarray(upright))[0] < 3


def test_every_pixel_is_kept() -> None:
    assert load(encoded(astronaut(1600))).picture.size == (1600, 1600)


@pytest.mark.parametrize("preview", [None, 160, 640])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_raw_file_is_developed_unless_its_preview_is_as_large(preview: int | None, orientation: int) -> None:
    picture = quarters(640, 480)
    photo = load(dng(picture, preview, orientation, planted.TAKEN))
    width, height = photo.picture.size
    assert sorted((width, height)) == pytest.approx([480, 640], abs=8)
    assert (height > width) == (orientation == 6)
    assert (photo.format, photo.taken) == ("", Taken("2024-07-01T12:00:00", "DateTime"))
    if orientation == 1:
        small = np.asarray(photo.picture.resize((2, 2), Image.Resampling.BOX), np.int64)
        assert small.argmax(axis=2)[:, 0].tolist() == [0, 2]  # red above blue


def test_a_jpeg_without_an_end_is_read_like_the_decoder_for_the_networks_reads_it() -> None:
    data = encoded(quarters(96, 64))
    assert data.endswith(b"\xff\xd9")
    assert differences(load(data[:-2]).picture, np.asarray(load(data).picture))[1] == 0


def test_the_full_page_of_a_tiff_is_read_and_not_its_thumbnail() -> None:
    buffer = io.BytesIO()
    small = Image.new("RGB", (24, 16))
    small.save(buffer, "TIFF", save_all=True, append_images=[quarters(96, 64)], tiffinfo={254: 1})
    data = bytearray(buffer.getvalue())
    second = struct.unpack_from("<L", data, after_tags(data))[0]
    if struct.unpack_from("<HHLL", data, second + 2)[0] == 254:  # the encoder writes the tag for both pages
        struct.pack_into("<L", data, second + 10, 0)
    assert load(bytes(data)).picture.size == (96, 64)


def after_tags(tiff: bytes | bytearray) -> int:
    """Return where the offset of the second page is."""
    (first,) = struct.unpack_from("<L", tiff, 4)
    return first + 2 + 12 * struct.unpack_from("<H", tiff, first)[0]


@pytest.mark.parametrize("kind", [np.float32, np.uint32, np.int16])
def test_numbers_that_pillow_reads_wrongly_are_read(kind: type) -> None:
    picture = np.asarray(quarters(96, 64), np.float64) / 255
    most = 1 if kind is np.float32 else np.iinfo(kind).max
    encoder = cv2.imencode(".tif", np.ascontiguousarray((picture * most).astype(kind)[:, :, ::-1]))
    photo = load(encoder[1].tobytes())
    assert photo.format == "TIFF"
    assert differences(photo.picture, 255 * picture)[1] <= 1


def test_the_profile_of_such_a_tiff_is_applied() -> None:
    pixels = np.ascontiguousarray(np.asarray(chart(), np.float32)[:, :, ::-1] / 255)
    data = bytearray(cv2.imencode(".tif", pixels)[1].tobytes())
    end, profile = after_tags(data), profile_of(DISPLAY_P3)
    (first,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<L", data, 4, len(data) + len(profile))  # of a new list of tags, with the profile's as the last
    tag = struct.pack("<HHLL", 34675, 7, len(profile), len(data))
    listed = struct.pack("<H", count + 1) + data[first + 2 : end] + tag + bytes(4)
    photo = load(bytes(data + profile + listed))
    assert differences(photo.picture, srgb_of(chart(), "p3")[0])[0] < WITHIN[0]


def test_what_the_decoder_for_the_networks_refuses_is_not_shared() -> None:
    whole = encoded(astronaut(300))
    data = whole[: len(whole) // 2] + bytes(len(whole) // 2) + b"\xff\xd9"
    for read in (decode, load):
        with pytest.raises(PhotoError, match="rows"):
            read(data)


def test_sixteen_bits_become_eight() -> None:
    grey = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    assert differences(load(encoded(Image.fromarray(grey), "PNG")).picture, grey / 257)[1] <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_kept_and_a_channel_without_any_is_dropped(mode: str) -> None:
    picture = quarters(40, 40).convert("RGBA")
    clear = picture.copy()
    clear.paste((0, 0, 0, 0), (0, 0, 20, 20))
    data = encoded(clear.quantize(8) if mode == "P" else clear.convert(mode), "PNG")
    assert "A" in load(data).picture.getbands()
    assert "A" not in load(encoded(picture, "PNG")).picture.getbands()


# tags and damage


@pytest.mark.parametrize(
    ("taken", "offset", "read"),
    [
        ("2024:07:01 12:00:00", "+09:00", "2024-07-01T12:00:00+09:00"),
        ("2024:07:01 12:00:00", "Anna", "2024-07-01T12:00:00"),
        ("2024:07:01 at home", "+09:00", "2024-07-01"),
        ("    :  :     :  :  ", None, None),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "HEIF", "TIFF"])
def test_the_date_is_the_one_that_the_index_stores(
    taken: str, offset: str | None, read: str | None, format: str
) -> None:
    block = exif(taken=taken, offset=offset)
    data = encoded(quarters(32, 32), format, exif=block if format == "HEIF" else block.tobytes())
    photo = load(data)
    assert photo.taken == decode(data).taken
    assert (photo.taken and photo.taken.at) == read


def test_nothing_else_comes_along() -> None:
    for format in planted.FORMATS:
        assert load(planted.photo(quarters(64, 48), format)).picture.info == {}, format


@pytest.mark.parametrize("data", [b"nothing", encoded(astronaut(300))[:4000], b"II*\0" + bytes(50)])
def test_a_damaged_photo_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoError):
        load(data)


def test_a_file_that_claims_too_many_pixels_is_refused() -> None:
    data = bytearray(encoded(Image.new("L", (8, 8)), "BMP"))
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    with pytest.raises(PhotoError, match="million pixels"):
        load(bytes(data))
