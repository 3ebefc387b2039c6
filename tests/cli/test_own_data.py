"""From a folder of images and a table to a study that runs: `new`, `check`, `run`."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page
from own_table import GRAPH, make
from PIL import Image
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.studies.data_section import OwnData
from causalgen.studies.few_images import few_images_note, with_few_images
from causalgen.studies.schema import load_study
from causalgen.studies.sources import study_graph

runner = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "data", rows=60)
    return tmp_path


def new(folder: Path, *arguments: str, answers: str | None = None) -> str:
    result = runner.invoke(
        app, ["new", str(folder / "data" / "table.csv"), "--out", str(folder / "study.yaml"), *arguments], input=answers
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_a_starter_study_checks_and_runs(folder: Path) -> None:
    new(folder, "--edges", GRAPH, "--group", "patient")
    study = load_study(folder / "study.yaml")
    assert isinstance(study.data, OwnData)
    assert study.data.table == str(folder / "data" / "table.csv")
    assert [(effect.treatment, effect.outcome) for effect in study.effects] == [("age", "size")]
    assert study.evaluation.classify == ("sex",)
    assert study.evaluation.regress == ("age", "size")
    assert study.mechanisms["scan"] == {"mechanism": "conv-vae", "free": 0.0, "beta": 2.0}
    checked = runner.invoke(app, ["check", str(folder / "study.yaml"), "--json"])
    assert checked.exit_code == 0, checked.output
    found = json.loads(checked.output)
    assert found["graph"] == "age -> {size, scan}; size -> scan; sex -> scan"
    assert found["unused_columns"] == []
    assert sum(found["rows"].values()) == 60
    assert found["training_seconds"]["scan"] > 0
    run = folder / "run"
    done = runner.invoke(app, ["run", str(folder / "study.yaml"), "--smoke", "--out", str(run)])
    assert done.exit_code == 0, done.output
    assert (run / "report.html").stat().st_size > 10_000
    metrics = pd.read_csv(run / "tables" / "metrics.csv")
    assert {"sex shown", "sex kept"} <= set(metrics["metric"])
    read = metrics[metrics["metric"] == "age MAE by regressor"]
    assert {"model", "identity control", "floor"} <= set(read["row"])
    assert read["floor"].notna().all()
    assert "Under do(age), the age MAE by regressor is" in " ".join(Page(run / "report.html").text.split())
    question = ["counterfactual", str(run), "--rows", "0,3", "--do", "sex=male"]
    asked = runner.invoke(app, question)
    assert asked.exit_code == 0, asked.output
    table = pd.read_csv(folder / "data" / "table.csv")
    table.iloc[[*range(1, 60), 0]].to_csv(folder / "data" / "table.csv", index=False)
    refused = runner.invoke(app, question)
    assert refused.exit_code == 2
    assert "Expected the rows of 'table.csv' that the run" in " ".join(refused.output.split())


def test_what_is_not_said_is_asked(folder: Path) -> None:
    output = new(folder, answers="age -> size -> scan\n")
    assert "Attributes: age, size, sex" in output
    assert "[{age, size, sex} -> scan]" in output
    study = load_study(folder / "study.yaml")
    assert isinstance(study.data, OwnData)
    assert study.data.graph == "age -> size -> scan"


@pytest.mark.parametrize("cut", [lambda path: path.name, lambda path: path.stem, lambda path: f"scans/{path.stem}"])
@pytest.mark.parametrize("suffix", [".png", ".JPG"])
def test_images_are_found_by_name_without_suffix_and_in_a_folder_next_to_the_table(
    folder: Path, cut: Callable[[Path], str], suffix: str
) -> None:
    table = pd.read_csv(folder / "data" / "table.csv")
    for file in (folder / "data" / "scans").iterdir():
        Image.open(file).save(file.with_name(f"ISIC_{file.stem}{suffix}"))
        file.unlink()
    table["scan"] = [cut(Path(f"ISIC_{Path(cell).stem}{suffix}")) for cell in table["scan"]]
    table.rename(columns={"scan": "isic_id"}).to_csv(folder / "data" / "table.csv", index=False)
    output = new(folder, "--yes")
    assert "Images: isic_id" in output
    data = load_study(folder / "study.yaml").data
    assert isinstance(data, OwnData)
    assert data.graph == "{age, size, sex} -> isic_id"
    assert (data.images is None) == table["scan"][0].startswith("scans")
    checked = runner.invoke(app, ["check", str(folder / "study.yaml"), "--json"])
    assert checked.exit_code == 0, checked.output
    assert sum(json.loads(checked.output)["rows"].values()) == len(table)
    (folder / "study.yaml").unlink()
    asked = ["--images", str(folder / "data" / ("scans" if data.images else "")), "--edges", "age -> isic_id"]
    assert "isic_id" in new(folder, *asked)
    missing = runner.invoke(app, ["new", str(folder / "data" / "table.csv"), "--images", str(folder / "none")])
    assert missing.exit_code == 2
    assert "Expected" in missing.output


def test_a_starter_study_asks_about_labels_that_training_rows_have(folder: Path) -> None:
    table = pd.read_csv(folder / "data" / "table.csv")
    table["visits"] = [0, 9, *[3, 4, 4] * 19, 3][: len(table)]  # labels, of which the first and the last are rare
    table.to_csv(folder / "data" / "table.csv", index=False)
    said = new(folder, "--edges", f"{GRAPH}; visits -> {{size, scan}}", "--group", "patient")
    study = load_study(folder / "study.yaml")
    assert {"visits": 4} in [item.do for item in study.gallery]
    assert [tuple(effect.contrast) for effect in study.effects if effect.treatment == "visits"] == [(3, 4)]
    assert "whole numbers" not in said  # 0, 3, 4, 9 are no counts
    table["visits"] = [0, 4, *[1, 2, 3] * 19, 1][: len(table)]
    table.to_csv(folder / "data" / "table.csv", index=False)
    (folder / "study.yaml").unlink()
    assert "'visits' holds the whole numbers 0 to 4" in new(folder, "--edges", f"{GRAPH}; visits -> {{size, scan}}")


def test_a_split_that_tears_groups_apart_is_drawn_again(folder: Path) -> None:
    table = pd.read_csv(folder / "data" / "table.csv")
    table["cohort"] = [*["train", "tune"] * 24, *["test"] * 12]  # two rows per patient
    table.to_csv(folder / "data" / "table.csv", index=False)
    said = " ".join(new(folder, "--edges", GRAPH, "--group", "patient").split())
    assert "'cohort' puts rows with the same 'patient' in several splits" in said
    study = load_study(folder / "study.yaml")
    assert isinstance(study.data, OwnData)
    assert study.data.split == {"train": 0.7, "validation": 0.15, "test": 0.15}
    checked = runner.invoke(app, ["check", str(folder / "study.yaml")])
    assert checked.exit_code == 0, checked.output
    text = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text("\n".join(line for line in text.splitlines() if not line.startswith("  split:")))
    refused = runner.invoke(app, ["check", str(folder / "study.yaml")])
    assert "draws such splits" in " ".join(refused.output.split())


def test_a_study_without_mechanisms_has_the_defaults_of_a_starter_study(folder: Path) -> None:
    new(folder, "--edges", GRAPH)
    starter = load_study(folder / "study.yaml")
    (folder / "hand.yaml").write_text(f"name: hand\ndata: {{table: data/table.csv, graph: '{GRAPH}'}}\n")
    hand = load_study(folder / "hand.yaml")
    filled = with_few_images(hand, study_graph(hand))
    assert filled.mechanisms == starter.mechanisms
    assert filled.training.images == starter.training.images
    assert f"conv-vae with free: 0, beta: 2 and {filled.training.images.epochs} epochs" in few_images_note(hand, filled)
    assert with_few_images(starter, study_graph(starter)) is starter
    assert few_images_note(starter, starter) == ""


def test_the_graph_may_be_a_file(folder: Path) -> None:
    (folder / "graph.dot").write_text("digraph { age -> size; size -> scan }")
    (folder / "study.yaml").write_text("name: own\ndata:\n  table: data/table.csv\n  graph: graph.dot\n")
    result = runner.invoke(app, ["check", str(folder / "study.yaml"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["graph"] == "age -> size; size -> scan"
    (folder / "graph.dot").unlink()
    result = runner.invoke(app, ["check", str(folder / "study.yaml")])
    assert result.exit_code == 2
    assert "Expected a graph file at" in result.output


def test_check_shows_data_and_time(folder: Path) -> None:
    assert "Rows with the same 'patient' are kept in one split" in new(folder, "--edges", GRAPH)
    lines = (folder / "study.yaml").read_text().splitlines(keepends=True)
    (folder / "study.yaml").write_text("".join(line for line in lines if line.strip() != "group: patient"))
    result = runner.invoke(app, ["check", str(folder / "study.yaml")])
    assert result.exit_code == 0, result.output
    for part in ("female, male", "42 train, 9 validation, 9 test", "leaves out: patient", "A run takes at most"):
        assert part in result.output


def test_check_lists_every_fault(folder: Path) -> None:
    new(folder, "--edges", GRAPH)
    table = pd.read_csv(folder / "data" / "table.csv").astype({"age": object})
    table.loc[1, "age"], table.loc[2, "scan"] = "young", "nowhere.png"
    table.to_csv(folder / "data" / "table.csv", index=False)
    result = runner.invoke(app, ["check", str(folder / "study.yaml"), "--json"])
    assert result.exit_code == 2
    faults = json.loads(result.output)["faults"]
    assert [(fault["row"], fault["column"]) for fault in faults] == [(1, "age"), (2, "scan")]
    plain = runner.invoke(app, ["check", str(folder / "study.yaml")])
    assert plain.exit_code == 2
    assert "row 1, column 'age': found 'young', expected a number" in plain.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  graph: age -> scn", "line 4: Expected a column for 'scn' among patient, age, size, sex, scan; got 'scn'."),
        ("  graph: age -> scan -> age", "Expected an acyclic graph; got the cycle age -> scan -> age"),
        ("  graph: age -> scan\n  fraction: 1", "line 5: Expected a key of 'data' among table, graph, variables"),
        ("  graph: age -> scan\n  variables: {age: {kid: x}}", "Expected a key of 'data.variables.age' among kind"),
        ("  graph: age -> scan\n  missing: 3", "Expected 'data.missing' to be 'refuse', 'drop' or 'model'; got 3"),
        ("  graph: age -> scan\n  split: [1, 2]", "line 5: Expected 'data.split' to be shares of train, validation"),
        ("  graph: age -> scan\n  split: {train: many}", "Expected 'data.split' to be shares of train, validation"),
        ("  name: morphodigits", "Expected 'data.graph'; it is missing"),
    ],
)
def test_bad_sections_name_their_line(folder: Path, line: str, message: str) -> None:
    study = folder / "study.yaml"
    study.write_text(f"name: own\ndata:\n  table: data/table.csv\n{line}\n")
    result = runner.invoke(app, ["check", str(study)])
    assert result.exit_code == 2, result.output
    assert message in result.output.replace("\n", " ")


def test_new_overwrites_nothing_and_needs_a_table(folder: Path) -> None:
    (folder / "study.yaml").write_text("mine")
    result = runner.invoke(app, ["new", "nowhere.csv", "--out", str(folder / "study.yaml")])
    assert result.exit_code == 2
    assert "exists. Choose another with --out" in result.output
    result = runner.invoke(app, ["new", str(folder / "nowhere.csv"), "--out", str(folder / "other.yaml")])
    assert result.exit_code == 2
    assert "it cannot be read: No such file" in result.output
    assert (folder / "study.yaml").read_text() == "mine"


def test_a_table_is_no_study(folder: Path) -> None:
    result = runner.invoke(app, ["check", str(folder / "data" / "table.csv")])
    assert result.exit_code == 2
    assert "..." in result.output
    assert "`causalgen new` writes a study about a table" in result.output
    assert len(result.output) < 400
