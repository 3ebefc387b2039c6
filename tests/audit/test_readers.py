"""An audit of a run reads attributes off the images with what the run trained, and trains nothing anew."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from study_cases import TINY
from typer.testing import CliRunner
from untrained_run import write_untrained_run

from causalgen.cli.app import app
from causalgen.datasets import Dataset
from causalgen.errors import CheckpointError
from causalgen.graph import CausalGraph, Variable
from causalgen.predictors import AttributePredictor, load
from causalgen.predictors import save as save_predictor
from causalgen.scm import StructuralCausalModel
from causalgen.studies.evaluation import ReadAttributes, train_readers
from causalgen.studies.readers import keep_readers, readers_of
from causalgen.studies.runfolder import RunFolder, read_run
from causalgen.studies.schema import load_study

EVALUATION = "evaluation: {rows: 20, queries: [digit], classify: digit, regress: intensity}\n"
MEASURED = "measurements: {thickness: stroke-thickness}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, StructuralCausalModel, Dataset]:
    """A run whose metrics step ran with a model that was initialised only."""
    folder = tmp_path_factory.mktemp("run")
    study = folder / "study.resolved.yaml"
    study.write_text(TINY.replace("rows: 100", "rows: 150") + MEASURED + EVALUATION)
    scm, data = write_untrained_run(folder, study)
    run, plan = read_run(folder), load_study(study)
    found = train_readers(ReadAttributes.of(plan, data.graph), data, {}, seed=plan.seed, smoke=True)
    keep_readers(run.readers, {**found.classifiers, **found.measure})
    return run, scm, data


def test_the_metrics_step_keeps_what_it_trained(made: tuple[RunFolder, StructuralCausalModel, Dataset]) -> None:
    run, scm, data = made
    readers = readers_of(run, scm.graph, "image")
    assert list(readers.measure) == ["thickness"]
    assert {name: reader.network for name, reader in readers.trained.items()} == {
        "digit": "flat",
        "intensity": "pooled",
    }
    images = data.rows(data.split["test"])["image"]
    assert readers.trained["digit"].predict(images).shape == (len(images),)
    assert not any("trained nothing" in note for note in readers.notes)


def test_an_audit_of_the_run_uses_them(
    made: tuple[RunFolder, StructuralCausalModel, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ink_score.py").write_text("def ink(images):\n    return images.mean((1, 2, 3)) / 255\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = CliRunner(env={"COLUMNS": "250"}).invoke(
        app,
        ["audit", str(made[0].path), "--classifier", "ink_score:ink", "--outcome", "ink", "--do", "digit=3",
         "--out", str(tmp_path / "out"), "--rows", "20", "--exit-code", "--trust-code"],
    )  # fmt: skip
    plain = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert {(row["attribute"], row["how"]) for row in plain["trust"]} == {
        ("thickness", "measured"), ("digit", "predicted"), ("intensity", "predicted"),
    }  # fmt: skip
    assert done.exit_code == {"within the margin": 0, "beyond the margin": 3, "cannot tell": 4}[plain["verdict"]]
    assert plain["headline"][0]["sentence"] in " ".join(done.stdout.split())
    assert "networks that the run trained on its training images: digit, intensity" in " ".join(done.output.split())


@pytest.mark.parametrize("verdict", ["within the margin", "beyond the margin", "cannot tell"])
def test_exit_codes_are_on_request(verdict: str, tmp_path: Path, made, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_score.py").write_text("def flat(images):\n    return images.mean((1, 2, 3)) / 255\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("causalgen.audit.page.write_audit", lambda *arguments, **options: {})
    monkeypatch.setattr("causalgen.audit.AuditReport.verdict", property(lambda report: verdict))
    words = ["audit", str(made[0].path), "--classifier", "some_score:flat", "--outcome", "x", "--do", "digit=3"]
    done = CliRunner().invoke(
        app, [*words, "--rows", "5", "--out", str(tmp_path / "out"), "--exit-code", "--trust-code"]
    )
    assert done.exit_code == {"within the margin": 0, "beyond the margin": 3, "cannot tell": 4}[verdict]


def test_a_run_without_readers_names_the_way(
    made: tuple[RunFolder, StructuralCausalModel, Dataset], tmp_path: Path
) -> None:
    run, scm, _ = made
    bare = RunFolder(tmp_path, run.record)
    (tmp_path / "study.resolved.yaml").write_text(TINY)
    readers = readers_of(bare, scm.graph, "image")
    assert not readers.measure
    assert not readers.trained
    assert "trained nothing that reads thickness, intensity, digit from the images" in readers.notes[0]
    assert "`causalgen evaluate RUN`" in readers.notes[0]


def test_predictors_of_evaluate_are_used_where_the_run_has_none(made, tmp_path: Path) -> None:
    run, scm, _ = made
    bare = RunFolder(tmp_path, run.record)
    (tmp_path / "study.resolved.yaml").write_text(TINY)
    predictor = AttributePredictor(scm.graph["digit"], (1, 28, 28), {"thickness": scm.graph["thickness"]}).eval()
    save_predictor(predictor, bare.predictors / "digit")
    assert readers_of(bare, scm.graph, "image").trained["digit"].network == "pooled"
    keep_readers(bare.readers, {"digit": AttributePredictor(scm.graph["digit"], (1, 28, 28), network="flat")})
    assert readers_of(bare, scm.graph, "image").trained["digit"].network == "flat"
    (bare.predictors / "digit" / "predictor.safetensors").write_bytes(b"damaged")
    with pytest.raises(CheckpointError):
        readers_of(bare, scm.graph, "image")


@pytest.mark.parametrize("name", ["Age (years)", "a/b", "../up", "größe", "a b", "x" * 300])
def test_any_name_of_an_attribute_is_kept(name: str, tmp_path: Path, made) -> None:
    graph = CausalGraph(variables=[Variable(name, "continuous"), Variable("scan", "image", shape=(1, 8, 8))],
                        edges=[(name, "scan")])  # fmt: skip
    predictor = AttributePredictor(graph[name], (1, 8, 8)).eval()
    run = RunFolder(tmp_path / "run", made[0].record)
    run.path.mkdir()
    (run.path / "study.resolved.yaml").write_text(TINY)
    keep_readers(run.readers, {name: predictor})
    assert list((tmp_path / "run" / "readers").iterdir())
    found = readers_of(run, graph, "scan").trained[name]
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    assert found.predict(images, {}).numpy() == pytest.approx(predictor.predict(images, {}).numpy())
    assert np.isfinite(found.predict(images, {}).numpy()).all()


def test_a_saved_predictor_is_the_same(tmp_path: Path, made) -> None:
    graph = made[1].graph
    predictor = AttributePredictor(graph["digit"], (1, 28, 28), {"thickness": graph["thickness"]}).eval()
    save_predictor(predictor, tmp_path)
    found = load(tmp_path)
    values = made[2].rows(made[2].split["test"][:5])
    assert torch.equal(found.predict(values["image"], values), predictor.predict(values["image"], values))
