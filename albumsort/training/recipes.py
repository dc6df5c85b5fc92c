"""Recipes as JSON files: what decides a run, written to its folder and read back when it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from ..errors import UsageError

INPUTS = "inputs.json"


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
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise UsageError(f"{path}: unknown field {', '.join(sorted(unknown))}")
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**given)

    def write(self, path: Path) -> None:
        """Write the recipe as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

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
    written.write_text(json.dumps(inputs, indent=2) + "\n", encoding="utf-8")
