"""Nuisance models that adapt, targeting, and calibrated propensities."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from causalgen.effects import estimate_effect
from causalgen.effects.diagnostics import examine
from causalgen.effects.diagnostics.functional_form import functional_form
from causalgen.effects.encode import encode_question
from causalgen.effects.estimators.doubly_robust import DoublyRobust
from causalgen.effects.estimators.recalibration import calibrated_propensities
from causalgen.effects.estimators.stacking import stack_weights
from causalgen.effects.estimators.tmle import TargetedLearning
from causalgen.effects.identification import dowhy_estimand
from causalgen.effects.question import EffectQuestion
from causalgen.errors import DataError
from causalgen.graph import CausalGraph, identify

from .generator import even_table, exploding_table, normal_table

GRAPH = CausalGraph("{a, b, c} -> {t, y}; t -> y")
ESTIMAND = dowhy_estimand(GRAPH, identify(GRAPH, treatment="t", outcome="y"))


def stairs(rows: int, seed: int, steps: float) -> pd.DataFrame:
    """A confounder that acts in steps, back and forth, which no spline of few knots follows."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(rows, 3))
    step = np.sign(np.sin(4 * columns[:, 0]))
    t = (rng.random(rows) < expit(steps * step + 0.3 * columns[:, 1])).astype(float)
    y = t + 2 * steps * step + columns[:, 1] + rng.normal(size=rows)
    return pd.DataFrame(columns, columns=list("abc")).assign(t=t, y=y)


@pytest.mark.parametrize("build", [DoublyRobust, TargetedLearning])
def test_structure_that_splines_miss_is_found(build: type[DoublyRobust]) -> None:
    table = stairs(1_500, seed=1, steps=1.0)
    plain = DoublyRobust(ESTIMAND, adapts=False).fit(table).influence(table, control=0, treated=1)
    assert abs(plain.effect - 1) > 4 * plain.standard_error
    estimator = build(ESTIMAND, most_splits=1).fit(table)
    found = estimator.influence(table, control=0, treated=1)
    assert "boosting" in estimator.remark
    assert found.effect == pytest.approx(1, abs=0.3)
    assert abs(found.effect - 1) < 2 * found.standard_error


def test_a_stacked_estimate_is_not_doubted_for_what_splines_miss() -> None:
    table = stairs(1_500, seed=1, steps=1.0)
    asked = {"treatment": "t", "outcome": "y", "contrast": (0, 1)}
    report = estimate_effect(GRAPH, table, **asked, methods=["doubly robust"], refute=False)
    splines = functional_form(encode_question(EffectQuestion(GRAPH, table, **asked)), "doubly robust")
    assert splines is not None
    assert splines.doubtful
    form = examine(GRAPH, table, report, simulations=0).form
    assert form is not None
    assert form.value == report.estimate.value
    assert not form.doubtful


def test_without_such_structure_the_estimate_is_that_of_the_splines() -> None:
    table = stairs(1_500, seed=2, steps=0.0)
    adapting = DoublyRobust(ESTIMAND).fit(table)
    found = adapting.influence(table, control=0, treated=1)
    plain = DoublyRobust(ESTIMAND, adapts=False).fit(table).influence(table, control=0, treated=1)
    assert not adapting.remark
    assert (found.effect, found.standard_error) == (plain.effect, plain.standard_error)


def test_a_stack_predicts_at_least_as_well_as_its_best_learner() -> None:
    rng = np.random.default_rng(3)
    target, weights = rng.normal(size=400), rng.uniform(0.5, 2, size=400)
    learners = target + rng.normal(size=(4, 400)) * np.array([[0.5], [0.6], [2.0], [5.0]])
    stack = stack_weights(learners, target, weights)
    losses = [weights @ (target - one) ** 2 for one in (*learners, stack @ learners)]
    assert stack.min() >= 0
    assert stack.sum() == pytest.approx(1)
    assert losses[-1] <= min(losses[:-1])


def test_tmle_solves_its_score_equation_and_stays_in_range() -> None:
    table = exploding_table(600).rename(columns={"z": "a"}).assign(b=0.0, c=0.0)
    table["y"] = (table["y"] > 0).astype(float)
    arrays = TargetedLearning(ESTIMAND).fit(table).arrays(table)
    share = np.clip(expit(-4 - 3 * table["a"].to_numpy()), 0.02, 0.98)
    mean = np.full((2, 600), 0.5)
    scores = TargetedLearning(ESTIMAND, bounds=(0.0, 1.0))._scored(
        arrays, (0.0, 1.0), (mean, np.stack([1 - share, share])), lambda slack: (slack, slack)
    )
    for value, arm in zip((0.0, 1.0), scores.arms, strict=True):
        targeted = arm[arrays.treatment != value]  # rows of the other arm have no residual
        assert np.ptp(targeted) < 1e-9
        assert arm.mean() == pytest.approx(targeted[0], abs=1e-9)  # so the weighted residuals add up to 0
        assert 0 <= arm.mean() <= 1


def test_miscalibrated_propensities_are_recalibrated_and_others_kept() -> None:
    rng = np.random.default_rng(4)
    right = expit(rng.normal(size=4_000))
    treated = rng.random(4_000) < right
    members = np.stack([~treated, treated])
    extreme = expit(2 * logit(right))
    found, (calibration,) = calibrated_propensities(np.stack([1 - extreme, extreme]), members, np.ones(4_000), 4_000)
    assert calibration.slope == pytest.approx(0.5, abs=0.06)
    assert np.abs(found[1] - right).mean() < 0.02
    kept, (calibration,) = calibrated_propensities(np.stack([1 - right, right]), members, np.ones(4_000), 4_000)
    assert not calibration.fails
    assert np.array_equal(kept[1], right)


