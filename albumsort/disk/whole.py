"""Files that get a free name once they are whole, and the folders they lie in."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import xxhash

from . import contents

HIDDEN = ".albumsort-"
"""How the names begin that no finished file has."""
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def digest(file: Path) -> str:
    """Return the hex hash of a file's bytes, the same as the index keeps."""
    with open(file, "rb") as content:
        return contents.digest_of_file(content)


def temporary_name() -> str:
    """Return a new name for an unfinished file; nobody else makes such a name by chance or by habit."""
    nonce = secrets.token_hex(8)
    return f"{HIDDEN}{nonce}{_check(nonce)}"


def is_temporary(name: str) -> bool:
    """Whether `temporary_name` made this name."""
    found = re.fullmatch(rf"{re.escape(HIDDEN)}([0-9a-f]{{16}})([0-9a-f]{{16}})", name)
    return found is not None and found[2] == _check(found[1])


def _check(nonce: str) -> str:
    return xxhash.xxh3_64_hexdigest(f"albumsort {nonce}".encode())


def remove_temporaries(folder: Path) -> None:
    """Remove the unfinished files of this user in a folder; call it only while nobody writes there."""
    with suppress(OSError):  # no folder, or one that may not be read: nothing is found, nothing removed
        for name in filter(is_temporary, os.listdir(folder)):
            with suppress(OSError):  # it stays: hidden, and counted by nobody
                status = os.lstat(folder / name)
                if stat.S_ISREG(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid()):
                    os.unlink(folder / name)


def place(temporary: Path, destination: Path) -> None:
    """Give a whole file its name, in one step; raises FileExistsError if that is taken. Both are in one folder.

    A killed process may leave both names, never a part of the file under the second.
    """
    try:
        os.link(temporary, destination)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as FAT, or an error that the next line meets too
        _rename(temporary, destination)
    else:
        with suppress(OSError):  # the file is where it belongs; the second name goes with the next run
            os.unlink(temporary)


def _rename(old: Path, new: Path) -> None:
    """Rename without replacing: by the system where it can, else after a look whether the name is free."""
    if _rename_exclusively(old, new):
        return
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    os.rename(old, new)  # which replaces nothing on Windows, in any case


def _rename_exclusively(old: Path, new: Path) -> bool:
    """Have the system rename without replacing, in one step; returns False where it cannot."""
    # Python has no name for these calls. int renameat2(int, char *, int, char *, unsigned), flag RENAME_NOREPLACE
    # on Linux; int renamex_np(char *, char *, unsigned), flag RENAME_EXCL on macOS
    if sys.platform not in ("linux", "darwin"):
        return False
    here = ctypes.c_int(-100)  # AT_FDCWD: paths are what they are everywhere else
    system = ctypes.CDLL(None, use_errno=True)
    one, other = ctypes.c_char_p(os.fsencode(old)), ctypes.c_char_p(os.fsencode(new))
    failed = None
    if sys.platform == "linux" and hasattr(system, "renameat2"):
        failed = system.renameat2(here, one, here, other, ctypes.c_uint(1))
    elif sys.platform == "darwin" and hasattr(system, "renamex_np"):
        failed = system.renamex_np(one, other, ctypes.c_uint(4))
    if failed is None:
        return False
    code = ctypes.get_errno()
    if failed and code not in _UNSUPPORTED:
        raise OSError(code, os.strerror(code), str(old), None, str(new))
    return not failed


def make_folders(folder: Path) -> Iterator[Path]:
    """Make a folder and those above it that are missing; yields each that was made, the outermost first."""
    missing = []
    for place in (folder, *folder.parents):
        if place.exists():
            break
        missing.append(place)
    for place in reversed(missing):
        try:
            place.mkdir()
        except FileExistsError:
            if not place.is_dir():
                raise
        else:  # nobody was faster
            yield place
            flush_folder(place.parent)


def flush_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk, where the system has a way to ask for that."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network drives do not take folders; the files themselves are flushed
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
