"""Measurements of the user's: a Python function next to the study file, imported only where its author is trusted."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from html_page import Page
from own_table import GRAPH, make
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.errors import CausalgenError, DataError, StudyError, UnknownNameError, UntrustedCodeError
from causalgen.studies.image_readers import ImageReaders, find_score
from causalgen.studies.measurements import MEASUREMENTS, Measurement, find_measurement, find_measurements
from causalgen.studies.runner import run_study
from causalgen.studies.schema import Study, load_study
from causalgen.studies.sources import load_data, study_graph
from causalgen.studies.validate import check_study

IMAGES = torch.randint(0, 256, (5, 1, 12, 10), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
CODE = """
from helper_next_door import LEVEL

def area(images, *, above=LEVEL):
    return (images >= above).sum((1, 2, 3))

def one_number(images):
    return images.mean()

def column(images):
    return images.mean((1, 2, 3))[:, None]

def holes(images):
    return [float("nan")] * 2 + [1.0] * (len(images) - 2)

def endless(images):
    return images.sum((1, 2, 3)) / 0.0

def words(images):
    return ["dark"] * len(images)

def broken(images):
    raise RuntimeError("my scanner is off")

def needs(images, *, level):
    return images.max((1, 2, 3))

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "data", rows=60)
    (tmp_path / "areas.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "helper_next_door.py").write_text("LEVEL = 100\n", encoding="utf-8")
    return tmp_path


def write(folder: Path, more: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(f'name: own\ndata: {{table: data/table.csv, graph: "{GRAPH}"}}\n{more}\n', encoding="utf-8")
    return path


def reader(study: Study, name: str) -> Measurement:
    return find_score(name, study.scores[name], study_graph(study), trust_code=study.trust_code).read


def check_and_try(study: Study) -> None:
    """What a run does before it trains."""
    check_study(study, study_graph(study))
    data = load_data(study.data)
    ImageReaders.of(study, data.graph).try_on(data, study.error)


def test_a_function_next_to_the_study_measures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    path = write(folder, 'scores: {bright: {measure: "areas:area"}, most: {measure: "areas.py:area", above: 200}}')
    study = load_study(path, trust_code=True)
    for name, level in (("bright", 100), ("most", 200)):
        assert (reader(study, name)(IMAGES) == (level <= IMAGES).sum((1, 2, 3)).numpy()).all()
    again = folder / "elsewhere.yaml"
    again.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(again, trust_code=True).fingerprint == study.fingerprint
    check_and_try(study)


def test_an_attribute_is_measured_by_a_function(folder: Path) -> None:
    path = write(folder, 'measurements: {size: {measure: "areas:area", above: 150}, age: area}')
    study = load_study(path, trust_code=True)
    found = find_measurements(study.measured, trust_code=True)
    assert (found["size"](IMAGES) == (IMAGES >= 150).sum((1, 2, 3)).numpy()).all()
    assert (found["age"](IMAGES) == (IMAGES >= 128).sum((1, 2, 3)).numpy()).all()


@pytest.mark.parametrize("section", ["scores: {x: {measure: MODULE}}", "measurements: {size: MODULE}"])
def test_nothing_is_imported_unless_it_is_trusted(folder: Path, section: str) -> None:
    (folder / "trap.py").write_text(
        f"open({str(folder / 'ran')!r}, 'w')\ndef f(images): return images.sum((1, 2, 3))\n"
    )
    path = write(folder, section.replace("MODULE", "trap:f"))
    study = load_study(path)
    with pytest.raises(
        StudyError, match=r"line 3: Expected trusted code .* allow it \(trust_code=True, --trust-code\)"
    ):
        check_study(study, study_graph(study))
    refused = CliRunner().invoke(app, ["check", str(path)])
    assert refused.exit_code == 2
    assert not (folder / "ran").exists()
    assert CliRunner().invoke(app, ["check", str(path), "--trust-code"]).exit_code == 0
    assert (folder / "ran").exists()


def test_a_classifier_by_name_is_code_too(folder: Path) -> None:
    path = write(folder, 'scores: {x: {classifier: "areas:column"}}')
    with pytest.raises(UntrustedCodeError, match="importing it runs it"):
        reader(load_study(path), "x")
    with pytest.raises(DataError, match="Expected probabilities"):
        reader(load_study(path, trust_code=True), "x")(IMAGES)


@pytest.mark.parametrize(
    ("measure", "options", "message"),
    [
        (
            "no_such_module:area",
            "",
            r"ModuleNotFoundError: No module named 'no_such_module'\. Put it next to the study",
        ),
        ("areas:aera", "", r"Expected 'aera' in .*areas\.py.* Did you mean 'area'\?"),
        ("absent.py:area", "", "there is no such file"),
        ("areas:number", "", "Expected a function at .*:number'; got a int"),
        ("areas:one_number", "", r"one number for each image, shape \(8,\); got shape \(\)"),
        ("areas:column", "", r"got shape \(8, 1\) for images \(8, 1, 12, 10\), which are \(N, C, H, W\)"),
        ("areas:holes", "", "Expected .* to give finite numbers; got nan for 2 of 8 images"),
        ("areas:endless", "", "got inf for"),
        ("areas:words", "", "it failed with ValueError: could not convert"),
        ("areas:broken", "", "it failed with RuntimeError: my scanner is off"),
        ("areas:area", ", abov: 3", "Expected an option of .*area' among above; got 'abov'. Did you mean 'above'"),
        ("areas:area", ", above: high", "Expected a whole number|Expected a number for the option 'above'"),
        ("areas:needs", "", "Expected the options level of"),
        ("aera", "", "Did you mean 'area'"),
        ("area", ", treshold: 3", "Did you mean 'threshold'"),
        ("area", ", threshold: [3]", r"Expected a number for the option 'threshold' of 'area'; got \[3\]"),
        ("mean", ", threshold: 3", r"among \(none\); got 'threshold'"),
        ("hue", "", r"Expected colour images of shape \(N, 3, H, W\)"),
    ],
)
def test_every_fault_is_one_message_with_its_line(folder: Path, measure: str, options: str, message: str) -> None:
    path = write(folder, f'scores:\n  x: {{measure: "{measure}"{options}}}')
    study = load_study(path, trust_code=True)
    with pytest.raises(StudyError, match=message) as caught:
        check_and_try(study)
    assert "line 4: " in str(caught.value)


def test_a_module_that_fails_or_leaves_says_so(folder: Path) -> None:
    codes = {"def f(:\n": "SyntaxError", "raise SystemExit(3)\n": "SystemExit: 3", "1 / 0": "ZeroDivision"}
    for text, message in codes.items():
        (folder / "bad.py").write_text(text, encoding="utf-8")
        study = load_study(write(folder, 'scores: {x: {measure: "bad:f"}}'), trust_code=True)
        with pytest.raises(DataError, match=message):
            reader(study, "x")


def test_a_file_that_changed_is_read_again(folder: Path) -> None:
    source = folder / "changing.py"
    for number in (1, 2):
        source.write_text(f"def f(images): return [{number}.0] * len(images)\n", encoding="utf-8")
        os.utime(source, (number, number))
        study = load_study(write(folder, 'scores: {x: {measure: "changing:f"}}'), trust_code=True)
        assert (reader(study, "x")(IMAGES) == number).all()


def test_options_belong_to_measures_only(folder: Path) -> None:
    with pytest.raises(StudyError, match="threshold"):
        load_study(write(folder, "scores: {x: {classifier: model.onnx, threshold: 3}}"))


@pytest.mark.parametrize("word", sorted(MEASUREMENTS))
def test_every_word_measures_floats_and_bytes_alike(word: str) -> None:
    images = IMAGES.repeat(1, 3, 1, 1) if word.endswith("hue") or word.startswith("pendulum") else IMAGES
    measure = find_measurement(word, name="x")
    assert measure(images).shape == (5,)
    assert measure(images.float()) == pytest.approx(np.asarray(measure(images)), nan_ok=True)


def test_unknown_words_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'sharpness'"):
        find_measurement("sharpnes", name="x")


def test_check_finds_a_function_that_fails_on_the_images(folder: Path) -> None:
    path = write(folder, 'scores: {bright: {measure: "areas:broken"}}')
    done = CliRunner().invoke(app, ["check", str(path), "--trust-code"])
    assert done.exit_code == 2
    assert "my scanner is off" in " ".join(done.output.split())


def test_a_run_measures_by_a_function_and_tells_its_failure_before_training(folder: Path) -> None:
    quick = "training: {attributes: {epochs: 2}, images: {epochs: 1}}\n"
    quick += "mechanisms: {scan: {mechanism: conv-vae, latent: 4, local: 2, width: 8, blocks: 1}}\n"
    path = write(folder, quick + 'scores: {bright: {measure: "areas:broken"}}')
    study = load_study(path, trust_code=True)
    with pytest.raises(CausalgenError, match="my scanner is off"):
        run_study(study, folder / "run")
    assert not (folder / "run").exists()
    effects = "effects: [{treatment: sex, outcome: bright, contrast: [female, male], doubt: false, simulations: 10}]\n"
    path = write(
        folder,
        quick
        + effects
        + 'scores: {bright: {measure: "areas:area", above: 180}}\ngallery: [{do: {sex: male}, units: 2}]',
    )
    done = CliRunner().invoke(app, ["run", str(path), "--out", str(folder / "run"), "--trust-code"])
    assert done.exit_code == 0, done.output
    opening, _, rest = (folder / "run" / "report.html").read_text(encoding="utf-8").partition("<nav")
    (folder / "opening.html").write_text(opening, encoding="utf-8")
    first = " ".join(Page(folder / "opening.html").text.split())
    assert "do(sex = male) changes bright on the image by" in first
    assert "redrawing alone: " in first
    assert "What changes on the image" in rest
    changes = pd.read_csv(folder / "run" / "tables" / "image-changes.csv")
    assert (changes["low"] <= changes["change"]).all()
    assert (changes["change"] <= changes["high"]).all()
    shown = CliRunner().invoke(app, ["show", str(folder / "run")])
    assert "do(sex = male) changes bright on the image by" in " ".join(shown.output.split())
