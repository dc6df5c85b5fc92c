"""Commands that only look something up load nothing heavy, and the layers of the package are kept."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import environment

import albumsort

PACKAGE = Path(albumsort.__file__).parent
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
PRODUCT = {name: path for name, path in MODULES.items() if not name.startswith("training")}

HEAVY = {"tensorflow", "keras", "cv2", "ai_edge_litert", "PIL", "pillow_heif", "rawpy", "skimage", "distributed"}
# `types` raises UsageError for a word that names no emotion: that much it knows
MAY_KNOW = {
    "errors": set(),
    "types": {"errors"},
    "schema": {"errors"},
    "litert": set(),
    "weights": {"types", "errors"},
    "labels": {"types"},
    "label_sql": {"labels", "types"},
    "timing": set(),
    "contents": set(),
    "readahead": {"types"},
    "walk": {"types", "errors"},
    "raw": {"errors"},
    "photos": {"types", "errors", "timing", "raw", "contents"},
    "face_rows": set(),
    "faces": {"types", "errors", "weights", "litert", "timing", "face_rows"},
    "emotions": {"types", "errors", "weights", "litert"},
    "workers": {"errors"},
    "analysis": {"types", "errors", "photos", "faces", "emotions", "labels", "timing"},
    "methods": {"types", "weights"},
    "rescoring": {"types", "analysis", "faces", "index", "methods"},
    "album_shares": {"types", "index", "labels"},
    "filesystems": set(),
    "query": {"types"},
    "index": {"schema", "filesystems", "labels", "label_sql", "query", "types", "errors"},
    "ranking": {"index", "query", "types", "errors"},
    "output": {"types", "errors"},
    "explanation": {"types", "labels", "output"},
    "files": {"errors", "contents"},
    "journal": {"types", "errors"},
    "export": {"types", "errors", "files", "journal", "contents"},
    "undo": {"types", "errors", "files", "journal", "export"},
}
MAY_KNOW_PIXELS = {"analysis", "rescoring", "cluster", "indexing", "cli", "diagnosis", "drawing", "gallery"}


def is_command(name: str) -> bool:
    return name == "__main__" or name.split(".")[0] == "cli"


# what a command loads


def loaded_by(code: str) -> set[str]:
    """The packages that a new process has loaded once it ran the code."""
    script = (
        f"import sys\n{code}\nprint('\\n'.join({{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def running(*arguments: str | Path) -> str:
    return (
        "from albumsort.cli.app import app\n"
        f"try: app({[str(a) for a in arguments]!r}, prog_name='albumsort')\n"
        "except SystemExit as e: assert e.code in (0, None), e.code"
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["index", "--help"], ["top", "--help"], ["export", "--help"]], ids=" ".join
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert not loaded_by(running(*arguments)) & {*HEAVY, "numpy", "sqlite3"}


@pytest.mark.parametrize("arguments", [["top", "happy"], ["list", "--json"], ["stats"]], ids=" ".join)
def test_a_query_loads_nothing_heavy(library: SimpleNamespace, arguments: list[str]) -> None:
    loaded = loaded_by(running(*arguments, "--db", library.database))
    assert "sqlite3" in loaded
    assert not loaded & {*HEAVY, "numpy"}


def test_an_export_loads_no_network(library: SimpleNamespace, tmp_path: Path) -> None:
    assert not loaded_by(running("export", "--to", tmp_path / "out", "--db", library.database)) & HEAVY


def test_the_package_itself_loads_nothing_heavy() -> None:
    assert not loaded_by("import albumsort") & {*HEAVY, "numpy", "sqlite3", "typer", "rich"}


def test_a_worker_does_not_load_tensorflow() -> None:
    loaded = loaded_by("from albumsort.analysis import load_networks; load_networks()")
    assert {"cv2", "ai_edge_litert"} <= loaded
    assert not loaded & {"tensorflow", "keras", "skimage", "distributed"}


def test_an_index_with_nothing_to_do_loads_nothing_heavy(album: Path, database: Path) -> None:
    again = running("index", album / "drawing.png", "--db", database, "--quiet")
    loaded_by(again)
    assert not loaded_by(again) & {*HEAVY, "numpy"}


# who may know whom


def is_for_types_alone(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Every import of our own modules that runs, as (module, whether it stands inside a function)."""
    pending = [(tree, False)]
    while pending:
        node, inside = pending.pop()
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.stmt) and is_for_types_alone(child)):
                pending.append((child, inside))
        if isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from ((name, inside) for name in names)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            absolute = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            yield from ((name, inside) for name in absolute if name.split(".")[0] == "albumsort")


def parsed(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def known_by(name: str) -> set[str]:
    return {known.split(".")[0] for known, _ in imports(parsed(name))} - {"__version__"}


def test_the_table_is_about_modules_that_exist() -> None:
    assert set(MAY_KNOW) <= set(PRODUCT)
    assert "cli.app" in PRODUCT
    assert known_by("analysis") >= {"photos", "faces", "emotions"}


@pytest.mark.parametrize("name", MAY_KNOW)
def test_a_module_knows_only_the_layers_below_it(name: str) -> None:
    assert known_by(name) <= MAY_KNOW[name]


@pytest.mark.parametrize("name", sorted(name for name in PRODUCT if name.split(".")[0] not in MAY_KNOW_PIXELS))
def test_few_modules_know_how_photos_are_read_and_analysed(name: str) -> None:
    assert not known_by(name) & {"analysis", "photos"}


@pytest.mark.parametrize("name", sorted(name for name in PRODUCT if not is_command(name)))
def test_nobody_knows_the_command_line(name: str) -> None:
    assert "cli" not in known_by(name)


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_training_is_known_to_nobody_but_the_commands_that_need_it(name: str) -> None:
    training = [inside for known, inside in imports(parsed(name)) if known.split(".")[0] == "training"]
    assert all(training) if is_command(name) else not training


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_our_own_modules_are_imported_relatively(name: str) -> None:
    assert not any(known.startswith("albumsort") for known, _ in imports(parsed(name)))


def ends_or_prints(tree: ast.AST) -> list[str]:
    """Calls that write to the terminal or end the program."""
    forbidden = ("print", "exit", "quit", "sys.exit", "os._exit", "SystemExit", "typer.Exit", "typer.echo", "input")
    streams = ("sys.stdout.write", "sys.stderr.write")
    used = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used += [ast.unparse(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    return [name for name in used if name in (*forbidden, *streams)]


def test_the_command_line_prints_and_exits() -> None:
    assert "typer.Exit" in ends_or_prints(parsed("cli.app"))
    assert "print" in ends_or_prints(parsed("cli.terminal"))


@pytest.mark.parametrize("name", sorted(name for name in MODULES if not is_command(name)))
def test_nothing_but_the_command_line_prints_or_exits(name: str) -> None:
    assert ends_or_prints(parsed(name)) == []
