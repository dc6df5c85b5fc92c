"""Write the parts of docs/ that come from the code: the help of every command, and the map of the modules.

usage: python docs/generate.py

A part stands between two comments, `<!-- generated: NAME -->` and `<!-- end -->`. The rest is written by hand.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # the code beside this file, not an installed one

import typer.main  # noqa: E402

from albumsort.cli.app import app  # noqa: E402

PACKAGE = ROOT / "albumsort"
PARTS = tuple(sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()))
PAGES = tuple(sorted((ROOT / "docs").glob("*.md")))
PART = re.compile(r"(?<=<!-- generated: )(?P<name>[\w -]+)(?P<open> -->\n).*?(?=<!-- end -->)", re.DOTALL)
COLUMNS = 80


def commands(group: Any = None, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with its names: albumsort itself, which has none, its groups and what is in them."""
    command = group or typer.main.get_command(app)
    yield names, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*names, name))


def help_text(names: tuple[str, ...]) -> str:
    """Return what a command prints for `--help` at 80 columns, whatever the environment of this run says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALBUMSORT_")}
    command = [sys.executable, "-m", "albumsort", *names, "--help"]
    printed = subprocess.run(
        command, env=environment | {"COLUMNS": str(COLUMNS)}, capture_output=True, text=True, check=True
    ).stdout
    return "```\n" + "\n".join(line.rstrip() for line in printed.strip().splitlines()) + "\n```\n"


def module_map() -> str:
    """Return a table of all modules, each with the first line of its docstring; a package before what is in it."""
    lines = ["| module | what it does |", "|---|---|"]
    for path in sorted(PACKAGE.rglob("*.py"), key=_place):
        module = path.relative_to(PACKAGE)
        summary = (ast.get_docstring(_parsed(path)) or "").partition("\n")[0]
        if path.name == "__init__.py" and path.parent != PACKAGE:
            lines.append(f"| **`{module.parent.as_posix()}/`** | **{summary}** |")
        else:
            lines.append(f"| [`{module.as_posix()}`](../albumsort/{module.as_posix()}) | {summary} |")
    return "\n".join(lines) + "\n"


def import_map() -> str:
    """Return a table of what each package, and each module outside one, imports of the others."""
    known: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        known.setdefault(_part(path), set()).update(_part(found) for found in _imported(path))
    lines = ["| part | imports |", "|---|---|"]
    for part, others in sorted(known.items(), key=lambda item: item[0]):
        lines.append(f"| `{part}` | {', '.join(f'`{other}`' for other in sorted(others - {part})) or 'nothing'} |")
    return "\n".join(lines) + "\n"


def _place(path: Path) -> tuple[bool, tuple[str, ...], bool, str]:
    parts = path.relative_to(PACKAGE).parts
    return len(parts) > 1, parts[:-1], path.name != "__init__.py", path.name


def _part(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if len(parts) == 1 or parts == ("training", "__init__"):
        return parts[0]
    return "/".join(parts[:-1])


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path: Path) -> Iterator[Path]:
    """Yield the modules of the package that a module imports, wherever in it, those for types included."""
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for alias in node.names:
                places = (base / f"{alias.name}.py", base / alias.name / "__init__.py", base.with_suffix(".py"))
                yield next((place for place in places if place.is_file()), base / "__init__.py")


def part(name: str) -> str:
    """Return the text of a part by its name."""
    if name == "modules":
        return module_map()
    if name == "imports":
        return import_map()
    return help_text(tuple(name.removeprefix("help").split()))


def page(path: Path) -> str:
    """Return the text of a page with every generated part as the code is now."""
    text = path.read_text(encoding="utf-8")
    return PART.sub(lambda found: f"{found['name']}{found['open']}{part(found['name'])}", text)


if __name__ == "__main__":
    for written in PAGES:
        written.write_text(page(written), encoding="utf-8", newline="\n")
