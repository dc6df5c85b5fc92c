"""Plan the copies of ranked photos. The photos themselves are only read."""

from __future__ import annotations

import itertools
import os
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..disk import whole
from ..errors import AlbumsortError
from ..types import Action, Emotion, Item, Link, Photo

_NAME_BYTES = 255  # the limit of common file systems
ALREADY_THERE = "already there"
# characters that Windows and FAT forbid, control characters, line ends, and surrogates: Python's form of name bytes
# that are not text, which Linux allows but FAT does not
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"/\\|?*\ud800-\udfff]')


class FileError(Exception):
    """One photo cannot be exported; the message gives the reason. The others can."""


def plan(photos: Mapping[Emotion, Sequence[Photo]], to: Path, link: Link) -> list[Item]:
    """Return the actions that bring each photo, in rank order, to `to/<emotion>/<rank>-<name>`.

    Writes nothing. Raises AlbumsortError if an emotion's folder exists but cannot be listed.
    """
    items = []
    for emotion, ranked in photos.items():
        folder = _Folder(to / emotion.value, link)
        digits = max(4, len(str(len(ranked))))
        items += [folder.take(photo, f"{rank:0{digits}}") for rank, photo in enumerate(ranked, 1)]
    return items


class _Folder:
    """The content of an emotion's folder, with the files that the plan adds."""

    def __init__(self, path: Path, link: Link) -> None:
        self.path, self.link = path, link
        self.names: set[str] = set()
        self.unread: defaultdict[int, list[Path]] = defaultdict(list)  # by size; hashed only if a photo has that size
        self.digests: dict[str, Path] = {}
        self.inodes: dict[tuple[int, int], Path] = {}
        self.planned: dict[str, Item] = {}
        try:
            for file in path.iterdir():
                self._note(file)
        except FileNotFoundError:
            pass
        except OSError as e:
            raise AlbumsortError(f"cannot read {path}: {e.strerror}; choose another destination") from e

    def _note(self, file: Path) -> None:
        self.names.add(_fold(file.name))
        if file.name.startswith(whole.HIDDEN):  # left by a killed export: it may be complete, but nobody would find it
            return
        with suppress(OSError):  # just removed, or a broken link
            status = os.stat(file, follow_symlinks=self.link is Link.SOFT)
            if stat.S_ISREG(status.st_mode):
                self.unread[status.st_size].append(file)
                self.inodes[status.st_dev, status.st_ino] = file

    def take(self, photo: Photo, rank: str) -> Item:
        """Return the action for the next photo, and remember it."""
        spellings = name_spellings(f"{rank}-{_safe(photo.path.name)}")
        name = next(spelling for spelling in spellings if _fold(spelling) not in self.names)
        item = Item(photo.path, self.path / name, photo.digest, Action.WRITE)
        try:
            status = source_status(photo.path)
        except FileError as e:
            return replace(item, action=Action.FAIL, reason=str(e))
        if twin := self.planned.get(photo.digest):
            reason = f"the same bytes as {twin.source}"
            return replace(item, destination=twin.destination, action=Action.SKIP, reason=reason)
        if existing := self._find(photo.digest, status):
            return replace(item, destination=existing, action=Action.SKIP, reason=ALREADY_THERE)
        self.names.add(_fold(name))
        self.planned[photo.digest] = item
        return item

    def _find(self, digest: str, status: os.stat_result) -> Path | None:
        for file in self.unread.pop(status.st_size, ()):
            with suppress(OSError):
                self.digests.setdefault(whole.digest(file), file)
        linked = None if self.link is Link.COPY else self.inodes.get((status.st_dev, status.st_ino))
        return linked or self.digests.get(digest)


def _safe(name: str) -> str:
    """Return a photo's name in characters that every file system accepts; its length is not limited here.

    A rank precedes it, so it cannot be a name that Windows reserves for devices, such as CON.
    """
    return _UNSAFE.sub("_", name).rstrip(" .") or "photo"


def name_spellings(name: str) -> Iterator[str]:
    """Yield the name, then the name with -2, -3, ... before its extension, each cut to the length limit."""
    stem, extension = os.path.splitext(name)
    if len(extension) > 16:  # not an extension, just a dot in the name
        stem, extension = name, ""
    for number in itertools.count(1):
        ending = extension if number == 1 else f"-{number}{extension}"
        # by characters, because a part of a character is not valid in a name
        while len(os.fsencode(stem + ending)) > _NAME_BYTES:
            stem = stem[:-1]
        yield stem.rstrip(" .") + ending


def _fold(name: str) -> str:
    """Return a key that is equal for names that a file system may treat as one (case, Unicode normalisation)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def source_status(photo: Path) -> os.stat_result:
    """Return the status of a photo to copy; raises FileError if it is gone or not a regular file."""
    try:
        status = photo.stat()
    except OSError as e:
        raise unreadable(e) from e
    if not stat.S_ISREG(status.st_mode):
        raise FileError("the photo is no longer a regular file; run `albumsort index` again")
    return status


def unreadable(error: OSError) -> FileError:
    """Return the error for a photo that cannot be opened or read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileError("the photo is gone; run `albumsort index` if it was moved, else `albumsort prune`")
    return FileError(f"cannot read the photo: {error.strerror or error}")
