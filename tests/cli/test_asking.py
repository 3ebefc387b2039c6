"""fit, sample, intervene and counterfactual on one tiny fitted model: what they write, and what they refuse."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from study_cases import TINY
from typer.testing import Result

from causalgen.datasets import load
from causalgen.scm import load as load_model
from causalgen.studies.grids import gallery
from causalgen.studies.intervening import world_table
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.schema import load_study

from .conftest import Command

STUDY = (
    TINY.replace("width: 8", "width: 4") + "measurements: {thickness: stroke-thickness, intensity: stroke-intensity}\n"
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("asking") / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fitted(causalgen: Command, study: Path) -> Path:
    """A run that was only fitted."""
    out = study.parent / "run"
    done = causalgen("fit", study, "--out", out)
    assert done.exit_code == 0, done.output
    assert "fitted" in done.stdout
    assert "Continue: causalgen run" in done.stdout
    return out


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data are not there any more."""

    def absent(*_: object) -> None:
        raise AssertionError("the data were loaded")

    monkeypatch.setattr("causalgen.studies.asking.load_data", absent)
    monkeypatch.setattr("causalgen.studies.sources.load", absent)


@pytest.fixture(scope="module")
def image(fitted: Path) -> Path:
    """A digit of the data as a file from outside."""
    path = fitted.parent / "six.png"
    Image.fromarray(load("morphodigits", rows=100).values["image"][5, 0].numpy()).save(path)
    return path


def _said(done: Result) -> str:
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.stderr.replace("│", " ").split())


def test_fit_leaves_a_model_that_run_goes_on_from(causalgen: Command, study: Path, fitted: Path) -> None:
    record = json.loads((fitted / "run.json").read_text())
    assert record["status"] == "fitted"
    assert list(record["steps"]) == ["start and check", "load the data", "fit the model"]
    assert (fitted / "model" / "model.safetensors").exists()
    again = causalgen("fit", study, "--out", fitted)
    assert again.exit_code == 0, again.output
    weights = (fitted / "model" / "model.safetensors").read_bytes()
    copy = shutil.copytree(fitted, fitted.parent / "gone-on")
    done = causalgen("run", study, "--out", copy)
    assert done.exit_code == 0, done.output
    assert (copy / "model" / "model.safetensors").read_bytes() == weights
    assert json.loads((copy / "run.json").read_text())["status"] == "finished"
    assert "--fresh" in _said(causalgen("fit", study, "--out", copy))


