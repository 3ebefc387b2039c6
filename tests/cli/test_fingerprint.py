"""Every command that answers from a run refuses one with another fingerprint than its user expects, before it reads it."""

import json
from pathlib import Path

import pytest
import typer

from causalgen.cli.app import app

from .conftest import Command

ASKED: dict[str, list[str]] = {
    "sample": [],
    "intervene": ["--do", "thickness=4"],
    "counterfactual": ["--rows", "3", "--do", "thickness=4"],
    "transfer": ["--content", "3", "--style", "4", "--take", "pen"],
    "restore": ["--image", "a.png", "--noise", "10"],
    "evaluate": [],
    "augment": ["--do", "thickness=4"],
    "audit": ["--classifier", "a.onnx", "--do", "thickness=4"],
    "explore": ["--no-browser"],
    "export": [],
    "serve": ["--port", "0"],
    "power": ["--treatment", "pen", "--outcome", "intensity"],
    "repair": ["--target", "digit", "--do", "thickness=4"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    record = {"causalgen": "0", "name": "a", "status": "finished", "study": "", "steps": {}, "attempts": 1, "seed": 0}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "study.resolved.yaml").write_text("name: a")
    (folder / "model").mkdir()
    (folder / "model" / "model.json").write_text("{}")
    return folder


@pytest.mark.parametrize("name", ASKED)
def test_another_fingerprint_is_refused(causalgen: Command, run: Path, name: str) -> None:
    done = causalgen(name, run, *ASKED[name], "--sha256", "0" * 64)
    assert done.exit_code == 2, done.output
    assert f"to have the fingerprint {'0' * 64}; got " in done.stderr


def test_show_prints_the_fingerprint_that_is_accepted(causalgen: Command, run: Path) -> None:
    shown = causalgen("show", run)
    assert shown.exit_code == 0, shown.output
    found = next(line.split()[-1] for line in shown.stdout.splitlines() if line.startswith("Fingerprint"))
    done = causalgen("sample", run, "--sha256", found)
    assert "fingerprint" not in done.stderr
    assert "Expected" in done.stderr  # the model itself is not one


def test_the_table_holds_every_command_about_a_run() -> None:
    group = typer.main.get_command(app)
    about = {name for name, command in group.commands.items() if any(p.name == "run" for p in command.params)}  # type: ignore[attr-defined]
    assert about - {"show"} == set(ASKED)
