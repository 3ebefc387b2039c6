"""A study whose model infers missing values while it is trained, on a table that nobody designed for it."""

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from own_table import make
from untrained_run import write_untrained_run

from causalgen.datasets.at_random import AT_RANDOM
from causalgen.datasets.table import DataFaultsError
from causalgen.errors import DataError, MissingValueError
from causalgen.predictors import fit as fitting
from causalgen.studies.asking import answer
from causalgen.studies.runfolder import read_run
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
    table.loc[[8, 9, 10, 11], ["size", "clinic", "Age at scan (years)"]] = np.nan  # the picture alone is known
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


def test_incomplete_rows_are_asked_about_by_their_labels(tmp_path: Path) -> None:
    """By `rows` where they are complete, else by what is known of them; the answer says what was inferred."""
    table = messy(tmp_path)
    scm, data = write_untrained_run(tmp_path, tmp_path / "study.yaml")
    assert set(table.index) == {*data.frame().index, *(row for part in data.incomplete_labels.values() for row in part)}
    lacking, whole = list(data.incomplete_labels["test"])[:3], list(data.split["test"][:2])
    units = data.evidence([*lacking, *whole])
    for name, column in data.rows(whole).items():
        assert torch.equal(units[name][3:], column)
    assert list(units.labels) == [*lacking, *whole]
    ages = pd.Series(units["age"].numpy(), units.labels).astype(float)
    pd.testing.assert_series_equal(ages, table["Age at scan (years)"].loc[ages.index], check_names=False, rtol=1e-6)
    assert ((units["clinic"] == -1).numpy() == table["clinic"].loc[ages.index].isna()).all()
    with pytest.raises(MissingValueError):
        scm.abduct(units)
    found = answer(read_run(tmp_path), [*whole, *lacking], ["age=60"], tmp_path / "answer", particles=4)
    holes = table.loc[lacking, ["Age at scan (years)", "clinic", "size"]].isna()
    said = {
        (row, name)
        for row in lacking
        for name in ("age", "clinic", "size")
        if f"Unit {row}: {name} " in str(found.notes)
    }
    assert said == {(row, re.split(r"\W", name)[0].lower()) for row, name in holes.stack()[lambda s: s].index}
    assert found.table.groupby("row").size().to_dict() == dict.fromkeys([*whole, *lacking], 4)
    known = found.table.set_index("row").loc[whole, "age"].groupby(level=0).agg(["min", "max"])
    np.testing.assert_allclose(known.loc[whole].T, [table["Age at scan (years)"].loc[whole]] * 2, rtol=1e-6)
    complete = answer(read_run(tmp_path), whole, ["age=60"], tmp_path / "complete")
    assert complete.counterfactual.particles is None
    with pytest.raises(DataError, match="nobody"):
        answer(read_run(tmp_path), [*lacking, "nobody"], ["age=60"], tmp_path / "other")


def test_a_reader_of_an_attribute_learns_from_every_row_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = messy(tmp_path)
    study = load_study(tmp_path / "study.yaml")
    data, index = load_data(study.data), own_index(study.data)
    seen: dict[str, Any] = {}
    monkeypatch.setattr(
        fitting, "_train", lambda _, train, validation, *rest: seen.update(train=train, validation=validation)
    )
    fitting.fit_predictor(data, "age", image="scan")
    for split, rows in seen.items():
        there = table.loc[labelled(index, split), "Age at scan (years)"].dropna()
        assert len(rows) == len(there) > len(data.split[split])
        np.testing.assert_allclose(np.sort(rows.columns["age"]), np.sort(there), rtol=1e-6)


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
