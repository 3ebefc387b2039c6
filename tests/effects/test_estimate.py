"""From graph and table to a report: the figures of the default study, and what the report says."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

from causalgen.effects import EffectReport, Estimate, estimate_effect
from causalgen.graph import CausalGraph, Variable

from .generator import (
    PEN_EFFECT,
    THICKNESS_EFFECT,
    binary_table,
    digits_graph,
    digits_table,
    linear_table,
)

PEN = {"treatment": "pen", "outcome": "intensity", "contrast": ("ballpoint", "felt-tip")}
THICKNESS = {"treatment": "thickness", "outcome": "intensity", "contrast": (2, 3)}
SHORT = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
GRAPH = CausalGraph("z -> {t, y}; t -> y")
QUESTIONS = [
    pytest.param(PEN, "doubly robust", PEN_EFFECT, id="pen"),
    pytest.param(THICKNESS, "g-computation", THICKNESS_EFFECT, id="thickness"),
]


def coverage(question: dict, source: str, truth: float, *, rows: int, seeds: range) -> tuple[int, int]:
    """How often the naive interval misses the truth, and how often the adjusted one covers it."""
    missed = covered = 0
    for seed in seeds:
        report = estimate_effect(digits_graph(), digits_table(rows, seed), **question, refute=False)
        missed += not report["naive"].covers(truth)
        covered += bool(report[source].covers(truth))
    return missed, covered


@pytest.mark.parametrize(("question", "source", "truth"), QUESTIONS)
def test_naive_misses_and_adjustment_covers(question: dict, source: str, truth: float) -> None:
    missed, covered = coverage(question, source, truth, rows=7_000, seeds=range(1, 6))
    assert missed == 5
    assert covered >= 4


@pytest.mark.slow
@pytest.mark.parametrize("rows", [7_000, 10_000])
@pytest.mark.parametrize(("question", "source", "truth"), QUESTIONS)
def test_coverage_over_forty_tables(question: dict, source: str, truth: float, rows: int) -> None:
    missed, covered = coverage(question, source, truth, rows=rows, seeds=range(40))
    print(f"{rows} rows: naive misses {missed}/40, {source} covers {covered}/40")
    assert missed >= 38
    assert covered >= 36


@pytest.fixture(scope="module")
def report() -> EffectReport:
    table = digits_table(1_500, seed=0)
    table.loc[[3, 4], "hurry"] = np.nan
    return estimate_effect(digits_graph(), table, **PEN, simulations=10)


def test_report_states_question_estimand_and_rows(report: EffectReport) -> None:
    assert report.question == "Effect of do(pen=felt-tip) against do(pen=ballpoint) on intensity"
    assert report.estimand.adjustment == ("hurry",)  # thickness is a mediator, the image is projected out
    assert (report.rows_used, report.rows_dropped) == (1_498, 2)
    assert [row.source for row in report.estimates] == ["naive", "linear adjustment", "doubly robust"]
    names = {"placebo treatment", "random common cause", "data subset", "dummy outcome"}
    assert {row.refuter for row in report.refutations} == names
    assert {row.estimate for row in report.refutations} == {"linear adjustment", "doubly robust"}
    assert any("2 rows were dropped" in text for text in report.warnings)
    assert repr(report).startswith("EffectReport(Effect of do(pen=felt-tip)")
    assert "doubly robust: " in str(report)
    with pytest.raises(KeyError, match="Expected a source among naive"):
        report["nothing"]


def test_report_as_dictionary_is_json(report: EffectReport) -> None:
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["estimand"]["adjustment"] == ["hurry"]
    assert "do(pen)" in told["estimand"]["formula"]
    assert told["estimand"]["assumptions"]
    assert told["refutations"][0]["reading"] == report.refutations[0].reading
    assert told["contrast"] == ["ballpoint", "felt-tip"]
    assert set(told["versions"]) == {"dowhy", "scikit-learn"}


def test_comparisons_and_truth_join_the_frame(report: EffectReport) -> None:
    joined = report.compare(Estimate("fitted model under do", 60.0, 59.0, 61.0), truth=PEN_EFFECT)
    frame = joined.to_frame().set_index("source")
    assert list(frame.columns) == ["kind", "population", "estimate", "low", "high", "covers_truth", "note"]
    assert list(frame.index[-2:]) == ["fitted model under do", "truth"]
    assert not frame.loc["naive", "covers_truth"]
    assert frame.loc["fitted model under do", "covers_truth"]
    assert frame.loc["truth", "covers_truth"] is None
    assert joined.truth == PEN_EFFECT
    assert report.truth is None
    assert report.to_frame()["covers_truth"].isna().all()
    assert {"verdict", "naive_verdict", "reading", "checks"} <= set(report.refutation_frame().columns)


def test_thickness_warns_where_no_row_is_comparable() -> None:
    report = estimate_effect(digits_graph(), digits_table(2_000, seed=0), **THICKNESS, refute=False)
    assert report.estimand.adjustment == ("hurry", "pen")
    (warning,) = report.warnings
    assert "do(thickness=2) lies outside the thickness seen among similar rows" in warning
    assert report.refutations == ()
    assert report.outcome_unit == ""
    assert report.contrast == (2.0, 3.0)


def test_rare_arms_are_warned_of() -> None:
    table = binary_table(2_000, seed=0)
    table["t"] = (2 * table["z"] + np.random.default_rng(1).normal(size=2_000) > 0).astype(int)
    report = estimate_effect(GRAPH, table, **SHORT, refute=False)
    assert any("probability below 5%" in text for text in report.warnings)


def test_an_arm_that_is_rare_everywhere_overlaps() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=3_000), (rng.random(3_000) < 0.03).astype(int)
    table = pd.DataFrame({"z": z, "t": t, "y": t + z + rng.normal(size=3_000)})
    report = estimate_effect(GRAPH, table, **SHORT, refute=False)
    assert not any("overlap" in text for text in report.warnings)
    assert report.estimate.covers(1.0)


def test_same_seed_same_report_and_nothing_else_changes() -> None:
    table = binary_table(400, seed=0)
    logger = logging.getLogger("dowhy")
    before, level = np.random.get_state()[1].copy(), logger.level  # noqa: NPY002
    first = estimate_effect(GRAPH, table, **SHORT, simulations=10, seed=1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert logger.level == level
    np.random.seed(99)  # noqa: NPY002
    assert estimate_effect(GRAPH, table, **SHORT, simulations=10, seed=1).to_dict() == first.to_dict()
    other = estimate_effect(GRAPH, table, **SHORT, refute=False, seed=2)
    assert other["doubly robust"].value != first["doubly robust"].value
    assert other["linear adjustment"] == first["linear adjustment"]


@pytest.mark.filterwarnings("error")
def test_dowhy_is_silent(capfd: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        estimate_effect(GRAPH, binary_table(200, seed=0), **SHORT, simulations=10)
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if record.name.startswith("dowhy")] == []


def test_reversed_contrast_changes_the_sign() -> None:
    table = binary_table(400, seed=0)
    there = estimate_effect(GRAPH, table, **SHORT, refute=False)
    back = estimate_effect(GRAPH, table, **SHORT | {"contrast": (1, 0)}, refute=False)
    for one, other in zip(there.estimates, back.estimates, strict=True):
        assert other.value == pytest.approx(-one.value, abs=0.02)
        assert other.low == pytest.approx(-one.high, abs=0.02)


def test_binary_treatments_in_any_spelling_give_one_answer() -> None:
    table = binary_table(300, seed=0)
    arguments = SHORT | {"methods": ["linear adjustment", "weighting"], "simulations": 10}
    expected = estimate_effect(GRAPH, table, **arguments)
    for encode in (bool, int, lambda t: "yes" if t else "no"):
        spelt = table.assign(t=pd.Series([encode(t) for t in table["t"]]))
        report = estimate_effect(GRAPH, spelt, **arguments | {"contrast": (encode(0), encode(1))})
        assert [row.value for row in report.estimates] == [row.value for row in expected.estimates]
        assert report.refutations == expected.refutations


@pytest.mark.parametrize("dtype", ["category", "Int64", "object"])
def test_columns_of_any_dtype_give_one_answer(dtype: str) -> None:
    graph = CausalGraph("{z, w} -> {t, y}; t -> y")
    table = binary_table(300, seed=0).assign(w=np.resize(["a", "b", "c"], 300))
    table.index = np.zeros(300, dtype=int)
    expected = estimate_effect(graph, table, **SHORT, refute=False)
    stored = table.astype({"t": dtype} if dtype == "Int64" else {"t": dtype, "w": dtype})
    assert estimate_effect(graph, stored, **SHORT, refute=False).estimates == expected.estimates


def test_binary_outcome_is_a_probability_and_categories_are_adjusted_for() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 4_000)
    t = rng.random(4_000) < np.array([0.2, 0.5, 0.8])[group]
    passed = rng.random(4_000) < 0.1 + 0.2 * t + 0.25 * group
    table = pd.DataFrame({"group": np.array(["low", "mid", "high"])[group], "t": t, "y": passed})
    variables = [
        Variable("group", "ordinal", labels=("low", "mid", "high")),
        Variable("t", "binary"),
        Variable("y", "binary", labels=("failed", "passed")),
    ]
    graph = CausalGraph("group -> {t, y}; t -> y", variables)
    table["y"] = np.where(table["y"], "passed", "failed")
    report = estimate_effect(graph, table, treatment="t", outcome="y", contrast=(False, True), simulations=10)
    assert report.outcome_unit == "probability of passed"
    assert report["naive"].value > 0.35
    assert report["doubly robust"].covers(0.2)
    assert report["linear adjustment"].covers(0.2)


def test_no_directed_path_leaves_only_the_association() -> None:
    report = estimate_effect(CausalGraph("z -> {t, y}"), linear_table(200, seed=0, effect=0.0), **SHORT)
    assert report.estimand.method == "no effect"
    assert [row.source for row in report.estimates] == ["naive"]
    assert report.refutations == ()
    assert "by assumption the effect is 0" in report.warnings[-1]


def test_a_path_through_an_image_survives_its_projection() -> None:
    variables = [Variable(name, "continuous") for name in "zty"] + [Variable("image", "image", shape=(1, 8, 8))]
    graph = CausalGraph("z -> {t, y}; t -> image -> y", variables)
    report = estimate_effect(graph, linear_table(800, seed=0, effect=2.0), **SHORT, refute=False)
    assert report.estimand.method == "backdoor"
    assert report["g-computation"].covers(2.0)


def test_methods_can_be_chosen() -> None:
    report = estimate_effect(GRAPH, linear_table(200, seed=0), **SHORT, methods=["linear adjustment"], refute=False)
    assert [row.source for row in report.estimates] == ["naive", "linear adjustment"]
