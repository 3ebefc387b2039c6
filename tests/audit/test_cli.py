"""`causalgen audit` on a run whose model is initialised but not trained: tables, grids, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from study_cases import TINY
from torch import nn
from typer.testing import CliRunner, Result
from untrained_run import write_untrained_run

from causalgen.cli.app import app
from causalgen.cli.threads import NUMBERS
from causalgen.studies.lock import FolderLock

Command = Callable[..., Result]
DO = ("--do", "thickness=3", "--do", "pen=felt-tip,thickness=2")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with study, model and record, made without training; 400 rows leave 80 test units."""
    folder = tmp_path_factory.mktemp("run")
    study = folder / "study.resolved.yaml"
    study.write_text(TINY.replace("rows: 100", "rows: 400") + "measurements: {thickness: stroke-thickness}\n")
    write_untrained_run(folder, study)
    return folder


@pytest.fixture(scope="module")
def ask(run: Path) -> Command:
    runner = CliRunner(env={"COLUMNS": "250"})
    return lambda *arguments: runner.invoke(app, ["audit", str(run), *map(str, arguments)])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("network") / "model.pt"
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 2)).eval()
    torch.jit.trace(module, torch.zeros(1, 1, 28, 28)).save(path)
    return path


def test_it_writes_tables_and_grids_and_prints_a_table(ask: Command, run: Path, network: Path) -> None:
    done = ask("--classifier", network, "--outcome", "yes", "--labels", "no,yes", "--logits", "--scale", 1 / 255,
               "--subgroup", "pen", "--margin", "0.1", "--particles", "2", *DO)  # fmt: skip
    assert done.exit_code == 0, done.output
    for words in (
        "Change of yes",
        "do(thickness = 3 px)",
        "do(pen = felt-tip, thickness = 2 px)",
        "direct",
        "Bonferroni",
    ):
        assert words in done.output
    assert "thickness measured with error" in done.stdout
    paths = [Path(line) for line in done.stdout.splitlines() if line.startswith(str(run))]
    assert [path.name for path in paths] == [
        "audit.html", "audit.md", "audit.tex", "audit.json", "changes.csv", "trust.csv", "movers.csv",
    ]  # fmt: skip
    folder = run / "audits" / "model.pt"
    assert {path.parent for path in paths} == {folder}
    assert all(path.stat().st_size > 100 for path in paths)
    assert len(list((folder / "figures").glob("movers-*.png"))) == 4
    table = pd.read_csv(folder / "changes.csv")
    assert set(table["subgroup"]) == {"everyone", "pen = ballpoint", "pen = felt-tip"}
    assert json.loads((folder / "audit.json").read_text())["margin"] == 0.1
    shown = CliRunner().invoke(app, ["show", str(run)])
    assert str(folder / "audit.html") in shown.stdout.replace("\n", "")


def test_an_earlier_audit_is_kept(ask: Command, run: Path, network: Path) -> None:
    asked = [
        "--classifier",
        network,
        "--outcome",
        "1",
        "--logits",
        "--scale",
        "1/255",
        "--rows",
        "20",
        "--do",
        "intensity=90",
    ]
    folders = [Path(ask(*asked).stdout.splitlines()[-1]).parent for _ in range(2)]
    assert folders[0] != folders[1]
    assert folders[1].parent == run / "audits"
    assert (folders[0] / "changes.csv").read_text() == (folders[1] / "changes.csv").read_text()


def test_a_function_is_audited_from_the_working_directory(
    ask: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ink_of_an_image.py").write_text("def ink(images):\n    return images.mean((1, 2, 3))\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    words = ["--classifier", "ink_of_an_image:ink", "--outcome", "ink", "--unit", "grey levels", "--margin", 2,
             "--out", tmp_path / "out", "--do", "intensity=90"]  # fmt: skip
    refused = ask(*words)
    assert refused.exit_code == 2
    assert "'ink_of_an_image:ink' names Python code, and importing it runs it" in refused.stderr
    done = ask(*words, "--trust-code")
    assert done.exit_code == 0, done.output
    assert "Change of ink" in done.stdout
    assert len(list((tmp_path / "out" / "figures").glob("movers-1-do-intensity-90*total.png"))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classifier", "absent.onnx", *DO], "there is no such file"),
        (["--classifier", "NETWORK", "--logits", "--outcome", "sick", *DO], "among the 2 outputs (0, 1); got 'sick'"),
        (["--classifier", "NETWORK", "--logits", *DO], "got no class. Name it (outcome=..., --outcome)"),
        (["--classifier", "NETWORK", "--outcome", "1", *DO], "Pass logits=True"),
        (["--classifier", "NETWORK", "--outcome", "1", "--scale", "1/0", *DO], "a fraction such as 1/255; got '1/0'"),
        (["--classifier", "NETWORK", "--outcome", "1", "--image", "photo", *DO], "Expected an image among image"),
        (["--classifier", "NETWORK", "--outcome", "1", "--logits", "--do", "thicknes=3"], "Did you mean 'thickness'?"),
        (["--classifier", "NETWORK", "--outcome", "1", "--logits", "--do", "thickness=40"], "within its support"),
        (["--classifier", "NETWORK", "--outcome", "1", "--logits", "--do", "thickness"], "as name=value"),
        (
            ["--classifier", "NETWORK", "--outcome", "1", "--logits", "--margin", "0", *DO],
            "margin as a positive number",
        ),
        (["--classifier", "NETWORK", "--outcome", "1", "--logits", "--subgroup", "writer", *DO], "'writer'"),
        (
            ["--classifier", "NETWORK", "--outcome", "maybe", "--labels", "no,yes", *DO],
            "among 'no', 'yes'; got 'maybe'",
        ),
    ],
)
def test_what_cannot_be_audited_is_refused(ask: Command, network: Path, arguments: list[str], message: str) -> None:
    done = ask(*(network if argument == "NETWORK" else argument for argument in arguments))
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_it_wants_a_run(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["audit", str(tmp_path), "--classifier", "x", *DO])
    assert done.exit_code == 2
    assert "Expected a run folder" in done.stderr


def test_a_run_in_use_is_audited_into_another_folder_only(
    ask: Command, run: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Audits write below the run unless --out says where; they compute with no more threads than the quota allows."""
    for name in NUMBERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    before = torch.get_num_threads()
    question = ("--classifier", network, "--logits", "--outcome", "1", "--do", "thickness=3", "--rows", 20)
    try:
        torch.set_num_threads(2)
        with FolderLock(run):
            refused = ask(*question)
            assert ask(*question, "--out", tmp_path / "audit").exit_code == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert refused.exit_code == 2
    assert "another process" in refused.output
