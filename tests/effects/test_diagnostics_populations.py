"""Checks of a report with weights, clusters, a population or a treatment of several labels are about that report."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import NegativeControl, examine
from causalgen.effects.diagnostics.balance import balance
from causalgen.effects.diagnostics.confounder import draw_confounder
from causalgen.effects.diagnostics.e_value import e_values
from causalgen.effects.diagnostics.implied import check_independencies
from causalgen.effects.diagnostics.negative_controls import check_controls
from causalgen.effects.diagnostics.refit import refit
from causalgen.effects.diagnostics.robustness import robustness
from causalgen.effects.encode import encode_question
from causalgen.effects.question import EffectQuestion
from causalgen.effects.report import Estimate
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, Variable

from .generator import sigmoid
from .test_populations import three_arms, uneven_table

GRAPH = CausalGraph("z -> {t, y}; t -> y")
QUESTION = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}


def weighted_table(rows: int = 2_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=rows)
    t = z + rng.normal(size=rows)
    return pd.DataFrame({"z": z, "t": t, "y": 0.5 * t + z + rng.normal(size=rows), "w": rng.uniform(1, 9, size=rows)})


def repeated(copies: int) -> pd.DataFrame:
    return pd.concat([weighted_table(500)] * copies, ignore_index=True).assign(c=list(range(500)) * copies)


def test_robustness_is_that_of_the_weighted_table() -> None:
    """The partial R2 of the weighted regression; intervals stand on its robust standard error."""
    table = weighted_table()
    found = robustness(encode_question(EffectQuestion(GRAPH, table, "t", "y", (0, 1), weights="w"), ("z",)))
    design = sm.add_constant(table[["t", "z"]])
    plain = sm.WLS(table["y"], design, weights=table["w"]).fit()
    robust = sm.WLS(table["y"], design, weights=table["w"]).fit(cov_type="HC1")
    assert found.effect == pytest.approx(plain.params["t"], rel=1e-9)
    t = plain.tvalues["t"]
    assert found.r2_treatment_outcome == pytest.approx(t**2 / (t**2 + plain.df_resid), rel=1e-9)
    assert found.standard_error * found.design == pytest.approx(robust.bse["t"], rel=1e-6)
    assert found.t == pytest.approx(robust.tvalues["t"], rel=1e-6)
    unweighted = robustness(encode_question(EffectQuestion(GRAPH, table, "t", "y", (0, 1)), ("z",)))
    assert unweighted.effect != found.effect
    assert unweighted.design == 1.0


def test_copies_in_clusters_tell_no_more_than_the_rows() -> None:
    """Without clusters 4 copies of every row would make the estimate look robust up to its interval."""
    once = robustness(encode_question(EffectQuestion(GRAPH, weighted_table(500), "t", "y", (0, 1)), ("z",)))
    clustered = robustness(encode_question(EffectQuestion(GRAPH, repeated(4), "t", "y", (0, 1), cluster="c"), ("z",)))
    ignored = robustness(encode_question(EffectQuestion(GRAPH, repeated(4), "t", "y", (0, 1)), ("z",)))
    assert clustered.value == pytest.approx(once.value, rel=0.02)
    assert clustered.design == pytest.approx(2.0, rel=0.1)
    assert clustered.value_level == pytest.approx(once.value_level, rel=0.05)
    assert ignored.value_level > 1.1 * once.value_level


def test_a_treatment_of_three_labels_is_doubted_as_it_was_estimated() -> None:
    """Codes 0, 1, 2 are no numbers: labels that are not compared are held equal."""
    variables = [
        Variable("z", "continuous"),
        Variable("t", "categorical", labels=("none", "low", "high")),
        Variable("y"),
    ]
    graph = CausalGraph("z -> {t, y}; t -> y", variables)
    table = three_arms(1_000, seed=0)
    question = QUESTION | {"contrast": ("none", "high"), "methods": ["linear adjustment"]}
    report = estimate_effect(graph, table, **question)
    encoded = encode_question(EffectQuestion(graph, table, "t", "y", ("none", "high")), ("z",))
    again = refit(encoded, ["naive", "linear adjustment"])
    assert again["naive"].value == pytest.approx(report["naive"].value)
    assert robustness(encoded).effect == pytest.approx(report["linear adjustment"].value, rel=1e-9)
    u = draw_confounder(encoded, 0.2, 0.3, np.random.default_rng(99))
    design = pd.get_dummies(table["t"]).drop(columns="none").assign(z=table["z"], u=u).astype(float)
    adjusted = sm.OLS(table["y"], sm.add_constant(design)).fit().params["high"]
    assert adjusted == pytest.approx(robustness(encoded).adjusted(0.2, 0.3)[0], abs=0.05)


@pytest.mark.parametrize("population", ["whole", "treated", "control", "overlap"])
def test_balance_brings_both_arms_to_the_population(population: str) -> None:
    table, _ = uneven_table(4_000, seed=0)
    encoded = encode_question(EffectQuestion(GRAPH, table, "t", "y", (0, 1)), ("z",))
    found = balance(encoded, population=population)
    assert found.population == population
    assert abs(found.rows[0].after) < 0.05 < abs(found.rows[0].before)
    assert ("all rows" if population == "whole" else f"the {population} population") in found.reading
    untouched = {"treated": 1, "control": 0}.get(population)
    if untouched is not None:
        assert found.arms[untouched].effective == pytest.approx(found.arms[untouched].rows)


def test_balance_counts_sampling_weights() -> None:
    table = uneven_table(2_000, seed=0)[0].assign(w=lambda frame: np.where(frame["z"] > 0, 3.0, 1.0))
    found = balance(encode_question(EffectQuestion(GRAPH, table, "t", "y", (0, 1), weights="w"), ("z",)))
    arms = [table[table["t"] == value] for value in (0, 1)]
    means = [np.average(arm["z"], weights=arm["w"]) for arm in arms]
    spread = [np.average((arm["z"] - mean) ** 2, weights=arm["w"]) for arm, mean in zip(arms, means, strict=True)]
    assert found.rows[0].before == pytest.approx((means[1] - means[0]) / np.sqrt(np.mean(spread)))
    assert abs(found.rows[0].after) < 0.05


def test_e_values_stand_on_the_risk_of_their_population() -> None:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, 20_000)
    t = (rng.random(20_000) < 0.2 + 0.6 * z).astype(float)
    y = (rng.random(20_000) < 0.1 + 0.1 * t + 0.3 * z).astype(float)
    encoded = encode_question(EffectQuestion(GRAPH, pd.DataFrame({"z": z, "t": t, "y": y}), "t", "y", (0, 1)), ("z",))
    for population, share in (("whole", 0.5), ("treated", 0.8), ("control", 0.2), ("overlap", 0.5)):
        (row,) = e_values(encoded, [Estimate("effect", 0.1)], population=population)
        risk = 0.1 + 0.3 * share
        assert row.risk_ratio == pytest.approx((risk + 0.1) / risk, rel=0.04)


def test_independencies_count_clusters() -> None:
    """Two traits of 40 patients, unrelated; 30 images each make chance look certain."""
    graph, false = CausalGraph("a; b"), np.zeros(2)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        traits = np.repeat(rng.normal(size=(40, 2)), 30, axis=0)
        table = pd.DataFrame(traits + 0.1 * rng.normal(size=traits.shape), columns=["a", "b"])
        table["patient"] = np.repeat(np.arange(40), 30)
        found = [check_independencies(graph, table, cluster=cluster) for cluster in (None, "patient")]
        false += [len(each.rejected) for each in found]
    assert false[0] >= 7
    assert false[1] <= 2


def control_table(seed: int) -> pd.DataFrame:
    """A negative-control outcome that shares z with the treatment and its noise within patients."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(40), 10)
    z = rng.normal(size=40)
    t = (rng.random(40) < sigmoid(0.5 * z)).astype(float)
    before, y = z + rng.normal(size=40), t + z + rng.normal(size=40)
    table = pd.DataFrame({"z": z, "t": t, "before": before, "y": y}).iloc[patient].reset_index(drop=True)
    return table.assign(before=table["before"] + 0.1 * rng.normal(size=400), patient=patient)


