"""A study calibrates the evidence of its images, says so in every place, and can leave that out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from study_cases import TINY
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets import load
from causalgen.scm import StructuralCausalModel, importance
from causalgen.scm import load as load_model
from causalgen.studies.certainty import certainty_notes
from causalgen.training import image_evidence

pytestmark = pytest.mark.filterwarnings("ignore::causalgen.errors.CausalgenWarning")
STUDY = TINY.replace("rows: 100", "rows: 500")


@pytest.fixture(scope="module", autouse=True)
def _few_draws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importance, "DRAWS_WITH_LATENTS", 8)
        patch.setattr(image_evidence, "ROUNDS", {"rest": (), "images": ()})
        yield


def run(*arguments: object) -> str:
    done = CliRunner(env={"COLUMNS": "400"}).invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tempered")
    (folder / "study.yaml").write_text(STUDY, encoding="utf-8")
    run("run", folder / "study.yaml", "--out", folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def model(fitted: Path) -> StructuralCausalModel:
    return load_model(fitted / "model")


def test_the_run_keeps_and_reports_the_temperatures(fitted: Path, model: StructuralCausalModel) -> None:
    assert model.tempering is not None
    assert model.tempering.fitted_on + model.tempering.checked_on == 50
    page = (fitted / "report.html").read_text(encoding="utf-8")
    assert "Attributes inferred from images" in page
    assert "at face value" in page.lower()
    assert (fitted / "tables" / "image-evidence.csv").is_file()
    assert model.tempering.sentence in (fitted / "model" / "README.md").read_text(encoding="utf-8").replace("\\", "")
    record = json.loads((fitted / "run.json").read_text(encoding="utf-8"))
    assert record["evidence"] == []
    assert record["training"]["seconds"]["evidence"] > 0


def test_an_answer_states_how_the_image_was_tempered(fitted: Path, tmp_path: Path) -> None:
    picture = tmp_path / "digit.png"
    Image.fromarray(load("morphodigits", rows=100).values["image"][5, 0].numpy()).save(picture)
    asked = ("counterfactual", fitted, "--image", picture, "--do", "intensity=90", "--particles", "4", "--out")
    answer = run(*asked, tmp_path / "all")
    assert "its evidence about missing attributes is tempered" in answer
    assert "validation units and checked on" in answer
    assert "are too short" not in answer
    bare = tmp_path / "bare"
    shutil.copytree(fitted / "model", bare)
    description = json.loads((bare / "model.json").read_text(encoding="utf-8"))
    del description["tempering"], description["description_sha256"]  # as saved by earlier versions
    (bare / "model.json").write_text(json.dumps(description), encoding="utf-8")
    answer = run("counterfactual", bare, *asked[2:], tmp_path / "bare-answer")
    assert "intervals of inferred values are too short" in answer


def test_only_what_an_image_informs_has_a_note(model: StructuralCausalModel) -> None:
    units = dict(model.sample(2, seed=0))
    noted = {}
    for missing in ("hurry", "pen", "thickness", "digit", "image"):
        known = {name: value for name, value in units.items() if name != missing}
        noted[missing] = certainty_notes(model.abduct(known, particles=2, seed=0))
    assert {name for name, notes in noted.items() if notes} == {"thickness", "digit"}
    assert "for numbers" in noted["thickness"][0]
    assert "for labels" in noted["digit"][0]
    assert certainty_notes(model.abduct(units, particles=2, seed=0)) == ()


def test_a_study_can_take_images_at_face_value_and_few_rows_are_named(tmp_path: Path) -> None:
    for name, study, reason in (
        ("exact", STUDY.replace("training:", "training:\n  evidence: exact"), None),
        ("few", TINY, "Expected at least 40 validation rows"),
    ):
        (tmp_path / f"{name}.yaml").write_text(study, encoding="utf-8")
        run("fit", tmp_path / f"{name}.yaml", "--out", tmp_path / name)
        record = json.loads((tmp_path / name / "run.json").read_text(encoding="utf-8"))
        assert "tempering" not in json.loads((tmp_path / name / "model" / "model.json").read_text(encoding="utf-8"))
        assert reason is None or reason in record["evidence"][0]
        assert reason is not None or "evidence" not in record
