"""Standard errors count what an outcome passes on through the cross-fitted models of the other folds."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from causalgen.effects.estimators.adjustment import TARGET_UNITS
from causalgen.effects.estimators.doubly_robust import DoublyRobust
from causalgen.effects.estimators.first_fit import FirstFit
from causalgen.effects.estimators.folds import cross_folds
from causalgen.effects.estimators.outcome_model import OutcomeModel
from causalgen.effects.estimators.passed_on import FittedFold, NestedFit, passed_on, passed_through
from causalgen.effects.identification import adjusted_estimand
from causalgen.effects.quiet import quiet_dowhy
from causalgen.effects.table import CLUSTER, WEIGHTS

Array = NDArray[np.float64]
ROWS = 150
BOUNDS = [None, (0.0, 1.0), (-1.0, 3.0)]
TOLERANCE = {True: 1e-6, False: 0.03}
"""Newton's method stops with the curvature of the last step but one, so logistic regressions are near their derivative."""


def drawn(seed: int, bounds: tuple[float, float] | None) -> tuple[Array, Array, Array, Array]:
    """Features, outcome, arms 0 and 1, and sampling weights."""
    rng = np.random.default_rng(seed)
    features, arm = rng.normal(size=(ROWS, 4)), rng.integers(2, size=ROWS)
    low, high = bounds or (-5.0, 5.0)
    share = rng.beta(2, 2, size=ROWS) / 2 + np.where(features[:, 0] > 0, 0.4, 0.1)
    return features, low + (high - low) * share, arm, rng.uniform(0.5, 1.5, size=ROWS)


def derivative(functional: Callable[[Array], float], outcome: Array, direction: Array) -> float:
    step = 1e-4
    return (functional(outcome + step * direction) - functional(outcome - step * direction)) / (2 * step)


@pytest.mark.parametrize("bounds", BOUNDS)
def test_weights_passed_on_are_the_derivative_of_refits(bounds: tuple[float, float] | None) -> None:
    features, outcome, arm, weights = drawn(0, bounds)
    rng = np.random.default_rng(1)
    slack, direction = rng.normal(size=(2, ROWS)), rng.normal(size=ROWS)
    folds = list(cross_folds(ROWS, 3, 0, arm=arm))

    def models(values: Array, fit: Array) -> list[OutcomeModel]:
        own = [fit[arm[fit] == which] for which in (0, 1)]
        return [OutcomeModel(bounds, 2.0).fit(features[rows], values[rows], weights[rows]) for rows in own]

    def scores(values: Array) -> float:
        fitted = [(models(values, fit), score) for fit, score in folds]
        return sum(float(slack[a, k] @ one.predict(features[k])) for pair, k in fitted for a, one in enumerate(pair))

    fitted = [(models(outcome, fit), score) for fit, score in folds]
    own = [FittedFold(k, pair, (50, 50), np.stack([one.slope(features[k]) for one in pair])) for pair, k in fitted]
    added = passed_on(features, own, slack)[0][arm, np.arange(ROWS)]
    assert (weights * added) @ direction == pytest.approx(
        derivative(scores, outcome, direction), rel=TOLERANCE[bounds is None]
    )


@pytest.mark.parametrize("bounds", BOUNDS)
def test_weights_passed_through_stages_are_the_derivative_of_refits(bounds: tuple[float, float] | None) -> None:
    features, outcome, arm, weights = drawn(2, bounds)
    first, (fit, score) = features[:, :2], (np.arange(100), np.arange(100, ROWS))
    rng = np.random.default_rng(3)
    slack, direction = rng.normal(size=(2, len(score))), rng.normal(size=len(fit))
    members = [arm[fit] == 0, arm[fit] == 1]

    def regressions(values: Array) -> list[OutcomeModel]:
        models, later = [], values
        for known, own in zip((features, first), members[::-1], strict=True):
            models.insert(0, OutcomeModel(bounds, 2.0).fit(known[fit][own], later[own], weights[fit][own]))
            later = models[0].predict(known[fit])
        return models

    def scores(values: Array) -> float:
        pairs = zip(regressions(values), (first, features), slack, strict=True)
        return sum(float(own @ model.predict(known[score])) for model, known, own in pairs)

    parts = zip(regressions(outcome[fit]), (first, features), members, slack, strict=True)
    stages = [NestedFit(model, known[score], known[fit], own, part) for model, known, own, part in parts]
    passed = passed_through(stages, weights[fit])
    assert (weights[fit] * passed[1]) @ direction == pytest.approx(
        derivative(scores, outcome[fit], direction), rel=TOLERANCE[bounds is None]
    )


def redrawn(rows: int, seed: int, *, clustered: bool, weighted: bool) -> Callable[[int], pd.DataFrame]:
    """Tables with the same treatments and covariates, which the propensities balance badly; each number is another outcome."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    pull = frame.a - 0.7 * frame.b + 0.4 * frame.a * frame.c
    cluster = np.arange(rows) // 4
    frame = frame.assign(t=(rng.random(rows) < expit(pull)).astype(float))
    if clustered:
        frame[CLUSTER] = cluster
    if weighted:
        frame[WEIGHTS] = rng.uniform(0.5, 1.5, rows)

    def table(number: int) -> pd.DataFrame:
        noise = np.random.default_rng([seed, number]).normal(size=(2, rows))
        shared = noise[1][cluster] if clustered else noise[1]
        return frame.assign(y=pull + np.sqrt(0.5) * (noise[0] + shared))

    return table


@pytest.mark.parametrize("form", ["rows", "clusters", "weights"])
@pytest.mark.parametrize("population", ["whole", "treated", "control", "overlap"])
def test_a_standard_error_covers_the_deviation_of_outcomes_drawn_anew(population: str, form: str) -> None:
    """Refits keep penalties, folds and propensities, so outcomes alone vary, and few draws cost little."""
    table = redrawn(400, 0, clustered=form == "clusters", weighted=form == "weights")
    estimator = DoublyRobust(adjusted_estimand("t", "y", list("abc"))).keep(FirstFit(propensities={}))
    found = []
    with quiet_dowhy():
        for number in range(100):
            data = table(number)
            estimator.fit(data).estimate_effect(data, 1.0, 0.0, TARGET_UNITS[population])
            found.append(estimator.found)
    effects, errors = np.array([(one.effect, one.standard_error) for one in found]).T
    assert np.sqrt((errors**2).mean()) > effects.std(ddof=1)


@pytest.mark.slow
@pytest.mark.parametrize("population", ["whole", "treated"])
def test_a_standard_error_is_the_deviation_over_whole_tables(population: str) -> None:
    """Treatments, covariates and outcomes vary. Without what is passed on, the deviation is 1.2 standard errors."""
    estimator = DoublyRobust(adjusted_estimand("t", "y", list("abc")), most_splits=2, adapts=False)
    found = []
    with quiet_dowhy():
        for seed in range(150):
            data = redrawn(400, seed, clustered=False, weighted=False)(0)
            estimator.fit(data).estimate_effect(data, 1.0, 0.0, TARGET_UNITS[population])
            found.append(estimator.found)
    effects, errors = np.array([(one.effect, one.standard_error) for one in found]).T
    assert (effects / errors).std() == pytest.approx(1, abs=0.1)
