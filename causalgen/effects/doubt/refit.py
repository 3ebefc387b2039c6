"""Estimate again with the report's methods: another outcome, another treatment, one more covariate."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand
from scipy.stats import norm

from ..estimators.linear import LinearAdjustment
from ..estimators.methods import METHODS
from ..identification import unadjusted_estimand
from ..quiet import quiet_dowhy
from ..report import Estimate
from ..table import EncodedTable

__all__ = ["NAIVE", "p_value", "refit", "with_covariate"]

NAIVE = "naive"
LEVEL = 0.95


def refit(
    table: EncodedTable, names: Sequence[str], *, adjust_naive: Sequence[str] = (), seed: int = 0
) -> dict[str, Estimate]:
    """Effects of the table's contrast, adjusted for all its covariates, by the named methods.

    Args:
        table: Treatment, outcome and covariates.
        names: Keys of `METHODS`; "naive" is the linear estimate without the covariates.
        adjust_naive: The covariates that the naive estimate adjusts for all the same.
        seed: Seed of folds.

    Returns:
        Name -> estimate with its 95 % interval.
    """
    estimates = {}
    with quiet_dowhy():
        for name in names:
            if name == NAIVE:
                estimator: CausalEstimator = LinearAdjustment(_estimand(table, adjust_naive))
            else:
                estimator = METHODS[name].build(_estimand(table, [str(name) for name in table.covariates]), table, seed)
            estimates[name] = _as_estimate(name, _fit(estimator, table))
    return estimates


def with_covariate(table: EncodedTable, name: str, values: np.ndarray) -> EncodedTable:
    """The table with one more covariate."""
    return replace(table, data=table.data.assign(**{name: values}))


def p_value(estimate: Estimate) -> float | None:
    """Two-sided p-value of a normal estimate with its 95 % interval; hypothesis: the effect is 0."""
    if estimate.low is None or estimate.high is None or estimate.high == estimate.low:
        return None
    error = (estimate.high - estimate.low) / (2 * norm.ppf(0.5 + LEVEL / 2))
    return float(2 * norm.sf(abs(estimate.value) / error))


def _estimand(table: EncodedTable, adjustment: Sequence[str]) -> IdentifiedEstimand:
    estimand = unadjusted_estimand(*table.names)
    estimand.set_adjustment_set(list(adjustment))
    return estimand


def _fit(estimator: CausalEstimator, table: EncodedTable) -> CausalEstimate:
    contrast = {"treatment_value": table.treated, "control_value": table.control}
    return estimator.fit(table.data).estimate_effect(table.data, **contrast, target_units="ate")


def _as_estimate(name: str, estimate: CausalEstimate) -> Estimate:
    low, high = estimate.get_confidence_intervals(confidence_level=LEVEL)
    return Estimate(name, float(estimate.value), float(low), float(high), "naive" if name == NAIVE else "adjusted")
