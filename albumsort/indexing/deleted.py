"""Tell a deleted photo from one whose disk is not there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..photos.walk import is_gone


def is_deleted(path: Path, albums: Iterable[Path]) -> bool:
    """Whether a file is gone while its album, or its folder if it is in no album, still holds something.

    Without its disk, a folder is gone or empty.
    """
    if not is_gone(path):
        return False
    home = next((album for album in albums if path.is_relative_to(album)), path.parent)
    try:
        with os.scandir(home) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
