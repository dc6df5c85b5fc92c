"""Ranked photos to a plan of copies, and the plan to the copies. The photos themselves are only ever read."""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from . import contents, files
from .errors import AlbumsortError, UsageError
from .journal import Journal
from .types import Action, Emotion, Item, Link, Photo

_NAME_BYTES = 255  # what the usual file systems take
_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_REMEDIES = {
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "Make room there",
    errno.EROFS: "Make it writable",
    errno.EACCES: "Make it writable",
}
_THERE = "already there"
# what Windows and FAT forbid, control characters and line ends, and halves of characters: bytes in a name that are
# no text are such halves to Python, and Linux alone takes them, but not onto a stick with FAT on it
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"/\\|?*\ud800-\udfff]')


class _FileError(Exception):
    """One photo cannot be exported, for the reason in the message; the others can."""


def check_destination(to: Path, albums: Iterable[Path], holding: Iterable[Path] = ()) -> None:
    """Raise UsageError if `to` is no folder, or if it or one of its emotion folders lies in an album.

    holding: folders that hold indexed photos themselves, into which nothing is written either; of those indexed
    photo by photo what lies below is free.
    """
    if os.path.lexists(to) and not os.path.isdir(to):
        raise UsageError(f"{to} exists and is not a folder; choose another")
    albums, taken = list(albums), {os.path.realpath(folder) for folder in holding}
    for folder in (to, *(to / emotion.value for emotion in Emotion)):
        check_outside(folder, albums)
        if os.path.realpath(folder) in taken:
            raise UsageError(f"{folder} holds photos that are indexed; choose another folder")


def check_outside(folder: Path, albums: Iterable[Path]) -> None:
    """Raise UsageError if a folder, which need not exist, lies in one of the albums: nothing is written there."""
    if album := find_album(folder, albums):
        raise UsageError(f"{folder} lies in {album}, which is indexed; choose a folder outside the album")


def find_album(folder: Path, albums: Iterable[Path]) -> Path | None:
    """Return the album in which a folder lies, which need not exist, or None."""
    real = Path(os.path.realpath(folder))
    for album in albums:
        if any(_is_same_folder(place, os.path.realpath(album)) for place in (real, *real.parents)):
            return album
    return None


def _is_same_folder(one: Path, other: str) -> bool:
    """Compare by name, as either may not exist, and by identity: names differ in case, or one is a bind mount."""
    with suppress(OSError):
        return str(one) == other or os.path.samefile(one, other)
    return False


def plan(photos: Mapping[Emotion, Sequence[Photo]], to: Path, link: Link) -> list[Item]:
    """Return what to do with each photo, given in rank order, to have it as `to/<emotion>/<rank>-<name>`.

    Writes nothing. Raises AlbumsortError if an emotion's folder is there but cannot be listed.
    """
    items = []
    for emotion, ranked in photos.items():
        folder = _Folder(to / emotion.value, link)
        digits = max(4, len(str(len(ranked))))
        items += [folder.take(photo, f"{rank:0{digits}}") for rank, photo in enumerate(ranked, 1)]
    return items


class _Folder:
    """What an emotion's folder holds, and what the plan adds to it."""

    def __init__(self, path: Path, link: Link) -> None:
        self.path, self.link = path, link
        self.names: set[str] = set()
        self.unread: defaultdict[int, list[Path]] = defaultdict(list)  # by size; hashed once a photo has that size
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
        if file.name.startswith(files.HIDDEN):  # left by a kill: perhaps whole, but nobody would find it
            return
        with suppress(OSError):  # gone again, or a broken link
            status = os.stat(file, follow_symlinks=self.link is Link.SOFT)
            if stat.S_ISREG(status.st_mode):
                self.unread[status.st_size].append(file)
                self.inodes[status.st_dev, status.st_ino] = file

    def take(self, photo: Photo, rank: str) -> Item:
        """Return what to do with the next photo, and remember it."""
        spellings = _spellings(f"{rank}-{_safe(photo.path.name)}")
        name = next(spelling for spelling in spellings if _fold(spelling) not in self.names)
        item = Item(photo.path, self.path / name, photo.digest, Action.WRITE)
        try:
            status = _status(photo.path)
        except _FileError as e:
            return replace(item, action=Action.FAIL, reason=str(e))
        if twin := self.planned.get(photo.digest):
            reason = f"the same bytes as {twin.source}"
            return replace(item, destination=twin.destination, action=Action.SKIP, reason=reason)
        if there := self._find(photo.digest, status):
            return replace(item, destination=there, action=Action.SKIP, reason=_THERE)
        self.names.add(_fold(name))
        self.planned[photo.digest] = item
        return item

    def _find(self, digest: str, status: os.stat_result) -> Path | None:
        for file in self.unread.pop(status.st_size, ()):
            with suppress(OSError):
                self.digests.setdefault(files.digest(file), file)
        linked = None if self.link is Link.COPY else self.inodes.get((status.st_dev, status.st_ino))
        return linked or self.digests.get(digest)


