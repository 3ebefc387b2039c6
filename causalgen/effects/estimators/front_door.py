"""Front-door adjustment by two regressions."""

from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_identifier import IdentifiedEstimand

from ..table import numeric
from .adjustment import AdjustmentEstimator, Array, Arrays, Stated
from .basis import FlexibleBasis
from .outcome_model import OutcomeModel

__all__ = ["FrontDoor"]

POINTS = 20  # quantiles that stand for a continuous treatment's distribution


class FrontDoor(AdjustmentEstimator):
    r"""How the mediators move the outcome at equal treatment, averaged over how the treatment moves the mediators.

    .. math:: \nu(m) = \sum_{t'} E[y \mid m, t'] P(t'), \qquad \hat\tau = E[\nu(m) \mid t = b] - E[\nu(m) \mid t = a]

    Both expectations are flexible regressions, so no density of the mediators is fitted. There is no analytic standard
    error: the interval always comes from a bootstrap (percentiles) that refits both.

    References:
        Pearl (1995); Fulcher, Shpitser, Marealle and Tchetgen Tchetgen (2020), Robust inference on population indirect
        causal effects.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        mediators: Columns through which the whole effect passes.
        bounds: Range of the outcome; None when it has none.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        mediators: tuple[str, ...],
        bounds: tuple[float, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.mediators = mediators
        self.bounds = bounds

    def estimate_effect(self, data: pd.DataFrame, *args: Any, **options: Any) -> CausalEstimate:
        self._mediated = numeric(data[list(self.mediators)])
        return super().estimate_effect(data, *args, **options)

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Stated:
        rest = np.column_stack([self._mediated, arrays.covariates])
        through = _Regression(arrays, rest, arrays.outcome, self.bounds)
        values, shares = _distribution(arrays.treatment, arrays.weights)
        reached = sum(share * through(value) for value, share in zip(values, shares, strict=True))
        moved = _Regression(arrays, arrays.covariates, np.asarray(reached), None)
        difference = moved(treated) - moved(control)
        return Stated(float(np.average(difference, weights=arrays.weights)), np.nan)


class _Regression:
    """A flexible regression on treatment and other columns, evaluated at a treatment value."""

    def __init__(self, arrays: Arrays, rest: Array, target: Array, bounds: tuple[float, float] | None) -> None:
        self._columns = np.column_stack([arrays.treatment, rest])
        self._basis = FlexibleBasis(self._columns, units=arrays.units)
        self._model = OutcomeModel(bounds).fit(self._basis(self._columns), target, arrays.weights)

    def __call__(self, value: float) -> Array:
        self._columns[:, 0] = value
        return self._model.predict(self._basis(self._columns))


def _distribution(treatment: Array, weights: Array) -> tuple[Array, Array]:
    """Values of the treatment with their shares; quantiles where there are many."""
    values, code = np.unique(treatment, return_inverse=True)
    if len(values) > POINTS:
        middle = (np.arange(POINTS) + 0.5) / POINTS
        return np.quantile(treatment, middle, weights=weights, method="inverted_cdf"), np.full(POINTS, 1 / POINTS)
    return values, np.bincount(code, weights=weights) / weights.sum()
