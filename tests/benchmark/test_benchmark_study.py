"""A benchmark on the data of a study: own data, own mechanisms, no truth."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from own_table import GRAPH, make
from typer.testing import CliRunner

from causalgen.benchmark.study import study_benchmark
from causalgen.cli.app import app
from causalgen.studies.schema import load_study

WORKED = Path(__file__).parents[2] / "docs" / "worked" / "principal_components.py"
VAE = "{mechanism: conv-vae, latent: 4, local: 2, width: 8, blocks: 1}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path / "data", rows=200)
    shutil.copy(WORKED, tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    return tmp_path


def write(folder: Path, graph: str = GRAPH, more: str = "") -> Path:
    path = folder / "study.yaml"
    text = f'name: own\ndata: {{table: data/table.csv, graph: "{graph}", group: patient}}\n{more}'
    path.write_text(text, encoding="utf-8")
    return path


def call(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["benchmark", *map(str, words)])
    return done.exit_code, " ".join(done.output.split())


def test_any_mechanisms_are_compared_on_own_data(folder: Path) -> None:
    path = write(folder, more=f"mechanisms:\n  scan: {VAE}\nevaluation: {{queries: [age, sex]}}\n")
    asked = (
        path,
        "--mechanisms",
        "conv-vae,principal_components:PrincipalComponents",
        "--smoke",
        "--out",
        folder / "b",
    )
    code, output = call(*asked)
    assert code == 2
    assert "Expected trusted code for the mechanism of 'scan'" in output
    code, output = call(*asked, "--trust-code")
    assert code == 0, output
    page = (folder / "b" / "benchmark.md").read_text(encoding="utf-8")
    assert "Measured on table.csv" in page
    assert "the generator of these data is unknown; metrics that need the true counterfactual" in page
    assert "| conv-vae |" in page
    assert "| PrincipalComponents |" in page
    assert "age, do(age)" in page
    assert "sex, do(sex)" in page
    assert "error left, do" not in page
    assert "*oracle*" not in page
    assert "*identity control*" in page
    table = pd.read_csv(folder / "b" / "benchmark.csv")
    assert set(table["label"]) == {"conv-vae", "PrincipalComponents"}
    read = table[(table["metric"] == "age MAE by predictor") & (table["row"] == "model")]
    assert read["floor"].notna().all()
    again, _ = call(*asked, "--trust-code")
    assert again == 0


def test_the_questions_and_options_are_the_studys(folder: Path) -> None:
    training = "training: {images: {epochs: 7}, tuning: {epochs: 2}}\n"
    study = load_study(write(folder, more=f"mechanisms:\n  scan: {VAE}\n{training}measurements: {{size: area}}\n"))
    benchmark = study_benchmark(study)
    assert sorted(benchmark.queries) == ["age", "sex", "size"]
    assert benchmark.measurements == {"size": "area"}
    recipes = benchmark.cpu.mechanisms
    assert list(recipes) == ["conv-vae", "flow-matching", "gan"]
    assert recipes["conv-vae"].options["width"] == 8
    assert recipes["gan"].options == {}
    assert all(recipe.images.epochs == 7 and recipe.tuning is not None for recipe in recipes.values())


@pytest.mark.parametrize(
    ("graph", "mechanisms", "message"),
    [
        (GRAPH, "conv-vea", "Did you mean 'conv-vae'"),
        (GRAPH, "spline-flow", "which is for continuous"),
        (GRAPH, "no_such:Class", "No module named 'no_such'"),
        ("age -> size", "conv-vae", "Expected a study with an image to benchmark"),
        ("age -> size; scan", "conv-vae", "Expected attributes that affect 'scan'"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_training(
    folder: Path, graph: str, mechanisms: str, message: str
) -> None:
    code, output = call(write(folder, graph), "--mechanisms", mechanisms, "--trust-code", "--out", folder / "b")
    assert code == 2
    assert message in output
    assert not (folder / "b").exists()


def test_an_unknown_benchmark_names_the_known_ones() -> None:
    code, output = call("morphomnits")
    assert code == 2
    assert "Did you mean 'morphomnist'" in output
