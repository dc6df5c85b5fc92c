"""Photos with any tags, written block by block, as cameras and other programs write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from helpers import encoded, quarters
from PIL import ExifTags, Image

XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
NAMESPACES = {
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}


def exif_block(
    details: Mapping[int, Any] | None = None,
    first: Mapping[int, Any] | None = None,
    gps: Mapping[int, Any] | None = None,
) -> bytes:
    """Return an EXIF block, with its mark."""
    block = Image.Exif()
    block[ExifTags.Base.Make] = "albumsort"
    for tag, value in (first or {}).items():
        block[tag] = value
    for place, tags in ((ExifTags.IFD.Exif, details), (ExifTags.IFD.GPSInfo, gps)):
        if tags:
            block.get_ifd(place).update(tags)
    return b"Exif\0\0" + block.tobytes().removeprefix(b"Exif\0\0")


def xmp_packet(values: Mapping[str, str], elements: bool = False) -> bytes:
    """Return an XMP packet. values: like photoshop:DateCreated; elements: not as attributes."""
    spaces = " ".join(f'xmlns:{name}="{place}"' for name, place in NAMESPACES.items())
    if elements:
        inside = "".join(f"<{key}>{quoteattr(value)[1:-1]}</{key}>" for key, value in values.items())
        described = f'<rdf:Description rdf:about="" {spaces}>{inside}</rdf:Description>'
    else:
        inside = " ".join(f"{key}={quoteattr(value)}" for key, value in values.items())
        described = f'<rdf:Description rdf:about="" {spaces} {inside}/>'
    return packet(described)


def packet(described: str, before: str = "") -> bytes:
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{before}<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{described}</rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def iptc_block(day: str, time: str = "") -> bytes:
    records = [(5, b"a title"), (55, day.encode("latin-1")), (60, time.encode("latin-1"))]
    return b"".join(
        b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(value)) + value for number, value in records if value
    )


def resource(number: int, data: bytes) -> bytes:
    """Return one of Photoshop's resources."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)


def segment(number: int, data: bytes) -> bytes:
    """Return an APP segment of a JPEG."""
    return bytes([0xFF, 0xE0 + number]) + struct.pack(">H", len(data) + 2) + data


def jpeg(exif: Sequence[bytes] = (), xmp: Sequence[bytes] = (), iptc: bytes = b"", before: bytes = b"") -> bytes:
    """Return a JPEG with blocks in segments of their own."""
    start, rest = JPEG[:2], JPEG[2:]
    segments = [segment(1, block) for block in exif] + [segment(1, XMP_MARK + block) for block in xmp]
    if iptc:
        segments.append(segment(13, b"Photoshop 3.0\0" + resource(0x0404, iptc)))
    return start + before + b"".join(segments) + rest


def png(exif: bytes = b"", xmp: bytes = b"", texts: Mapping[str, str] | None = None, late: bool = False) -> bytes:
    """Return a PNG. late: everything follows the pixels."""
    chunks = b""
    if exif:
        chunks += chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if xmp:
        chunks += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    for number, (key, value) in enumerate((texts or {}).items()):
        text = value.encode("latin-1")
        packed = number % 2 == 1
        chunks += chunk(
            b"zTXt" if packed else b"tEXt", key.encode() + b"\0" + (b"\0" + zlib.compress(text) if packed else text)
        )
    at = PNG.index(b"IEND" if late else b"IDAT") - 4
    return PNG[:at] + chunks + PNG[at:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def webp(exif: bytes = b"", xmp: bytes = b"") -> bytes:
    return encoded(SMALL, "WEBP", **{key: value for key, value in (("exif", exif), ("xmp", xmp)) if value})


def psd(*resources: bytes) -> bytes:
    """Return a Photoshop file of one grey row."""
    inside = b"".join(resources)
    return (
        struct.pack(">4sH6xHIIHH", b"8BPS", 1, 1, 1, 4, 8, 1)
        + struct.pack(">II", 0, len(inside))
        + inside
        + struct.pack(">IH", 0, 0)
        + b"\x10\x80\xa0\xf0"
    )


def raf(camera_jpeg: bytes) -> bytes:
    """Return the parts of a Fujifilm RAW file that tell a date."""
    return (
        b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + struct.pack(">II", 120, len(camera_jpeg)) + bytes(28) + camera_jpeg
    )


def cr3(first: bytes, details: bytes, gps: bytes) -> bytes:
    """Return the parts of a Canon CR3 file that tell a date; each block is a TIFF."""
    inside = b"".join(box(name, block) for name, block in ((b"CMT1", first), (b"CMT2", details), (b"CMT4", gps)))
    uuid = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    return box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", uuid + inside)) + box(b"mdat", bytes(64))


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def directory(tags: Mapping[int, tuple[int, bytes]], mark: bytes = b"II*\0") -> bytes:
    """Return a TIFF of one directory. tags: type and bytes of each value."""
    entries, values = b"", b""
    after = 8 + 2 + 12 * len(tags) + 4
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    for tag, (kind, data) in sorted(tags.items()):
        stored = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", after + len(values))
        values += data if len(data) > 4 else b""
        entries += struct.pack("<HHI", tag, kind, len(data) // sizes[kind]) + stored
    return mark + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0" + values


SMALL = quarters(16, 12)
JPEG, PNG = encoded(SMALL), encoded(SMALL, "PNG")
