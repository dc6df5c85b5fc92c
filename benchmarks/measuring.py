"""Shared by the benchmarks: run a command and measure it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from albumsort.types import FOUR

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Measured:
    """Measurements of a command. cpu: seconds of all its processes; peak: MiB of all together, 0 without /proc."""

    seconds: float
    cpu: float
    peak: float
    output: str


def albumsort(*arguments: str | Path) -> list[str]:
    """Return the command line of albumsort."""
    return [sys.executable, "-m", "albumsort", *map(str, arguments)]


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command and measure it; raises CalledProcessError if it fails."""
    start, before = time.perf_counter(), os.times()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True)
    peak = [0.0]
    threading.Thread(target=_watch, args=(process.pid, peak), daemon=True).start()
    output = process.communicate()[0]
    seconds, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(seconds, cpu, peak[0], output)


def _watch(process: int, peak: list[float]) -> None:
    while total := sum(map(memory, tree(process))):
        peak[0] = max(peak[0], total)
        time.sleep(SAMPLE_SECONDS)


def tree(process: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [process]
    for one in found:
        try:
            lists = [path.read_text() for path in Path("/proc", str(one), "task").glob("*/children")]
        except OSError:  # it ended
            continue
        found.extend(int(child) for children in lists for child in children.split())
    return found


def memory(process: int) -> float:
    """Return a process's proportional set size in MiB; 0 if it ended."""
    try:
        lines = Path("/proc", str(process), "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def machine() -> dict[str, str]:
    """Return the properties of this machine, and its load."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "processor": model,
        "cores": str(os.cpu_count()),
        "load before": load,
        "python": platform.python_version(),
        "albumsort": version_of("albumsort"),
        "opencv": version_of("opencv-python-headless"),
        "litert": version_of("ai-edge-litert"),
    }


def version_of(package: str) -> str:
    """Return the version of an installed package; albumsort may also run from a checkout."""
    if package == "albumsort":
        import albumsort

        return albumsort.__version__
    return version(package)


def require_emotions(album: Path) -> None:
    """End the benchmark if one of the folders named after the four emotions is missing."""
    if absent := [emotion for emotion in FOUR if not (album / emotion).is_dir()]:
        raise SystemExit(f"{album} has no folder {' and no folder '.join(absent)}")
