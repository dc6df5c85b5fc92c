"""Group photos that failed by the reason, and recognise a reason that was known before."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = 3
"""Number of photos that a summary names for each reason."""
_NUMBER = re.compile(r"(?<!\w)(0x[0-9a-fA-F]+|\d+(?:[.,]\d+)*)")


@dataclass(frozen=True)
class Group:
    """The files that failed for the same reason."""

    reason: str
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        """Return the first paths, the number of the others, and the reason."""
        named, rest = ", ".join(map(str, self.paths[:EXAMPLES])), len(self.paths) - EXAMPLES
        return f"{named}{f' and {rest} more' if rest > 0 else ''}: {self.reason}"


def kind_of(path: Path, reason: str) -> tuple[str, ...]:
    """Return what a reason has in common with the same reason of other files: its texts between numbers.

    The path of the file does not count either. Numbers are those that stand alone, so "JPEG2000" is a text.
    """
    return tuple(_NUMBER.split(_without_path(path, reason))[::2])


def by_reason(failures: Iterable[tuple[Path, str]]) -> list[Group]:
    """Group failures by the kind of their reason (see `kind_of`), the largest group first; the paths keep their order.

    The reason of a group keeps the numbers that are the same for all its files.
    """
    groups = defaultdict[tuple[str, ...], list[tuple[Path, str]]](list)
    for path, reason in failures:
        groups[kind_of(path, reason)].append((path, _without_path(path, reason)))
    found = [Group(_common([why for _, why in group]), tuple(path for path, _ in group)) for group in groups.values()]
    return sorted(found, key=lambda group: (-len(group.paths), group.reason))


def _without_path(path: Path, reason: str) -> str:
    return reason.replace(str(path), "it", 1) if path.name else reason


def _common(reasons: list[str]) -> str:
    """Return the text of reasons of one kind, with "…" for each number in which they differ."""
    parts = zip(*map(_NUMBER.split, dict.fromkeys(reasons)), strict=True)
    return "".join(part[0] if len(set(part)) == 1 else "…" for part in parts)
