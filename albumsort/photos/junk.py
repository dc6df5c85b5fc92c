"""Tell folders that are no album: bins, snapshots, thumbnails and catalogues of other programs, and marked folders.

Makers invent new names, so besides the known ones a rule takes any that begin with one of `@#$~` and say what they are,
like `@Recently-Snapshot`; without the sign, a folder called Snapshots is somebody's album. Case never matters. Folders
that begin with a dot are skipped anyway, as hidden.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

BIN, SNAPSHOTS, THUMBNAILS = "recycle bin", "folder of snapshots", "folder of thumbnails"
CATALOGUE, SYSTEM = "catalogue or cache of a photo program", "system folder"
IN_LIBRARY = "previews or data of a photo library"
_CACHE_TAG = "CACHEDIR.TAG"
MARKERS: Mapping[str, str] = {name: f"folder with {name}" for name in (".albumsortignore", ".nomedia", _CACHE_TAG)}
"""The files that mark the folder they lie in, each with the reason it gives."""
REASONS = frozenset([BIN, SNAPSHOTS, THUMBNAILS, CATALOGUE, SYSTEM, IN_LIBRARY, *MARKERS.values()])

_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"  # https://bford.info/cachedir/
_SIGNED = re.compile(
    r"[@#$~]+(?:\w+[-_])?_*"
    r"(?:(?P<bin>recycle[rd]?|trash(?:box)?|deleted)|(?P<snapshot>snapshots?)|(?P<thumb>(?:thumb(?:nail)?|preview)s?)"
    r"|(?P<system>cache|tmp))(?:[-_.]\S*)?"
)
_OF_WORD = {"bin": BIN, "snapshot": SNAPSHOTS, "thumb": THUMBNAILS, "system": SYSTEM}
_GLOBS = {
    BIN: "recycler, recycle bin, recycle bin -*, trashbox, s-1-5-21-*, network trash folder, @sharebin, files_trashbin",
    SNAPSHOTS: "@gmt-*, gmt-[0-9][0-9][0-9][0-9].*, backups.backupdb, files_versions",
    THUMBNAILS: "@eadir, thumbs, thumbnails, _thumbs, thmbnl, appdata_oc*",
    CATALOGUE: "*.lrdata, *.lrcat-*, mipmaps-*.d, *.cosessiondb",
    SYSTEM: "system volume information, lost+found, found.[0-9][0-9][0-9], __macosx, temporary items",
}
_NAMES = tuple(
    (re.compile("|".join(map(fnmatch.translate, globs.split(", ")))), reason) for reason, globs in _GLOBS.items()
)

_LIBRARIES = (
    ".photoslibrary",
    ".photolibrary",
    ".migratedphotolibrary",
    ".aplibrary",
    ".migratedaperturelibrary",
    ".cocatalog",
)
_ORIGINALS = frozenset(["originals", "masters"])
_BESIDE = {
    ".cocatalogdb": frozenset(["cache", "adjustments"]),
    ".cosessiondb": frozenset(["cache", "trash"]),
    # iPhoto before it had libraries with an ending
    "albumdata.xml": frozenset(["data", "data.noindex", "modified", "previews", "resources", "thumbnails"]),
}
"""Folders of a program that lie beside its database, by the end of the database's name."""
_CAPTURE_ONE = "captureone"


class Around:
    """What a folder and the names in it say about the folders in it."""

    def __init__(self, folder: Path, names: Iterable[str], is_photo: Callable[[str], bool]) -> None:
        """Look at the names in a folder; `folder` is its real path, if a link leads to it."""
        # Lightroom's library has a folder for each account, and the originals in that
        self.is_library = folder.name.lower().endswith(_LIBRARIES) or folder.parent.name.lower().endswith(".lrlibrary")
        lower = [name.lower() for name in names]
        self._made = set[str]()
        for ending in {name for name in lower if name.endswith(tuple(_BESIDE))}:
            self._made |= next(made for end, made in _BESIDE.items() if ending.endswith(end))
        if _CAPTURE_ONE in lower and any(map(is_photo, lower)):
            self._made.add(_CAPTURE_ONE)

    def why_skip(self, name: str) -> str | None:
        """Return why a folder in this one is no album, or None."""
        name = name.lower()
        if self.is_library:
            return None if name in _ORIGINALS else IN_LIBRARY
        if name in self._made:
            return CATALOGUE
        if signed := _SIGNED.fullmatch(name):
            return _OF_WORD[str(signed.lastgroup)]
        return next((reason for pattern, reason in _NAMES if pattern.match(name)), None)


def why_skip_content(folder: Path, entries: Sequence[os.DirEntry[str]]) -> str | None:
    """Return why a folder is no album by what lies in it, or None. Only a file named CACHEDIR.TAG is opened."""
    if folder.name.lower() == _CAPTURE_ONE:
        lower = [entry.name.lower() for entry in entries]
        if any(name == "cache" or name.startswith("settings") for name in lower):
            return CATALOGUE
    for entry in entries:
        if entry.name in MARKERS and (entry.name != _CACHE_TAG or _is_cache_tag(entry)):
            return MARKERS[entry.name]
    return None


def _is_cache_tag(entry: os.DirEntry[str]) -> bool:
    """Return whether a file begins with the signature, as the standard asks: other files may have this name."""
    try:
        if not entry.is_file(follow_symlinks=False):  # a pipe would block
            return False
        with open(entry, "rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError:
        return False
