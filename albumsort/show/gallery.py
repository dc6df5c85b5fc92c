"""Write a gallery: one HTML file with the photos inside, in which a viewer chooses photos and lists them."""

from __future__ import annotations

import base64
import hashlib
import html
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..choosing.passing import is_unsure
from ..disk import whole
from ..errors import AlbumsortError, PhotoError
from ..types import Emotion, Photo
from . import thumbnails
from .gallery_data import photo_data, why_best
from .gallery_page import embedded, parts, words

LEAST_SIDE = 960
"""Pixels of the longer side from which cells are cut, if views need no more."""


@dataclass(frozen=True)
class Section:
    """The photos of an emotion, best first. behind: by path, the other frames of the moment of each photo."""

    emotion: Emotion
    photos: Sequence[Photo]
    behind: dict[Path, list[Photo]] = field(default_factory=dict)

    def cells(self) -> Iterator[Photo]:
        """Yield each photo, and after it the frames behind it."""
        for photo in self.photos:
            yield photo
            yield from self.behind.get(photo.path, ())


def count_photos(sections: Sequence[Section]) -> int:
    """Return how many photos a gallery has inside: each content once."""
    return len(_unique(sections))


def expected_bytes(sections: Sequence[Section], view_side: int) -> int:
    """Return about how many bytes the file will have; view_side: longer side of a view in pixels, 0 for none."""
    cells = sum(thumbnails.expected_cell_bytes(p.width, p.height) for section in sections for p in section.cells())
    views = sum(thumbnails.expected_view_bytes(p.width, p.height, view_side) for p in _unique(sections).values())
    return round((cells + views) * 4 / 3)  # base64


def write(sections: Sequence[Section], to: Path, view_side: int) -> Generator[tuple[Path, str]]:
    """Write a gallery, and yield the path of each photo, with the reason if it cannot be read, else an empty text.

    view_side: longer side of a view in pixels, 0 for none. Raises AlbumsortError if the file exists or cannot be
    written; then nothing of it is left. At any time only one photo is in memory, and the cells of those that are in
    several sections.
    """
    unfinished = to.with_name(whole.temporary_name())
    try:
        with unfinished.open("xb") as file:
            yield from _Writer(file, sections, view_side).run()
            file.flush()
            os.fsync(file.fileno())
        whole.place(unfinished, to)
    except FileExistsError as e:
        raise already_exists(to) from e
    except OSError as e:
        raise AlbumsortError(f"cannot write {to}: {e.strerror or e}") from e
    finally:
        with suppress(OSError):  # renamed, or never created
            unfinished.unlink()


def already_exists(to: Path) -> AlbumsortError:
    """Return the error for a file that exists."""
    return AlbumsortError(f"{to} exists already and is not overwritten; name another file")


def _unique(sections: Sequence[Section]) -> dict[str, Photo]:
    """Return the photos by content hash, in the order of the page."""
    photos = dict[str, Photo]()
    for section in sections:
        for one in section.cells():
            photos.setdefault(one.digest, one)
    return photos