def _safe(name: str) -> str:
    """Return a photo's name as every file system takes it, but for its length.

    It stands behind a rank: what begins with digits is none of the names that Windows keeps for devices, such as CON.
    """
    return _UNSAFE.sub("_", name).rstrip(" .") or "photo"


def _spellings(name: str) -> Iterator[str]:
    """Yield the name, then with -2, -3, ... before its extension, cut to what a file system takes."""
    stem, extension = os.path.splitext(name)
    if len(extension) > 16:  # no extension, just a name with a dot in it
        stem, extension = name, ""
    for number in itertools.count(1):
        ending = extension if number == 1 else f"-{number}{extension}"
        # by characters, as half a character is no name
        while len(os.fsencode(stem + ending)) > _NAME_BYTES:
            stem = stem[:-1]
        yield stem.rstrip(" .") + ending


def _fold(name: str) -> str:
    """Return what two names share that are one on a file system which folds case or normalises Unicode."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def run(photos: Mapping[Emotion, Sequence[Photo]], to: Path, link: Link, report: Path | None) -> Generator[Item]:
    """Plan an export and carry it out, yielding each item as it really went, once the new report names it.

    `to` is an absolute path without symbolic links. What raises AlbumsortError ends the run: `to` cannot be written
    into, another export is at work there, or the report cannot be written. What was written until then is whole.
    """
    made: list[Path] = []
    try:
        with ExitStack() as stack:
            try:
                for folder in files.make_folders(to):
                    made.append(folder)
            except OSError as e:
                raise AlbumsortError(f"cannot make {to}: {e.strerror or e}; choose another destination") from e
            stack.enter_context(claimed(to))
            journal = None if report is None else stack.enter_context(Journal.create(report, to))

            def note(folder: Path) -> None:
                made.append(folder)
                if journal is not None:
                    journal.folder(folder)

            if journal is not None:
                for folder in made:
                    journal.folder(folder)
            for item in stack.enter_context(closing(execute(plan(photos, to, link), link, note))):
                if journal is not None:
                    journal.photo(item, link)
                yield item
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # it holds what was written
                folder.rmdir()


@contextmanager
def claimed(to: Path) -> Iterator[None]:
    """Keep other exports away from a destination, and remove what a killed one left unfinished there.

    Where there are no locks nothing is removed, and others are not kept away; they overwrite nothing all the same.
    Raises AlbumsortError if another export is at work there.
    """
    with files.locked(to) as alone:
        if alone:
            for emotion in Emotion:
                files.remove_temporaries(to / emotion.value)
        yield


def execute(items: Iterable[Item], link: Link, note: Callable[[Path], None] = lambda folder: None) -> Generator[Item]:
    """Carry out a plan in a folder that is there, yielding each item as it really went; what fails stops no other.

    note: called with each folder as soon as it was made. Raises AlbumsortError where going on is pointless: the
    disk is full, gone, or may not be written to.
    """
    written = 0
    folders: set[Path] = set()
    went: dict[Path, Item] = {}
    try:
        for item in items:
            # a photo with the same bytes was to have been written for this one too
            if item.action is Action.SKIP and (twin := went.get(item.destination)):
                if twin.action is Action.FAIL:
                    item = replace(item, action=Action.WRITE, reason="")
                else:  # perhaps under another name than the planned one
                    item = replace(item, destination=twin.destination)
            if item.action is not Action.WRITE:
                yield item
                continue
            try:
                done = _attempt(item, link, folders, note)
            except OSError as e:
                remedy = _REMEDIES.get(e.errno or 0, "See that its disk is there")
                raise AlbumsortError(
                    f"cannot write to {item.destination}: {e.strerror or e}. {remedy}, then export again: it goes on "
                    f"where it stopped. Files written: {written}"
                ) from e
            went[item.destination] = done
            written += done.action is Action.WRITE
            yield done
    finally:
        for folder in folders:
            files.flush_folder(folder)


def _attempt(item: Item, link: Link, folders: set[Path], note: Callable[[Path], None]) -> Item:
    """Write one item; raises OSError only where no other could be written either."""
    folder = item.destination.parent
    try:
        if folder not in folders:  # once: a folder that goes away later was on a drive that was pulled out
            if not folder.is_dir():
                folder.mkdir()  # and none above it: they were on that drive, too
                note(folder)
            folders.add(folder)
        return _copy(item) if link is Link.COPY else _link(item, link)
    except _FileError as e:
        return replace(item, action=Action.FAIL, reason=str(e))
    except OSError as e:
        if e.errno in _HOPELESS or not _is_writable(folder):
            raise
        return replace(item, action=Action.FAIL, reason=f"cannot write to {folder}: {e.strerror or e}")


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)


def _copy(item: Item) -> Item:
    """Write a temporary file, read it back, and only then let it be seen under its name."""
    status, data = _read(item)
    temporary = item.destination.with_name(files.temporary_name())
    try:
        with open(temporary, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "linux":  # so that it is read back from the disk, not from memory
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if files.digest(temporary) != item.digest:
            raise _FileError("the copy, read back, is not what was written; is the destination's disk sound?")
        with suppress(OSError):  # some network drives keep neither times nor modes
            os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.chmod(temporary, stat.S_IMODE(status.st_mode) & 0o666 | 0o600)
        return _name(item, lambda destination: files.place(temporary, destination))
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _link(item: Item, link: Link) -> Item:
    _read(item)
    try:
        if link is Link.SOFT:
            return _name(item, lambda destination: os.symlink(os.path.abspath(item.source), destination))
        # a hard link to a symbolic link would be one more symbolic link
        return _name(item, lambda destination: os.link(os.path.realpath(item.source), destination))
    except OSError as e:
        if e.errno in _HOPELESS:
            raise
        raise _FileError(f"cannot make a {link} link there: {e.strerror or e}; use --link copy") from e


def _name(item: Item, put: Callable[[Path], None]) -> Item:
    """Put the item under the first free spelling of its name, unless the file in the way is the same."""
    names = _spellings(item.destination.name)
    while True:
        destination = item.destination.with_name(next(names))
        try:
            put(destination)
            return replace(item, destination=destination)
        except FileExistsError:  # it came after the plan was made
            if destination.is_file() and files.digest(destination) == item.digest:
                return replace(item, destination=destination, action=Action.SKIP, reason=_THERE)


def _read(item: Item) -> tuple[os.stat_result, bytes]:
    """Return the photo's status and its bytes; raises _FileError if they are not the bytes that were judged."""
    status = _status(item.source)  # before reading, which changes the time of the last access
    try:
        data = item.source.read_bytes()
    except OSError as e:
        raise _unreadable(e) from e
    if contents.digest(data) != item.digest:
        raise _FileError("the photo changed since it was indexed; run `albumsort index --rescan`")
    return status, data


def _status(photo: Path) -> os.stat_result:
    try:
        status = photo.stat()
    except OSError as e:
        raise _unreadable(e) from e
    if not stat.S_ISREG(status.st_mode):
        raise _FileError("the photo is not a regular file any more; run `albumsort index` again")
    return status


def _unreadable(error: OSError) -> _FileError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return _FileError("the photo is gone; run `albumsort index` again if it was moved, else `albumsort prune`")
    return _FileError(f"cannot read the photo: {error.strerror or error}")
