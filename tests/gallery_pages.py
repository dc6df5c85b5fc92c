"""Shared by tests of galleries: photos to show, and a reader of the page that knows what a browser would do with it."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import xxhash
from helpers import astronaut, encoded, face, quarters
from PIL import Image

from albumsort.show import gallery
from albumsort.types import Emotion, Face, Photo

ASTRONAUT = encoded(astronaut(400))
FACE = (140, 48, 72, 88)
"""The box of the face in the portrait of 400 x 400 pixels."""


def photo(path: Path, data: bytes = ASTRONAUT, faces: Sequence[Face] | None = None, **more: Any) -> Photo:
    """Write a photo and return it as a query does."""
    path.write_bytes(data)
    with Image.open(io.BytesIO(data)) as picture:
        size = picture.size
    seen = (face(FACE, happy=0.9),) if faces is None else tuple(faces)
    return Photo(path, *size, None, None, xxhash.xxh3_128_hexdigest(data), seen, 0.9, Emotion.HAPPY, **more)


def coloured(number: int) -> bytes:
    """Return a photo whose bytes differ from those of every other number."""
    return encoded(quarters(60 + number, 40))


def several(folder: Path, count: int) -> list[Photo]:
    """Return happy photos, each of other bytes."""
    return [photo(folder / f"photo-{i}.jpg", coloured(i), [face((5, 5, 20, 20), happy=0.9)]) for i in range(count)]


def moment(folder: Path, count: int, number: int = 7) -> tuple[Photo, list[Photo]]:
    """Return a photo and the frames behind it."""
    frames = [photo(folder / f"frame-{i}.jpg", coloured(100 + i), moment=number) for i in range(count)]
    return replace(frames[0], behind=count - 1), frames[1:]


def written(to: Path, *sections: gallery.Section, view_side: int = 1280) -> Page:
    """Write a gallery; returns its page, with the photos that could not be read."""
    failures = [(path, reason) for path, reason in gallery.write(sections, to, view_side) if reason]
    return replace(page_of(to), failures=failures)


def happy(*photos: Photo, behind: dict[Path, list[Photo]] | None = None) -> gallery.Section:
    return gallery.Section(Emotion.HAPPY, photos, behind or {})


@dataclass
class Page:
    """A page as a browser reads it. texts: by id or element name, what is inside scripts and styles."""

    html: str
    elements: list[tuple[str, dict[str, str | None]]]
    texts: dict[str, str]
    failures: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def data(self) -> Any:
        return json.loads(self.texts["data"])

    @property
    def policy(self) -> dict[str, str]:
        [content] = (a["content"] for tag, a in self.elements if a.get("http-equiv") == "Content-Security-Policy")
        assert content is not None
        return dict(part.split(" ", 1) for part in content.split("; "))

    def cells(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == "li"]

    def pictures(self) -> list[Image.Image]:
        """Return the pictures in cells."""
        sources = [attributes["src"] or "" for tag, attributes in self.elements if tag == "img"]
        return [decoded(source.removeprefix("data:image/webp;base64,")) for source in sources]

    def views(self) -> list[Image.Image]:
        return [decoded(text) for name, text in self.texts.items() if re.fullmatch(r"view-\d+", name)]


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))


def page_of(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return Page(text, reader.elements, reader.texts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements = list[tuple[str, dict[str, str | None]]]()
        self.texts = dict[str, str]()
        self._inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._inside = dict(attributes).get("id") or tag
            assert self._inside not in self.texts
            self.texts[self._inside] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] += data
