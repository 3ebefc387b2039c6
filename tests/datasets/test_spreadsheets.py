"""No CSV that causalgen writes runs in a spreadsheet, and what is read back is what was written."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import causalgen
from causalgen import CausalGraph, StructuralCausalModel, Variable, load_table
from causalgen.datasets.table.reading import read_table
from causalgen.spreadsheets import csv_text, neutral, restored, write_csv

FORMULAS = [
    "=cmd|' /C calc'!A0", "=1+1", "+1", "+", "-", "-a", "--1", "- 1", "-1+2", "@SUM(A1)", "@",
    "\t=1", "\r=1", "＝1", "＋1", "－1", "＠a", "'=1", "''+1", "=HYPERLINK(\"http://x\",\"y\")", "-2,5",
    "-1e", "=",
]  # fmt: skip
PLAIN = ["felt-tip", "a=b", "1-2", "-1", "-0.5", "-1e-3", "'quoted'", "", "'", "it's", "é", "1", "<5", ">=5", " "]
RUNS = tuple("=+-@\t\r＝＋－＠")


@pytest.mark.parametrize("text", FORMULAS)
def test_what_would_run_is_marked(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize("cell", [*PLAIN, -1.5, -2, 3, None, True, np.float64(-1)])
def test_what_would_not_run_stays(cell: object) -> None:
    assert neutral(cell) is cell


def _frame() -> pd.DataFrame:
    words = [*FORMULAS, *(text for text in PLAIN if text.strip())]
    n = len(words)
    return pd.DataFrame(
        {
            "words": words,
            "=name": pd.Categorical(words),
            "mixed": [-1.5, "=1", None, 3] * (n // 4) + [0] * (n % 4),
            "numbers": np.linspace(-2, 2, n),
            "+codes": np.arange(n) - 3,
        }
    )


def test_a_table_has_no_cell_that_runs_and_is_read_as_written() -> None:
    frame = _frame()
    for row in csv.reader(io.StringIO(csv_text(frame, index=True), newline="")):
        for cell in row:
            assert (
                not cell.startswith(RUNS)
                or cell.lstrip("-").replace(".", "").replace("e", "").replace("-", "").isdigit()
            )
    read = restored(pd.read_csv(io.StringIO(csv_text(frame[["words", "=name"]])), dtype=str, keep_default_na=False))
    assert read["words"].tolist() == frame["words"].tolist()
    assert read["=name"].tolist() == frame["=name"].tolist()
    assert list(frame) == list(_frame())  # the frame itself stays
    numbers = frame[["numbers"]]
    assert csv_text(numbers) == numbers.to_csv(index=False)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="'=+-@1a. ", max_size=8))
def test_any_text_comes_back(text: str) -> None:
    frame = pd.DataFrame({"x": [text]}, dtype=object)
    assert restored(frame.map(neutral))["x"][0] == text


def test_labels_come_back_through_the_reader(tmp_path: Path) -> None:
    labels = ["=cmd|' /C calc'!A0", "+1", "-", "@x", "plain"] * 30
    table = pd.DataFrame({"=dose": labels, "size": np.arange(150.0) - 5, "'+note": ["x", "y"] * 75})
    write_csv(table, tmp_path / "table.csv")
    assert not any(line.startswith(RUNS) for line in (tmp_path / "table.csv").read_text().splitlines())
    read = read_table(tmp_path / "table.csv")
    assert list(read) == list(table)
    assert read["=dose"].tolist() == labels
    data = load_table(tmp_path / "table.csv", '"=dose" -> size')
    assert set(data.graph["=dose"].labels or ()) == set(labels)


def test_a_counterfactual_and_its_files_are_neutral(tmp_path: Path) -> None:
    group = Variable("group", "categorical", labels=("=1+1", "-", "ok"))
    scm = StructuralCausalModel(CausalGraph("group -> y", [group, Variable("y", "continuous")])).eval()
    units = {"group": torch.arange(30) % 3, "y": torch.linspace(-1, 1, 30)}
    scm.initialize(units)
    scm.declare_fitted()
    written = scm.counterfactual(units, {"group": "-"}, seed=0).save(tmp_path / "out").csv
    cells = [cell for row in csv.reader(written.open(newline="")) for cell in row]
    assert "'=1+1" in cells
    assert "'-" in cells
    assert not any(cell.startswith(("=", "+", "@")) or cell == "-" for cell in cells)


def test_there_is_one_writer() -> None:
    package = Path(causalgen.__file__).parent
    writers = [
        path.name
        for path in package.rglob("*.py")
        if ".to_csv(" in path.read_text() or "csv.writer" in path.read_text()
    ]
    assert writers == ["spreadsheets.py"]