class _Writer:
    def __init__(self, file: BinaryIO, sections: Sequence[Section], view_side: int) -> None:
        self._file, self._sections, self._view_side = file, sections, view_side
        self._words = words()
        self._numbers = dict[str, int]()
        self._known = list[dict[str, Any]]()
        self._cells = dict[str, str]()  # elements of the photos that come again
        self._left = dict[str, int]()
        for section in sections:
            for one in section.cells():
                self._left[one.digest] = self._left.get(one.digest, 0) + 1

    def run(self) -> Iterator[tuple[Path, str]]:
        before, between, after = parts()
        self._write(before)
        for section in self._sections:
            yield from self._section(section)
        self._write(between + embedded(self._data()) + after)

    def _data(self) -> dict[str, Any]:
        """Return the data of the page. id: the same for galleries of the same photos."""
        hashes = " ".join(self._numbers)
        return {
            "id": hashlib.sha256(hashes.encode()).hexdigest()[:16],
            "emotions": [*Emotion],
            "photos": self._known,
        }

    def _section(self, section: Section) -> Iterator[tuple[Path, str]]:
        emotion, texts = section.emotion.value, self._words
        unsure = sum(map(is_unsure, section.photos))
        counts = [_counted(texts["photos"], len(section.photos))]
        counts += [_counted(texts["unsure"], unsure)] if unsure else []
        heading = " ".join([texts["emotions"][emotion], *(f"<span>{html.escape(count)}</span>" for count in counts)])
        self._write(
            f'<section class="emotion {emotion}" data-emotion="{emotion}" aria-labelledby="of-{emotion}">\n'
            f'<h2 class="{emotion}" id="of-{emotion}">{heading}</h2>\n'
        )
        if section.photos:
            self._write('<ul class="grid" role="list">\n')
            for number, photo in enumerate(section.photos, start=1):
                yield from self._card(section, photo, number)
            self._write("</ul>\n")
        else:
            self._write(f'<p class="note">{html.escape(texts["no_photos"])}</p>\n')
        self._write("</section>\n")

    def _card(self, section: Section, photo: Photo, number: int) -> Iterator[tuple[Path, str]]:
        """Write the cell of a photo, and hidden ones for the frames behind it."""
        frames, name = section.behind.get(photo.path, []), f"{section.emotion}-{number}"
        more = {"data-score": f"{photo.score or 0:.4f}"}
        if frames:
            more["data-best"] = why_best(photo, frames, section.emotion)
        kind = "cell moment" if frames else "cell"
        yield from self._cell(photo, kind, f'id="{name}"', more, self._alt("alt", photo, number, len(section.photos)))
        for at, frame in enumerate(frames, start=2):
            alt = self._alt("alt_frame", frame, at, len(frames) + 1)
            yield from self._cell(frame, "cell frame", "hidden", {"data-of": name}, alt)

    def _alt(self, kind: str, photo: Photo, number: int, total: int) -> str:
        texts, label = self._words, photo.label
        text = texts[kind] if label is None else texts[f"{kind}_looks"]
        return str(text.format(n=number, total=total, looks=label and texts["looks"][label.value]))

    def _cell(self, photo: Photo, kind: str, what: str, more: dict[str, str], alt: str) -> Iterator[tuple[Path, str]]:
        """Write a cell, and the view of its photo the first time that it comes."""
        view = ""
        if is_new := photo.digest not in self._numbers:
            self._numbers[photo.digest] = len(self._numbers)
            picture, view, error = self._pictures(photo)
            self._known.append(photo_data(photo, error))
        else:
            picture = self._cells[photo.digest]
        self._left[photo.digest] -= 1
        if self._left[photo.digest]:
            self._cells[photo.digest] = picture
        else:
            self._cells.pop(photo.digest, None)
        number = self._numbers[photo.digest]
        inside = f'<span class="lost">{html.escape(alt)}</span>'
        if picture:
            inside = f'<img src="data:image/webp;base64,{picture}" alt="{html.escape(alt)}">'
        facts = " ".join(f'{key}="{value}"' for key, value in {"data-photo": str(number), **more}.items())
        self._write(f'<li class="{kind}" {what} {facts}><button type="button" class="open">{inside}</button>')
        if view:
            self._write(f'<script type="text/plain" id="view-{number}">{view}</script>')
        self._write("</li>\n")
        if is_new:
            yield photo.path, self._known[number]["error"]

    def _pictures(self, photo: Photo) -> tuple[str, str, str]:
        """Return the cell and the view of a photo in base64, or empty texts and the reason."""
        try:
            picture = thumbnails.load(photo.path, max(self._view_side, LEAST_SIDE), photo.digest)
            by = picture.width / photo.width
            face = photo.deciding_face
            box = None if face is None else face.box.scaled(by)
            cell = thumbnails.cell(picture, thumbnails.square_around(box, *picture.size))
            view = thumbnails.view(picture, self._view_side) if self._view_side else b""
        except PhotoError as e:
            return "", "", str(e)
        return base64.b64encode(cell).decode(), base64.b64encode(view).decode(), ""

    def _write(self, text: str) -> None:
        self._file.write(text.encode())


def _counted(forms: dict[str, str], n: int) -> str:
    return forms["one"] if n == 1 else forms["other"].format(n=f"{n:,}")
