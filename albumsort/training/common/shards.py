"""A stage of a run, split into parts. Worker processes write them; each part is written whole or not at all."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

Arrays = dict[str, npt.NDArray[Any]]
Task = TypeVar("Task")


def make(folder: Path, tasks: Sequence[Task], work: Callable[[Task], Arrays], title: str) -> None:
    """Write the arrays that `work` returns for each task into a subfolder; existing parts are kept.

    `work` and the tasks are pickled to one worker process per core, unless only one part is missing. A killed run
    loses only the unfinished parts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(_part(folder, i), task) for i, task in enumerate(tasks) if not _part(folder, i).is_dir()]
    if not missing:
        return
    if len(missing) == 1:  # a worker process takes seconds to start
        _write(work, missing[0])
        return
    with multiprocessing.get_context("spawn").Pool(min(len(missing), os.cpu_count() or 1)) as pool:
        done = pool.imap_unordered(partial(_write, work), missing)
        for _ in tqdm(done, desc=title, total=len(missing), unit="part", disable=not sys.stderr.isatty()):
            pass


def read(folder: Path) -> list[Arrays]:
    """Return the parts of a finished stage in order; the arrays stay on disk (memory maps)."""
    return [
        {file.stem: np.load(file, mmap_mode="r") for file in part.iterdir()} for part in sorted(folder.glob("[0-9]*"))
    ]


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:05}"


def _write(work: Callable[[Task], Arrays], item: tuple[Path, Task]) -> None:
    path, task = item
    draft = path.with_name("draft-" + path.name)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for name, array in work(task).items():
        np.save(draft / f"{name}.npy", array)
    os.replace(draft, path)
