"""A refuter that replaces the observed outcome by one on which the treatment has no effect."""

from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_refuter import CausalRefutation, test_significance
from numpy.typing import NDArray

from ..estimators.folds import Rows
from ..table import CLUSTER, WEIGHTS, numeric
from .boosted import boosted_prediction

__all__ = ["draw_outcome", "expected_outcome", "refute_dummy_outcome"]

Array = NDArray[np.float64]


def refute_dummy_outcome(
    data: pd.DataFrame,
    estimand: Any,
    estimate: CausalEstimate,
    *,
    num_simulations: int,
    random_state: np.random.RandomState,
    expected: Array | None = None,
) -> CausalRefutation:
    """Replace the outcome by f(covariates) + noise, on which the treatment has no effect.

    DoWhy's own refuter cannot do this: it groups the rows by treatment to fit f, which fails on a float treatment, and
    its noise leaves the range of a bounded outcome. So the outcome is simulated here, and estimators are refitted as in DoWhy.
    `expected` is `expected_outcome`, which all estimates from one table share; None computes it.
    """
    (outcome,) = estimand.outcome_variable
    observed, clusters = data[outcome].to_numpy(dtype=float), _clusters(data)
    expected = expected_outcome(data, estimand) if expected is None else expected
    found = []
    for _ in range(num_simulations):
        changed = data.assign(**{outcome: draw_outcome(expected, observed, random_state, clusters)})
        estimator = estimate.estimator.get_new_estimator_object(estimand)
        estimator.fit(changed, effect_modifier_names=estimate.estimator._effect_modifier_names)
        contrast = {"control_value": estimate.control_value, "treatment_value": estimate.treatment_value}
        found.append(
            estimator.estimate_effect(changed, **contrast, target_units=estimate.estimator._target_units).value
        )
    result = CausalRefutation(0.0, float(np.mean(found)), refutation_type="Refute: Use a Dummy Outcome")
    result.add_significance_test_results(test_significance(_Zero, np.asarray(found)))
    return result


def expected_outcome(data: pd.DataFrame, estimand: Any) -> Array:
    """f(covariates), shape `(rows,)`, by boosted trees that have not seen the row.

    Otherwise part of the row's residual, which contains the treatment's effect, would make the dummy outcome depend on
    the treatment. An instrument and front-door mediators are not covariates: an outcome that depends on them has an
    effect.
    """
    (outcome,), (treatment,) = estimand.outcome_variable, estimand.treatment_variable
    beside = [*(estimand.instrumental_variables or ()), *(estimand.frontdoor_variables or ())]
    covariates = data.drop(columns=[treatment, outcome, CLUSTER, WEIGHTS, *beside], errors="ignore")
    return boosted_prediction(numeric(covariates), data[outcome].to_numpy(dtype=float), _clusters(data))


def _clusters(data: pd.DataFrame) -> Rows | None:
    return np.unique(data[CLUSTER], return_inverse=True)[1] if CLUSTER in data else None


class _Zero:
    """The effect on a dummy outcome, in the form that DoWhy's test reads."""

    value = 0.0


def draw_outcome(
    expected: Array, observed: Array, random: np.random.RandomState, clusters: Rows | None = None
) -> Array:
    """Bernoulli draws for an outcome of two values, else expectation plus random residuals within the observed range.

    Residuals are shuffled over the rows. With clusters, each cluster keeps its residuals, all with one random sign, so
    that the simulated estimates vary as those of clustered rows do. Bernoulli draws ignore clusters.
    """
    low, high = observed.min(), observed.max()
    if np.isin(observed, [low, high]).all():
        return np.where(random.uniform(low, high, len(expected)) < expected, high, low)
    if clusters is None:
        residual = random.permutation(observed - expected)
    else:
        residual = random.choice([-1, 1], clusters.max() + 1)[clusters] * (observed - expected)
    return np.clip(expected + residual, low, high)
