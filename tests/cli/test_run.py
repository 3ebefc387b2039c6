"""The whole chain, for real: a smoke run with its report, `show`, `counterfactual`, and what they refuse."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from causalgen.predictors import LABELS
from causalgen.studies.settings import SMOKE

from .conftest import Command

PICTURES_ARE_DRAWN = True
SMALLER = {"rows": 400, "attributes": 3, "images": 2, "evaluation": 30, "units": 2, "points": 2}
EXAMPLE = Path(__file__).parents[2] / "examples" / "morphodigits" / "study.yaml"


@pytest.fixture(scope="module")
def finished(causalgen: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example study as a smoke run that is smaller still; `.ci/run` runs the whole study."""
    out = tmp_path_factory.mktemp("runs") / "morphodigits"
    with pytest.MonkeyPatch.context() as patched:
        for name, limit in SMALLER.items():
            patched.setitem(SMOKE, name, limit)
        patched.setattr("causalgen.studies.evaluation.LABELS", replace(LABELS, steps=5))
        done = causalgen("run", EXAMPLE, "--smoke", "--out", out)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may spoil."""
    return shutil.copytree(finished, tmp_path / "run")


def test_a_run_leaves_report_figures_tables_model_and_record(finished: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["smoke"] is True
    assert all(step["finished"] and step["seconds"] >= 0 for step in record["steps"].values())
    assert record["peak_memory_mib"] < 2048
    assert record["versions"]["causalgen"]
    assert not (finished / "checkpoints").exists()
    assert {"README.md", "model.json", "model.safetensors"} == {path.name for path in (finished / "model").iterdir()}
    card = (finished / "model" / "README.md").read_text(encoding="utf-8")
    assert "thickness MAE" in card
    assert "noise leak" in card
    assert "No metrics were computed" not in card
    assert (finished / "study.resolved.yaml").exists()
    assert len(list((finished / "figures").glob("counterfactual-*.png"))) == 5
    assert (finished / "figures" / "graph.png").stat().st_size > 1000
    page = (finished / "report.html").read_text()
    assert f"causalgen explore {finished}" in page
    assert "SMOKE RUN" in page
    assert "do(thickness = 4 px)" in page
    assert "<script" not in page


def test_the_tables_hold_model_controls_and_truth(finished: Path) -> None:
    metrics = pd.read_csv(finished / "tables" / "metrics.csv", keep_default_na=False)
    assert {"model", "identity control", "untrained control", "oracle"} <= set(metrics["row"])
    assert {"all units", "within support"} == set(metrics["stratum"])
    assert {"do(thickness)", "do(intensity)", "do(pen)"} <= set(metrics["query"])
    effect = pd.read_csv(finished / "tables" / "effect-1-pen-intensity.csv").set_index("source")
    assert effect.loc["truth", "estimate"] == pytest.approx(60.8, abs=0.3)
    assert effect.loc["naive", "estimate"] > effect.loc["doubly robust", "estimate"]
    assert "fitted model under do" in effect.index
    curves = pd.read_csv(finished / "tables" / "response-curves.csv")
    own = curves[curves["response"].str.startswith("thickness") & curves["cause"].str.startswith("thickness")]
    assert own["ideal"].tolist() == own["imposed"].tolist()


def test_show_prints_effects_metrics_and_the_report(causalgen: Command, finished: Path) -> None:
    done = causalgen("show", finished)
    assert done.exit_code == 0
    for word in (
        "finished",
        "Smoke run",
        "doubly robust",
        "truth",
        "thickness MAE",
        "identity",
        str(finished / "report.html"),
    ):
        assert word in done.stdout


def test_a_finished_run_is_refused_and_stays_as_it_is(causalgen: Command, run: Path) -> None:
    before = (run / "run.json").read_bytes()
    done = causalgen("run", EXAMPLE, "--smoke", "--out", run)
    assert done.exit_code == 2
    assert "--out" in done.stderr
    assert "--fresh" in done.stderr
    assert (run / "run.json").read_bytes() == before


def test_counterfactual_writes_a_grid_and_a_table(causalgen: Command, run: Path) -> None:
    done = causalgen("counterfactual", run, "--rows", "3,7", "--do", "thickness=4", "--do", "pen=felt-tip")
    assert done.exit_code == 0, done.output
    assert "do(pen = felt-tip, thickness = 4 px)" in done.stdout
    grid, table = (Path(line) for line in done.stdout.splitlines()[-2:])
    assert grid.parent.parent == run / "counterfactuals"
    assert grid.read_bytes().startswith(b"\x89PNG")
    frame = pd.read_csv(table)
    assert frame["row"].tolist() == [3, 7]
    assert frame["thickness_cf"].tolist() == frame["thickness_true"].tolist() == [4.0, 4.0]
    assert frame["hurry_cf"].tolist() == frame["hurry"].tolist()
    assert set(frame["pen_cf"]) == {"felt-tip"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "3", "--do", "thicknes=4"], "Did you mean 'thickness'?"),
        (["--rows", "3", "--do", "thickness=40"], "within its support [1, 7] px; got 40"),
        (["--rows", "3", "--do", "pen=quill"], "Expected a label of 'pen' among"),
        (["--rows", "3", "--do", "thickness"], "Expected an intervention as name=value"),
        (["--rows", "3000000", "--do", "thickness=4"], "among 0..399; got 3000000."),
        (["--rows", "three", "--do", "thickness=4"], "Expected row numbers such as 3,7 or 3-7; got 'three'."),
    ],
)
def test_counterfactual_refuses_what_it_cannot_ask(
    causalgen: Command, finished: Path, arguments: list[str], message: str
) -> None:
    done = causalgen("counterfactual", finished, *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.output


def test_corrupted_and_foreign_models_are_refused(causalgen: Command, run: Path) -> None:
    query = ("counterfactual", run, "--rows", "3", "--do", "thickness=4")
    weights = (run / "model" / "model.safetensors").read_bytes()
    (run / "model" / "model.safetensors").write_bytes(weights[:-10])
    done = causalgen(*query)
    assert (done.exit_code, "another checksum" in done.stderr) == (2, True)
    (run / "model" / "model.json").write_text('{"format": "something else"}')
    done = causalgen(*query)
    assert (done.exit_code, "another kind of file" in done.stderr) == (2, True)
    shutil.rmtree(run / "model")
    done = causalgen(*query)
    assert (done.exit_code, "has none yet" in done.stderr) == (2, True)
