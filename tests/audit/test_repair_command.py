"""`causalgen repair` on a run whose model is initialised but not trained: what it writes, and what it refuses."""

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
from causalgen.predictors import AttributePredictor
from causalgen.predictors import save as save_predictor
from causalgen.studies.schema import load_study
from causalgen.studies.sources import load_data

Command = Callable[..., Result]
TRAINER = """\
import pathlib
import torch

def train(images, labels, weights, seed):
    if seed == 1 and pathlib.Path(__file__).with_name("stop").exists():
        raise KeyboardInterrupt
    assert images.dtype == torch.uint8 and abs(float(weights.mean()) - 1) < 1e-4
    ink = images.float().mean((1, 2, 3))
    middle = float((ink * weights).sum() / weights.sum())
    return lambda images: torch.sigmoid((images.mean((1, 2, 3)) - middle) / 10)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    study = folder / "study.resolved.yaml"
    study.write_text(TINY.replace("rows: 100", "rows: 200, planted_bias: 8"))
    write_untrained_run(folder, study)
    (folder / "own.py").write_text(TRAINER)
    return folder


@pytest.fixture(scope="module")
def ask(run: Path) -> Command:
    runner = CliRunner(env={"COLUMNS": "250"})
    return lambda *arguments: runner.invoke(app, ["repair", str(run), *map(str, arguments)])


LARGE = ("--target", "digit=5,6,7,8,9")
SHUFFLE = ("--do", "thickness=shuffle", "--rows", 20)


@pytest.mark.slow
def test_a_users_training_is_compared_on_all_sets(ask: Command, run: Path) -> None:
    own = ("--trainer", f"{run / 'own.py'}:train", "--trust-code")
    done = ask(*LARGE, *SHUFFLE, *own, "--seeds", 1, "--contrast", "thickness=1.8", "thickness=3.2")
    assert done.exit_code == 0, done.output
    folder = run / "repairs" / "digit-is-5--6--7--8-or-9"
    table = pd.read_csv(folder / "tables" / "training-sets.csv")
    assert list(dict.fromkeys(table["training_set"])) == [
        "as it was", "reweighted", "group-balanced", "with reconstructions", "within support", "all counterfactuals",
    ]  # fmt: skip
    assert len(dict.fromkeys(table["measure"])) == 4  # the generator is known
    assert "do(thickness = 1.8 px) to do(thickness = 3.2 px)" in done.stdout
    assert (folder / "audit-before" / "audit.html").exists()
    shown = CliRunner(env={"COLUMNS": "250"}).invoke(app, ["show", str(run)])
    assert str(folder / "repair.html") in shown.stdout.replace("\n", "")


def test_an_interrupted_repair_continues(ask: Command, run: Path, tmp_path: Path) -> None:
    asked = (*LARGE, *SHUFFLE, "--trainer", f"{run / 'own.py'}:train", "--trust-code", "--out", tmp_path / "out")
    (run / "stop").touch()
    stopped = ask(*asked, "--seeds", 2)
    (run / "stop").unlink()
    assert stopped.exit_code == 130
    kept = f"Finished trainings are kept in {tmp_path / 'out'}; the same command continues from there."
    assert kept in stopped.stderr.replace("\n", " ")
    assert [path.name for path in (tmp_path / "out" / "trainings").iterdir()] == ["as-it-was-seed0.safetensors"]
    other = ask(*asked, "--per-unit", 2)
    assert other.exit_code == 2
    assert "got one that differs in per unit" in " ".join(other.stderr.split())
    done = ask(*asked, "--seeds", 2)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "repair.html").exists()
    again = ask(*asked, "--seeds", 2)
    assert "got a finished one. Use it, or choose another with --out" in " ".join(again.stderr.split())


@pytest.mark.slow
def test_a_classifier_of_causalgen_is_trained_again(ask: Command, run: Path, tmp_path: Path) -> None:
    data = load_data(load_study(run / "study.resolved.yaml").data)
    torch.manual_seed(0)
    predictor = AttributePredictor(data.graph["pen"], (1, 28, 28), network="flat")
    train = data.part("train")
    predictor.initialize(torch.as_tensor(train["image"]), train)
    save_predictor(predictor.eval(), tmp_path / "pen")
    done = ask(
        "--classifier", tmp_path / "pen", *SHUFFLE, "--seeds", 1, "--epochs", 1, "--out", tmp_path / "out", "--json"
    )
    assert done.exit_code == 0, done.output
    arms = [row["training_set"] for row in json.loads(done.stdout)["table"]]
    assert arms[0] == "as given"
    assert "all counterfactuals" in arms


def test_a_file_that_cannot_be_trained_again_leaves_one_row(ask: Command, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = tmp_path / "model.pt"
    torch.jit.trace(nn.Sequential(nn.Flatten(), nn.Linear(784, 2)).eval(), torch.zeros(1, 1, 28, 28)).save(network)
    done = ask(*LARGE, *SHUFFLE, "--classifier", network, "--logits", "--scale", "1/255", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "cannot be trained again, so that only the row “as given” remains" in " ".join(done.stdout.split())
    assert set(pd.read_csv(tmp_path / "out" / "tables" / "training-sets.csv")["training_set"]) == {"as given"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (LARGE, "such as --do thickness=shuffle"),
        (SHUFFLE, "Expected what the classifier predicts; got none"),
        ((*SHUFFLE, "--target", "thickness"), "got the continuous 'thickness'"),
        ((*SHUFFLE, "--target", "digit"), "Expected the class of interest among the labels of 'digit'"),
        ((*SHUFFLE, "--target", "digit=5,11"), "11"),
        ((*SHUFFLE, *LARGE, "--trainer", "own.py:train"), "Expected trusted code for a trainer"),
        ((*SHUFFLE, *LARGE, "--trainer", "nowhere.py:train", "--trust-code"), "there is no such file"),
        ((*SHUFFLE, *LARGE, "--classifier", "nowhere.onnx"), "there is no such file or folder"),
        ((*SHUFFLE, *LARGE, "--contrast", "thickness=1.8", "thickness=40"), "within its support"),
        ((*SHUFFLE, *LARGE, "--contrast", "thickness=3", "thickness=3"), "interventions that differ"),
        (("--do", "digit=shuffle", *LARGE), "other attributes than the target"),
        (("--do", "thickness=3", "--per-unit", 2, *LARGE), "gives the same one each time"),
    ],
)
def test_mistakes_give_one_message(ask: Command, run: Path, tmp_path: Path, arguments: tuple, message: str) -> None:
    done = ask(*arguments, "--out", tmp_path / "out", "--seeds", 1)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.replace("│", " ").split())
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
