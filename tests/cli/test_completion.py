"""Completion in shells, and its installation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import command, environment, run

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    disabled = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # allow any shell by name
    shown = run("--show-completion", shell, env=disabled)
    asked = run(env={"_ALBUMSORT_COMPLETE": f"source_{shell}"})
    assert (shown.returncode, asked.returncode) == (0, 0), shown.stderr + asked.stderr
    assert "_ALBUMSORT_COMPLETE" in shown.stdout
    assert shown.stdout.strip() == asked.stdout.strip()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_running_shell_is_detected_and_gets_its_script(tmp_path: Path) -> None:
    home = environment(HOME=str(tmp_path))
    for option in ("--show-completion", "--install-completion"):
        line = " ".join((*command(option), "; exit $?"))  # two commands, or bash would exec the only one
        done = subprocess.run(["bash", "-c", line], env=home, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "bash" in done.stdout or "complete_bash" in done.stdout
    script = tmp_path / ".bash_completions" / "albumsort.sh"
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert "complete -o default -F _albumsort_completion albumsort" in script.read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "completed"), [(["ex"], ["export"]), (["export", "--li"], ["--link"]), (["model", "ev"], ["evaluate"])]
)
def test_bash_completes_with_the_script(tmp_path: Path, typed: list[str], completed: list[str]) -> None:
    program = tmp_path / "albumsort"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m albumsort "$@"\n')
    program.chmod(0o755)
    script = run(env={"_ALBUMSORT_COMPLETE": "source_bash"}).stdout
    words = " ".join(f"'{word}'" for word in ("albumsort", *typed))
    line = f'COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _albumsort_completion "{program}"; echo "${{COMPREPLY[*]}}"'
    done = subprocess.run(["bash", "-c", f"{script}\n{line}"], env=environment(), capture_output=True, text=True)
    assert done.stdout.split() == completed, done.stderr


@pytest.mark.parametrize(
    ("shell", "typed"),
    [
        ("bash", {"COMP_WORDS": "albumsort ex", "COMP_CWORD": "1"}),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "albumsort ex"}),
        ("fish", {"_TYPER_COMPLETE_ARGS": "albumsort ex", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
        ("powershell", {"_TYPER_COMPLETE_ARGS": "albumsort ex", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "ex"}),
    ],
)
def test_each_shell_gets_the_command_in_its_own_form(shell: str, typed: dict[str, str]) -> None:
    done = run(env={"_ALBUMSORT_COMPLETE": f"complete_{shell}", **typed})
    assert done.returncode == 0, done.stderr
    assert "export" in done.stdout
    assert "index" not in done.stdout
