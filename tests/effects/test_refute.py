"""Every refuter is shown rejecting an estimate that breaks what it checks, and passing one that does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_refuters import refute_random_common_cause
from sklearn.neighbors import KNeighborsRegressor

from causalgen.effects.check_rates import refuter_rate
from causalgen.effects.diagnostics.dummy_outcome import draw_outcome
from causalgen.effects.diagnostics.refuters import REFUTERS, refute, run_refuter
from causalgen.effects.estimators.adjustment import AdjustmentEstimator, Arrays, Influence
from causalgen.effects.estimators.doubly_robust import DoublyRobust
from causalgen.effects.estimators.linear import LinearAdjustment
from causalgen.effects.identification import dowhy_estimand, unadjusted_estimand
from causalgen.effects.table import CLUSTER
from causalgen.graph import CausalGraph, identify

from .generator import binary_table, digits_table, sigmoid

GRAPH = CausalGraph("z -> {t, y}; t -> y")


class WrongWeights(AdjustmentEstimator):
    """Planted for the placebo: weighting, not normalised, with a propensity of 0.3 for everyone."""

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        score = np.where(arrays.treatment == treated, 1 / 0.3, -1 / 0.7) * arrays.outcome
        return Influence(score.mean(), score - score.mean())


class UnscaledMatching(AdjustmentEstimator):
    """Planted for the random common cause: nearest neighbours in the covariates' raw units."""

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        treatment, outcome, covariates = arrays.treatment, arrays.outcome, arrays.covariates

        def matched(value: float) -> np.ndarray:
            arm = treatment == value
            return KNeighborsRegressor(5).fit(covariates[arm], outcome[arm]).predict(covariates)

        score = matched(treated) - matched(control)
        return Influence(score.mean(), score - score.mean())


class ForgottenCovariates(AdjustmentEstimator):
    """Planted for the dummy outcome: a difference of means, whatever it was told to adjust for."""

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        arm = arrays.treatment == treated
        return Influence(arrays.outcome[arm].mean() - arrays.outcome[~arm].mean(), np.zeros(len(arm)))


class FixedPenalty(AdjustmentEstimator):
    """Planted for the subset: shrunk by an amount that does not grow with the rows."""

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        t, y = arrays.treatment - arrays.treatment.mean(), arrays.outcome - arrays.outcome.mean()
        slope = (t @ y) / (t @ t + 300)
        return Influence(slope * (treated - control), np.zeros(len(t)))


