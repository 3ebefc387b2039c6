"""E-values: how strong must a hidden confounder be, on the risk-ratio scale, to explain an estimate away?

References:
    VanderWeele and Ding, Sensitivity analysis in observational research: introducing the E-value (2017).
    Chinn, A simple method for converting an odds ratio to effect size (2000), and VanderWeele, On a square-root
    transformation of the odds ratio for a common outcome (2017), for exp(0.91 d): the root of the odds ratio exp(1.81 d).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..estimators.basis import FlexibleBasis
from ..estimators.outcome_model import OutcomeModel
from ..overlap import population_weights, propensities
from ..report import Estimate
from ..table import EncodedTable, numeric
from .columns import compared, other_labels
from .robustness import CovariateBenchmark

__all__ = ["EValue", "e_value", "e_values", "risk_ratio_of_difference"]

PER_STANDARD_DEVIATION = 0.91


@dataclass(frozen=True)
class EValue:
    """How strong a hidden confounder must be to explain one estimate away.

    Attributes:
        estimate: Source of the estimate.
        risk_ratio: The estimate as a risk ratio.
        risk_ratio_limit: The end of its interval nearest to 1; None without an interval.
        value: E-value of the estimate, at least 1.
        limit: E-value of that end, 1 if the interval contains "no effect"; None without an interval.
        scale: How the risk ratio is computed, as text.
        like: The observed covariate for which an equally strong hidden one would move the estimate most, and how much
            it multiplies the risks of treatment and outcome, as text; empty without one.
    """

    estimate: str
    risk_ratio: float
    risk_ratio_limit: float | None
    value: float
    limit: float | None
    scale: str
    like: str = ""

    @property
    def reading(self) -> str:
        """The E-values as text, and what they cannot show."""
        words = (
            "To explain the estimate away, a hidden common cause must multiply the outcome's risk by "
            f"{self.value:.2f} and be equally strongly associated with the treatment, beyond the adjustment set"
        )
        if self.limit is not None:
            words += (
                ". The interval already includes no effect (E-value 1)"
                if self.limit == 1
                else f"; to make the interval include no effect, by {self.limit:.2f}"
            )
        return f"{words}. {self.like}{self.scale} It cannot show whether such a cause exists."


def e_value(risk_ratio: float) -> float:
    """The E-value of a risk ratio: RR + sqrt(RR (RR - 1)), of the inverse below 1.

    >>> round(e_value(3.9), 2), round(e_value(1 / 3.9), 2), e_value(1)
    (7.26, 7.26, 1.0)
    """
    above = max(risk_ratio, 1 / risk_ratio if risk_ratio else np.inf)
    return float(above + np.sqrt(above * (above - 1)))


def risk_ratio_of_difference(difference: float, deviation: float) -> float:
    """Approximate risk ratio of a difference of means: exp(0.91 difference / deviation).

    It approximates the risk ratio of the outcome cut in two at a common value.
    """
    return float(np.exp(PER_STANDARD_DEVIATION * difference / deviation))


def e_values(
    table: EncodedTable,
    estimates: Sequence[Estimate],
    *,
    population: str = "whole",
    strongest: CovariateBenchmark | None = None,
    seed: int = 0,
) -> tuple[EValue, ...]:
    """E-values of estimates made from `table`, whose contrast and population must be those of the estimates.

    `seed` splits the folds of the propensities that define the overlap population. `strongest` is the observed covariate
    to compare a hidden cause with.
    """
    like = "" if strongest is None else _like(strongest)
    values = table.data[table.names[1]].to_numpy(dtype=float)
    if np.isin(values, [0, 1]).all():
        base = _risk_under_control(table, population, seed)
        scale = (
            f"Risk ratio against the adjusted risk {base:.3g} under the first value of the contrast, taken as known."
        )

        def ratio(effect: float) -> float:
            return float(np.clip(base + effect, 0, 1)) / base
    else:
        centred = values - np.average(values, weights=table.weights)
        deviation = float(np.sqrt(np.sum(table.weights * centred**2) / (len(values) - 1)))
        scale = f"Approximate risk ratio exp(0.91 effect / {deviation:.3g}), the outcome's standard deviation."

        def ratio(effect: float) -> float:
            return risk_ratio_of_difference(effect, deviation)

    return tuple(
        replace(_of(row, ratio(row.value), _nearest_to_none(row, ratio), scale), like=like) for row in estimates
    )


def _like(benchmark: CovariateBenchmark) -> str:
    """A covariate's strength as risk ratios: those of its upper half against its lower half."""
    treatment, outcome = map(risk_ratio_of_share, (benchmark.share_treatment, benchmark.share_outcome))
    return (
        f"For comparison: the observed covariate {benchmark.covariate} multiplies the risk of the treatment by about "
        f"{treatment:.2f} and that of the outcome by about {outcome:.2f}. "
    )


def risk_ratio_of_share(share: float) -> float:
    """Approximate risk ratio between two halves of the rows that explain this share of a variance.

    Two equal halves whose means differ by d deviations of all rows explain d^2 / 4 of the variance. The E-value itself
    divides by the same deviation, so both are on one scale.

    >>> round(risk_ratio_of_share(0.0), 2), round(risk_ratio_of_share(0.2), 2)
    (1.0, 2.26)
    """
    return risk_ratio_of_difference(2 * np.sqrt(share), 1.0)


def _nearest_to_none(row: Estimate, ratio: Callable[[float], float]) -> float | None:
    if row.low is None or row.high is None:
        return None
    return 1.0 if row.low <= 0 <= row.high else ratio(row.low if row.value > 0 else row.high)


def _of(row: Estimate, ratio: float, limit: float | None, scale: str) -> EValue:
    return EValue(row.source, ratio, limit, e_value(ratio), None if limit is None else e_value(limit), scale)


def _risk_under_control(table: EncodedTable, population: str, seed: int) -> float:
    """Mean over a population of a logistic model of the outcome, every treatment set to the contrast's first value."""
    outcome = table.data[table.names[1]].to_numpy(dtype=float)
    covariates, others = numeric(table.covariates.drop(columns=list(table.held))), other_labels(table)
    first = 0.0 if table.kind == "categorical" else table.control
    seen = np.column_stack([compared(table)[0], others, covariates])
    held = others.assign(**table.held) if table.held else np.zeros(others.shape)
    unset = np.column_stack([np.full(len(seen), first), held, covariates])
    basis = FlexibleBasis(seen)
    model = OutcomeModel((0.0, 1.0)).fit(basis(seen), outcome, table.weights)
    propensity = propensities(table, seed=seed) if population == "overlap" else np.zeros((2, len(seen)))
    shares = population_weights(table, population, propensity)
    return float(np.average(model.predict(basis(unset)), weights=shares))
