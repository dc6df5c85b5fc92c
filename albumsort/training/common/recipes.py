"""Recipes as JSON files: what decides a run, written to its folder and read back when it goes on."""

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
    """A recipe whose fields have defaults; lists are tuples."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recipe from a JSON file; fields it lacks keep their defaults. Raises UsageError if it is none."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as e:
            raise UsageError(f"{path} is no recipe: not JSON ({e})") from e
        if not isinstance(values, dict):
            raise UsageError(f"{path} is no recipe: not a JSON object with its fields")
        kinds = get_type_hints(cls)
        unknown = set(values) - set(kinds)
        if unknown:
            raise UsageError(f"{path}: unknown field {', '.join(sorted(unknown))}")
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        for name, value in given.items():
            if not _is(value, kinds[name]):
                raise UsageError(f"{path}: {name} is {json.dumps(value)}, not {_named(kinds[name])}")
        return cls(**given)

    def write(self, path: Path) -> None:
        """Write the recipe as JSON."""
        write_json(path, asdict(self))

    def claim(self, run: Path) -> None:
        """Make the folder of a run this recipe's own; raises UsageError if it was begun with another."""
        run.mkdir(parents=True, exist_ok=True)
        written = run / "recipe.json"
        if written.exists() and self.read(written) != self:
            raise UsageError(f"{run} was started with another recipe; choose another folder or the same settings")
        self.write(written)


def claim_inputs(run: Path, inputs: Mapping[str, Any], named: str) -> None:
    """Make the folder of a run these inputs' own; raises UsageError if it was begun with others.

    named: what the inputs are, for that error. A folder that says nothing of its inputs yet takes these.
    """
    written = run / INPUTS
    if written.exists() and json.loads(written.read_text(encoding="utf-8")) != inputs:
        raise UsageError(f"{run} was started with other {named}; choose another folder or the same")
    write_json(written, inputs)


def write_json(path: Path, value: Any) -> None:
    """Write a file whole or not at all."""
    text = json.dumps(value, indent=2) + "\n"
    replace_file(path, lambda draft: Path(draft).write_text(text, encoding="utf-8"))


def replace_file(path: Path, write: Callable[[str], Any]) -> None:
    """Write beside `path`, then put it in place: a kill leaves the old file or the new one."""
    draft = path.with_name("draft-" + path.name)
    write(str(draft))
    os.replace(draft, path)


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is(one, get_args(kind)[0]) for one in value)
    return type(value) is kind or (kind is float and type(value) is int)


def _named(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of {_NAMES[get_args(kind)[0]][1]}"
    return _NAMES[kind][0]
