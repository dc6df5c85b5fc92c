"""The report of a run: counts, failures and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Profile:
    """The times of a run. steps: the workers' seconds by step; writing: this process's seconds; size: workers."""

    steps: Mapping[str, float]
    writing: float
    seconds: float
    size: int

    @property
    def idle(self) -> float:
        """Seconds in which workers had no photo: while they started or waited."""
        return max(0.0, self.seconds * self.size - sum(self.steps.values()))


@dataclass(frozen=True)
class Report:
    """The results of a run. failed: every photo in the run's folders without a result, and the reason.

    newly_failed: the failures that are not as on an earlier run, and every folder or listed file that cannot be read,
    because nobody knows what is in it. Photos that were deleted are missing; they did not fail.
    rescored: results classified again from stored crops; their photos may be unchanged, missing or elsewhere.
    redated: results whose date was read from the file again. excluded: known photos that this run skipped and took out
    of the lists.
    """

    found: int
    analysed: int
    unchanged: int
    moved: int
    missing: int
    excluded: int
    failed: tuple[tuple[Path, str], ...]
    newly_failed: tuple[tuple[Path, str], ...]
    faces: int
    rescored: int
    redated: int
    seconds: float
    skipped: Mapping[str, int]
    interrupted: bool
    profile: Profile

    @property
    def exit_code(self) -> int:
        """0: no photo failed that did not fail before; 1: some did; 130: interrupted."""
        return 130 if self.interrupted else 1 if self.newly_failed else 0
