"""Commands about a model take a saved one too, and name what it lacks where they need the data of its run."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from causalgen.app import Explorer
from causalgen.app.explorer import WorldSetting
from causalgen.app.finds import find_files
from causalgen.cli.app import app
from causalgen.errors import RunFolderError
from causalgen.graph import CausalGraph, Variable
from causalgen.scm import StructuralCausalModel, load
from causalgen.studies.fingerprint import fingerprint
from causalgen.studies.saved_model import read_asked

GRAPH = CausalGraph(
    '"dose, mg" -> pen; {pen, "dose, mg"} -> scan',
    [
        Variable("dose, mg", "continuous", unit="mg", support=(0, 20)),
        Variable("pen", "categorical", labels=("ball|point", "felt-tip")),
        Variable("scan", "image", shape=(3, 9, 11)),
    ],
)
IMAGE = {"mechanism": "conv-vae", "latent": 2, "local": 2, "width": 8, "blocks": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = StructuralCausalModel(GRAPH, {"scan": IMAGE})
    dose = 20 * torch.rand(60)
    scan = torch.randint(0, 255, (60, 3, 9, 11), dtype=torch.uint8)
    model.initialize({"dose, mg": dose, "pen": (dose > 9).long(), "scan": scan})
    return model.declare_fitted().eval().save(tmp_path_factory.mktemp("saved") / "scans of ada")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


def test_samples_and_worlds_are_those_of_the_model(folder: Path, tmp_path: Path) -> None:
    found = json.loads(run("sample", folder, "-n", 3, "--do", '"dose, mg"=4', "--json").stdout)
    expected = load(folder).sample(3, do={"dose, mg": 4.0}, seed=0).to_frame()
    assert [row["pen"] for row in found["table"]] == expected["pen"].tolist()
    assert Path(found["files"]["csv"]).parts[:2] == ("scans of ada-answers", "samples")
    assert not (folder / "samples").exists()
    assert run("intervene", folder, "--do", "pen=felt-tip", "-n", 50).exit_code == 0


def test_an_image_from_outside_is_answered(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (22, 18), (200, 20, 90)).save(tmp_path / "a scan.png")
    given = ("--set", '"dose, mg"=3,pen=felt-tip', "--do", '"dose, mg"=9', "--json")
    done = run("counterfactual", folder, "--image", "a scan.png", *given)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["table"][0]["dose, mg_cf"] == 9
    assert any("does not record how files become pixels" in note for note in found["notes"])


def test_a_damaged_image_is_restored_and_takes_the_style_of_another(folder: Path) -> None:
    Image.new("RGB", (11, 9), (200, 20, 90)).save("damaged.png")
    Image.new("RGB", (11, 9), (20, 200, 90)).save("style.png")
    asked = {
        "restore": ("--image", "damaged.png", "--noise", "9", "--do", "pen=felt-tip", "--particles", "2"),
        "transfer": ("--content", "damaged.png", "--style", "style.png", "--take", "pen,scan.z"),
    }
    for command, arguments in asked.items():
        done = run(command, folder, *arguments, "--json")
        assert done.exit_code == 0, done.output
        notes = json.loads(done.stdout)["notes"]
        assert any("does not record how files become pixels" in note for note in notes)
        assert any("intervals of inferred values are too short" in note for note in notes)
    assert sorted(path.name for path in Path("scans of ada-answers").iterdir()) == ["counterfactuals", "restorations"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("counterfactual", "--rows", "3", "--do", "pen=felt-tip"),
        ("counterfactual", "--all", "--do", "pen=felt-tip", "--out", "x"),
        ("evaluate",),
        ("transfer", "--content", "3", "--style", "7", "--take", "pen"),
        ("augment", "--do", "pen=felt-tip", "--out", "x"),
    ],
    ids=str,
)
def test_what_needs_data_says_so(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(arguments[0], folder, *arguments[1:])
    assert done.exit_code == 2
    assert "the saved model 'scans of ada', which comes without its data and study" in done.output
    assert done.output.count("Expected") == 1


def test_a_name_that_no_model_has_and_a_folder_without_one_are_refused(tmp_path: Path) -> None:
    assert "Expected a model among" in run("sample", "pretrained:nothing").output
    assert "which holds neither" in run("sample", tmp_path).output


def test_a_fingerprint_shows_another_model(folder: Path) -> None:
    known = fingerprint(read_asked(folder))
    assert run("sample", folder, "-n", 1, "--sha256", known).exit_code == 0
    assert "to have the fingerprint" in run("sample", folder, "-n", 1, "--sha256", "0" * 64).output


@pytest.mark.slow
def test_an_export_is_checked_on_draws(folder: Path) -> None:
    pytest.importorskip("onnxscript")
    done = run("export", folder, "--out", "graphs")
    assert done.exit_code == 0, done.output
    assert Path("graphs/predict.onnx").exists()
    assert "smaller copies" in run("export", folder, "--out", "other", "--int8").output


def test_an_explorer_shows_draws(folder: Path) -> None:
    explorer = Explorer(read_asked(folder))
    assert explorer.model()["splits"] == [{"name": "drawn", "count": 240}]
    find = WorldSetting(unit=explorer.page("drawn", 0)[2]["key"], do={"dose, mg": 4.0})
    answer = explorer.answer(find)
    assert next(a for a in answer["attributes"] if a["name"] == "dose, mg")["counterfactual"]["value"] == 4.0
    code = find_files(explorer, [find], "py").decode()
    world: dict[str, object] = {}
    exec(code, world)
    assert abs(float(world["find_1"]["dose, mg"][0]) - 4.0) < 1e-6  # type: ignore[index]
    with pytest.raises(RunFolderError, match="the lines of a study"):
        find_files(explorer, [find], "yaml")
