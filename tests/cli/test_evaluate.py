"""`causalgen evaluate` and `causalgen benchmark`: what they write, and what they refuse."""

import json
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Command


@pytest.fixture(scope="module")
def run(causalgen: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from study_cases import TINY

    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "study.yaml").write_text(TINY + "measurements: {thickness: stroke-thickness}\n", encoding="utf-8")
    out = folder / "run"
    assert causalgen("run", folder / "study.yaml", "--out", out, "--smoke").exit_code == 0
    return out


@pytest.mark.parametrize("protocol", ["causalgen", pytest.param("published", marks=pytest.mark.slow)])
def test_evaluate_writes_a_table_for_each_protocol(protocol: str, causalgen: Command, run: Path) -> None:
    done = causalgen("evaluate", run, "--protocol", protocol, "--rows", 12)
    assert done.exit_code == 0, done.output
    assert f"Protocol {protocol}" in done.stdout
    leaks = [line.split("│") for line in done.stdout.splitlines() if "noise leak: digit" in line]
    heads = next(line.split("┃") for line in done.stdout.splitlines() if "permutation" in line)
    assert leaks[0][[head.strip() for head in heads].index("permutation")].strip()  # no leak without what chance gives
    table = pd.read_csv(run / "tables" / f"evaluation-{protocol}.csv")
    assert {"do(thickness)", "do(intensity)", "do(digit)", "samples"} <= set(table["query"].dropna())
    assert {
        "thickness MAE by predictor",
        "digit accuracy by predictor",
        "minimality CLD",
        "Frechet distance",
    } <= set(table["metric"])
    assert {"model", "identity control", "untrained control", "oracle"} <= set(table["row"])
    assert "Samples: not measured. Expected at least 30 training units" in done.stdout
    assert ("carry the share 0.1 of" in done.stdout) == (protocol == "published")  # which keeps the residual
    assert "Does the model give training units away?" in (run / "report.html").read_text(encoding="utf-8")
    assert "Weights: not measured." in (run / "model" / "README.md").read_text(encoding="utf-8")
    assert (run / "predictors" / "thickness" / "predictor.json").exists()


def test_evaluate_refuses_what_it_cannot_evaluate(causalgen: Command, run: Path, tmp_path: Path) -> None:
    done = causalgen("evaluate", run, "--protocol", "publishd")
    assert (done.exit_code, "Did you mean 'published'?" in done.stderr) == (2, True)
    done = causalgen("evaluate", run, "--rows", 0)
    assert (done.exit_code, "at least one row" in done.stderr) == (2, True)
    done = causalgen("evaluate", tmp_path)
    assert (done.exit_code, "Expected a run folder" in done.stderr) == (2, True)
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    done = causalgen("evaluate", run)
    (run / "run.json").write_text(json.dumps(record))
    assert done.exit_code == 2
    assert "Expected a finished run" in done.stderr
    assert "this one is interrupted" in done.stderr


def test_benchmark_prints_its_page_and_copies_it(causalgen: Command, tmp_path: Path) -> None:
    out, docs = tmp_path / "out", tmp_path / "docs" / "mechanisms.md"
    done = causalgen(
        "benchmark", "morphodigits", "--mechanisms", "dcgan", "--smoke", "--device", "cpu", "--out", out, "--docs", docs
    )
    assert done.exit_code == 0, done.output
    assert "Which one do I choose?" in done.stdout
    assert docs.read_text() == (out / "benchmark.md").read_text()
    assert "the numbers mean nothing" in docs.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["morphomnst"], "Did you mean 'morphomnist'?"),
        (["morphodigits", "--mechanisms", "conv-va"], "Did you mean 'conv-vae'?"),
        (["morphodigits", "--seeds", "one"], "Expected seeds such as 0,1,2; got 'one'"),
        (["morphodigits", "--seeds", "1,1"], "different seeds"),
        (["morphodigits", "--protocols", "publishd"], "Did you mean 'published'?"),
        (["morphodigits", "--epochs", "0"], "epochs of at least 1; got 0"),
        (["morphodigits", "--device", "abacus"], "abacus"),
    ],
)
def test_benchmark_refuses_bad_input(causalgen: Command, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = causalgen("benchmark", *arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
