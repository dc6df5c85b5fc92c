"""Commands that only query load no heavy packages, and modules import only from permitted layers."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import environment

import albumsort
from albumsort.query import By, Spread

PACKAGE = Path(albumsort.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}

HEAVY = {"tensorflow", "keras", "cv2", "ai_edge_litert", "PIL", "pillow_heif", "rawpy", "skimage", "distributed"}


@dataclass(frozen=True)
class Room:
    """A module, or a package with its modules, and the other layers that it may import from."""

    modules: str
    knows: str = ""


ALONE = ""  # a layer of a single module
ROOMS = {
    "errors": Room(ALONE),
    "failures": Room(ALONE),
    "text": Room(ALONE),
    "timing": Room(ALONE),
    # Emotion.parse raises UsageError
    "types": Room(ALONE, "errors"),
    "answers": Room(ALONE, "types"),
    "query": Room(ALONE, "types"),
    "dates": Room(ALONE, "errors"),
    "disk": Room("contents filesystems locks naming places whole", "errors"),
    "networks": Room("litert weights", "answers errors"),
    "settings": Room(ALONE, "networks types"),
    "photos": Room(
        "blocks colour dates decode decoders description exif full iptc jpeg junk kinds lists markers"
        " metadata place png ratings raw raw_dates read refusal tiff tiff_pixels upright walk xmp",
        "errors timing types",
    ),
    "faces": Room("crop detector proposer resize rows scores sharpness verifier", "errors networks timing types"),
    "emotions": Room(ALONE, "answers networks types"),
    "choosing": Room(
        "agreement best_frame corrected everyone exposure frames labels likeness linking matters moments"
        " panning passing promise ranking scores spread timelines",
        "answers query types",
    ),
    "analysis": Room(ALONE, "choosing disk emotions errors faces networks photos timing types"),
    "index": Room(
        "absent best comparing conditions copies counts database dating folders label_sql listed lookup"
        " marking marks migrations moments moving opening paths people queries ranked reader rows schema"
        " shares storing tries",
        "answers choosing dates disk errors query types",
    ),
    "indexing": Room(
        "cluster crew deleted executors moments outcomes plan queue readahead redating report rescoring run"
        " shares worker writer",
        "analysis answers choosing errors faces failures index networks photos settings timing types",
    ),
    "api": Room(ALONE, "analysis dates disk errors index indexing query types"),
    "albums": Room(ALONE, "errors index query"),
    "export": Room(
        "copy items journals kept names plan report run share sidecar undo xmp", "albums disk errors photos query types"
    ),
    "show": Room(
        "choice drawing explanation gallery gallery_data gallery_page listing thumbnails",
        "answers choosing disk errors photos text types",
    ),
    "prune": Room(ALONE, "index photos"),
    "moved": Room(ALONE, "albums errors index"),
    "doctor": Room(ALONE, "__init__ disk errors index networks photos"),
    "cli": Room(
        "app compare compare_choice evaluate export filtering gallery index listing mark model moved opening"
        " options selection stats terminal train upkeep values why",
        "__init__ albums analysis answers choosing dates disk doctor emotions errors export faces failures"
        " index indexing kept moved networks photos prune query settings show text training.common"
        " training.comparison training.detectors training.emotion training.faces types",
    ),
    "__init__": Room(ALONE, "api errors types"),
    "__main__": Room(ALONE, "cli"),
    "training": Room(ALONE, "training.emotion"),
    "training.common": Room(
        "arrays conversion epochs layers page recipes scores shards", "emotions errors networks text"
    ),
    "training.detectors": Room(
        "figures judging matching opencv photos report sheets tables timing",
        "errors faces networks photos text training.common types",
    ),
    "training.faces": Room(
        "calibration candidates canvases charts conversion effects fitting labels networks photos proposer"
        " reviews shipping verifier",
        "errors faces networks photos training.common training.detectors types",
    ),
    "training.emotion": Room(
        "agreement album answers augmentation calibration competition conversion crops data evaluation"
        " examples fitting gathering natural natural_evaluation natural_scores natural_tables networks report"
        " shipping sources",
        "analysis answers choosing disk emotions errors faces networks photos training.common training.faces types",
    ),
    "training.comparison": Room(
        "batches compare report reproduction systems table", "errors networks training.common training.emotion"
    ),
    "kept": Room(ALONE, "choosing disk errors photos types"),
}
"""Every module of the package."""


def is_command(name: str) -> bool:
    return name == "__main__" or name.split(".")[0] == "cli"


# what a command loads


def loaded_by(code: str) -> set[str]:
    """Return the packages loaded in a new process that ran the code."""
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
    "arguments",
    [["--help"], ["--version"], ["index", "--help"], ["top", "--help"], ["export", "--help"], ["gallery", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert not loaded_by(running(*arguments)) & {*HEAVY, "numpy", "sqlite3"}


def test_completing_a_command_loads_nothing_heavy() -> None:
    typed = "dict(_ALBUMSORT_COMPLETE='complete_bash', COMP_WORDS='albumsort ex', COMP_CWORD='1')"
    loaded = loaded_by(f"import os\nos.environ.update({typed})\n{running()}")
    assert "typer" in loaded
    assert not loaded & {*HEAVY, "numpy", "sqlite3"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["top", "happy"],
        *(["top", "happy", "--by", by] for by in By),
        *(["top", "happy", "--spread", spread] for spread in Spread),
        ["top", "happy", "--sure", "0.5", "--eyes", "open"],
        ["top", "happy", "--all", "--csv"],
        ["list", "--json"],
        ["list", "--moments"],
        ["list", "--unsure"],
        ["list", "--marked"],
        ["stats"],
        ["mark", "--random", "2"],
    ],
    ids=" ".join,
)
def test_a_query_loads_nothing_heavy(library: SimpleNamespace, arguments: list[str]) -> None:
    loaded = loaded_by(running(*arguments, "--db", library.database))
    assert "sqlite3" in loaded
    assert not loaded & {*HEAVY, "numpy"}


def test_an_export_loads_no_network(library: SimpleNamespace, tmp_path: Path) -> None:
    assert not loaded_by(running("export", "--to", tmp_path / "out", "--db", library.database)) & HEAVY


def test_an_export_with_sidecars_loads_nothing_heavy(library: SimpleNamespace, tmp_path: Path) -> None:
    exporting = running("export", "--to", tmp_path / "out", "--sidecar", "long", "--db", library.database)
    assert not loaded_by(exporting) & {*HEAVY, "numpy"}


def test_copies_to_share_are_made_without_a_network() -> None:
    loaded = loaded_by("from albumsort.export.share import Sharing; Sharing()")
    assert "PIL" in loaded
    assert not loaded & {"tensorflow", "keras", "ai_edge_litert", "skimage", "distributed"}


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


# imports between layers


def known_by(name: str, tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield every albumsort module that a module imports, anywhere, including imports for types only."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            levels = package.split(".") if package and package != "__init__" else []
            base = [*levels[: len(levels) - node.level + 1], *(node.module or "").split(".")]
            for alias in node.names:
                names = [".".join(filter(None, [*base, alias.name])), ".".join(filter(None, base)) or "__init__"]
                yield next(known for known in names if known in MODULES), node


def room_of(name: str) -> str:
    return max((room for room in ROOMS if name == room or name.startswith(f"{room}.")), key=len)


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def test_every_module_has_a_layer() -> None:
    listed = {
        f"{room}.{module}" if module else room
        for room, content in ROOMS.items()
        for module in (content.modules.split() or [""])
    }
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py" and name != "__init__"}
    assert listed | packages == set(MODULES)
    assert {name for name in packages if known_in(name)} == {"training"}  # the others contain only a docstring


def known_in(name: str) -> set[str]:
    return {known for known, _ in known_by(name, parsed(name))}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_what_its_layer_may_import(name: str) -> None:
    room = room_of(name)
    assert {room_of(known) for known in known_in(name)} <= {room, *ROOMS[room].knows.split()}


def test_every_allowed_import_is_used() -> None:
    for room, content in ROOMS.items():
        known = {room_of(known) for name in MODULES if room_of(name) == room for known in known_in(name)}
        assert known - {room} == set(content.knows.split()), room


def test_no_imports_are_circular() -> None:
    """Imports inside functions count, too. A circle would leave no next module in any order."""
    waiting = {name: {known for known in known_in(name) if known != name} for name in MODULES}
    while waiting:
        ready = [name for name, known in waiting.items() if not known & set(waiting)]
        assert ready, f"a circle among {sorted(waiting)}"
        waiting = {name: known for name, known in waiting.items() if name not in ready}


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.split(".")[0] == "cli"))
def test_commands_load_training_only_when_they_run(name: str) -> None:
    at_once = [node for node in parsed(name).body if isinstance(node, ast.ImportFrom)]
    assert not any((node.module or "").split(".")[0] == "training" and node.level == 2 for node in at_once)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_own_modules_are_imported_relatively(name: str) -> None:
    named = [
        node.module or "" for node in ast.walk(parsed(name)) if isinstance(node, ast.ImportFrom) and not node.level
    ]
    named += [alias.name for node in ast.walk(parsed(name)) if isinstance(node, ast.Import) for alias in node.names]
    assert not any(module.split(".")[0] == "albumsort" for module in named)


def ends_or_prints(tree: ast.AST) -> list[str]:
    """Yield calls that print or end the program."""
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