def small_scale_table(seed: int = 0) -> pd.DataFrame:
    """A confounder in tiny units, and an outcome far from 0."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=1_000)
    t = (rng.random(1_000) < sigmoid(2 * z)).astype(float)
    return pd.DataFrame({"z": 0.001 * z, "t": t, "y": 10 + t + 2 * z + 0.1 * rng.normal(size=1_000)})


class MovedByColumns(AdjustmentEstimator):
    """Planted for the practical size: each covariate beyond the first adds a share of the standard error."""

    def __init__(self, *arguments: Any, share: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.share = share

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        influence = np.sign(np.arange(len(arrays.outcome)) % 2 - 0.5)
        moved = self.share * Influence(0.0, influence).standard_error * (arrays.covariates.shape[1] - 1)
        return Influence(1.0 + moved + 1e-6 * arrays.covariates.mean(), influence)


def interacting_table(label: str) -> pd.DataFrame:
    """Just enough rows for the products of the covariates, which confound; one more column would leave them out."""
    rng = np.random.default_rng(4)
    z, w = rng.normal(size=(2, 300))
    t = (rng.random(300) < sigmoid(z * w)).astype(float)
    table = pd.DataFrame({"z": z, "w": w, "t": t, "y": t + 3 * z * w + rng.normal(size=300)})
    return table.assign(z=pd.cut(z, [-9, 0, 9], labels=["low", "high"])) if label else table


@pytest.mark.parametrize("label", ["", "z"])
def test_an_added_column_leaves_the_rest_of_the_model(label: str) -> None:
    """Without what is kept of the first fit, the estimate moves by more than a fifth of a standard error."""
    table, graph = interacting_table(label), CausalGraph("{z, w} -> {t, y}; t -> y")
    estimate = fit(DoublyRobust, table, graph, most_splits=1)
    error = estimate.estimator._result.standard_error
    (row,) = refute({"sound": estimate}, estimate, refuters=["random common cause"], simulations=10)
    assert abs(row.found - row.expected) < 0.02 * error
    assert row.verdict == "not rejected"
    alone = refute_random_common_cause(table, estimate.target_estimand, estimate, num_simulations=5, random_state=0)
    assert abs(alone.new_effect - estimate.value) > 0.2 * error


@pytest.mark.parametrize(("share", "verdict"), [(0.1, "not rejected"), (0.5, "rejected")])
def test_a_shift_counts_by_the_standard_error(share: float, verdict: str) -> None:
    estimate = fit(MovedByColumns, small_scale_table(), share=share)
    (row,) = refute({"moved": estimate}, estimate, refuters=["random common cause"], simulations=10)
    assert row.p_value < 0.01
    assert row.verdict == verdict


def fit(build: type, table: pd.DataFrame, graph: CausalGraph = GRAPH, **options: float) -> CausalEstimate:
    estimand = dowhy_estimand(graph, identify(graph, treatment="t", outcome="y"))
    return (
        build(estimand, **options)
        .fit(table)
        .estimate_effect(table, control_value=0.0, treatment_value=1.0, target_units="ate")
    )


@pytest.mark.parametrize(
    ("refuter", "planted"),
    [
        ("placebo treatment", WrongWeights),
        ("random common cause", UnscaledMatching),
        ("data subset", FixedPenalty),
        ("dummy outcome", ForgottenCovariates),
    ],
)
def test_refuter_rejects_a_planted_violation_and_passes_without_it(refuter: str, planted: type) -> None:
    table = small_scale_table()
    _, p_value = run_refuter(refuter, fit(planted, table), simulations=30)
    assert p_value < 0.01
    _, p_value = run_refuter(refuter, fit(DoublyRobust, table, most_splits=1), simulations=30)
    assert p_value > 0.05


def test_reading_tells_apart_what_was_informative() -> None:
    table = small_scale_table()
    naive_estimator = LinearAdjustment(unadjusted_estimand("t", "y"))
    naive = naive_estimator.fit(table).estimate_effect(table, control_value=0.0, treatment_value=1.0)
    sound, broken = fit(DoublyRobust, table), fit(WrongWeights, table)

    usual, caught = refute({"sound": sound, "broken": broken}, naive, refuters=["placebo treatment"], simulations=20)
    assert usual.verdict == usual.naive_verdict == "not rejected"
    assert usual.reading == "not rejected; not informative here (the naive estimate is not rejected either)"
    assert (caught.verdict, caught.reading) == ("rejected", "rejected")

    (told,) = refute({"sound": sound}, broken, refuters=["placebo treatment"], simulations=20)
    assert told.naive_verdict == "rejected"
    assert told.reading == "not rejected"
    assert told.expected == 0


def test_random_common_cause_needs_the_identifier_method() -> None:
    """DoWhy's trap: without it the added cause is ignored, and the refuter returns the same effect each time."""
    estimate = fit(LinearAdjustment, binary_table(300, seed=0))
    found, p_value = run_refuter("random common cause", estimate, simulations=10)
    assert found != estimate.value
    assert p_value is not None

    estimate.target_estimand.identifier_method = None
    found, p_value = run_refuter("random common cause", estimate, simulations=10)
    assert found == pytest.approx(estimate.value, rel=1e-12)
    assert p_value is None
    (row,) = refute({"vacuous": estimate}, estimate, refuters=["random common cause"], simulations=10)
    assert row.verdict == "no verdict"


@pytest.mark.parametrize("refuter", REFUTERS)
def test_refuters_repeat_under_a_seed_and_vary_across_seeds(refuter: str) -> None:
    estimate = fit(DoublyRobust, binary_table(300, seed=0), most_splits=1)
    first = run_refuter(refuter, estimate, simulations=10, seed=1)
    assert run_refuter(refuter, estimate, simulations=10, seed=1) == first
    assert run_refuter(refuter, estimate, simulations=10, seed=2) != first


def test_refuters_take_one_split_and_compare_with_it() -> None:
    """Of several splits, each simulated table would cost as much again; a single one moves the estimate."""
    table = binary_table(300, seed=0)
    several, single = fit(DoublyRobust, table), fit(DoublyRobust, table, most_splits=1)
    assert several.value != single.value
    (row,) = refute({"sound": several}, several, refuters=["random common cause"], simulations=10)
    assert row.expected == single.value
    assert row.found == run_refuter("random common cause", single, simulations=10)[0]


