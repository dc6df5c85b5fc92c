"""XMP sidecars: write rating and keywords, and add them to an existing sidecar without losing any of its content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.parsers import expat

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_SPACES = {
    "x": "adobe:ns:meta/",
    "rdf": _RDF,
    "xmp": _XMP,
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
}
_XML = "http://www.w3.org/XML/1998/namespace"
_DEEPEST = 200  # no program writes XMP with more than a tenth of it, and Python's stack has an end
_RATING = f"{{{_XMP}}}Rating"
_CONTAINERS = {f"{{{_RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt")}
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="{_SPACES["x"]}" x:xmptk="albumsort">\n'
    f' <rdf:RDF xmlns:rdf="{_RDF}">\n'
    '  <rdf:Description rdf:about=""/>\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()


class UnmergeableError(Exception):
    """Nothing can be added to a sidecar without a risk for its content; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a sidecar gets. keyword: an emotion; rating: 1-5 stars, used only if the sidecar has no rating."""

    keyword: str | None
    rating: int | None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.keyword is None and self.rating is None

    @property
    def keywords(self) -> tuple[tuple[str, str, str], ...]:
        """Property, kind of list and entry, as Lightroom and digiKam write them."""
        if self.keyword is None:
            return ()
        return (
            (f"{{{_SPACES['dc']}}}subject", "Bag", self.keyword),
            (f"{{{_SPACES['lr']}}}hierarchicalSubject", "Bag", f"Emotion|{self.keyword}"),
            (f"{{{_SPACES['digiKam']}}}TagsList", "Seq", f"Emotion/{self.keyword}"),
        )


@dataclass(frozen=True)
class _Document:
    """An XML file around its root element, and the prefixes that it declares."""

    before: bytes
    root: ET.Element
    after: bytes
    prefixes: dict[str, str]


def marked(sidecar: bytes | None, marks: Marks) -> bytes:
    """Return a sidecar with these marks, the same bytes if it has them already; None: a new one.

    Raises UnmergeableError if it is not XMP that this module understands.
    """
    data = _EMPTY if sidecar is None else sidecar
    document = _parsed(data)
    known = Counter(_facts(document.root))
    if not _add(_rdf(document.root), marks):
        return data
    result = document.before + _text(document) + document.after
    if known - Counter(_facts(_parsed(result).root)):
        raise UnmergeableError("it cannot be rewritten without a loss")
    return result


def _parsed(data: bytes) -> _Document:
    """Parse a document; entities are refused before any is expanded, because a few lines of them can fill the memory.

    What is before and after the root element is kept as bytes, because ElementTree drops it.
    """
    places: list[int] = []
    prefixes: dict[str, str] = {}
    depth = 0
    parser = expat.ParserCreate(namespace_separator=" ")

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise UnmergeableError("its elements are nested too deeply")
        if depth == 1:
            places.append(parser.CurrentByteIndex)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if not depth:
            places.append(parser.CurrentByteIndex)

    def refuse(*_: object) -> None:
        raise UnmergeableError("it declares a document type, which XMP forbids")

    def declare(prefix: str | None, space: str) -> None:
        prefixes.setdefault(space, prefix or "")

    def check_encoding(version: str, encoding: str | None, standalone: int) -> None:
        if encoding and encoding.upper() not in ("UTF-8", "US-ASCII"):
            raise UnmergeableError(f"it is encoded in {encoding}, not in UTF-8")

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.StartDoctypeDeclHandler = refuse
    parser.StartNamespaceDeclHandler = declare
    parser.XmlDeclHandler = check_encoding
    try:
        data.decode()
        parser.Parse(data, True)
        builder = ET.TreeBuilder(insert_comments=True, insert_pis=True)
        root = ET.fromstring(data, ET.XMLParser(target=builder))
    except UnicodeDecodeError:
        raise UnmergeableError("it is not encoded in UTF-8") from None
    except (expat.ExpatError, ET.ParseError) as e:
        raise UnmergeableError(f"it is damaged: {e}") from e
    start, last = places
    # an element without content, <x/>, has no end tag: the parser names the place behind it
    stop = data.index(b">", last) + 1 if data.startswith(b"</", last) else last
    return _Document(data[:start], root, data[stop:], prefixes)


def _rdf(root: ET.Element) -> ET.Element:
    found = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if found is None:
        raise UnmergeableError("it is not XMP")
    return found


def _add(rdf: ET.Element, marks: Marks) -> bool:
    """Add what is missing; returns whether anything was."""
    blocks = rdf.findall(f"{{{_RDF}}}Description")
    if not blocks:
        blocks = [ET.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})]
    changed = False
    if marks.rating is not None and all(block.get(_RATING) is None and block.find(_RATING) is None for block in blocks):
        blocks[0].set(_RATING, str(marks.rating))
        changed = True
    for name, kind, entry in marks.keywords:
        entries = _entries(blocks, name, kind)
        if all((item.text or "").strip() != entry for item in entries):
            ET.SubElement(entries, f"{{{_RDF}}}li").text = entry
            changed = True
    return changed


def _entries(blocks: list[ET.Element], name: str, kind: str) -> ET.Element:
    """Return the list of a property; creates it if no block has it."""
    if any(block.get(name) is not None for block in blocks):
        raise UnmergeableError(f"its {_short(name)} is not a list")
    for block in blocks:
        if (found := block.find(name)) is not None:
            container = next((each for each in found if each.tag in _CONTAINERS), None)
            if container is None:
                raise UnmergeableError(f"its {_short(name)} is not a list")
            return container
    return ET.SubElement(ET.SubElement(blocks[0], name), f"{{{_RDF}}}{kind}")


def _short(name: str) -> str:
    return name.partition("}")[2]


def _text(document: _Document) -> bytes:
    """Return the root element as XML with the prefixes of its file, and with usual ones for what was added."""
    spaces = {space: prefix for prefix, space in _SPACES.items()}
    taken = set(document.prefixes.values())
    prefixes = {space: prefix for space, prefix in spaces.items() if prefix not in taken} | document.prefixes
    for space, prefix in prefixes.items():
        # "xml" is fixed, and ElementTree refuses the form of the prefixes that it invents
        if prefix and space != _XML and not re.fullmatch(r"ns\d+", prefix):
            ET.register_namespace(prefix, space)
    text: bytes = ET.tostring(document.root, encoding="utf-8", xml_declaration=False)
    return text


def _facts(element: ET.Element, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield each element, attribute, comment and text with the path of its element, to compare two documents."""
    name = f"{path}/{element.tag if isinstance(element.tag, str) else element.tag.__name__}"
    yield name, "", (element.text or "").strip()
    for attribute, value in element.attrib.items():
        yield name, attribute, value
    for child in element:
        yield from _facts(child, name)
        yield name, "tail", (child.tail or "").strip()
