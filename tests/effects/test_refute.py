"""Every refuter is shown rejecting an estimate that breaks what it checks, and passing one that does not."""

import numpy as np
import pandas as pd
import pytest
from dowhy.causal_estimator import CausalEstimate
from sklearn.neighbors import KNeighborsRegressor

from causalgen.effects.doubt.refuters import REFUTERS, _draw, refute, run_refuter
from causalgen.effects.estimators.adjustment import AdjustmentEstimator, Arrays, Influence
from causalgen.effects.estimators.doubly_robust import DoublyRobust
from causalgen.effects.estimators.linear import LinearAdjustment
from causalgen.effects.identification import dowhy_estimand, unadjusted_estimand
from causalgen.graph import CausalGraph, identify

from .generator import binary_table, sigmoid

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


def fit(build: type, table: pd.DataFrame) -> CausalEstimate:
    estimand = dowhy_estimand(GRAPH, identify(GRAPH, treatment="t", outcome="y"))
    return build(estimand).fit(table).estimate_effect(table, control_value=0.0, treatment_value=1.0, target_units="ate")


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
    _, p_value = run_refuter(refuter, fit(DoublyRobust, table), simulations=30)
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
    estimate = fit(DoublyRobust, binary_table(300, seed=0))
    first = run_refuter(refuter, estimate, simulations=10, seed=1)
    assert run_refuter(refuter, estimate, simulations=10, seed=1) == first
    assert run_refuter(refuter, estimate, simulations=10, seed=2) != first


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


def test_dummy_of_a_binary_outcome_stays_binary() -> None:
    """A fractional outcome model would refuse anything outside [0, 1]."""
    observed = (np.arange(300) % 3 == 0).astype(float)
    random = np.random.RandomState(0)
    dummy = _draw(np.full(300, 0.7), observed, random)
    assert set(dummy) == {0.0, 1.0}
    assert abs(dummy.mean() - 0.7) < 0.08
    drawn = _draw(np.linspace(0, 1, 300), np.linspace(0, 1, 300) ** 2, random)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