def test_every_refuter_says_what_it_checks_and_cannot_show() -> None:
    for refuter in REFUTERS.values():
        words = f"{refuter.checks} {refuter.cannot_show}".lower()
        assert "valid" not in words
        assert len(refuter.checks) > 40
        assert len(refuter.cannot_show) > 20


def test_dummy_outcome_rejects_the_naive_estimate_where_covariates_confound() -> None:
    table = small_scale_table()
    naive_estimator = LinearAdjustment(unadjusted_estimand("t", "y"))
    naive = naive_estimator.fit(table).estimate_effect(table, control_value=0.0, treatment_value=1.0)
    (row,) = refute({"sound": fit(DoublyRobust, table)}, naive, refuters=["dummy outcome"], simulations=10)
    assert (row.verdict, row.naive_verdict, row.reading) == ("not rejected", "rejected", "not rejected")
    assert row.expected == 0


def pen_table(seed: int) -> pd.DataFrame:
    """1,000 rows of the default study: an effect of 61, confounded, on a bounded outcome of curved covariates."""
    table = digits_table(1_000, seed)
    felt = (table["pen"] == "felt-tip").astype(float)
    return pd.DataFrame({"z": table["hurry"], "t": felt, "y": table["intensity"]})


def clustered_table(seed: int) -> pd.DataFrame:
    """100 clusters of 10 rows that share covariate, treatment and half of the outcome's noise."""
    rng = np.random.default_rng(seed)
    own = np.repeat(np.arange(100), 10)
    z = rng.normal(size=100)
    t = (rng.random(100) < sigmoid(z)).astype(float)
    noise = rng.normal(size=100)[own] + rng.normal(size=1_000)
    return pd.DataFrame({"z": z[own], "t": t[own], "y": t[own] + 2 * z[own] + np.abs(z[own]) + noise, CLUSTER: own})


def dummy_outcomes(draw: Callable[[int], pd.DataFrame], build: type, seeds: int, **options: int) -> np.ndarray:
    """What the refuter finds and its p-value for adjusted and naive estimate, `(seeds, 4)`."""
    naive = LinearAdjustment(unadjusted_estimand("t", "y"))
    rows = []
    for table in map(draw, range(seeds)):
        adjusted = run_refuter("dummy outcome", fit(build, table, **options), simulations=10)
        unadjusted = naive.fit(table).estimate_effect(table, control_value=0.0, treatment_value=1.0)
        rows.append((*adjusted, *run_refuter("dummy outcome", unadjusted, simulations=10)))
    return np.array(rows)


def check_level(rows: np.ndarray) -> None:
    """Centred at 0 within three standard errors, at most 10 % rejections of the adjusted estimate, all of the naive."""
    found, p_value, _, naive_p = rows.T
    assert abs(found.mean()) < 3 * found.std(ddof=1) / np.sqrt(len(found))
    assert (p_value <= 0.05).mean() <= 0.1
    assert (naive_p <= 0.05).all()


@pytest.mark.parametrize("draw", [pen_table, pytest.param(clustered_table, marks=pytest.mark.slow)])
def test_dummy_outcome_keeps_its_level_on_small_tables(draw: Callable[[int], pd.DataFrame]) -> None:
    """Trees that see the row they predict take in a part of the effect: 8 of 20 of the pen's rejected, centred at 3.3."""
    check_level(dummy_outcomes(draw, LinearAdjustment, seeds=20))


@pytest.mark.slow
def test_dummy_outcome_keeps_its_level_for_doubly_robust_estimates() -> None:
    """Some 20 s."""
    check_level(dummy_outcomes(pen_table, DoublyRobust, seeds=40, most_splits=1))


def test_dummy_of_a_binary_outcome_stays_binary() -> None:
    """A fractional outcome model would refuse anything outside [0, 1]."""
    observed = (np.arange(300) % 3 == 0).astype(float)
    random = np.random.RandomState(0)
    dummy = draw_outcome(np.full(300, 0.7), observed, random)
    assert set(dummy) == {0.0, 1.0}
    assert abs(dummy.mean() - 0.7) < 0.08
    drawn = draw_outcome(np.linspace(0, 1, 300), np.linspace(0, 1, 300) ** 2, random)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_every_refuter_states_how_often_it_spoke() -> None:
    for name in REFUTERS:
        rate = refuter_rate(name)
        assert rate is not None
        assert all(0 <= spoke <= tables for spoke, tables in rate.spoke.values())
        assert rate.reading.startswith(f"Measured on tables with known faults: rejects {rate.spoke['clean'][0]} of ")
