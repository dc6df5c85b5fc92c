"""Make text safe to print on a terminal."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def printable(path: Path | str) -> str:
    """Return a path with control, format and undecodable characters escaped, so that it cannot control a terminal."""
    return "".join(c if unicodedata.category(c) not in _UNSAFE else _escaped(c) for c in str(path))


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python represents it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii") if code < 0xD800 or code > 0xDFFF else f"\\u{code:04x}"