def test_negative_controls_count_clusters() -> None:
    graph = CausalGraph("z -> {t, y, before}; t -> y")
    false = np.zeros(2)
    for seed in range(12):
        table = control_table(seed)
        for which, cluster in enumerate((None, "patient")):
            report = estimate_effect(graph, table, **QUESTION, methods=["linear adjustment"], cluster=cluster)
            (row,) = check_controls(graph, table, report, [NegativeControl("before")])
            false[which] += row.verdict == "rejected"
    assert false[0] >= 4
    assert false[1] <= 2


def test_examine_runs_on_a_report_with_everything_and_on_poor_overlap() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=1_500)
    t = (rng.random(1_500) < sigmoid(1.7 * z)).astype(float)
    noise = rng.normal(size=(2, 1_500))
    table = pd.DataFrame({"z": z, "t": t, "y": t + z + noise[0], "before": z + noise[1]})
    table = table.assign(w=rng.uniform(1, 3, size=1_500), c=np.arange(1_500) // 3)
    graph = CausalGraph("z -> {t, y, before}; t -> y")
    poor = estimate_effect(graph, table, **QUESTION, methods=["doubly robust"], weights="w", cluster="c")
    assert poor.estimates[-1].population == "overlap"  # next to the one in the whole population
    found = examine(graph, table, poor, negative_controls=["before"], simulations=2)
    assert {row.estimate.source for row in found.negative_controls} == {"doubly robust"}
    treated = estimate_effect(
        graph, table, **QUESTION, methods=["doubly robust"], population="treated", weights="w", cluster="c"
    )
    about = examine(graph, table, treated, negative_controls=["before"], simulations=2)
    assert about.confounder is not None
    assert about.confounder.original["doubly robust"] == pytest.approx(treated["doubly robust"].value)
    assert "implied independencies" in about.left_out
    assert about.balance is not None
    assert about.balance.population == "treated"


def test_where_weights_explode_the_overlap_population_is_examined() -> None:
    """No method of the whole population is left, or only one that extrapolates: the checks follow the recommendation."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=800)
    t = (rng.random(800) < sigmoid(9 * z)).astype(float)
    noise = rng.normal(size=(2, 800))
    table = pd.DataFrame({"z": z, "t": t, "y": t + z + noise[0], "before": z + noise[1]})
    graph = CausalGraph("z -> {t, y, before}; t -> y")
    for methods in (["doubly robust"], None):
        report = estimate_effect(graph, table, **QUESTION, methods=methods)
        assert (report.estimate.method, report.estimate.population) == ("doubly robust", "overlap")
        found = examine(graph, table, report, negative_controls=["before"], simulations=2)
        assert found.confounder is not None
        assert found.confounder.original[report.estimate.source] == pytest.approx(report.estimate.value)
        assert [row.estimate for row in found.e_values] == [report.estimate.source]
        assert [(row.estimate.source, row.estimate.population) for row in found.negative_controls] == [
            ("doubly robust", "overlap")
        ]
        assert found.form is not None
        assert {found.balance.population, found.table_one.population} == {"overlap"}
        assert not found.balance.unbalanced


def test_a_method_for_bounded_outcomes_is_not_asked_of_an_unbounded_control() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=500)
    t = (rng.random(500) < sigmoid(z)).astype(int)
    y = (rng.random(500) < sigmoid(t + z)).astype(int)
    table = pd.DataFrame({"z": z, "t": t, "y": y, "before": 100 + 50 * z + rng.normal(size=500)})
    variables = [Variable("z", "continuous"), Variable("t"), Variable("y", "binary", labels=(0, 1)), Variable("before")]
    graph = CausalGraph("z -> {t, y, before}; t -> y", variables)
    report = estimate_effect(graph, table, **QUESTION, methods=["generalized linear adjustment", "linear adjustment"])
    found = check_controls(graph, table, report, [NegativeControl("before")])
    assert [row.estimate.source for row in found] == ["linear adjustment"]


def test_what_no_method_can_make_again_is_refused() -> None:
    table, _ = uneven_table(200, seed=0)
    report = estimate_effect(GRAPH, table, **QUESTION, methods=["linear adjustment"])
    corrected = [Estimate("prediction-powered", 1.0, 0.5, 1.5, "adjusted")]
    with pytest.raises(DataError, match="can be repeated; got prediction-powered"):
        examine(GRAPH, table, replace(report, estimates=tuple(corrected)), simulations=2)
