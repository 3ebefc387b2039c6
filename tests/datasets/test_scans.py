"""A hospital's table of 16-bit scans: what the generator promises, and the way from the table to a study."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scans
from PIL import Image
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.studies.data_section import OwnData
from causalgen.studies.schema import load_study


@pytest.mark.parametrize(
    ("level", "area"),
    [(scans.VENTRICLE_LEVEL, scans.ventricle_area), (scans.HEAD_LEVEL, scans.head_area)],
)
def test_the_areas_of_a_scan_are_the_true_ones(level: float, area: object) -> None:
    rows = scans.truth(60, seed=1)
    older = rows.assign(age=80.0, sex="M")
    for table in (rows, older):
        error = scans.measure(scans.draw(table), level) - area(table)  # type: ignore[operator]
        assert abs(error.mean()) < 3
        assert error.std() < 8
    assert np.array_equal(scans.draw(rows), scans.draw(rows))


def test_files_hold_what_was_drawn(tmp_path: Path) -> None:
    rows = scans.make(tmp_path / "data", 12)
    table = pd.read_csv(tmp_path / "data" / "scans.csv")
    assert list(table.columns) == list(scans.COLUMNS.values())
    assert table["Age at scan (years)"].isna().tolist() == [True] + [False] * 11
    first = np.asarray(Image.open(tmp_path / "data" / rows["file"][0]))
    assert first.dtype == np.uint16
    assert np.array_equal(first, scans.draw(rows.iloc[:1])[0])


def test_a_hospital_s_table_passes_new_and_check_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSALGEN_CACHE", str(tmp_path / "cache"))
    scans.make(tmp_path / "data")
    study = tmp_path / "study.yaml"
    made = CliRunner().invoke(
        app, ["new", str(tmp_path / "data" / "scans.csv"), "--edges", scans.GRAPH, "--out", str(study)]
    )
    assert made.exit_code == 0, made.output
    data = load_study(study).data
    assert isinstance(data, OwnData)
    assert {name: said.column for name, said in data.variables.items()} == {
        "age": "Age at scan (years)",
        "sex": "Sex",
        "scan": "File name",
    }
    assert (data.group, data.missing, data.variables["age"].unit) == ("Patient ID", "drop", "years")
    assert (data.variables["scan"].size, data.variables["scan"].colour) == ((64, 64), False)
    checked = CliRunner().invoke(app, ["check", str(study), "--json"])
    assert checked.exit_code == 0, checked.output
    found = json.loads(checked.output)
    assert sum(found["rows"].values()) == 399
    assert found["dropped"] == {"age": 1}
    assert found["notes"] == []
