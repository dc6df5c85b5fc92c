"""What an export does with each photo: copy or link, the action, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Link(StrEnum):
    """What an export puts into the destination: a copy, a hard link or a soft link."""

    COPY = "copy"
    HARD = "hard"
    SOFT = "soft"


class Action(StrEnum):
    """The planned or finished action for a photo. SKIP: the destination already has this content."""

    WRITE = "write"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Item:
    """One photo of an export. digest: the source's indexed content hash. A SKIP's destination has that content."""

    source: Path
    destination: Path
    digest: str
    action: Action
    reason: str = ""
