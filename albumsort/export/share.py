"""Copies to share: the picture upright and in sRGB, and of its metadata only the time it was taken."""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from PIL import ExifTags, Image

from ..disk import contents, whole
from ..disk.naming import ask
from ..errors import PhotoError
from ..photos import full
from ..photos.walk import EXTENSIONS
from ..types import Taken
from . import names
from .copy import read
from .items import Action, Item
from .plan import ALREADY_THERE, FileError

QUALITY = 92
"""Of JPEGs, with full colour resolution, and of WebPs."""
_ENDINGS = {"JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"), "PNG": (".png", ".apng"), "WEBP": (".webp",)}


class Sharing:
    """Makes the copies to share of one export.

    The same photo gives the same bytes whenever it is encoded, so an export that runs again recognises its copies by
    their content, as it recognises plain copies. longest: the longer side of larger photos in pixels; None keeps it.
    room: characters to leave behind each name, as in `plan`.
    """

    def __init__(self, longest: int | None = None, room: int = 0) -> None:
        self._longest, self._room = longest, room
        self._folders: dict[Path, _Folder] = {}

    def prepare(self, item: Item, data: bytes) -> tuple[Item, bytes]:
        """Return the item with the name and hash of its copy, and the copy's bytes; raises FileError.

        The item becomes a SKIP if its folder already has this copy. data: the bytes of the item's photo.
        """
        try:
            photo = full.load(data)
            format = _format(photo)
            copy = encode(photo, format, self._longest)
        except PhotoError as e:
            raise FileError(f"no copy to share: {e}") from e
        except MemoryError as e:  # other photos need less
            raise FileError("no copy to share: not enough memory; close other programs, then export again") from e
        item = self._renamed(replace(item, written=contents.digest(copy)), format)
        if existing := self._folder(item).find(len(copy), item.written):
            return replace(item, destination=existing, action=Action.SKIP, reason=ALREADY_THERE), copy
        return item, copy

    def note(self, item: Item) -> None:
        """Remember a written copy, so that another photo that gives the same bytes is not written again."""
        self._folder(item).add(item.destination, item.written)

    def preview(self, items: Iterable[Item]) -> Generator[Item]:
        """Yield what an export would do with each planned item. Encodes every copy, and writes nothing."""
        for item in items:
            if item.action is Action.WRITE:
                try:
                    item, _ = self.prepare(item, read(item)[1])
                    self.note(item)
                except FileError as e:
                    item = replace(item, action=Action.FAIL, reason=str(e))
            yield item

    def _renamed(self, item: Item, format: str) -> Item:
        """Return the item with a name that suits the format and fits; a new ending may be longer than the old one."""
        name = _name(item.destination.name, format)
        fitting = next(names.spellings(name, self._folder(item).naming.shorter(self._room)))
        reason = item.reason if fitting == name else f"the name was shortened from {item.source.name}"
        return replace(item, destination=item.destination.with_name(fitting), reason=reason)

    def _folder(self, item: Item) -> _Folder:
        folder = item.destination.parent
        if folder not in self._folders:
            self._folders[folder] = _Folder(folder)
        return self._folders[folder]


class _Folder:
    """The files of a destination folder by content; a file is hashed only if it is as large as a copy."""

    def __init__(self, folder: Path) -> None:
        self.naming = ask(folder)
        self._unread: defaultdict[int, list[Path]] = defaultdict(list)
        self._known: dict[str, Path] = {}
        with suppress(OSError):  # not created yet
            for file in folder.iterdir():
                if file.is_file() and not file.name.startswith(whole.HIDDEN):
                    self._unread[file.stat().st_size].append(file)

    def find(self, size: int, digest: str) -> Path | None:
        for file in self._unread.pop(size, ()):
            with suppress(OSError):
                self._known.setdefault(whole.digest(file), file)
        return self._known.get(digest)

    def add(self, file: Path, digest: str) -> None:
        self._known[digest] = file


def _format(photo: full.FullPhoto) -> str:
    """Return PNG and WebP for photos of these formats, PNG for others that are transparent in places, else JPEG."""
    if photo.format in ("PNG", "WEBP"):
        return photo.format
    return "PNG" if "A" in photo.picture.getbands() else "JPEG"


def encode(photo: full.FullPhoto, format: str, longest: int | None) -> bytes:
    """Return a photo as a file without metadata but the time taken; raises PhotoError if it cannot be encoded."""
    picture = photo.picture
    if longest is not None and max(picture.size) > longest:
        picture = picture.copy()
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=None)
    options = {
        "JPEG": {"quality": QUALITY, "subsampling": 0, "optimize": True},
        "PNG": {},
        "WEBP": {"lossless": photo.is_lossless, "quality": QUALITY},
    }[format]
    buffer = io.BytesIO()
    try:
        picture.save(buffer, format, exif=_time(photo.taken), **options)
    except (OSError, ValueError, MemoryError) as e:
        raise PhotoError(f"cannot write it as {format}: {e}") from e
    return buffer.getvalue()


def _time(taken: Taken | None) -> bytes:
    """Return an EXIF block with the local time taken, by which albums sort; empty without one.

    Without the offset from UTC of `Taken.at`: it tells in which part of the world the photo was taken.
    """
    if taken is None:
        return b""
    block = Image.Exif()
    details = block.get_ifd(ExifTags.IFD.Exif)
    day, time = taken.at[:10], taken.at[11:19]
    # blanks are EXIF's form of an unknown time: midnight would be a claim
    details[ExifTags.Base.DateTimeOriginal] = f"{day.replace('-', ':')} {time or '  :  :  '}"
    return block.tobytes()


def _name(name: str, format: str) -> str:
    """Return the name with an ending that suits the format; only an ending of a photo is replaced."""
    stem, ending = os.path.splitext(name)
    if ending.lower() in _ENDINGS[format]:
        return name
    return (stem if ending.lower() in EXTENSIONS else name) + _ENDINGS[format][0]
