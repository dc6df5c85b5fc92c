"""Recipes as JSON files: the settings of a run, written to its folder and read back when it resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, get_args, get_origin, get_type_hints

from ...errors import UsageError

INPUTS = "inputs.json"

_NAMES = {str: ("a text", "texts"), int: ("a whole number", "whole numbers"), float: ("a number", "numbers")}


@dataclass(frozen=True)
class Stored:
    """A recipe in JSON. Every field has a default; lists become tuples."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recipe from a JSON file; missing fields keep their defaults.

        Raises UsageError if the file is no recipe.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as e:
            raise UsageError(f"{path} is no recipe: not JSON ({e})") from e
        if not isinstance(values, dict):
            raise UsageError(f"{path} is no recipe: not a JSON object")
        kinds = get_type_hints(cls)
        unknown = set(values) - set(kinds)
        if unknown:
            raise UsageError(f"{path}: unknown field {', '.join(sorted(unknown))}")
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        for name, value in fields.items():
            if not _has_type(value, kinds[name]):
                raise UsageError(f"{path}: {name} is {json.dumps(value)}, not {_type_name(kinds[name])}")
        return cls(**fields)

    def write(self, path: Path) -> None:
        """Write the recipe as JSON."""
        write_json(path, asdict(self))

    def claim(self, run: Path) -> None:
        """Write the recipe to a run's folder; raises UsageError if the run was started with another recipe."""
        run.mkdir(parents=True, exist_ok=True)
        written = run / "recipe.json"
        if written.exists() and self.read(written) != self:
            raise UsageError(f"{run} was started with another recipe; use the same settings or another folder")
        self.write(written)


def claim_inputs(run: Path, inputs: Mapping[str, Any], named: str) -> None:
    """Record the inputs in a run's folder; raises UsageError if the run was started with other inputs.

    named: the inputs in words, for the error message. A folder without a record accepts any inputs.
    """
    written = run / INPUTS
    if written.exists() and json.loads(written.read_text(encoding="utf-8")) != inputs:
        raise UsageError(f"{run} was started with other {named}; use the same or another folder")
    write_json(written, inputs)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    text = json.dumps(value, indent=2) + "\n"
    replace_file(path, lambda draft: Path(draft).write_text(text, encoding="utf-8"))


def replace_file(path: Path, write: Callable[[str], Any]) -> None:
    """Write a draft beside `path`, then rename it: a killed process leaves the old file or the new one, whole."""
    draft = path.with_name("draft-" + path.name)
    write(str(draft))
    os.replace(draft, path)


def _has_type(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_has_type(one, get_args(kind)[0]) for one in value)
    return type(value) is kind or (kind is float and type(value) is int)


def _type_name(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of {_NAMES[get_args(kind)[0]][1]}"
    return _NAMES[kind][0]
