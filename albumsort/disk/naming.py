"""Ask a file system how long a file name may be."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

COMMON = 255
"""The usual limit: bytes on Linux and macOS; UTF-16 units on FAT, exFAT, NTFS and SMB, whatever they report."""
MAX_PATH = 260
"""Windows' limit for a path with its final NUL, in UTF-16 units."""
_SHORTEST = 64


@dataclass(frozen=True, slots=True)
class Naming:
    """The longest file name that a folder can hold, in bytes and in UTF-16 units; both limits apply."""

    octets: int = COMMON
    units: int = COMMON

    def fits(self, name: str) -> bool:
        """Whether a name is short enough."""
        return len(os.fsencode(name)) <= self.octets and _units(name) <= self.units

    def shorter(self, by: int) -> Naming:
        """Return the limits for names behind which `by` characters of ASCII have room."""
        return Naming(self.octets - by, self.units - by)


if sys.platform == "win32":

    def ask(folder: Path) -> Naming:
        """Return the limits for names in a folder, which need not exist; writes nothing.

        A path longer than MAX_PATH is a problem for most programs, even where Windows allows it.
        """
        path = str(folder)
        room = COMMON if path.startswith("\\\\?\\") else MAX_PATH - len("\\") - len("\0") - _units(path)
        units = min(COMMON, max(room, _SHORTEST))
        return Naming(3 * units, units)  # a UTF-16 unit has at most 3 bytes in UTF-8
else:

    def ask(folder: Path) -> Naming:
        """Return the limits for names in a folder, which need not exist; writes nothing.

        FAT and exFAT report their limit as the bytes that 255 characters can have. eCryptfs reports 143. The path as a
        whole is limited, too, so a long folder leaves less: perhaps nothing.
        """
        name = _configured(folder, "PC_NAME_MAX", COMMON)
        path = _configured(folder, "PC_PATH_MAX", 4096 if sys.platform == "linux" else 1024)
        room = path - len("/") - len("\0") - len(os.fsencode(folder))
        return Naming(min(name, room))

    def _configured(folder: Path, limit: str, default: int) -> int:
        """Return a limit of the folder, or of its closest parent that exists; the default if the system names none."""
        place = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        try:
            found = os.pathconf(place, limit)
        except (OSError, ValueError):  # the file system does not answer, or the system lacks this question
            return default
        return found if found > 0 else default


def _units(name: str) -> int:
    return len(name.encode("utf-16-le", "surrogatepass")) // 2
