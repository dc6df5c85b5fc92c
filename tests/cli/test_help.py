"""`--help` of every command fits an ordinary terminal and describes every option."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import run
from typer.main import get_command

from albumsort.cli.app import app


def commands(command: Any, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inside = getattr(command, "commands", {})
    return [words, *(found for word, one in inside.items() for found in commands(one, (*words, word)))]


COMMANDS = commands(get_command(app))


def test_all_commands_are_found() -> None:
    assert {("top",), ("model", "train", "faces"), ("model", "evaluate", "emotion")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_fits_80_columns(words: tuple[str, ...]) -> None:
    done = run(*words, "--help", env={"COLUMNS": "80"})  # in this process the width would be a fixed one
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_does(words: tuple[str, ...]) -> None:
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    assert command.help
    silent = [p.name for p in command.params if p.param_type_name == "option" and not p.help]
    assert silent == []
