"""Read the date in IPTC: records of a photo agency's caption, as news and archives still write them."""

from __future__ import annotations

from .dates import Tag

DAY, TIME = (2, 55), (2, 60)


def read(block: bytes) -> list[Tag]:
    """Return the date created, with its time and offset if the block has them; an unreadable block has none."""
    found: dict[tuple[int, int], str] = {}
    at = 0
    while block[at : at + 1] == b"\x1c" and at + 5 <= len(block):
        record, size = (block[at + 1], block[at + 2]), int.from_bytes(block[at + 3 : at + 5], "big")
        found.setdefault(record, block[at + 5 : at + 5 + size].decode("latin-1"))
        at += 5 + size
    return [Tag("DateCreated", f"{found[DAY].strip()}T{found.get(TIME, '').strip()}")] if DAY in found else []
