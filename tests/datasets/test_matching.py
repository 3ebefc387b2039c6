"""Columns are found by the short names of a graph: what is meant is taken and shown, what may mean two is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalgen.datasets.table import index_table, load_table
from causalgen.datasets.table.column_match import match_columns
from causalgen.datasets.table.declare import Declaration
from causalgen.errors import DataError, DataWarning, UnknownNameError

HOSPITAL = ["Patient ID", "Age at scan (years)", "Sex", "Brain volume [ml]", "File name"]


def match(nodes: str, titles: list[str], paths: tuple[str, ...] = ("File name", "img_filename")) -> dict[str, str]:
    found = match_columns(dict.fromkeys(nodes.split(), Declaration()), titles, lambda title: title in paths)
    return {node: ("~" if match.proposed else "") + match.title for node, match in found.items()}


@pytest.mark.parametrize(
    ("nodes", "titles", "found"),
    [
        ("age sex scan", HOSPITAL, "~Age at scan (years)|~Sex|~File name"),
        ("volume age image", HOSPITAL, "~Brain volume [ml]|~Age at scan (years)|~File name"),
        ("brain patient_id", HOSPITAL, "~Brain volume [ml]|~Patient ID"),
        ("file_name age", HOSPITAL, "~File name|~Age at scan (years)"),
        ("age", ["age", "Age at scan (years)"], "age"),
        ("age", ["age (years)", "Age at scan (years)"], "age (years)"),
        ("age", ["Age", "Age at onset"], "~Age"),
        ("patient_id", ["PatientID", "x"], "~PatientID"),
        ("heart_rate", ["Resting heart rate (1/min)", "Heart disease"], "~Resting heart rate (1/min)"),
        ("1", ["1", "2"], "1"),
        ("年齢", ["年齢 (年)", "性別"], "年齢 (年)"),
        ("a scan", ["a", "img_filename"], "a|~img_filename"),
    ],
)
def test_the_column_that_is_meant(nodes: str, titles: list[str], found: str) -> None:
    assert "|".join(match(nodes, titles).values()) == found


@pytest.mark.parametrize(
    ("nodes", "titles", "message"),
    [
        (
            "age",
            ["Age at scan (years)", "Age at onset (years)"],
            "'Age at scan .years.', 'Age at onset .years.'. Name it",
        ),
        ("age", ["age (years)", "age (months)"], "Expected one column for 'age'; got 2 that match"),
        ("id", ["Patient ID", "Scan ID"], "Expected one column for 'id'; got 2"),
        ("scn", ["scan", "age"], "got 'scn'. Did you mean 'scan'"),
        ("a scan", ["a", "b"], "Expected a column for 'scan' among a, b"),
        ("a x y", ["a", "File name"], "Expected a column for 'x' among"),
        ("on", ["Measured on day"], "Expected a column for 'on'"),
    ],
)
def test_what_may_mean_two_columns_or_none(nodes: str, titles: list[str], message: str) -> None:
    with pytest.raises((DataError, UnknownNameError), match=message):
        match(nodes, titles)


def test_matches_are_shown_and_can_be_declared(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"Age at scan (years)": rng.normal(size=40), "y": rng.normal(size=40), "Patient ID": np.arange(40)}
    )
    with pytest.warns(DataWarning) as caught:
        data = load_table(table, "age -> y", group="patient")
    said = "\n".join(str(warning.message) for warning in caught)
    assert 'variables: {age: {column: "Age at scan (years)"}}' in said
    assert 'group: "Patient ID"' in said
    assert data.graph["age"].unit == "years"
    declared = {"age": {"column": "Age at scan (years)"}}
    assert index_table(table, "age -> y", variables=declared, group="Patient ID").notes == ()


@pytest.mark.parametrize("header", ["Age\n(years)", "Age\t(years)", " Age  (years) ", "\ufeffAge (years)"])
def test_spaces_and_line_breaks_in_a_header(tmp_path: Path, header: str) -> None:
    lines = [f'"{header}";y', *(f"{row * 0.5};{row**1.5}" for row in range(20))]
    if header[0] == "\ufeff":
        lines[0] = "\ufeff" + lines[0].replace("\ufeff", "")
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    index = index_table(tmp_path / "t.csv", "Age -> y")
    assert index.titles["Age"] == "Age (years)"
    assert index.graph["Age"].unit == "years"
