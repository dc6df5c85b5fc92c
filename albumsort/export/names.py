"""Names of exported files: a number, then the photo's name, in characters and a length that file systems accept.

No two new names have the same number, so they differ even where a file system ignores case or Unicode normalisation.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator

from ..disk.naming import Naming

REFUSALS = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""Errors of a file system that does not accept a name."""
_LEAST_DIGITS = 4
_NUMBER = re.compile(r"([0-9]{4,16})-")
_CUT = 143
"""Bytes of a name on eCryptfs, the shortest limit in use; shared over a network, it reports a longer one."""
_SHORT = 32
_EXTENSION = 16
# characters that Windows and FAT forbid, control characters, line ends, and surrogates: Python's form of name bytes
# that are not text, which Linux allows but FAT does not
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029<>:"/\\|?*\ud800-\udfff]')


def numbers_after(names: Iterable[str], count: int) -> Iterator[str]:
    """Yield numbers for `count` new files, so that they sort after each numbered name in a folder.

    They continue after the highest number; a folder without any starts at 1. Names sort as text, so when a number has
    no room for all, digits are appended: 999001 follows 9990.
    """
    found = (match[1] for match in map(_NUMBER.match, names) if match)
    highest = max(found, default="0" * max(_LEAST_DIGITS, len(str(count))))
    while int(highest) + count >= 10 ** len(highest):
        highest += "0"
    return (f"{int(highest) + new:0{len(highest)}}" for new in range(1, count + 1))


def safe(name: str) -> str:
    """Return a photo's name in characters that every file system accepts; its length is not limited here.

    A number precedes it, so it cannot be a name that Windows reserves for devices, such as CON.
    """
    return _UNSAFE.sub("_", name).rstrip(" .") or "photo"


def spellings(name: str, naming: Naming) -> Iterator[str]:
    """Yield the name, then the name with -2, -3, ... before its extension, each cut to the length limit."""
    stem, extension = _split(name)
    for number in itertools.count(1):
        ending = extension if number == 1 else f"-{number}{extension}"
        while not naming.fits(stem + ending):  # by characters, because a part of a character is not valid in a name
            stem = stem[:-1]
        yield stem.rstrip(" .") + ending


def plainer(name: str, room: int = 0) -> Iterator[str]:
    """Yield the name, then names for a file system that refuses it: a shorter one, then a short one in ASCII.

    room: characters to leave behind the shorter names.
    """
    yield name
    yield next(spellings(name, Naming(_CUT).shorter(room)))
    stem, extension = _split(name)
    number, _, words = stem.partition("-")
    short = safe(_ascii(words)[:_SHORT])
    yield f"{number}-{short}{safe(_ascii(extension)) if extension else ''}"


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _split(name: str) -> tuple[str, str]:
    stem, extension = os.path.splitext(name)
    if len(os.fsencode(extension)) > _EXTENSION:  # not an extension, just a dot in the name
        return name, ""
    return stem, extension
