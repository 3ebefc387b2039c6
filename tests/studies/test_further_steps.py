"""Further questions of a study's own table: answered with its holes, refused where they have no answer."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalgen.errors import StudyError
from causalgen.graph import NestedQuestion
from causalgen.mediation import estimate_nested
from causalgen.scm import StructuralCausalModel
from causalgen.studies.further_steps import further_answers, study_rows
from causalgen.studies.image_readers import ImageReaders
from causalgen.studies.mediation_steps import mediation_findings
from causalgen.studies.model_on_data import ModelOnData
from causalgen.studies.schema import Study, load_study
from causalgen.studies.sources import load_data, study_graph
from causalgen.studies.validate import check_study

ROWS = 300
FILE = """name: trial
data: {table: trial.csv, graph: "{age, sex} -> {drug, pain}; drug -> pain", missing: drop}
effects:
  - treatment: drug
    outcome: pain
    contrast: ["no", "yes"]
"""
ASKED = "    by: [sex, {age: [0, 99]}]\n    proxies: {pain: {column: pain read, source: measured}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pain is known in two of three rows, its reading in all."""
    random = np.random.default_rng(0)
    drug, age = np.arange(ROWS) % 2, random.normal(size=ROWS)
    pain = 2 * drug + age + random.normal(size=ROWS)
    frame = pd.DataFrame({"age": age, "sex": np.where(np.arange(ROWS) % 4 < 2, "f", "m"), "drug": drug})
    frame["drug"] = frame["drug"].map({0: "no", 1: "yes"})
    frame["pain"] = np.where(np.arange(ROWS) % 3 == 0, np.nan, pain)
    frame["pain read"] = 5 + 0.5 * pain + 0.1 * random.normal(size=ROWS)
    frame.to_csv(tmp_path / "trial.csv", index=False)
    return tmp_path


def read(folder: Path, asked: str) -> Study:
    (folder / "study.yaml").write_text(FILE + asked)
    study = load_study(folder / "study.yaml")
    check_study(study, study_graph(study))
    return study


def test_groups_and_proxies_are_answered_and_the_rest_is_noted(folder: Path) -> None:
    study = read(folder, ASKED)
    effect, data, notes = study.effects[0], load_data(study.data), []
    rows = study_rows(effect, study.data)
    assert rows is not None
    assert (len(rows), int(rows["pain"].notna().sum())) == (ROWS, 200)
    found = further_answers(effect, data.graph, data.frame(), rows, 0, notes)
    assert found is not None
    assert [frame.attrs["by"] for frame in found.groups] == ["sex"]
    assert "above 99 has 0 rows" in notes[0]
    assert found.proxies is not None
    assert found.proxies["calibrated measurement"].covers(2)
    assert found.proxies.rows_used == ROWS
    assert load_study(folder / "study.yaml").to_yaml() == study.to_yaml()


def test_holes_of_the_table_are_imputed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("causalgen.effects.missing.pooled_frame.IMPUTATIONS", 2)
    study = read(folder, "    by: [sex]\n    missing: impute\n")
    rows = study_rows(study.effects[0], study.data)
    assert rows is not None
    found = further_answers(study.effects[0], load_data(study.data).graph, rows, rows, 0, [])
    assert found is not None
    assert found.groups[0]["rows"].sum() == ROWS
    assert "100 cells were imputed" in found.groups[0].attrs["missing"]