def test_propensities_that_predict_backwards_give_way_to_the_share() -> None:
    """Out of fold, what the models of a treatment at random have learned from chance points the wrong way."""
    right = expit(np.random.default_rng(4).normal(size=2_000))
    treated = np.random.default_rng(5).random(2_000) < right
    members = np.stack([~treated, treated])
    found, (calibration,) = calibrated_propensities(np.stack([right, 1 - right]), members, np.ones(2_000), 2_000)
    assert calibration.slope == 0
    assert found[1] == pytest.approx(treated.mean())


@pytest.mark.parametrize("seed", range(5))
def test_a_treatment_at_random_raises_no_alarm(seed: int) -> None:
    table = normal_table(300, seed, slope=0.0)
    report = estimate_effect(LINE, table, **ASK, methods=["doubly robust"])
    assert not [text for text in report.warnings if "miscalibrated" in text]


ASK = {"treatment": "t", "outcome": "y", "contrast": (0, 1), "refute": False}
LINE = CausalGraph("z -> {t, y}; t -> y")


def test_the_methods_agree_on_a_linear_table() -> None:
    methods = ["doubly robust", "super learner", "tmle", "linear adjustment"]
    report = estimate_effect(LINE, even_table(300, seed=0), methods=methods, **ASK)
    values = [row.value for row in report.estimates if row.kind == "adjusted"]
    assert len(values) == 4
    assert np.ptp(values) < 0.15
    assert report.estimate.source == "super learner"


def test_no_row_beyond_the_others_carries_the_estimate() -> None:
    """Linear tables of 400 rows: a curve bends away behind the rows that a fold fits on, by an error of 1 at seed 30."""
    tables = [normal_table(400, seed, slope=0.5) for seed in range(24, 36)]
    found = [estimate_effect(LINE, table, **ASK, methods=["doubly robust"]).estimate for table in tables]
    assert max(abs(row.value - 2) for row in found) < 0.35
    assert max(row.high - row.low for row in found) < 0.6


def few_of_a_label(seed: int) -> pd.DataFrame:
    """120 rows with an effect of 1; in some labels of the confounder, one value of the treatment has one or two rows."""
    rng = np.random.default_rng(seed)
    z = rng.integers(1, 6, 120)
    strength = np.array([0, 2, -1, 1, 3, -2])[z]
    t = (rng.random(120) < expit(0.5 * strength)).astype(int)
    return pd.DataFrame({"z": z, "t": t, "y": t + 2 * strength + rng.normal(size=120)})


def whole_clusters(seed: int) -> pd.DataFrame:
    """50 clusters of 10 rows that are treated as a whole, with an effect of 1."""
    rng = np.random.default_rng(seed)
    z, shared = rng.normal(size=(2, 50))
    t, own = (rng.random(50) < expit(z)).astype(int), np.repeat(np.arange(50), 10)
    y = t[own] + z[own] + shared[own] + rng.normal(size=500)
    return pd.DataFrame({"z": z[own], "t": t[own], "y": y, "c": own})


@pytest.mark.parametrize(("make", "seeds", "cluster"), [
    pytest.param(few_of_a_label, range(8, 13), None, id="labels"),  # seed 11 gave -2.7 [-10, 4.6]
    pytest.param(whole_clusters, range(28, 32), "c", id="clusters"),  # seed 30 gave -5.7 [-21, 9]
])  # fmt: skip
def test_no_row_with_an_extreme_weight_carries_the_estimate(make, seeds, cluster: str | None) -> None:
    found = [
        estimate_effect(LINE, make(seed), **ASK, methods=["doubly robust"], cluster=cluster).estimate for seed in seeds
    ]
    assert max(abs(row.value - 1) for row in found) < 1.2
    assert max(row.high - row.low for row in found) < 4


@pytest.mark.parametrize("code", [-999, 9_999])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_code_among_numbers_moves_a_mean_beyond_the_observed_outcomes(code: int, seed: int) -> None:
    table = normal_table(400, seed, slope=0.5)
    coded = np.random.default_rng(seed).choice(len(table), 6, replace=False)
    table.loc[coded, "z"] = code
    row = estimate_effect(LINE, table, **ASK, methods=["doubly robust"]).estimate
    span = table["y"].max() - table["y"].min()
    assert abs(row.value) < span / 2
    assert row.high - row.low < span


@pytest.mark.parametrize(("change", "said"), [
    pytest.param(lambda table: table.assign(y=table["t"] * (table["y"] > 1)), "never varies", id="no events in an arm"),
    pytest.param(lambda table: table.assign(t=(table["z"] > 0).astype(int)), "perfect separation", id="a rule"),
    pytest.param(lambda table: table.assign(t=np.arange(len(table)) < 5), "rows with each compared value", id="five rows"),
])  # fmt: skip
def test_hard_tables_are_answered_with_a_warning_or_refused_by_name(change, said: str) -> None:
    table = change(even_table(400, seed=0))
    try:
        report = estimate_effect(LINE, table.astype({"t": int}), methods=["tmle"], **ASK)
        assert -1 <= report.estimate.value <= 1
        told = " ".join(report.warnings)
    except DataError as error:
        told = str(error)
    assert said in told
