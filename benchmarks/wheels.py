"""Check whether all dependencies of albumsort come as wheels: a table of systems and versions of Python.

usage: python benchmarks/wheels.py [EXTRA ...]

Asks pip's configured package index for the newest versions that fit, and installs nothing. Dependencies of packages
come from their metadata; markers are evaluated for the system in the table, not for this one. EXTRA: also check the
dependencies of this extra, as in `wheels.py cluster train`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST_GLIBC, NEWEST_GLIBC = 5, 28  # minor versions with manylinux names, up to Debian 10's


@dataclass(frozen=True)
class System:
    """A system. name: for the table; tags: its platform tags, best first; markers: its values of markers."""

    name: str
    tags: tuple[str, ...]
    markers: dict[str, str]


def _linux(machine: str) -> System:
    glibc = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)]
    old = [f"{name}_{machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1")]
    markers = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": machine}
    return System(f"Linux {machine}", (*glibc, *old), markers)


SYSTEMS = (
    _linux("x86_64"),
    _linux("aarch64"),
    System(
        "macOS arm64",
        ("macosx_14_0_arm64",),
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    ),
    System(
        "Windows x64",
        ("win_amd64",),
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    ),
)


def needed(extras: Sequence[str]) -> list[Requirement]:
    """Return the requirements of the project with these extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    found, pending = [Requirement(line) for line in project["dependencies"]], list(extras)
    while pending:
        for requirement in map(Requirement, project["optional-dependencies"][pending.pop()]):
            if requirement.name == project["name"]:  # an extra that includes others
                pending += requirement.extras
            else:
                found.append(requirement)
    return found


def holds(requirement: Requirement, system: System, python: str, extras: Iterable[str] = ()) -> bool:
    """Whether a requirement applies on this system and Python, for a package with these extras."""
    known = {
        **system.markers,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**known, "extra": extra}) for extra in ("", *extras))


class Wanted:
    """Requirements without markers, which apply, and without extras, which are kept separately."""

    def __init__(self) -> None:
        self.lines: set[str] = set()
        self.extras: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, requirement: Requirement) -> None:
        """Add a package."""
        self.lines.add(f"{requirement.name}{requirement.specifier}")
        self.extras[canonicalize_name(requirement.name)] |= requirement.extras


def resolve(wanted: Iterable[str], system: System, python: str) -> list[dict[str, Any]] | str:
    """Return the metadata of the wheels that pip would install, without dependencies, or the reason why it cannot."""
    tags = [option for tag in system.tags for option in ("--platform", tag)]
    install = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--target", "nowhere", "--report", "-"]
    options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--python-version", python, *tags]
    done = subprocess.run([sys.executable, "-m", "pip", *install, *options, *wanted], capture_output=True, text=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: No matching")]
        return (errors or done.stderr.splitlines()[-1:] or ["pip failed"])[0].removeprefix("ERROR: ")
    return [item["metadata"] for item in json.loads(done.stdout)["install"]]


def wheels(project: Sequence[Requirement], system: System, python: str) -> int | str:
    """Return the number of wheels for the project on this system, or the reason why one is missing."""
    wanted = Wanted()
    for requirement in project:
        if holds(requirement, system, python):
            wanted.add(requirement)
    while True:
        requested = sorted(wanted.lines)
        found = resolve(requested, system, python)
        if isinstance(found, str):
            return found
        for package in found:
            extras = {*wanted.extras[canonicalize_name(package["name"])]}
            for requirement in map(Requirement, package.get("requires_dist", ())):
                if holds(requirement, system, python, extras):
                    wanted.add(requirement)
        if sorted(wanted.lines) == requested:
            return len(found)


def main(extras: Sequence[str]) -> int:
    """Print the table and the missing wheels; returns 1 if any is missing."""
    project, missing = needed(extras), list[str]()
    print(f"{'wheels':14}" + "".join(f"{python:>8}" for python in PYTHONS))
    for system in SYSTEMS:
        print(f"{system.name:14}", end="", flush=True)
        for python in PYTHONS:
            answer = wheels(project, system, python)
            if isinstance(answer, str):
                missing.append(f"{system.name}, Python {python}: {answer}")
            print(f"{answer if isinstance(answer, int) else '-':>8}", end="", flush=True)
        print()
    print("\n".join(missing))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
