"""Every command says what its exit codes mean, and the shell completes commands and names."""

import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from causalgen.cli.app import app


def _commands(command: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found = {path: command}
    for name, child in getattr(command, "commands", {}).items():
        found |= _commands(child, (*path, name))
    return found


COMMANDS = _commands(typer.main.get_command(app))


def _complete(*words: str) -> list[str]:
    """What the shell offers for the last word."""
    environment = os.environ | {
        "_CAUSALGEN_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["causalgen", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-m", "causalgen"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_what_it_does_and_how_it_ends(path: tuple[str, ...]) -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    assert COMMANDS[path].help
    assert "Exit codes: 0 done, 1 failed, 2 bad input or usage, 130 interrupted, 143 terminated." in done.stdout


def test_the_documented_commands_are_there() -> None:
    assert {("graph",), ("data", "list"), ("data", "get"), ("data", "show"), ("run",)} <= set(COMMANDS)


def test_the_shell_completes_commands_and_names() -> None:
    assert _complete("gra") == ["graph"]
    assert _complete("data", "") == ["list", "get", "show"]
    assert _complete("data", "get", "morphom") == ["morphomnist"]


def test_a_completion_script_is_offered() -> None:
    environment = os.environ | {"_CAUSALGEN_COMPLETE": "source_bash"}
    command = [sys.executable, "-m", "causalgen"]
    script = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "complete -o default -F _causalgen_completion causalgen" in script
