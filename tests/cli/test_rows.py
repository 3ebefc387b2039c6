"""`--rows` means the rows that `data.frame()` shows: numbers of the table with its gaps, or the labels of its index."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_table import make_messy
from PIL import Image
from typer.testing import CliRunner

from causalgen.cli.app import app

runner = CliRunner()

STUDY = """
name: messy
data:
  table: {table}
  images: .
  graph: "age -> {{size, scan}}; size -> scan; clinic -> scan"
  group: patient
  missing: drop
  variables: {{age: {{column: Age at scan (years)}}, clinic: {{kind: categorical}}}}
training:
  attributes: {{epochs: 1}}
  images: {{epochs: 1}}
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_command_line_asks_the_rows_that_the_table_shows(tmp_path: Path, form: str) -> None:
    table = make_messy(tmp_path, 60)
    table = table if form == "parquet" else table.reset_index(drop=True)
    (tmp_path / "study.yaml").write_text(STUDY.format(table=f"messy.{form}"), encoding="utf-8")
    done = runner.invoke(app, ["fit", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    rows = [str(label) for label in table.index[[41, 3, 57]]]
    asking = ["counterfactual", str(tmp_path / "run"), "--do", "size=2.5", "--out", str(tmp_path / "asked"), "--rows"]
    done = runner.invoke(app, [*asking, ",".join(rows)])
    assert done.exit_code == 0, done.output
    found = pd.read_csv(tmp_path / "asked" / "counterfactual.csv").astype({"row": str})
    assert found["row"].tolist() == rows
    shown = table.set_axis([str(label) for label in table.index]).loc[rows]
    assert found["size"].tolist() == pytest.approx(shown["size"].tolist())
    for row, path in shown["scan"].items():
        factual = Image.open(tmp_path / "asked" / "images" / f"row-{row}-factual.png")
        assert (np.asarray(factual) == np.asarray(Image.open(tmp_path / path))).all()
    for left_out in (str(table.index[7]), "nobody"):
        refused = runner.invoke(app, [*asking, left_out])
        assert refused.exit_code != 0
        assert "Expected row" in refused.output
        assert left_out in refused.output
