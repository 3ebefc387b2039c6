"""The command line answers at once, and loads nothing heavy to do so."""

import resource
import subprocess
import sys

import pytest

from causalgen import __version__


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_and_version_are_quick(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "causalgen", *arguments]
    seconds = []
    for _ in range(3):
        before = _seconds_of_children()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(_seconds_of_children() - before)
    assert min(seconds) <= 0.7
    assert "Exit codes" in done.stdout or __version__ in done.stdout


def test_nothing_heavy_is_imported_before_a_command_runs() -> None:
    code = (
        "import sys, causalgen.cli.app; heavy = ('torch', 'pandas', 'numpy', 'dowhy', 'pyro', 'pydantic', 'yaml'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _seconds_of_children() -> float:
    """Processor time of finished child processes: a busy machine does not lengthen it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
