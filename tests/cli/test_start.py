"""The command line answers at once, and loads nothing heavy to do so."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from causalgen import __version__


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_and_version_load_few_modules(arguments: list[str]) -> None:
    """215 to 470 of them, the standard library included; torch alone brings more than a thousand."""
    code = (
        "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); "
        f"sys.argv[1:] = {arguments!r}; from causalgen.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stderr) <= 700
    assert "Exit codes" in done.stdout or __version__ in done.stdout


def test_nothing_heavy_is_imported_before_a_command_runs() -> None:
    code = (
        "import sys, causalgen.cli.app; heavy = ('torch', 'pandas', 'numpy', 'dowhy', 'pyro', 'pydantic', 'yaml'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "asked",
    [
        ["effects", "--graph", "x -> {arm, y}; arm -> y", "--simulations", "0"],
        ["mediation", "--graph", "x -> {arm, m, y}; arm -> m -> y; arm -> y", "--mediator", "m"],
    ],
    ids=lambda asked: asked[0],
)
def test_a_question_about_a_table_needs_no_torch(asked: list[str], tmp_path) -> None:
    """Nobody who brings a table without images waits for it to load."""
    rng = np.random.default_rng(0)
    x, m, noise = rng.normal(size=(3, 80))
    arm = rng.random(80) < 0.5
    table = tmp_path / "trial.csv"
    columns = {"x": x, "arm": np.where(arm, "drug", "none"), "m": m + arm, "y": x + m + arm + noise}
    pd.DataFrame(columns).to_csv(table, index=False)
    asked = [
        *asked,
        "--treatment",
        "arm",
        "--outcome",
        "y",
        "--contrast",
        "none",
        "drug",
        "--out",
        str(tmp_path / "out"),
    ]
    code = (
        f"import sys; sys.argv[1:] = {[asked[0], str(table), *asked[1:]]!r}\nfrom causalgen.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "torch was loaded"
    assert list((tmp_path / "out").rglob("*.html"))
