"""Read a list of files: the paths that its bytes name, or why they are no list."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ..errors import UsageError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that are in binary files, and hardly ever in the name of a photo."""
_WRITE = "Write one name a line, in UTF-8 or in UTF-16 with its mark, or end every name with NUL"


def parse(data: bytes) -> list[Path]:
    """Return the paths in a list of files: one a line (LF or CRLF), or each ended by NUL.

    A list that begins with the mark (BOM) of UTF-16 is read as UTF-16. In any other list the names are taken byte for
    byte, because names on Linux need not be UTF-8; only a mark of UTF-8 at the beginning is left out. Blank lines name
    nothing.

    Raises UsageError if the bytes can also be something else, like a picture or UTF-16 without its mark: a wrong
    reading makes up names such as "." and "/", and a folder in a list is walked.
    """
    data = _bytes_of_names(data)
    names = _ended_by_nul(data) if b"\0" in data else _lines(data)
    folder = next((name for name in names if not name.strip(b"./")), None)
    if folder is not None and _may_be_made_up(data, names, folder):
        raise UsageError(
            f"it names the folder {os.fsdecode(folder)}, but may be a binary file or UTF-16 without its mark. If it is "
            "a list, write the whole path of that folder"
        )
    try:
        return [Path(os.fsdecode(name)) for name in names]
    except UnicodeDecodeError as e:  # only on Windows, where every name is Unicode
        raise UsageError(f"it is neither UTF-8 nor UTF-16 with its mark. {_WRITE}") from e


def _bytes_of_names(data: bytes) -> bytes:
    """Return a list without its mark, in the encoding of file names."""
    if not data.startswith(_UTF16):
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        return os.fsencode(data.decode("utf-16"))
    except UnicodeDecodeError as e:
        raise UsageError(
            f"it begins with the mark of UTF-16, but is not UTF-16 ({e.reason}): it is damaged or incomplete. {_WRITE}"
        ) from e
    except UnicodeEncodeError as e:
        raise UsageError(f"it has characters that this system's file names cannot have ({e.encoding})") from e


def _lines(data: bytes) -> list[bytes]:
    lines = (line.removesuffix(b"\r") for line in data.split(b"\n"))
    return [line for line in lines if line.strip()]


def _ended_by_nul(data: bytes) -> list[bytes]:
    """Return the names between NUL bytes; the last one may lack its NUL."""
    names = data.removesuffix(b"\0").split(b"\0")
    if not all(names):
        raise UsageError(f"it has NUL bytes that end no name, so it may be a picture or another binary file. {_WRITE}")
    if _is_in_lines(data, names):
        raise UsageError(f"it has both lines and NUL bytes, so its names cannot be told apart. {_WRITE}")
    if _may_be_utf16(names):
        raise UsageError(
            f"it may be UTF-16 without its mark. {_WRITE}. If these names of one letter are right, write ./ before them"
        )
    return names


def _is_in_lines(data: bytes, names: Sequence[bytes]) -> bool:
    """Whether the lines look like the names of a list, and not like line ends within names, which are possible."""
    return (b"\n" in data and not data.endswith(b"\0")) or all(name.endswith(b"\n") for name in names)


def _may_be_utf16(names: Sequence[bytes]) -> bool:
    """Whether NUL bytes may be halves of characters: line ends follow them, or single letters are many or together."""
    ends = any(name.startswith(b"\n") for name in names)
    single = [len(name) == 1 for name in names]
    return ends or 2 * sum(single) >= len(single) or any(map(all, pairwise(single)))


def _may_be_made_up(data: bytes, names: Sequence[bytes], folder: bytes) -> bool:
    """Whether a wrong reading may have made up a folder of dots and slashes; `find` writes it before what is in it."""
    return _CONTROL.search(data) is not None or (b"\0" in data and not all(name.startswith(folder) for name in names))
