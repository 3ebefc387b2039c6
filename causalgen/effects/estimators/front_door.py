"""Front-door adjustment by two regressions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from dowhy.causal_identifier import IdentifiedEstimand
from numpy.typing import NDArray

from ..table import numeric
from .adjustment import Array, Arrays
from .by_weights import ByWeights
from .outcome_model import OutcomeModel

__all__ = ["FrontDoor"]

POINTS = 20  # quantiles that represent a continuous treatment's distribution
MOST_NUMBERS = 1e7  # limit on features that are stored instead of rebuilt for every fit


class FrontDoor(ByWeights):
    r"""The effect of the mediators on the outcome given the treatment, averaged over the treatment's effect on them.

    .. math:: \nu(m) = \sum_{t'} E[y \mid m, t'] P(t'), \qquad \hat\tau = E[\nu(m) \mid t = b] - E[\nu(m) \mid t = a]

    Both expectations are flexible regressions, so no density of the mediators is fitted. There is no analytic standard
    error: the interval always comes from a bootstrap (percentiles) that refits both on the basis of the first fit.

    References:
        Pearl (1995); Fulcher, Shpitser, Marealle and Tchetgen Tchetgen (2020), Robust inference on population indirect
        causal effects.

    Args:
        identified_estimand: DoWhy's estimand with its identifier method set to "backdoor".
        mediators: Columns through which the whole effect passes.
        bounds: Range of the outcome; None when it has none.
        labels: Values of a discrete treatment with more than two, each of which gets an indicator; empty for a number.
    """

    def __init__(
        self,
        identified_estimand: IdentifiedEstimand,
        *,
        mediators: tuple[str, ...],
        bounds: tuple[float, float] | None = None,
        labels: tuple[float, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(identified_estimand, **options)
        self.mediators = mediators
        self.bounds = bounds
        self.labels = labels

    def estimate_effect(self, data: pd.DataFrame, *args: Any, **options: Any) -> CausalEstimate:
        self._mediated = numeric(data[list(self.mediators)])
        return super().estimate_effect(data, *args, **options)

    def _by_weights(self, arrays: Arrays, control: float, treated: float) -> Callable[[Array], Array]:
        values, group = _distribution(arrays.treatment, arrays.weights)
        through = self._features("outcome", arrays, np.column_stack([self._mediated, arrays.covariates]))
        moved = self._features("mediators", arrays, arrays.covariates)
        few = len(values) * through(None).size <= MOST_NUMBERS
        at = [through(value) for value in values] if few else []

        def means(weights: Array) -> Array:
            shares = np.bincount(group, weights=weights, minlength=len(values)) / weights.sum()
            outcome = OutcomeModel(self.bounds).fit(through(None), arrays.outcome, weights)
            found = at if few else map(through, values)
            reached = sum(share * outcome.predict(features) for share, features in zip(shares, found, strict=True))
            movement = OutcomeModel().fit(moved(None), np.asarray(reached), weights)
            under = np.stack([movement.predict(moved(value)) for value in (control, treated)])
            return under @ weights / weights.sum()

        return means

    def _features(self, role: str, arrays: Arrays, rest: Array) -> Callable[[float | None], Array]:
        """Features of treatment and other columns, as observed or at one value of the treatment."""
        columns = np.column_stack([self._treatment(arrays.treatment), rest])
        basis = self._basis(columns, arrays.units, role)
        seen = basis(columns)

        def features(value: float | None) -> Array:
            if value is None:
                return seen
            fixed = self._treatment(np.full(len(columns), value))
            return basis(np.column_stack([fixed, rest]))

        return features

    def _treatment(self, values: Array) -> Array:
        """The treatment as columns: a number, or one indicator for each label but the first."""
        if not self.labels:
            return values[:, None]
        return (values[:, None] == np.array(self.labels[1:])).astype(float)


def _distribution(treatment: Array, weights: Array) -> tuple[Array, NDArray[np.integer]]:
    """Values of the treatment, and which one represents each row; quantiles if there are many."""
    values, code = np.unique(treatment, return_inverse=True)
    if len(values) <= POINTS:
        return values, code
    places = np.arange(2 * POINTS + 1) / (2 * POINTS)
    cuts = np.quantile(treatment, places, weights=weights, method="inverted_cdf")
    return cuts[1::2], np.searchsorted(cuts[2:-1:2], treatment)
