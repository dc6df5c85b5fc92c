"""The hash by which files of the same bytes are known: XXH3 of 128 bits, in hex digits.

The index keeps it of each photo, so that bytes are analysed once, wherever they lie; exports and undo ask by it
whether a file is still what was judged or written. It tells differences that come by chance, not forged ones.
"""

from __future__ import annotations

import hashlib
from io import BufferedReader

import xxhash


def digest(data: bytes) -> str:
    """Return the hash of bytes."""
    return xxhash.xxh3_128_hexdigest(data)


def digest_of_file(file: BufferedReader) -> str:
    """Return the hash of what is left to read of an open file, which need not fit into memory."""
    return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
