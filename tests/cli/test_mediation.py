"""`causalgen mediation` on a table that nobody designed for it; bad questions in one message."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalgen.reports.words import NESTED_READING

from .conftest import Command

GRAPH = "age -> {drug, cured}; drug -> visits -> pressure -> cured; drug -> {pressure, cured}"
ASKED = ["--graph", GRAPH, "--treatment", "drug", "--outcome", "cured", "--contrast", "none", "high"]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A string index, titles with spaces, a treatment of three labels, integer codes, a binary outcome, holes."""
    random = np.random.default_rng(0)
    age, drug = random.normal(50, 10, 400), random.integers(0, 3, 400)
    visits = (2 + drug + random.integers(0, 3, 400)).astype(float)
    pressure = 120 - 4 * drug - visits + random.normal(0, 8, 400)
    cured = random.random(400) < 1 / (1 + np.exp(-(0.4 * drug + (115 - pressure) / 8 + (age - 50) / 20)))
    visits[:20], pressure[10:30] = np.nan, np.nan
    frame = pd.DataFrame(
        {
            "Age at visit (years)": age,
            "Drug group": np.array(["none", "low", "high"])[drug],
            "Visits": pd.array(visits, dtype="Int64"),
            "Pressure [mmHg]": pressure,
            "Cured": np.where(cured, "yes", "no"),
            "Ward no": random.integers(0, 40, 400),
        },
        index=[f"P{number}" for number in random.permutation(400)],
    )
    path = tmp_path_factory.mktemp("table") / "clinic.csv"
    frame.to_csv(path, index_label="Patient")
    return path


def test_an_effect_is_split_printed_and_reported(causalgen: Command, clinic: Path, tmp_path: Path) -> None:
    done = causalgen("mediation", clinic, *ASKED, "--mediator", "visits", "--mediator", "pressure", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    for text in (
        "natural direct: ",
        "370 rows used, 30 dropped",
        "cured(b, visits(a), pressure(a))",
        "No experiment can",
    ):
        assert text in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {
        "mediation.html", "mediation.md", "mediation.tex", "figures", "tables",
    }  # fmt: skip
    asked = ["cured=yes" if word == "cured" else word for word in ASKED]
    again = causalgen("mediation", clinic, *asked, "--mediator", "visits", "--mediator", "pressure")
    assert again.stdout == done.stdout[: len(again.stdout)]
    page = (tmp_path / "mediation.html").read_text(encoding="utf-8")
    assert "natural direct" in page
    assert "Cross-world independence" in page
    assert len(pd.read_csv(tmp_path / "tables" / "mediation-1-drug-cured.csv")) == 4


@pytest.mark.parametrize(
    ("options", "names", "cited"),
    [
        (
            ["--estimand", "controlled", "--mediator", "visits=4", "--mediator", "pressure=115"],
            ["controlled direct"],
            "J. Pearl",
        ),
        (["--estimand", "path", "--path", "drug -> visits -> pressure -> cured"], ["path-specific"], "longitudinal"),
        (["--estimand", "treated", "--cluster", "Ward no"], ["effect on the treated"], "J. Pearl"),
    ],
    ids=["controlled", "path", "treated"],
)
def test_other_questions_and_json(
    causalgen: Command, clinic: Path, tmp_path: Path, options: list[str], names: list[str], cited: str
) -> None:
    done = causalgen("mediation", clinic, *ASKED, *options, "--json", "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert [effect["name"] for effect in json.loads(done.stdout)["effects"]] == names
    page = (tmp_path / "mediation.md").read_text(encoding="utf-8")
    assert NESTED_READING[options[1]] in page
    assert "A total effect is the sum" not in page
    assert cited in page.partition("Methods to cite")[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mediator", "age"], "on a causal path from 'drug' to 'cured': visits, pressure; got 'age'"),
        (["--mediator", "visit"], "Did you mean 'visits'?"),
        (["--estimand", "path"], "such as 'drug -> ... -> cured'"),
        (["--estimand", "path", "--path", "drug -> age -> cured"], "got drug -> age, which is none"),
        (["--estimand", "path", "--path", "drug -> cured", "--mediator", "visits"], "Expected no mediators"),
        (["--estimand", "controlled", "--mediator", "visits"], "such as visits=2"),
        (["--estimand", "controlled", "--mediator", "visits=99"], "label of 'visits'"),
        (["--estimand", "causation"], "binary treatment for the probabilities of causation"),
        (["--cluster", "ward"], "Did you mean 'Ward no'?"),
    ],
)
def test_bad_questions_get_one_message(causalgen: Command, clinic: Path, options: list[str], message: str) -> None:
    done = causalgen("mediation", clinic, *ASKED, *options)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("Error: ") == 1
    assert "Traceback" not in done.stderr
