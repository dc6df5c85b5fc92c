"""The content hash: XXH3 of 128 bits, in hex digits; equal for files of the same bytes.

The index stores it for each photo, so that copies are analysed once. Exports and undo compare it to check that a file
is unchanged. It detects accidental changes, not forged ones.
"""

from __future__ import annotations

import hashlib
from io import BufferedReader

import xxhash


def digest(data: bytes) -> str:
    """Return the content hash of bytes."""
    return xxhash.xxh3_128_hexdigest(data)


def digest_of_file(file: BufferedReader) -> str:
    """Return the content hash of the rest of an open file, which need not fit into memory."""
    return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
