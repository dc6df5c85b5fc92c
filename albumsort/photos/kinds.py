"""Say what a file is that is not a picture in a supported format, by how it starts."""

from __future__ import annotations

import json
import re

UNKNOWN = "not a picture in a supported format, or damaged at its start"
_NO_PHOTO = "this is {}, not a photo"
_UNSUPPORTED = "this is {}, a format that is not supported"
_POINTER = "this is a pointer to a file kept elsewhere ({}); fetch the photo itself and index again"
_VIDEO, _SOUND = _NO_PHOTO.format("a video"), _NO_PHOTO.format("a sound file")

_STARTS = {
    b"PK\3\4": _NO_PHOTO.format("a ZIP archive"),
    b"PK\5\6": _NO_PHOTO.format("a ZIP archive"),
    b"PK\7\x08": _NO_PHOTO.format("a ZIP archive"),
    b"Rar!\x1a\7": _NO_PHOTO.format("a RAR archive"),
    b"7z\xbc\xaf\x27\x1c": _NO_PHOTO.format("a 7-Zip archive"),
    b"\x1f\x8b\x08": _NO_PHOTO.format("a gzip archive"),
    b"%PDF-": _NO_PHOTO.format("a PDF document"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _NO_PHOTO.format("a Microsoft Office document or thumbnail database"),
    b"SQLite format 3\0": _NO_PHOTO.format("an SQLite database"),
    b"\0\x05\x16\x07": _NO_PHOTO.format("metadata of a file that macOS stores beside it"),
    b"\0\0\0\x0cJXL \r\n\x87\n": _UNSUPPORTED.format("a JPEG XL picture"),
    b"\xff\x0a": _UNSUPPORTED.format("a JPEG XL picture"),
    b"v/1\1": _UNSUPPORTED.format("an OpenEXR picture"),
    b"gimp xcf": _UNSUPPORTED.format("a GIMP picture"),
    b"BPG\xfb": _UNSUPPORTED.format("a BPG picture"),
    b"AT&TFORM": _UNSUPPORTED.format("a DjVu document"),
    b"%!PS": _UNSUPPORTED.format("a PostScript drawing"),
    b"\x1aE\xdf\xa3": _VIDEO,  # WebM, Matroska
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": _VIDEO,  # WMV
    b"FLV\1": _VIDEO,
    b"OggS": _VIDEO,
    b"\0\0\1\xba": _VIDEO,  # MPEG
    b"\0\0\1\xb3": _VIDEO,
    b"ID3": _SOUND,
    b"fLaC": _SOUND,
}
_RIFF = {b"AVI ": _VIDEO, b"WAVE": _SOUND}
_BOXES = {b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"}
"""First boxes of a QuickTime video that names no brand."""
_PICTURE_BRANDS = re.compile(rb"hei[cmsx]|hev[cmsx]|mif[12]|miaf|msf1|avi[fs]|j2ki|j2is|jpeg|jpgs|crx |jp2 |unif")
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"M4P "}
_PLACEHOLDERS = {
    b"version https://git-lfs": _POINTER.format("Git LFS"),
    b"version https://hawser": _POINTER.format("Git LFS"),
    b"/annex/objects/": _POINTER.format("git-annex"),
    b"../.git/annex/objects/": _POINTER.format("git-annex"),
    b".git/annex/objects/": _POINTER.format("git-annex"),
    b"[InternetShortcut]": _POINTER.format("a link to a page"),
}
_MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype\s+)?(html|head|body|svg)\b", re.IGNORECASE | re.DOTALL
)
_TEXT_BYTES = 4096
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def container(data: bytes) -> str | None:
    """Return why this is certainly not a supported picture, by its signature; None if a decoder may know it.

    Ask before decoding: some decoders recognise their format by few bytes and print errors for other files.
    """
    for start, reason in _STARTS.items():
        if data.startswith(start):
            return reason
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _media(data)
    if data[4:8] in _BOXES and data[:2] == b"\0\0":
        return _VIDEO
    if data.startswith(bytes(min(8, len(data)))) and not data.strip(b"\0"):
        return "the file contains only zero bytes (is the copy or download incomplete?)"
    return None


def what(data: bytes) -> str:
    """Return why no decoder knows the file."""
    if data[4:8] == b"ftyp":
        return "the HEIF or AVIF file is damaged, or the decoder does not support its compression"
    for start, reason in _PLACEHOLDERS.items():
        if data.startswith(start):
            return reason
    if data.startswith(b"bplist00"):
        return _POINTER.format("iCloud") if b"NSURL" in data else _NO_PHOTO.format("a property list of macOS")
    if markup := _MARKUP.match(data[:_TEXT_BYTES]):
        is_drawing = markup[2].lower() == b"svg"
        return _UNSUPPORTED.format("an SVG drawing") if is_drawing else _NO_PHOTO.format("an HTML page")
    text = _text(data)
    if text is None:
        return UNKNOWN
    return _NO_PHOTO.format("JSON data" if _is_json(text, len(data)) else "a text file")


def _media(data: bytes) -> str | None:
    """Return what a file of MPEG-4 boxes is by its brands; None if one is a picture's."""
    size = int.from_bytes(data[:4], "big")
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(size, len(data), 256) - 3, 4))]
    if any(_PICTURE_BRANDS.fullmatch(brand) for brand in brands):
        return None
    return _SOUND if brands[0] in _SOUND_BRANDS else _VIDEO


def _text(data: bytes) -> str | None:
    """Return the start of a text; None if it is not one."""
    start = data[:_TEXT_BYTES]
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = start.decode(encoding)
    except UnicodeDecodeError as e:
        if len(data) <= _TEXT_BYTES or e.start < _TEXT_BYTES - 4:  # only the last character may be cut
            return None
        text = start[: e.start].decode(encoding)
    return text if text.strip() and not _CONTROLS.search(text) else None


def _is_json(text: str, size: int) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except ValueError:
        return size > _TEXT_BYTES and re.match(r'\s*[\[{]\s*["\[{\d]', text) is not None
    except RecursionError:
        return True
    return True
