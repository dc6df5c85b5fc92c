"""Read the dates and the rating in XMP, which is XML that other people's programs wrote: it is parsed with care."""

from __future__ import annotations

from collections.abc import Container
from xml.parsers import expat

from .dates import Tag

SIZE_LIMIT = 4_000_000
"""Bytes of the largest packet that is read."""
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DATES = {
    "http://ns.adobe.com/photoshop/1.0/ DateCreated": "photoshop:DateCreated",
    "http://ns.adobe.com/exif/1.0/ DateTimeOriginal": "exif:DateTimeOriginal",
    "http://ns.adobe.com/xap/1.0/ CreateDate": "xmp:CreateDate",
}
RATING = "http://ns.adobe.com/xap/1.0/ Rating"


class _RefusedError(Exception):
    """The packet has a document type, which could define entities without end."""


class _Reader:
    """Collects values that describe the photo itself; those of its ingredients and history are nested deeper."""

    def __init__(self, wanted: Container[str]) -> None:
        self.values: list[tuple[str, str]] = []
        self._wanted = wanted
        self._path: list[str] = []
        self._text = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._path[-1:] == [f"{RDF} RDF"] and name == f"{RDF} Description":
            self.values += [(key, value) for key, value in attributes.items() if key in self._wanted]
        self._path.append(name)
        self._text = ""

    def text(self, text: str) -> None:
        if len(self._text) < 100:  # no date or number is longer
            self._text += text[:100]

    def end(self, name: str) -> None:
        if name in self._wanted and self._path[-3:-1] == [f"{RDF} RDF", f"{RDF} Description"]:
            self.values.append((name, self._text))
        self._path.pop()

    def refuse(self, *_: object) -> None:
        raise _RefusedError


def read(packet: bytes) -> list[Tag]:
    """Return the dates of a photo in an XMP packet; none if it is damaged, too large or has a document type."""
    return [Tag(DATES[name], value) for name, value in _values(packet, DATES)]


def rating(packet: bytes) -> int | None:
    """Return the stars of a photo in an XMP packet: 0-5, -1 for a rejected one; None without them, or like `read`."""
    for _, text in _values(packet, {RATING}):
        try:
            stars = float(text)
        except ValueError:
            continue
        if -1 <= stars <= 5:  # false for NaN
            return round(stars)
    return None


def _values(packet: bytes, wanted: Container[str]) -> list[tuple[str, str]]:
    """Return the wanted names that the packet has, with their values."""
    if len(packet) > SIZE_LIMIT:
        return []
    reader = _Reader(wanted)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(packet.strip(b"\0 \t\r\n"), True)
    except (expat.ExpatError, _RefusedError, ValueError, LookupError):  # the last two: an unknown encoding
        return []
    return reader.values
