"""Write files under temporary names and rename them once they are complete; make their folders."""

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
"""Prefix of temporary names; no finished file has it."""
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def digest(file: Path) -> str:
    """Return the content hash of a file, as the index stores it."""
    with open(file, "rb") as content:
        return contents.digest_of_file(content)


def temporary_name() -> str:
    """Return a new name for an unfinished file; its checksum tells it from other programs' files."""
    nonce = secrets.token_hex(8)
    return f"{HIDDEN}{nonce}{_check(nonce)}"


def is_temporary(name: str) -> bool:
    """Whether this name comes from `temporary_name`."""
    found = re.fullmatch(rf"{re.escape(HIDDEN)}([0-9a-f]{{16}})([0-9a-f]{{16}})", name)
    return found is not None and found[2] == _check(found[1])


def _check(nonce: str) -> str:
    return xxhash.xxh3_64_hexdigest(f"albumsort {nonce}".encode())


def remove_temporaries(folder: Path) -> None:
    """Remove this user's unfinished files from a folder; call it only while no process writes there."""
    with suppress(OSError):  # no such folder, or not readable: nothing to remove
        for name in filter(is_temporary, os.listdir(folder)):
            with suppress(OSError):  # it stays, hidden and ignored
                status = os.lstat(folder / name)
                if stat.S_ISREG(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid()):
                    os.unlink(folder / name)


def place(temporary: Path, destination: Path) -> None:
    """Rename a complete file in one step, within its folder; raises FileExistsError if the name is taken.

    A killed process may leave both names, but never an incomplete file under `destination`.
    """
    try:
        os.link(temporary, destination)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as FAT, or an error that the next line raises too
        _rename(temporary, destination)
    else:
        with suppress(OSError):  # the file has its name; the next run removes the temporary one
            os.unlink(temporary)


def _rename(old: Path, new: Path) -> None:
    """Rename without replacing: by a system call where there is one, else after a check that the name is free."""
    if _rename_exclusively(old, new):
        return
    if os.path.lexists(new):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    os.rename(old, new)  # on Windows this never replaces a file


def _rename_exclusively(old: Path, new: Path) -> bool:
    """Rename without replacing by one system call; returns False where there is none."""
    # Python does not offer these calls. int renameat2(int, char *, int, char *, unsigned), flag RENAME_NOREPLACE
    # on Linux; int renamex_np(char *, char *, unsigned), flag RENAME_EXCL on macOS
    if sys.platform not in ("linux", "darwin"):
        return False
    here = ctypes.c_int(-100)  # AT_FDCWD: relative paths start at the current folder, as usual
    system = ctypes.CDLL(None, use_errno=True)
    source, target = ctypes.c_char_p(os.fsencode(old)), ctypes.c_char_p(os.fsencode(new))
    failed = None
    if sys.platform == "linux" and hasattr(system, "renameat2"):
        failed = system.renameat2(here, source, here, target, ctypes.c_uint(1))
    elif sys.platform == "darwin" and hasattr(system, "renamex_np"):
        failed = system.renamex_np(source, target, ctypes.c_uint(4))
    if failed is None:
        return False
    code = ctypes.get_errno()
    if failed and code not in _UNSUPPORTED:
        raise OSError(code, os.strerror(code), str(old), None, str(new))
    return not failed


def make_folders(folder: Path) -> Iterator[Path]:
    """Create a folder and its missing parents; yields each created folder, outermost first."""
    missing = []
    for each in (folder, *folder.parents):
        if each.exists():
            break
        missing.append(each)
    for each in reversed(missing):
        try:
            each.mkdir()
        except FileExistsError:
            if not each.is_dir():
                raise
        else:  # no other process created it first
            yield each
            flush_folder(each.parent)


def flush_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where the system offers that."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network drives cannot flush folders; the files themselves are flushed
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
