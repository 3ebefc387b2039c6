"""Estimate again with the report's methods: another outcome, another treatment, one more covariate."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from dowhy.causal_estimator import CausalEstimate, CausalEstimator
from dowhy.causal_identifier import IdentifiedEstimand
from scipy.stats import t as student

from ..estimators.adjustment import TARGET_UNITS, AdjustmentEstimator
from ..estimators.first_fit import FirstFit
from ..estimators.linear import LinearAdjustment
from ..estimators.methods import METHODS
from ..identification import unadjusted_estimand
from ..quiet import quiet_dowhy
from ..recommended import method_of
from ..report import EffectReport, Estimate
from ..table import EncodedTable

__all__ = [
    "NAIVE",
    "contrast_of",
    "fitted",
    "freedom_of",
    "p_value",
    "refit",
    "repeatable",
    "standard_error",
    "with_covariate",
]

NAIVE = "naive"
LEVEL = 0.95


def repeatable(report: EffectReport) -> list[Estimate]:
    """The adjusted estimates that can be repeated in the population of the recommended one."""
    population = report.estimate.population
    rows = [row for row in report.estimates if row.kind == "adjusted" and row.population == population]
    return [row for row in rows if row.method in METHODS]


def refit(
    table: EncodedTable,
    names: Sequence[str],
    *,
    adjust_naive: Sequence[str] = (),
    population: str = "whole",
    seed: int = 0,
    kept: dict[str, FirstFit] | None = None,
) -> dict[str, Estimate]:
    """Effects of the table's contrast, adjusted for all its covariates, by the named methods.

    Sampling weights and clusters count as they do in a report.

    Args:
        table: Treatment, outcome and covariates.
        names: Sources of estimates; "naive" is the linear estimate without the covariates.
        adjust_naive: The covariates that even the naive estimate adjusts for.
        population: Population that the adjusted effects average over.
        seed: Seed of folds.
        kept: Choices of the first fit of each method; the first call fills it, and later ones reuse it. None if fits
            are independent.

    Returns:
        Name -> estimate with its 95 % interval.
    """
    estimates = {}
    for name in names:
        if name == NAIVE:
            estimator = LinearAdjustment(
                _estimand(table, [*table.held, *adjust_naive]), discrete=table.kind == "categorical"
            )
            with quiet_dowhy():
                estimates[name] = _as_estimate(name, contrast_of(estimator, table, "whole"), "whole")
        else:
            first = None if kept is None else kept.setdefault(name, FirstFit())
            found = fitted(table, name, population=population, seed=seed, kept=first)
            estimates[name] = _as_estimate(name, found, population)
    return estimates


def fitted(
    table: EncodedTable, name: str, *, population: str = "whole", seed: int = 0, kept: FirstFit | None = None
) -> CausalEstimate:
    """DoWhy's estimate by the method of a source; with `kept`, using the choices of the first fit."""
    estimator: CausalEstimator = METHODS[method_of(name)].build(
        _estimand(table, list(map(str, table.covariates))), table, seed
    )
    if kept is not None and isinstance(estimator, AdjustmentEstimator):
        estimator = estimator.keep(kept)
    with quiet_dowhy():
        return contrast_of(estimator, table, population)


def with_covariate(table: EncodedTable, name: str, values: np.ndarray) -> EncodedTable:
    """The table with one more covariate."""
    return replace(table, data=table.data.assign(**{name: values}))


def freedom_of(table: EncodedTable) -> float:
    """Degrees of freedom of the standard errors: clusters minus one; infinite where rows are independent."""
    clusters = table.clusters
    return np.inf if clusters is None else float(clusters.max())


def p_value(estimate: Estimate, table: EncodedTable) -> float | None:
    """Two-sided p-value of an estimate with its 95 % interval, made from `table`; hypothesis: the effect is 0."""
    error = standard_error(estimate, table)
    return float(2 * student.sf(abs(estimate.value) / error, freedom_of(table))) if error else None


def standard_error(estimate: Estimate, table: EncodedTable) -> float | None:
    """Standard error behind the 95 % interval of an estimate made from `table`; None without an interval."""
    if estimate.low is None or estimate.high is None:
        return None
    return float((estimate.high - estimate.low) / (2 * student.ppf(0.5 + LEVEL / 2, freedom_of(table))))


def _estimand(table: EncodedTable, adjustment: Sequence[str]) -> IdentifiedEstimand:
    estimand = unadjusted_estimand(*table.names)
    estimand.set_adjustment_set(list(adjustment))
    return estimand


def contrast_of(estimator: CausalEstimator, table: EncodedTable, population: str) -> CausalEstimate:
    """DoWhy's estimate of the table's contrast in a population, by an estimator that is fitted to the table."""
    contrast = {"treatment_value": table.treated, "control_value": table.control}
    return estimator.fit(table.data).estimate_effect(table.data, **contrast, target_units=TARGET_UNITS[population])


def _as_estimate(name: str, estimate: CausalEstimate, population: str) -> Estimate:
    low, high = estimate.get_confidence_intervals(confidence_level=LEVEL)
    kind: Literal["naive", "adjusted"] = "naive" if name == NAIVE else "adjusted"
    finite = bool(np.isfinite([low, high]).all())
    ends = (float(low), float(high)) if finite else (None, None)
    return Estimate(name, float(estimate.value), ends[0], ends[1], kind, population=population)
