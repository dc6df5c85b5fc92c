"""XMP sidecars beside copies: new ones, and existing ones with rating and keywords added. Albums are only read."""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from ..disk import contents, whole
from ..disk.naming import ask
from ..photos.place import names_place
from ..photos.walk import EXTENSIONS
from ..types import Photo
from .copy import is_final, stopped, write_unfinished
from .items import Action, Item, SidecarName
from .plan import ALREADY_THERE, FileError
from .xmp import Marks, UnmergeableError, marked

_ENDING = ".xmp"
_KEPT = ".bak"
ROOM = len(f"{_ENDING}-99{_KEPT}")
"""Characters behind the name of a copy that its sidecar needs, and the originals that are kept of it."""
_RAW = frozenset((".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".rw2", ".orf", ".pef", ".srw"))


def stars(score: float) -> int:
    """Return a score, 0-1, as a rating of 1 to 5 stars: one for each fifth."""
    return min(5, 1 + int(5 * score))


def kept_as(kept: Path, sidecar: Path) -> bool:
    """Whether this is a name under which the original of a replaced sidecar is kept."""
    pattern = rf"{re.escape(sidecar.name)}(-[0-9]+)?{re.escape(_KEPT)}"
    return kept.parent == sidecar.parent and re.fullmatch(pattern, kept.name) is not None


class Sidecars:
    """Writes a sidecar beside each copy of an export, but none that would be empty.

    A sidecar beside the source is copied with what this adds. If the copy has a sidecar already, that one is replaced
    by one with its content and more, and its original is kept beside it under a name of its own. copies_sources: False
    leaves the sources' sidecars alone, because they may name places and people.
    """

    def __init__(self, form: SidecarName, photos: Mapping[str, Sequence[Photo]], copies_sources: bool = True) -> None:
        self._form, self._copies_sources = form, copies_sources
        self._marks = {
            photo.path: Marks(photo.emotion, None if photo.score is None else stars(photo.score))
            for group in photos.values()
            for photo in group
        }

    def beside(self, items: Generator[Item]) -> Generator[Item]:
        """Yield each item of a running export, and after it the item of the sidecar that was written beside it.

        Raises AlbumsortError if no further file can be written.
        """
        done: set[Path] = set()
        written = 0
        try:
            with closing(items):
                for item in items:
                    yield item
                    if item.action is Action.FAIL or item.destination in done:
                        continue
                    done.add(item.destination)
                    try:
                        outcome = self._write(item)
                    except OSError as e:
                        raise stopped(e, item.destination, written) from e
                    if outcome is None:
                        continue
                    written += outcome.action in (Action.WRITE, Action.MERGE)
                    yield outcome
        finally:
            for folder in {copy.parent for copy in done}:
                whole.flush_folder(folder)

    def preview(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield each planned item, and after it the planned item of its sidecar. Writes nothing."""
        done: set[Path] = set()
        for item in items:
            yield item
            if item.action is not Action.FAIL and item.destination not in done:
                done.add(item.destination)
                if made := self._make(item):
                    yield made[0]

    def _write(self, copy: Item) -> Item | None:
        while made := self._make(copy):
            item, data = made
            try:
                if item.action is Action.WRITE:
                    _put_new(item.destination, data, like=copy.destination)
                elif item.action is Action.MERGE:
                    _replace(item, data)
            except FileExistsError:  # another program wrote one since: read it
                continue
            except FileError as e:
                return replace(item, action=Action.FAIL, reason=str(e))
            except OSError as e:
                if is_final(e, item.destination.parent):
                    raise
                return replace(item, action=Action.FAIL, reason=f"cannot write the sidecar: {e.strerror or e}")
            return item
        return None

    def _make(self, copy: Item) -> tuple[Item, bytes] | None:
        """Return the item of a copy's sidecar, and the sidecar; None if there is nothing to write in it."""
        marks = self._marks[copy.source]
        item = Item(copy.source, _name(copy.destination, self._form), copy.digest, Action.WRITE, is_sidecar=True)
        try:
            self._check_name(copy.destination, item.destination)
            _check_length(item.destination)
            if (existing := _read(item.destination)) is not None:
                data = _marked(existing, marks, item.destination)
                written = contents.digest(data)
                if data == existing:
                    return replace(item, action=Action.SKIP, reason=ALREADY_THERE, written=written), data
                kept, digest = _free_name(item.destination), contents.digest(existing)
                _check_length(kept)
                return replace(item, source=kept, digest=digest, action=Action.MERGE, written=written), data
            base = None
            if source := _beside_source(copy.source, self._form) if self._copies_sources else None:
                base = _read(source, follow=True)
            if source is not None and base is not None:
                item = replace(item, source=source, digest=contents.digest(base))
            elif marks.is_empty:
                return None
            data = _marked(base, marks, item.source)
        except FileError as e:
            return replace(item, action=Action.FAIL, reason=str(e)), b""
        place = names_place(data) and not copy.names_place
        return replace(item, written=contents.digest(data), names_place=place), data

    def _check_name(self, copy: Path, sidecar: Path) -> None:
        """Raise FileError if a short name is also that of another photo's sidecar."""
        if self._form is SidecarName.SHORT and (others := _same_stem(copy)):
            raise FileError(f"{others[0].name} would have the same sidecar {sidecar.name}; use --sidecar long")


def _name(photo: Path, form: SidecarName) -> Path:
    return photo.with_name((photo.name if form is SidecarName.LONG else photo.stem) + _ENDING)


def _check_length(file: Path) -> None:
    """Raise FileError if a name is too long: that of a copy from an earlier export left no room for more."""
    if not ask(file.parent).fits(file.name):
        raise FileError(f"the name {file.name} would be too long; shorten the name of the copy, then export again")


def _same_stem(photo: Path) -> list[Path]:
    """Return the other photos in a folder whose short sidecar has the same name."""
    try:
        names = os.listdir(photo.parent)
    except OSError:
        return []
    stem = photo.stem.casefold()
    parts = ((name, *os.path.splitext(name)) for name in sorted(names))
    return [
        photo.with_name(name)
        for name, other, ending in parts
        if other.casefold() == stem and ending.lower() in EXTENSIONS and name != photo.name
    ]


def _beside_source(photo: Path, form: SidecarName) -> Path | None:
    """Return the sidecar of a photo in the album: one with the chosen form of name, else one with the other form."""
    for each in (form, *(other for other in SidecarName if other is not form)):
        found = _name(photo, each)
        # beside a.cr3 and a.jpg, Lightroom's a.xmp belongs to the RAW file
        is_its = each is SidecarName.LONG or photo.suffix.lower() in _RAW or not _same_stem(photo)
        if is_its and os.path.isfile(found):  # not of `Path`, which raises an error for a name that is too long
            return found
    return None


def _read(sidecar: Path, follow: bool = False) -> bytes | None:
    """Return the bytes of a sidecar, None if there is none; raises FileError if it is not a readable file."""
    try:
        if not stat.S_ISREG(os.stat(sidecar, follow_symlinks=follow).st_mode):
            raise FileError(f"{sidecar} is a link or not a file; the sidecar is not written")
        return sidecar.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise FileError(f"cannot read the sidecar {sidecar}: {e.strerror or e}") from e


def _marked(base: bytes | None, marks: Marks, where: Path) -> bytes:
    try:
        return marked(base, marks)
    except UnmergeableError as e:
        raise FileError(f"nothing was added to the sidecar {where}: {e}") from e


def _put_new(destination: Path, data: bytes, like: Path) -> None:
    """Write a new file, readable by the same users as `like`; raises FileExistsError if its name is taken."""
    temporary = destination.with_name(whole.temporary_name())
    try:
        _write_like(temporary, data, like)
        whole.place(temporary, destination)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_like(temporary: Path, data: bytes, like: Path) -> None:
    write_unfinished(temporary, data)
    with suppress(OSError):  # some network drives store no modes
        os.chmod(temporary, stat.S_IMODE(like.stat().st_mode) & 0o666 | 0o600)


def _replace(item: Item, data: bytes) -> None:
    """Keep the original of a sidecar under its own name, then replace it; raises FileError if it changes meanwhile."""
    sidecar, kept = item.destination, item.source
    temporary = sidecar.with_name(whole.temporary_name())
    original = sidecar.read_bytes()
    try:
        _put_new(kept, original, like=sidecar)
        try:
            _write_like(temporary, data, sidecar)
            if contents.digest(original) != item.digest or whole.digest(sidecar) != item.digest:
                raise FileError("another program is changing the sidecar; close it, then export again")
            os.replace(temporary, sidecar)
        except BaseException:
            if _has(sidecar, original):  # else these bytes may be in no other file
                kept.unlink()
            raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _has(file: Path, data: bytes) -> bool:
    try:
        return whole.digest(file) == contents.digest(data)
    except OSError:
        return False


def _free_name(sidecar: Path) -> Path:
    parts = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (sidecar.with_name(f"{sidecar.name}{part}{_KEPT}") for part in parts)
    return next(name for name in names if not os.path.lexists(name))
