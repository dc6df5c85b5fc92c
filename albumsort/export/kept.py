"""Read the list of kept photos that a gallery hands over: one line a photo, its content hash and a readable name."""

from __future__ import annotations

import codecs
import re

from ..errors import UsageError

_KEPT = re.compile(rb"[0-9a-f]{32}(?:[ \t].*)?", re.DOTALL)
_BOUNDS = b" \t\r>"
"""What mail programs, editors and shells put around lines."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def kept_hashes(data: bytes) -> list[str] | None:
    """Return the content hashes of a list of kept photos, each once, in order; None if the bytes are no such list.

    Each line begins with the content hash, 32 hex digits; the name after a tab or space is for people, and is not
    read. Blank lines, marks (BOM), CRLF and the > of quoted mail are ignored. Any other line makes it another list,
    such as one of paths.

    Raises UsageError for a list with both lines of kept photos with tabs, as a gallery writes them, and other lines:
    read as paths, it would name files that nobody has.
    """
    lines = [line for line in (line.strip(_BOUNDS) for line in _in_utf8(data).split(b"\n")) if line]
    kept = [line for line in lines if _KEPT.fullmatch(line)]
    if len(kept) == len(lines) > 0:
        return list(dict.fromkeys(line[:32].decode() for line in kept))
    if any(line[32:33] == b"\t" for line in kept):
        other = next(number for number, line in enumerate(lines, start=1) if line not in kept)
        raise UsageError(
            f"it is a list of kept photos, but line {other} does not begin with a content hash (32 hex digits). Remove "
            "what is no photo from the list"
        )
    return None


def _in_utf8(data: bytes) -> bytes:
    """Return the bytes in UTF-8 without its mark, if the mark at their beginning says UTF-16; others as they are."""
    if data.startswith(_UTF16):
        return data.decode("utf-16", "replace").encode()
    return data.removeprefix(codecs.BOM_UTF8)