@pytest.mark.usefixtures("no_data")
def test_sample_writes_units_without_the_data(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    asked = ("sample", fitted, "-n", 3, "--do", "thickness=4", "--given", "pen=felt-tip", "--seed", 1)
    done = causalgen(*asked, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["query"] == "do(thickness = 4 px), given pen = felt-tip"
    assert 0 < found["effective_sample_size"] <= 30
    assert "Effective sample size" in found["notes"][0]
    assert [(row["thickness"], row["pen"]) for row in found["table"]] == [(4.0, "felt-tip")] * 3
    table = pd.read_csv(tmp_path / "out" / "samples.csv")
    assert Image.open(tmp_path / "out" / table["image_file"][2]).size == (28, 28)
    assert (tmp_path / "out" / "grid.png").exists()
    assert json.loads(causalgen(*asked, "--out", tmp_path / "two", "--json").stdout)["table"] == found["table"]
    plain = causalgen("sample", fitted, "-n", 1)
    assert "1 unit, observational" in plain.stdout
    assert Path(plain.stdout.splitlines()[-1]).parent.parent == fitted / "samples"


@pytest.mark.usefixtures("no_data")
def test_intervene_sets_two_worlds_beside_each_other(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    done = causalgen("intervene", fitted, "--do", "pen=felt-tip", "-n", 200, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["worlds"] == {"against": "observational", "do": "do(pen = felt-tip)"}
    rows = {(row["attribute"], row["label"]): row for row in found["table"]}
    assert set(rows) == {("pen", "ballpoint"), ("pen", "felt-tip"), ("thickness", ""), ("intensity", "")}
    felt = rows["pen", "felt-tip"]
    assert felt["do"] == felt["do_low"] == felt["do_high"] == 1.0
    assert felt["against_low"] < felt["against"] < felt["against_high"] < 1
    assert felt["difference"] == pytest.approx(felt["do"] - felt["against"], abs=1e-6)
    assert "not an estimate from data" in found["notes"][0]
    assert found["notes"][1] == "The same in both worlds, because not downstream: hurry, digit."
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"grid.png", "intervene.csv"}
    shown = causalgen("intervene", fitted, "--do", "thickness=4", "--against", "thickness*=1.1", "-n", 20)
    assert shown.exit_code == 0, shown.output
    assert "do(thickness *= 1.1)" in shown.stdout


def test_the_intervals_of_intervene_cover_at_their_level(fitted: Path) -> None:
    """Of 40 seeds, 95 % intervals hold the value of many draws in 33 or more; by chance fewer do once in 1,400 times."""
    scm = load_model(fitted / "model")
    worlds = [{}, {"pen": "felt-tip"}]
    key = ["attribute", "label"]
    many = world_table(scm, worlds, 40_000, seed=99).set_index(key)
    tables = [world_table(scm, worlds, 100, seed=seed).set_index(key) for seed in range(40)]
    for row, column in [(("intensity", ""), "difference"), (("thickness", ""), "do"), (("pen", "felt-tip"), "against")]:
        ends = [(table.loc[row, f"{column}_low"], table.loc[row, f"{column}_high"]) for table in tables]
        held = sum(low <= many.loc[row, column] <= high for low, high in ends)
        assert held >= 33, (row, column, held)


def test_rows_are_asked_with_shifts_expressions_and_particles(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    done = causalgen(
        "counterfactual", fitted, "--rows", "3,7", "--do", "thickness+=0.5", "--do", "intensity=thickness*40",
        "--particles", 3, "--out", tmp_path, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["query"] == "do(thickness += 0.5 px, intensity = thickness*40)"
    table = pd.DataFrame(found["table"])
    assert table["row"].tolist() == [3, 7] * 3
    assert table["particle"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["thickness_cf"].tolist() == pytest.approx((table["thickness"] + 0.5).tolist())
    assert table["intensity_cf"].tolist() == pytest.approx((table["thickness_cf"] * 40).tolist())
    assert table["intensity_true"].tolist() == pytest.approx(table["intensity_cf"].tolist(), rel=1e-5)
    assert len(found["files"]["images"]) == 2 + 2 * 3
    assert all(Path(path).exists() for path in found["files"]["images"])
    drawn = [np.asarray(Image.open(tmp_path / file)) for file in table["image_file"][table["row"] == 3]]
    assert any((drawn[0] != other).any() for other in drawn[1:])


def test_an_answer_shows_down_to_which_correlation_it_holds(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    asked = ("counterfactual", fitted, "--rows", "3,7", "--do", "pen=felt-tip", "--out", tmp_path)
    shown = causalgen(*asked)
    assert shown.exit_code == 0, shown.output
    assert "holds down to rho" in shown.stdout
    assert "Holds down to rho: models in which" in shown.stdout
    assert "1: no longer at 0.95, the next that was tried; 0: in all of them." in shown.stdout
    assert '"no change" means the factual image as the model redraws it' in shown.stdout
    table = pd.read_csv(tmp_path / "counterfactual.csv")
    for name in ("thickness", "intensity", "image"):
        assert table[f"{name}_holds_down_to"].dropna().isin([0, 0.5, 0.8, 0.95, 1]).all()
    assert not {"pen_holds_down_to", "digit_holds_down_to"} & set(table)
    found = json.loads(causalgen(*asked, "--json").stdout)["ambiguity"]
    assert [row["claim"] for row in found] == ["thickness", "intensity", "image"]


def test_what_holds_is_left_out_where_it_costs_too_much(
    causalgen: Command, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causalgen.studies.surviving.MOST_OPERATIONS", 0)
    done = causalgen("counterfactual", fitted, "--rows", "3", "--do", "pen=felt-tip", "--out", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert "ambiguity" not in found
    assert any("was left out, since it would take about 1 minute on one core" in note for note in found["notes"])


def test_a_row_that_stands_twice_is_asked_once(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    done = causalgen("counterfactual", fitted, "--rows", "3,7,3", "--do", "pen=felt-tip", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "counterfactual.csv")["row"].tolist() == [3, 7]


def test_a_grid_leaves_out_units_that_an_expression_takes_out_of_the_support(study: Path, fitted: Path) -> None:
    scm, data = load_model(fitted / "model"), load("morphodigits", rows=100)
    middle = (
        data.values["thickness"][ModelOnData(scm, data, 0).test_rows(6)].median().item()
    )  # thinner units get less than 64
    study.with_name("grid.yaml").write_text(
        f"{STUDY}gallery: [{{do: {{intensity: thickness*{64.1 / middle}}}, units: 6}}]"
    )
    plan = load_study(study.with_name("grid.yaml"))
    with pytest.warns(UserWarning, match=r"A grid leaves out \d of 6 units\. Expected 'intensity' within its support"):
        (found,) = gallery(plan.gallery, ModelOnData(scm, data, plan.seed))
    assert 0 < found.units < 6
    study.with_name("grid.yaml").write_text(STUDY + "gallery: [{do: {intensity: thickness*1}}]")
    with pytest.warns(UserWarning, match="leaves out 6 of 6"):
        assert gallery(load_study(study.with_name("grid.yaml")).gallery, ModelOnData(scm, data, plan.seed)) == []


@pytest.mark.usefixtures("no_data")
def test_an_image_from_outside_is_asked_about(causalgen: Command, fitted: Path, image: Path, tmp_path: Path) -> None:
    given = ("--set", "digit=6,hurry=0.4", "--set", "pen=ballpoint")
    done = causalgen("counterfactual", fitted, "--image", image, *given, "--do", "thickness=4", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "thickness was measured on the image: 2." in done.stderr
    row = pd.read_csv(tmp_path / "counterfactual.csv").iloc[0]
    assert (row["file"], row["thickness_cf"], row["digit_cf"]) == ("six.png", 4.0, 6)
    factual = np.asarray(Image.open(tmp_path / "images" / "six-factual.png"))
    assert (factual == np.asarray(Image.open(image))).all()
    larger = tmp_path / "larger.png"
    Image.open(image).resize((40, 50)).convert("RGB").save(larger)
    done = causalgen(
        "counterfactual", fitted, "--image", larger, *given, "--do", "thickness=4", "--out", tmp_path / "b"
    )
    assert done.exit_code == 0, done.output
    assert "has 50x40 pixels (height x width) and was cut and resized to 28x28" in done.stderr
    assert "was converted to grey" in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("no_data")
def test_attributes_that_are_not_given_are_inferred(
    causalgen: Command, fitted: Path, image: Path, tmp_path: Path
) -> None:
    asked = ("counterfactual", fitted, "--image", image, "--do", "thickness=4", "--set", "digit=9")
    done = causalgen(*asked, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["particles"] == 100
    assert any(note.startswith("pen was inferred by the model: ") and "of the draws" in note for note in found["notes"])
    assert any(note.startswith("hurry was inferred") and "95 % interval" in note for note in found["notes"])
    assert len({row["hurry"] for row in found["table"]}) > 50
    shown = causalgen(*asked, "--particles", 10, "--out", tmp_path / "shown").stdout
    assert re.search(r"hurry +│ [\d.e-]+ \[", shown)  # the factual value is a mean with its interval too


def test_a_style_comes_from_a_row_or_a_file(causalgen: Command, fitted: Path, image: Path, tmp_path: Path) -> None:
    rows = ("transfer", fitted, "--content", "0,1", "--style", "3", "--take", "pen,thickness")
    found = json.loads(causalgen(*rows, "--out", tmp_path / "rows", "--json").stdout)
    assert [row["row"] for row in found["table"]] == [0, 1]
    style = json.loads(causalgen("counterfactual", fitted, "--rows", "3", "--do", "thickness+=0", "--json").stdout)
    assert [row["thickness_cf"] for row in found["table"]] == pytest.approx(2 * [style["table"][0]["thickness"]])
    assert "thickness_true" in found["table"][0]
    assert found["notes"][0].startswith("Taken from 3: pen = ")
    file = json.loads(
        causalgen("transfer", fitted, "--content", image, "--style", "3", "--take", "pen", "--hold", "--json").stdout
    )
    assert file["particles"] == 100
    assert file["table"][0]["thickness"] == pytest.approx(file["table"][0]["thickness_cf"])
    given = ("transfer", fitted, "--content", image, "--style", "3", "--take", "pen", "--set", "digit=6")
    given = (*given, "--particles", 5, "--json")
    assert {row["digit"] for row in json.loads(causalgen(*given).stdout)["table"]} == {6}
    style = json.loads(causalgen(*rows[:4], "--style", image, "--take", "pen", "--json").stdout)
    assert not any("--set" in note for note in style["notes"])
    files = (
        "transfer",
        fitted,
        "--content",
        image,
        "--style",
        image,
        "--take",
        "thickness,image.z",
        "--set",
        "digit=6",
        "--particles",
        5,
    )
    both = json.loads(causalgen(*files, "--out", tmp_path / "files", "--json").stdout)
    assert "image.z of the style." in both["notes"][0]
    part = json.loads(causalgen(*rows[:6], "--take", "image.z", "--json").stdout)
    assert part["notes"][0] == "Taken from 3: image.z of the style."
    assert "thickness_true" not in part["table"][0]  # the generator does not know the noise of the model
    assert part["table"][0]["thickness"] == part["table"][0]["thickness_cf"]
    assert "image.z" in _said(causalgen(*rows[:6], "--take", "image.y"))
    assert "rows have their values" in _said(causalgen(*rows, "--set", "digit=6"))
    assert "got 2 rows. Name one" in _said(causalgen(*rows[:4], "--style", "3-4", "--take", "pen"))
    assert "Did you mean 'pen'" in _said(causalgen(*rows[:6], "--take", "penn"))


def test_a_transfer_says_what_its_images_show(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    asked = ("transfer", fitted, "--content", "0,1", "--style", "3", "--take", "thickness")
    found = json.loads(causalgen(*asked, "--out", tmp_path / "out", "--json").stdout)
    assert [(row["attribute"], row["part"]) for row in found["report"]] == [
        ("thickness", "taken"),
        ("intensity", "followed"),
    ]
    assert found["report"][0]["floor"] < 0.1
    assert (tmp_path / "out" / "transfer.csv").is_file()
    shown = causalgen(*asked, "--out", tmp_path / "shown").stdout
    assert re.search(r"thickness \(px\) +│ taken", shown)
    particles = json.loads(causalgen(*asked, "--particles", "3", "--out", tmp_path / "drawn", "--json").stdout)
    assert "report" not in particles


def test_a_damaged_picture_is_restored_and_asked_about(
    causalgen: Command, fitted: Path, image: Path, no_data: None, tmp_path: Path
) -> None:
    pixels, hidden = np.asarray(Image.open(image)).copy(), np.zeros((28, 28), dtype=np.uint8)
    hidden[:14, 14:] = 255
    Image.fromarray(hidden).save(tmp_path / "mask.png")
    pixels[hidden > 0] = 77
    Image.fromarray(pixels).save(tmp_path / "damaged.png")
    asked = (
        "restore",
        fitted,
        "--image",
        tmp_path / "damaged.png",
        "--mask",
        tmp_path / "mask.png",
        "--particles",
        "6",
    )
    given = ("--set", "digit=6,thickness=2,intensity=150,pen=ballpoint,hurry=0.5")
    done = causalgen(*asked, *given, "--do", "intensity=90", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["particles"] == 6
    assert [row["attribute"] for row in found["table"] if row["inferred"]] == []
    assert {row["attribute"]: row["counterfactual"] for row in found["table"]}["intensity"] == 90
    restored = np.asarray(Image.open(tmp_path / "out" / "images" / "restored.png"))
    assert np.array_equal(restored[hidden == 0], pixels[hidden == 0])
    names = {Path(file).name for file in found["files"]["images"]}
    assert {"restored.png", "restored-low.png", "restored-draw-3.png", "counterfactual.png"} <= names
    table = causalgen(*asked, "--set", "digit=6,thickness=2,intensity=150,pen=ballpoint")
    assert table.exit_code == 0, table.output
    assert "hurry was inferred by the model" in table.stderr
    assert "intervals of inferred values are too short" not in table.stderr  # the image adds nothing to its causes
    fewer = causalgen(*asked, "--set", "digit=6,thickness=2,pen=ballpoint", "--out", tmp_path / "fewer")
    assert "intervals of inferred values are too short" in fewer.stderr
    assert re.search(r"digit +│ 6 +│ given", table.stdout)
    assert (fitted / "restorations").is_dir()
    for options, message in (
        (asked[2:4], "a mask, noise, blur, downsample, grey or a function"),
        ((*asked[2:4], "--grey"), "Leave grey out"),
        ((*asked[2:4], "--downsample", "2"), "picture of 14x14 pixels"),
        (("--image", tmp_path / "none.png", "--noise", "5"), "no such file"),
    ):
        assert message in _said(causalgen("restore", fitted, *options)), message


def _spoil(image: Path, how: str, path: Path) -> None:
    """A file that is no usable image."""
    pixels = np.asarray(Image.open(image))
    if how == "16 bits":
        Image.fromarray(pixels.astype(np.uint16) * 256).save(path)
    elif how == "transparent":
        Image.fromarray(np.dstack([pixels] * 3 + [np.minimum(pixels, 99)])).save(path)
    elif how == "truncated":
        path.write_bytes(image.read_bytes()[:150])
    elif how == "not an image":
        path.write_text("hello")
    elif how == "an empty file":
        path.touch()
    elif how == "a folder":
        path.mkdir()
    elif how == "Expected to measure 'thickness' on the image":
        Image.new("L", (28, 28)).save(path)


SPOILED = (
    "16 bits", "transparent", "truncated", "not an image", "an empty file", "a folder", "no such file",
    "Expected to measure 'thickness' on the image",
)  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_files_that_are_no_usable_images_are_refused(
    causalgen: Command, fitted: Path, image: Path, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "spoiled.png"
    _spoil(image, how, path)
    given = ("--set", "digit=6,hurry=0.4,pen=ballpoint")
    said = _said(
        causalgen("counterfactual", fitted, "--image", path, *given, "--do", "thickness=4", "--out", tmp_path / "out")
    )
    assert how in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["counterfactual", "--do", "thickness=4"], "Expected one of --rows, --image and --all"),
        (["counterfactual", "--rows", "1", "--image", "a.png", "--do", "thickness=4"], "got several or none"),
        (["counterfactual", "--rows", "1", "--set", "digit=3", "--do", "thickness=4"], "--set together with --image"),
        (["counterfactual", "--rows", "1"], "Expected an intervention"),
        (["counterfactual", "--rows", "1", "--do", "thickness=4", "--particles", "1"], "Expected 2 to 1000 particles"),
        (["counterfactual", "--rows", "1", "--do", "thickness=thicknes*2"], "Did you mean 'thickness'?"),
        (["counterfactual", "--rows", "1", "--do", "thickness*=9"], "Bound it with min(..., 7)"),
        (["counterfactual", "--rows", "1", "--do", "thickness=1/0"], "Check divisions by zero"),
        (["counterfactual", "--image", "a.png", "--set", "digit+=1", "--do", "thickness=4"], "Write digit=1"),
        (["counterfactual", "--image", "a.png", "--set", "digt=1", "--do", "thickness=4"], "Did you mean 'digit'?"),
        (["sample", "-n", "0"], "Expected 1 to 10,000 units; got 0"),
        (["sample", "--do", "pen=felt-tip", "--given", "pen=felt-tip"], "got it in both. Leave one out."),
        (["sample", "--given", "image=3"], "got the image 'image'"),
        (["sample", "--given", "thickness*=2"], "Expected a value of 'thickness'"),
        (["intervene"], "Expected an intervention"),
        (["intervene", "--do", "thickness=4", "--against", "thickness=4"], "Expected two different worlds"),
        (["intervene", "--do", "thickness=4", "-n", "1"], "Expected 2 to 1,000,000 units; got 1"),
    ],
)
def test_bad_questions_are_refused(causalgen: Command, fitted: Path, arguments: list[str], message: str) -> None:
    assert message in _said(causalgen(arguments[0], fitted, *arguments[1:]))


@pytest.mark.parametrize("command", ["sample", "intervene", "counterfactual", "fit", "run"])
@pytest.mark.usefixtures("no_data")
def test_an_output_that_cannot_be_written_is_found_before_the_data_are_loaded(
    causalgen: Command, study: Path, fitted: Path, command: str
) -> None:
    arguments = {
        "sample": [],
        "intervene": ["--do", "thickness=4"],
        "counterfactual": ["--rows", 1, "--do", "thickness=4"],
    }
    first = study if command in ("fit", "run") else fitted
    said = _said(causalgen(command, first, *arguments.get(command, []), "--out", study / "below-a-file"))
    assert "Expected an output folder that can be written" in said
    assert "Choose another with --out" in said


def test_pictures_of_someone_else_are_not_replaced(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.png").write_text("mine")
    for command in (
        ["sample"],
        ["intervene", "--do", "thickness=4"],
        ["counterfactual", "--rows", 1, "--do", "hurry=0"],
    ):
        said = _said(causalgen(command[0], fitted, *command[1:], "--out", tmp_path))
        assert "Expected an output folder that is empty or holds an earlier answer" in said
    assert [path.name for path in tmp_path.iterdir()] == ["grid.png"]
    for _ in range(2):
        done = causalgen("sample", fitted, "-n", 2, "--out", tmp_path / "mine")
        assert done.exit_code == 0, done.output


def test_a_run_without_a_model_is_refused(causalgen: Command, fitted: Path, tmp_path: Path) -> None:
    empty = shutil.copytree(fitted, tmp_path / "run", ignore=shutil.ignore_patterns("model"))
    for command in (["sample"], ["intervene", "--do", "thickness=4"]):
        assert "has none yet" in _said(causalgen(command[0], empty, *command[1:]))
