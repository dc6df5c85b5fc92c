"""The documentation matches the program: generated parts, links, commands, files, tests and promises."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import generate
import pytest

ROOT = Path(__file__).parent.parent
GUIDES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
LINKED = (*GUIDES, ROOT / "CHANGELOG.md", *sorted((ROOT / "weights").glob("*.md")))
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
COMMANDS = dict(generate.commands())


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


# generated parts


@pytest.mark.parametrize("path", generate.PAGES, ids=name)
def test_generated_parts_are_up_to_date(path: Path) -> None:
    if path.name == "commands.md" and version("typer").startswith("0.26."):
        pytest.skip("typer 0.26 prints the help of the same commands in another form")
    assert read(path) == generate.page(path), "run: python docs/generate.py"


def test_every_command_and_every_module_is_documented() -> None:
    commands = re.findall(r"^<!-- generated: (help.*) -->$", read(ROOT / "docs" / "commands.md"), re.MULTILINE)
    assert sorted(commands) == sorted(" ".join(["help", *names]) for names in COMMANDS)
    modules = {module.relative_to(ROOT / "albumsort") for module in (ROOT / "albumsort").rglob("*.py")}
    linked = set(re.findall(r"\(\.\./albumsort/(.+?\.py)\)", read(ROOT / "docs" / "architecture.md")))
    assert linked == {m.as_posix() for m in modules if m.name != "__init__.py" or len(m.parts) == 1}


# links


def anchors(path: Path) -> set[str]:
    """Return the link targets of headings: lower case, without punctuation, with hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", without_code(read(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()]", "", code[0]), without_code(read(path)))
    yield from re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("path", LINKED, ids=name)
def test_links_lead_to_files_and_headings_that_exist(path: Path) -> None:
    for link in links(path):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.is_file(), link
        assert target.is_relative_to(ROOT.resolve()), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_readme() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert {path.resolve() for path in LINKED} - {(ROOT / "README.md").resolve()} <= reached


# commands and files in the text


def named_commands(path: Path) -> Iterator[list[str]]:
    """Yield the words of every command in the text: lines of code blocks, and inline code."""
    text = read(path)
    blocks = re.findall(r"^ *```(?:sh)?\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    pieces = [re.sub(r"\s+", " ", piece) for piece in re.findall(r"`([^`]+)`", without_code(text))]
    for line in [*lines, *pieces]:
        if re.match(r"(albumsort|python|bash) \S", line):
            yield shlex.split(re.split(r" (?:\\\||\||>|&&) ", line)[0], comments=True)


def test_commands_are_found_in_the_text() -> None:
    found = list(named_commands(ROOT / "README.md"))
    assert ["albumsort", "index", "~/Photos"] in found  # a line of a block
    assert ["albumsort", "list", "--csv"] in found  # a table cell, without its shell redirection


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_commands_in_the_text_exist(path: Path) -> None:
    for program, *words in named_commands(path):
        if program == "albumsort":
            names = max((names for names in COMMANDS if tuple(words[: len(names)]) == names), key=len)
            rest = words[len(names) :]
            assert names or rest[0].startswith("-") or rest == ["COMMAND", "--help"], words
            known = {option for p in COMMANDS[names].params for option in p.opts} | {"--help"}
            asked = {word for word in rest if re.match(r"-(-\w|\w$)", word)}
            assert asked <= known, (names, asked - known)
        elif words[0] != "-m":
            assert (ROOT / words[0]).is_file(), words


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_files_in_the_text_exist(path: Path) -> None:
    pieces = re.findall(r"`([\w.-]+/[\w./-]*)`", without_code(read(path)))
    ours = ("albumsort", "benchmarks", "docs", "tests", "weights", *generate.PARTS)
    for piece in pieces:
        if piece.split("/")[0] in ours:
            assert (ROOT / piece).exists() or (ROOT / "albumsort" / piece).exists(), piece


def test_every_figure_of_performance_has_a_command() -> None:
    for section in re.split(r"^## ", read(ROOT / "docs" / "performance.md"), flags=re.MULTILINE)[1:]:
        assert re.search(r"`(python benchmarks/|albumsort model evaluate)", section), section.partition("\n")[0]


# README


def test_readme_is_short() -> None:
    assert len(read(ROOT / "README.md").splitlines()) <= 150


def test_the_figures_of_readme_are_in_one_table() -> None:
    figures = re.findall(r"<!-- figures -->\n\n(.*?)\n\n<!-- /figures -->", read(ROOT / "README.md"), re.DOTALL)
    assert len(figures) == 1
    assert all(line.startswith("|") for line in figures[0].splitlines())


def test_the_picture_shows_the_output_of_its_script() -> None:
    script = ast.parse(read(ROOT / "docs" / "session.py"))
    [commands] = [
        ast.literal_eval(node.value)
        for node in script.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMMANDS"
    ]
    picture = read(ROOT / "docs" / "session.svg").replace("&#160;", " ")
    assert re.findall(r">(albumsort \w[^<]*)<", picture) == list(commands), "run: python docs/session.py"
    assert "url(http" not in picture  # it can be drawn without a network


# promises


def test_every_promise_names_tests_that_exist() -> None:
    promises = re.findall(r"^- \*\*.+?(?=^- |\n\n)", PROMISES, re.MULTILINE | re.DOTALL)
    assert len(promises) > 8
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", promise)
        assert named, promise
        assert promise.count("::") == len(named), promise
        assert [(file, test) for file, test in named if test not in functions_of(ROOT / file)] == []


def functions_of(path: Path) -> set[str]:
    nodes = ast.parse(read(path)).body if path.exists() else []
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
