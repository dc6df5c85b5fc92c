"""Photos with everything in them that a copy to share must not tell: place, people, device, and what comes along."""

from __future__ import annotations

import io
import struct
from typing import Any

from helpers import encoded
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

SECRET = "SECRET"
"""In every planted text."""
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TAKEN, OFFSET = "2024:07:01 12:00:00", "+02:00"
GPS = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0), 29: "2024:07:01"}
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")
XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="{SECRET} city" exif:GPSLatitude="48,51.5N"
exif:GPSLongitude="2,17.6E"><dc:creator><rdf:Seq><rdf:li>{SECRET} creator</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>""".encode()


def exif(orientation: int = 1, place: bool = True) -> Image.Exif:
    """Return EXIF with names, device, serial numbers, maker notes and, if wanted, a place."""
    block = Image.Exif()
    base = ExifTags.Base
    for tag in (base.Make, base.Model, base.Artist, base.Copyright, base.Software, base.HostComputer):
        block[tag] = f"{SECRET} {tag.name}"
    block[base.ImageDescription] = f"{SECRET} description"
    block[base.XPAuthor] = f"{SECRET} author".encode("utf-16-le")
    block[base.Orientation] = orientation
    details = block.get_ifd(ExifTags.IFD.Exif)
    for tag in (base.CameraOwnerName, base.BodySerialNumber, base.LensMake, base.LensModel, base.LensSerialNumber):
        details[tag] = f"{SECRET} {tag.name}"
    details[base.ImageUniqueID] = f"{SECRET}{0:026}"
    details[base.MakerNote] = f"{SECRET} notes".encode()
    details[base.UserComment] = b"ASCII\0\0\0" + f"{SECRET} comment".encode()
    details[base.DateTimeOriginal], details[base.OffsetTimeOriginal] = TAKEN, OFFSET
    if place:
        block.get_ifd(ExifTags.IFD.GPSInfo).update(GPS)
    return block


def photo(picture: Image.Image, format: str, orientation: int = 1, **options: Any) -> bytes:
    """Return the picture as a file of the format with everything planted that the format can hold."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", f"{SECRET} text")
    text.add_itxt("Comment", f"{SECRET} compressed", zip=False)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    more: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": f"{SECRET} comment", "xmp": XMP},
        "MPO": {"save_all": True, "append_images": [picture.rotate(180)], "xmp": XMP},
        "PNG": {"pnginfo": text},
        "WEBP": {"xmp": XMP},
        "TIFF": {},
        "HEIF": {"xmp": XMP},
        "AVIF": {"xmp": XMP},
    }
    given = exif(orientation)
    chosen = {"exif": given if format == "HEIF" else given.tobytes(), "icc_profile": PROFILE}
    data = encoded(picture, format, **chosen | more[format] | options)
    return _with_segments(data) if format in ("JPEG", "MPO") else data


def _with_segments(jpeg: bytes) -> bytes:
    """Add IPTC (by-line and city) in Photoshop's segment, a thumbnail, and a video after the picture."""
    iptc = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text
        for number, text in ((80, f"{SECRET} byline".encode()), (90, f"{SECRET} city".encode()))
    )
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + bytes(len(iptc) % 2)
    small = io.BytesIO()
    Image.new("RGB", (16, 12)).save(small, "JPEG", comment=f"{SECRET} thumbnail")
    thumbnail = b"JFXX\0\x10" + small.getvalue()
    added = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
        for marker, content in ((0xED, block), (0xE0, thumbnail))
    )
    return jpeg[:2] + added + jpeg[2:] + b"\0\0\0\x18ftypmp42" + f"{SECRET} video".encode()
