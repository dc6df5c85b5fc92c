"""What a run did, and where its time went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Profile:
    """Where the time went. steps: the workers' seconds by step; writing: this process's; size: the workers."""

    steps: Mapping[str, float]
    writing: float
    seconds: float
    size: int

    @property
    def idle(self) -> float:
        """The workers' seconds without a photo: starting, and waiting for one."""
        return max(0.0, self.seconds * self.size - sum(self.steps.values()))


@dataclass(frozen=True)
class Report:
    """What a run did. failed holds every photo of this run's folders that has no result, with the reason.

    rescored: results classified anew from stored faces, of photos that may be unchanged, missing or elsewhere.
    """

    found: int
    analysed: int
    unchanged: int
    moved: int
    missing: int
    failed: tuple[tuple[Path, str], ...]
    faces: int
    rescored: int
    seconds: float
    skipped: Mapping[str, int]
    interrupted: bool
    profile: Profile

    @property
    def exit_code(self) -> int:
        """0 all well, 1 some photos failed, 130 interrupted."""
        return 130 if self.interrupted else 1 if self.failed else 0
