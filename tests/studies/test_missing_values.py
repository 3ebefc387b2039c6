"""A study whose model infers missing values while it is trained, on a table that nobody designed for it."""

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_table import make

from causalgen.datasets.at_random import AT_RANDOM
from causalgen.datasets.table import DataFaultsError
from causalgen.studies.runner import run_study
from causalgen.studies.schema import load_study
from causalgen.studies.sources import load_data, own_index

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = 90
STUDY = """name: scans
data:
  table: scans.parquet
  graph: "age -> {size, scan}; size -> scan; clinic -> {size, scan}"
  variables: {age: {column: "Age at scan (years)"}, clinic: {kind: categorical}}
  group: patient
  missing: model
mechanisms:
  scan: {mechanism: conv-vae, latent: 2, local: 1, width: 8, blocks: 1}
training:
  attributes: {epochs: 4, completions: 2}
  images: {epochs: 2}
effects:
  - {treatment: age, outcome: size, contrast: [30, 60], methods: [linear adjustment], doubt: false, simulations: 10}
"""


def messy(folder: Path) -> pd.DataFrame:
    """`make`'s table with spaces in a header, integer codes, groups, labelled rows in no order, and holes everywhere."""
    table = make(folder, ROWS).rename(columns={"age": "Age at scan (years)"})
    random = np.random.default_rng(1)
    table["clinic"] = random.integers(3, 6, ROWS)
    large = table["size"] > table["size"].median()
    table.loc[large & (random.random(ROWS) < 0.4), "Age at scan (years)"] = np.nan
    table["clinic"] = table["clinic"].astype("Int64").mask(~large & (random.random(ROWS) < 0.3))
    table.loc[[5, 6], "size"] = np.nan
    table.index = pd.Index([f"p{number:03d}" for number in random.permutation(ROWS)], name="person")
    table.to_parquet(folder / "scans.parquet")
    (folder / "study.yaml").write_text(STUDY)
    return table


def test_training_uses_every_row_and_everything_else_the_complete_ones(tmp_path: Path) -> None:
    table = messy(tmp_path)
    columns = ["Age at scan (years)", "clinic", "size"]
    complete = table.dropna(subset=columns)
    study = load_study(tmp_path / "study.yaml")
    data, index = load_data(study.data), own_index(study.data)
    assert set(data.frame().index) == set(complete.index)
    assert sum(len(data.whole(split)["size"]) for split in data.split) == ROWS
    for split, labels in data.split.items():
        whole = data.whole(split)
        assert int(whole["age"].isnan().sum()) == int(table.loc[labelled(index, split), columns[0]].isna().sum())
        assert int((whole["clinic"] == -1).sum()) == int(table.loc[labelled(index, split), "clinic"].isna().sum())
        np.testing.assert_array_equal(whole["size"][: len(labels)], data.rows(labels)["size"])
        assert (data.whole(split)["scan"][: len(labels)] == data.part(split)["scan"]).all()
    run_study(study, tmp_path / "run", device="cpu")
    report = re.sub("<[^>]+>", "", (tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    assert f"{ROWS - len(complete)} of {ROWS} used rows lack a value" in report
    assert html.unescape(AT_RANDOM) in html.unescape(report)
    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert f"{ROWS - len(complete)} of {ROWS} used rows lack a value" in card
    assert f"Rows by split: train {len(data.split['train'])}" in card
    effect = next((tmp_path / "run" / "effects").rglob("effect.md")).read_text(encoding="utf-8")
    assert f"{len(complete)} rows used, {ROWS - len(complete)} dropped" in effect
    assert "`missing: impute` under the effect of a study" in effect.replace("\\", "")


def labelled(index: object, split: str) -> list[str]:
    rows = [*index.rows[index.split[split].numpy()], *index.incomplete[split]]  # type: ignore[attr-defined]
    return index.labels[rows].tolist()  # type: ignore[attr-defined]


FAULTS = {
    "an image is missing": (lambda t: t.assign(scan=t["scan"].mask(t.index == t.index[3])), "infers attributes alone"),
    "a group is missing": (
        lambda t: t.assign(patient=t["patient"].where(t.index != t.index[3])),
        "infers attributes alone",
    ),
    "a column without a value": (lambda t: t.assign(clinic=np.nan), "missing values only"),
    "no complete row": (lambda t: t.assign(size=t["size"].where(t["clinic"].isna())), "complete row"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_no_model_infers_is_listed(case: str, tmp_path: Path) -> None:
    change, message = FAULTS[case]
    change(messy(tmp_path)).to_parquet(tmp_path / "scans.parquet")
    with pytest.raises(DataFaultsError, match=message):
        load_data(load_study(tmp_path / "study.yaml").data)
