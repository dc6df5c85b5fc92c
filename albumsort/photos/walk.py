"""Find photo files in folders. No photo is opened, so an unchanged album is checked almost instantly."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import AlbumsortError
from ..types import PhotoFile
from . import junk

EXTENSIONS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".gif",
        ".jp2",
        ".j2k",
        ".jpf",
        ".jpx",
        ".tga",
        ".ico",
        ".psd",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".pcx",
        ".sgi",
        ".dds",
        ".qoi",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".nrw",
        ".arw",
        ".sr2",
        ".raf",
        ".rw2",
        ".orf",
        ".pef",
        ".srw",
    ]
)
EXCLUDED = "excluded"
MET_BEFORE = "folder met before (a link)"
LEFT_OUT = junk.REASONS | {EXCLUDED}
"""The reasons that take known photos out of the lists: they are no longer part of the album."""

Identity = tuple[int, int]
"""Device and inode number: the same for all names of a file or folder."""


@dataclass
class Walk:
    """Counts of what a walk skipped, by reason, and its errors; filled while `find` runs.

    note: called with each folder and file that is skipped, and the reason.
    """

    skipped: Counter[str] = field(default_factory=Counter)
    errors: list[tuple[Path, str]] = field(default_factory=list)
    note: Callable[[Path, str], object] = lambda path, reason: None

    def skip(self, path: Path, reason: str) -> None:
        """Count and note a folder or file that is skipped; of a folder, nothing inside is counted."""
        self.skipped[reason] += 1
        self.note(path, reason)


def find(root: Path, exclude: Sequence[str], walk: Walk, others: Iterable[Path] = ()) -> Iterator[PhotoFile]:
    """Yield the photos under a folder (or the file itself), sorted by name within each folder.

    `walk` counts hidden folders, folders that are no album (see `junk`), files that are not photos, and matches of a
    glob of `exclude` (by name, path or path below the root). Of a photo library only the originals are found. Links are
    followed; each folder is visited once. A root that is a file is excluded if it or a folder above it is.
    The root is always walked, whatever its name and its markers, because somebody named it.
    others: folders that are indexed under these names; the walk skips them under any other name.
    Raises AlbumsortError if the root does not exist.
    """
    root = Path(os.path.abspath(root))
    try:
        status = root.stat()
    except OSError as e:
        raise AlbumsortError(f"cannot read {root}: {e.strerror}. Is the disk plugged in and the name correct?") from e
    if stat.S_ISDIR(status.st_mode):
        yield from _find_in(root, _Excluded(root, exclude), walk, frozenset(_identities(others)))
    elif not stat.S_ISREG(status.st_mode):
        raise AlbumsortError(f"{root} is neither a folder nor a file")
    elif any(map(_Excluded(Path(root.anchor), exclude), (root, *root.parents[:-1]))):
        walk.skip(root, EXCLUDED)
    else:
        yield _file(root, status)


def is_gone(path: Path) -> bool:
    """Whether nothing has this name. An unreadable path (failing disk, locked folder) does not count as gone."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


class _Excluded:
    """Whether a glob matches a name, a whole path, or the path below the root."""

    def __init__(self, root: Path, globs: Sequence[str]) -> None:
        self._root = root
        plain = [glob.removeprefix("./").rstrip("/") for glob in globs]
        # users also type paths relative to the current folder
        self._globs = [*plain, *(os.path.abspath(glob) for glob in plain if "/" in glob)]

    def __call__(self, path: Path) -> bool:
        if not self._globs:
            return False
        forms = (path.name, str(path), str(path.relative_to(self._root)))
        return any(fnmatch.fnmatch(form, glob) for glob in self._globs for form in forms)


def _file(path: Path, status: os.stat_result) -> PhotoFile:
    """Return the file with a time that fits the database: years after 2262 become its largest time."""
    return PhotoFile(path, status.st_size, max(-(2**63), min(status.st_mtime_ns, 2**63 - 1)))


def _find_in(root: Path, excluded: _Excluded, walk: Walk, others: frozenset[Identity]) -> Iterator[PhotoFile]:
    pending, linked, visited = [root], list[Path](), set[Identity]()
    while pending or linked:
        # links last, so that a folder is listed under its own name and not under a link's
        folder = pending.pop() if pending else linked.pop(0)
        try:
            identity, is_link = _identity(folder.stat()), folder.is_symlink()
            if is_link and folder != root and identity in visited:
                walk.skip(folder, MET_BEFORE)
                continue
            if identity in others and folder != root:
                walk.skip(folder, "folder indexed by another name")
                continue
            visited.add(identity)
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda e: e.name)
        except OSError as e:
            walk.errors.append((folder, f"cannot read the folder: {e.strerror}"))
            continue
        if folder != root and (reason := junk.why_skip_content(folder, entries)):
            walk.skip(folder, reason)
            continue
        real = Path(os.path.realpath(folder)) if is_link else folder
        around = junk.Around(real, (entry.name for entry in entries), _is_photo)
        subfolders = []
        for entry in entries:
            path = folder / entry.name
            if excluded(path):
                walk.skip(path, EXCLUDED)
                continue
            try:
                status = entry.stat()
            except OSError as e:
                _count_unreadable(path, e, walk)
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            why_skip = _why_skip_folder if is_folder else _why_skip_file
            if reason := why_skip(entry.name, status.st_mode, around):
                walk.skip(path, reason)
            elif not is_folder:
                yield _file(path, status)
            elif entry.is_symlink():
                linked.append(path)
            elif _identity(status) in visited:
                walk.skip(path, MET_BEFORE)
            else:
                subfolders.append(path)
        pending.extend(reversed(subfolders))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _identities(folders: Iterable[Path]) -> Iterator[Identity]:
    """Yield the identities of the folders that exist now."""
    for folder in folders:
        with suppress(OSError):
            yield _identity(folder.stat())


def _count_unreadable(path: Path, error: OSError, walk: Walk) -> None:
    if os.path.islink(path):  # Path.is_symlink raises on a path that is too long
        walk.skip(path, "broken link")
    else:
        walk.errors.append((path, f"cannot read: {error.strerror}"))


def _why_skip_folder(name: str, mode: int, around: junk.Around) -> str | None:
    return "hidden folder" if name.startswith(".") else around.why_skip(name)


def _why_skip_file(name: str, mode: int, around: junk.Around) -> str | None:
    if not stat.S_ISREG(mode):
        return "not a regular file"
    if name.startswith("."):
        return "hidden file"
    if not _is_photo(name):
        return f"{os.path.splitext(name)[1].lower() or 'no extension'} file"
    return junk.IN_LIBRARY if around.is_library else None


def _is_photo(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS
