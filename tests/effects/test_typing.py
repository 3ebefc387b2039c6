"""Whole-number codes are labels and 0/1 outcomes are binary at every door that estimates an effect."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from causalgen.cli.app import app
from causalgen.datasets import load_table
from causalgen.datasets.declared import declare_kinds
from causalgen.effects import (
    dose_response,
    effects_by_group,
    estimate_controlled_direct_effect,
    estimate_effect,
    estimate_effect_on_treated,
    estimate_natural_effects,
)
from causalgen.effects.diagnostics import examine
from causalgen.errors import DataError, DataWarning
from causalgen.graph import CausalGraph

EFFECT = 1.0
EDGES = "a -> {t, m, y}; t -> {m, y}; m -> y"
ASK = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
LINEAR = {"refute": False, "methods": ["linear adjustment"]}
QUICK = {"refute": False, "methods": ["linear adjustment", "doubly robust"]}
COUNTED = "Declare it continuous if its numbers are quantities.*variables={'y': 'continuous'}.*--kind y=continuous"


def expit(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def clinics(rows: int = 4_000) -> pd.DataFrame:
    """Eight clinics in no order act on treatment and outcome; the direct effect is 1, the one through m is 0."""
    rng = np.random.default_rng(3)
    clinic = rng.integers(0, 8, rows)
    level = np.array([-1.2, 1.6, -0.4, 1.1, -1.9, 0.7, 1.5, -1.0])[clinic]
    t = (rng.random(rows) < expit(-level)).astype(int)
    m = rng.normal(size=rows)
    return pd.DataFrame({"a": clinic, "t": t, "m": m, "y": EFFECT * t + 3 * level + rng.normal(size=rows)})


def logit_table(seed: int, rows: int) -> pd.DataFrame:
    """A 0/1 outcome under a continuous treatment between 0 and 1."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=rows)
    t = expit(0.8 * w + rng.normal(size=rows))
    return pd.DataFrame({"w": w, "t": t, "y": (rng.random(rows) < expit(-1 + 3 * t + w)).astype(int)})


FORMS = {
    "whole numbers": lambda codes: codes,
    "floats": lambda codes: codes.astype(float),
    "text": lambda codes: codes.astype(str),
    "text with spaces": lambda codes: " " + codes.astype(str) + " ",
    "nullable": lambda codes: codes.astype("Int64"),
    "Arrow": lambda codes: codes.astype("int64[pyarrow]"),
    "category": lambda codes: codes.astype("category"),
    "words": lambda codes: "clinic " + codes.astype(str),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_codes_are_adjusted_for_as_labels_in_whatever_form_they_come(form) -> None:
    table = clinics().assign(a=lambda frame: form(frame["a"]))
    methods = QUICK["methods"] if form is FORMS["text"] else ["linear adjustment"]
    report = estimate_effect(CausalGraph(EDGES), table, **ASK, **QUICK | {"methods": methods})
    for name in methods:
        assert report[name].value == pytest.approx(EFFECT, abs=0.1)
    assert "a categorical (8 " in str(report)


@pytest.mark.parametrize("labels", [(0, 1), (1, 2), (0.5, 2.5), ("no", "yes"), ("1", "2"), (False, True)])
def test_a_treatment_of_two_values_is_binary_and_takes_its_labels_as_contrast(labels: tuple) -> None:
    table = clinics(1_000).assign(t=lambda frame: [labels[value] for value in frame["t"]])
    for contrast in (labels, tuple(map(str, labels)), tuple(str(label).lower() for label in labels)):
        report = estimate_effect(CausalGraph(EDGES), table, **ASK | {"contrast": contrast}, **LINEAR)
        assert report.estimate.covers(EFFECT)


def test_every_door_gives_the_effect_of_the_eight_clinics(tmp_path: Path) -> None:
    table, graph = clinics(), CausalGraph(EDGES)
    table.to_csv(tmp_path / "clinic.csv", index=False)
    data = load_table(tmp_path / "clinic.csv", EDGES)
    found = {"load_table": estimate_effect(data.graph, data.frame(), **ASK, **QUICK)["doubly robust"].value}
    found["direct"] = estimate_natural_effects(graph, table, **ASK)["natural direct"].value
    found["total"] = estimate_natural_effects(graph, table, **ASK)["total"].value
    found["treated"] = estimate_effect_on_treated(graph, table, **ASK)["effect on the treated"].value
    groups = effects_by_group(graph, table, **ASK, by="a")
    assert groups["group"].tolist() == [str(code) for code in range(8)]
    found["groups"] = np.average(groups["effect"], weights=groups["rows"])
    for door, value in found.items():
        assert value == pytest.approx(EFFECT, abs=0.1), door
    held = estimate_controlled_direct_effect(CausalGraph("t -> {a, y}; a -> y"), table, **ASK, mediators={"a": 3})
    assert "a categorical (8 whole-number codes)" in str(held)


def test_the_command_reads_codes_as_labels_and_takes_declarations(tmp_path: Path) -> None:
    path = tmp_path / "clinic.csv"
    clinics(2_000).to_csv(path, index=False)
    command = ["effects", str(path), "--graph", EDGES, "--treatment", "t", "--outcome", "y", "--contrast", "0", "1"]
    command += ["--methods", "doubly robust", "--simulations", "0", "--no-doubt"]
    told = CliRunner().invoke(app, command)
    assert "Columns: t binary (0, 1), y continuous, a categorical (8 whole-number codes)." in told.output
    value = float(told.output.partition("doubly robust: ")[2].split()[0])
    assert value == pytest.approx(EFFECT, abs=0.15)
    out = CliRunner().invoke(
        app, [*command, "--kind", "a=continuous", "--out", str(tmp_path), "--formats", "markdown, html"]
    )
    assert "a continuous" in out.output
    for name in ("effect.md", "effect.html"):
        assert "continuous" in (tmp_path / name).read_text().partition("How each column was read")[2]
    wrong = CliRunner().invoke(app, [*command, "--kind", "a=numbers"])
    assert wrong.exit_code != 0
    assert "Expected a kind as column=kind, such as clinic=categorical" in wrong.output


def test_doubt_reads_the_columns_as_the_report_did() -> None:
    table, graph = clinics(400), CausalGraph("a -> {t, y}; t -> y")
    report = estimate_effect(graph, table, **ASK, **LINEAR, variables={"a": "continuous"})
    rows = {row.covariate for row in examine(graph, table, report, simulations=2).balance.rows}
    assert rows == {"a"}
    report = estimate_effect(graph, table, **ASK, **LINEAR)
    assert len(examine(graph, table, report, simulations=2).balance.rows) == 7


DOORS = {
    "estimate_effect": lambda graph, table: estimate_effect(graph, table, **ASK, **QUICK),
    "natural effects": lambda graph, table: estimate_natural_effects(graph, table, **ASK),
    "effects by group": lambda graph, table: effects_by_group(graph, table, **ASK, by="a"),
    "dose-response": lambda graph, table: dose_response(graph, table, treatment="m", outcome="y"),
}


def columns_of(answer: Any) -> str:
    return answer.attrs["columns"] if isinstance(answer, pd.DataFrame) else str(answer)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_a_counted_outcome_is_refused_with_the_remedy_that_works(door) -> None:
    table, graph = clinics(800), CausalGraph(EDGES)
    table["y"] = np.random.default_rng(0).binomial(6, expit(0.3 * table["t"] + 0.1 * table["a"]))
    with pytest.raises(DataError, match=f"'y' is categorical \\(7 whole-number codes\\). {COUNTED}"):
        door(graph, table)
    declared = declare_kinds(graph, table, {"y": "continuous"})
    assert "y continuous" in columns_of(door(declared, table))


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_rows_left_out_are_counted_with_a_remedy(door, recwarn: pytest.WarningsRecorder) -> None:
    table = clinics(800)
    table["a"] = table["a"].astype("Int64")
    table.loc[:39, "a"] = pd.NA
    answer = door(CausalGraph(EDGES), table)
    told = (
        str(answer)
        if not isinstance(answer, pd.DataFrame)
        else " ".join(str(warning.message) for warning in recwarn.list if issubclass(warning.category, DataWarning))
    )
    assert "40 rows were dropped (5%)" in told
    assert "missing='impute' in Python" in told


def test_what_may_be_codes_is_noted_with_the_estimate_and_no_concern() -> None:
    table = clinics(999).assign(a=lambda frame: frame["a"] * 2 + np.arange(999) % 2)  # from 1,000 rows, trees are slow
    report = estimate_effect(CausalGraph(EDGES), table, **ASK, **QUICK)
    assert any("'a' holds 16 different whole numbers and is read as continuous" in text for text in report.warnings)
    assert not any("whole numbers" in check.about for check in report.checks)
    assert "note: Column 'a' holds 16 different whole numbers" in str(report)
    declared = estimate_effect(CausalGraph(EDGES), table, **ASK, **QUICK, variables={"a": "categorical"})
    assert not declared.warnings
    assert declared["doubly robust"].value == pytest.approx(EFFECT, abs=0.3)
    table["y"] = table["y"].where(table.index % 100 > 0, -999)
    spoilt = estimate_effect(CausalGraph(EDGES), table, **ASK, **QUICK, variables={"a": "categorical"})
    assert spoilt.warnings[0].startswith("-999 in column 'y' may mean missing values, and 10 cells are read as numbers")


def test_a_binary_outcome_under_a_continuous_treatment_is_covered() -> None:
    draws = np.random.default_rng(1).normal(size=10**6)
    truth = float((expit(-1 + 0.9 + draws) - expit(-1 + 0.6 + draws)).mean())
    graph, covered = CausalGraph("w -> {t, y}; t -> y"), 0
    for seed in range(12):
        report = estimate_effect(
            graph, logit_table(seed, 3_000), treatment="t", outcome="y", contrast=(0.2, 0.3), refute=False
        )
        covered += bool(report["g-computation"].covers(truth))
        assert report.estimate.source == "g-computation"
    assert covered >= 11
    assert report.outcome_unit == "probability of 1"
    assert "linear adjustment" in str(report)
    assert "a straight-line approximation, and this outcome, which has limits, follows a curve" in str(report)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (lambda rows: np.full(rows, 1e300), None),
        (lambda rows: np.full(rows, 1e-310), None),
        (lambda rows: np.full(rows, 2**63, dtype="uint64"), None),
        (lambda rows: np.full(rows, np.inf), "positive sampling weights in column 'w'; got inf"),
        (lambda rows: np.full(rows, 1j), "got complex numbers"),
        (lambda rows: pd.date_range("2020", periods=rows), "got dates or times"),
        (lambda rows: ["heavy"] * rows, "got 'heavy'"),
    ],
)
def test_weights_of_any_size_are_weights(column, message: str | None) -> None:
    table = clinics(600)
    table["w"] = column(600)
    ask = {**ASK, **LINEAR, "weights": "w"}
    if message is None:
        same = estimate_effect(CausalGraph(EDGES), table.assign(w=1.0), **ask)
        assert estimate_effect(CausalGraph(EDGES), table, **ask).estimate.value == same.estimate.value
        return
    with pytest.raises(DataError, match=message):
        estimate_effect(CausalGraph(EDGES), table, **ask)


def test_ids_near_the_largest_whole_number_stay_apart_as_clusters() -> None:
    table = clinics(600)
    number = np.arange(600) // 3
    reports = [
        estimate_effect(CausalGraph(EDGES), table.assign(c=ids), **ASK, **LINEAR, cluster="c")
        for ids in (
            number,
            np.uint64(2**63) + number.astype("uint64"),
            pd.Series(number).map(lambda code: f"id {code} "),
        )
    ]
    assert len({report.estimate.low for report in reports}) == 1
