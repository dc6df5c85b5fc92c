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


class SidecarName(StrEnum):
    """The name of the XMP file beside `photo.jpg`: LONG is `photo.jpg.xmp`, SHORT is `photo.xmp`."""

    LONG = "long"
    SHORT = "short"


class Action(StrEnum):
    """The planned or finished action for a photo or sidecar. SKIP: the destination already has this content.

    MERGE: an existing sidecar was replaced by one with its content and more.
    """

    WRITE = "write"
    MERGE = "merge"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Item:
    """One photo or sidecar of an export. A SKIP's destination has the content that would have been written.

    digest: the source's content hash. written: the content hash of a file whose content is not the source's: a copy to
    share, or a sidecar. names_place: whether the file tells where the photo was taken, unless that was not looked at.
    A sidecar's source is the photo, or the sidecar that its content comes from; of a MERGE, the kept original.
    """

    source: Path
    destination: Path
    digest: str
    action: Action
    reason: str = ""
    written: str = ""
    is_sidecar: bool = False
    names_place: bool = False

    @property
    def content(self) -> str:
        """The content hash of the destination."""
        return self.written or self.digest
