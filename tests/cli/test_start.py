"""The command line answers at once, and loads nothing heavy to do so."""

import resource
import subprocess
import sys

import numpy as np
import pandas as pd
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


def test_an_effect_of_a_table_needs_no_torch(tmp_path) -> None:
    """Nobody who brings a table without images waits for it to load."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    arm = rng.random(80) < 0.5
    table = tmp_path / "trial.csv"
    pd.DataFrame({"x": x, "arm": np.where(arm, "drug", "none"), "y": x + arm}).to_csv(table, index=False)
    asked = ["effects", str(table), "--graph", "x -> {arm, y}; arm -> y", "--treatment", "arm", "--outcome", "y"]
    asked += ["--contrast", "none", "drug", "--simulations", "0", "--out", str(tmp_path / "out")]
    code = (
        f"import sys; sys.argv[1:] = {asked!r}\nfrom causalgen.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "torch was loaded"
    assert (tmp_path / "out" / "effect.html").is_file()


def _seconds_of_children() -> float:
    """Processor time of finished child processes: a busy machine does not lengthen it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
