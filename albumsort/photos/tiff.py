"""Read tags of a TIFF, piece by piece. EXIF blocks are TIFFs inside, and so are most RAW files."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO

ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"IIU\0": "<", b"IIRO": "<", b"IIRS": "<", b"MMOR": ">"}
"""Byte order by signature: TIFF; Panasonic; Olympus."""
FORMS = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 13: "I"}
"""How the types of TIFF are stored; a fraction is two integers."""
FRACTIONS = 5, 10
SIZE_LIMIT = 4_000_000
"""Bytes of the largest value that is read."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tag's value. data: its bytes as stored."""

    data: bytes
    type: int
    order: str

    @property
    def numbers(self) -> tuple[float, ...]:
        """Its numbers; a fraction over zero is not a number (NaN), and a text has none."""
        form = FORMS[self.type]
        if form == "s":
            return ()
        count = len(self.data) // struct.calcsize(f"={form}")
        found = struct.unpack(f"{self.order}{form * count}", self.data)
        if self.type in FRACTIONS:
            return tuple(a / b if b else float("nan") for a, b in zip(found[::2], found[1::2], strict=True))
        return found


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF in a file, from the file's first byte on. first: place of its first directory."""

    file: BinaryIO
    order: str
    first: int

    def directory(self, place: int, wanted: Collection[int]) -> dict[int, Value]:
        """Return the wanted tags of a directory that can be read. Raises OSError if the file cannot be read."""
        found: dict[int, Value] = {}
        self.file.seek(place)
        count = self.file.read(2)
        if len(count) < 2:
            return found
        entries = self.file.read(12 * struct.unpack(f"{self.order}H", count)[0])
        for at in range(0, len(entries) - 11, 12):
            tag, kind = struct.unpack_from(f"{self.order}HH", entries, at)
            if tag in wanted and tag not in found and kind in FORMS:
                value = self._value(kind, entries[at + 4 : at + 12])
                if value is not None:
                    found[tag] = value
        return found

    def _value(self, kind: int, entry: bytes) -> Value | None:
        count, place = struct.unpack(f"{self.order}II", entry)
        size = count * struct.calcsize(f"={FORMS[kind]}")
        if size <= 4:
            return Value(entry[4 : 4 + size], kind, self.order)
        if size > SIZE_LIMIT:
            return None
        self.file.seek(place)
        data = self.file.read(size)
        return Value(data, kind, self.order) if len(data) == size else None


def opened(file: BinaryIO) -> Tiff | None:
    """Return the TIFF in a file, or None if it is none. Raises OSError if the file cannot be read."""
    file.seek(0)
    head = file.read(8)
    order = ORDERS.get(head[:4])
    if order is None or len(head) < 8:
        return None
    return Tiff(file, order, struct.unpack(f"{order}I", head[4:])[0])


def first_directory(file: BinaryIO, wanted: Collection[int]) -> dict[int, Value]:
    """Return the wanted tags of the first directory; none if this is no TIFF. Raises OSError like `opened`."""
    found = opened(file)
    return found.directory(found.first, wanted) if found else {}