@pytest.mark.parametrize(
    "asked", ["    missing: impute\n", "    proxies: {pain: {column: pain read, source: measured}}\n"]
)
def test_every_row_keeps_its_group(folder: Path, asked: str) -> None:
    """The groups of the data set are those of its column, holes included, also where a word names them."""
    table = pd.read_csv(folder / "trial.csv")
    wards = [f" ward {number // 5} " for number in range(ROWS - 1)]
    table.assign(ward=[*wards, None]).to_csv(folder / "trial.csv", index=False)
    grouped = FILE.replace("missing: drop", "missing: drop, group: ward")
    (folder / "study.yaml").write_text(f"{grouped}    cluster: group\n{asked}")
    study = load_study(folder / "study.yaml")
    rows = study_rows(study.effects[0], study.data)
    assert rows is not None
    assert rows["group"].tolist()[:-1] == [number // 5 for number in range(ROWS - 1)]
    assert pd.isna(rows["group"].iloc[-1])


def test_parts_of_an_effect_are_imputed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal to the answer from the file itself; a score and a data set of the catalog have no such rows."""
    monkeypatch.setattr("causalgen.mediation.estimate.IMPUTATIONS", 2)
    table = pd.read_csv(folder / "trial.csv").assign(ward=np.arange(ROWS) // 3)
    table["dose"] = np.where(table["drug"] == "yes", 2.0, 1.0) + np.random.default_rng(1).normal(size=ROWS)
    table.to_csv(folder / "trial.csv", index=False)
    edges = "{age, sex} -> {drug, dose, pain}; drug -> dose -> pain; drug -> pain"
    study = f"""name: trial
data: {{table: trial.csv, graph: "{edges}", missing: drop, group: ward}}
mediation:
  - {{treatment: drug, outcome: pain, contrast: ["no", "yes"], missing: impute, cluster: group}}
"""
    (folder / "study.yaml").write_text(study)
    loaded = load_study(folder / "study.yaml")
    check_study(loaded, study_graph(loaded))
    data = load_data(loaded.data)
    scm = StructuralCausalModel(data.graph).declare_fitted()
    found = mediation_findings(loaded.mediation[0], ModelOnData(scm, data, 0), ImageReaders({}, {}), loaded.data)
    question = NestedQuestion("natural", "drug", "pain", ("no", "yes"))
    alone = estimate_nested(data.graph, table, question, cluster="ward", missing="impute")
    assert found.answers[0].rows_used == ROWS
    assert list(map(str, found.answers[0].effects)) == list(map(str, alone.effects))
    (folder / "study.yaml").write_text(study.replace("cluster: group", "estimand: causation"))
    with pytest.raises(StudyError, match="line 4: Expected `missing: drop` for this question"):
        check_study(load_study(folder / "study.yaml"), study_graph(loaded))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("    proxies: {pain: {column: pane read, source: measured}}\n", "Did you mean 'pain read'?"),
        ("    proxies: {pian: {column: pain read, source: measured}}\n", "Did you mean 'pain'?"),
        ("    proxies: {pain: {column: pain read, source: guessed}}\n", "'predicted'"),
        ("    proxies: {pain: {column: pain read, source: predicted}}\n", "Expected `fitted_on`"),
        ("    proxies: {pain: {column: pain read, source: predicted, fitted_on: none}}\n", "to be a random sample"),
        ("    proxies: {sex: {column: pain read, source: measured}}\n", "no additive error"),
    ],
)
def test_proxies_are_checked_with_their_line(folder: Path, asked: str, message: str) -> None:
    with pytest.raises(StudyError) as refused:
        read(folder, asked)
    assert "study.yaml, line 7: " in str(refused.value)
    assert message in str(refused.value)


def test_a_target_is_read_from_its_file_and_checked_before_training(folder: Path) -> None:
    pd.DataFrame({"Age (years)": np.linspace(0, 2, 60)}).to_csv(folder / "there.csv", index=False)
    (folder / "study.yaml").write_text(FILE.replace('pain",', 'pain; [site] -> age",') + "    target: there.csv\n")
    study = load_study(folder / "study.yaml")
    check_study(study, study_graph(study))
    data, notes = load_data(study.data), []
    found = further_answers(study.effects[0], data.graph, data.frame(), None, 0, notes)
    assert found is not None
    assert found.transported is not None
    assert (found.transported.formula.carriers, found.transported.target_rows) == (("age",), 60)
    assert notes == ["Columns of there.csv were matched by their short names: 'age' from 'Age (years)'."]
    for asked, message in (
        ("none.csv", "none.csv"),
        ("trial.csv", "selection nodes"),
        ("there.csv\n    missing: impute", "got 'impute'"),
    ):
        with pytest.raises(StudyError, match=message):
            read(folder, f"    target: {asked}\n")


def test_missing_words_of_the_study_hold_in_every_table_that_it_reads(folder: Path) -> None:
    """Columns that are no nodes, such as a proxy, and the table of the target population."""
    table = pd.read_csv(folder / "trial.csv")
    table["pain read"] = table["pain read"].round(2).astype(str).mask(np.arange(ROWS) % 10 == 0, "-9")
    table.to_csv(folder / "trial.csv", index=False)
    pd.DataFrame({"age": ["0.5", ".", "1.5", "-9"] * 20}).to_csv(folder / "there.csv", index=False)
    words = FILE.replace(
        "missing: drop", 'missing: drop, missing_words: [-9], variables: {age: {missing_words: ["."]}}'
    )
    (folder / "study.yaml").write_text(
        words.replace('pain",', 'pain; [site] -> age",') + ASKED + "    target: there.csv\n"
    )
    study = load_study(folder / "study.yaml")
    rows = study_rows(study.effects[0], study.data)
    assert rows is not None
    assert (int(rows["pain read"].isna().sum()), rows["pain read"].dtype) == (30, np.float64)
    data, notes = load_data(study.data), []
    found = further_answers(study.effects[0], data.graph, data.frame(), rows, 0, notes, study.data)
    assert found is not None
    assert "Read as missing in age: -9 20, '.' 20." in notes
    assert found.transported is not None
    assert found.transported.target_rows == 40
