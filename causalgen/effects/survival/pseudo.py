r"""Pseudo-observations: a complete outcome in place of a censored one, with the same mean given treatment and covariates.

With the time T until the event, the time C until censoring, the horizon :math:`\tau`, and :math:`Y = \min(T, \tau)` or
:math:`Y = 1[T > \tau]`,

.. math:: Y^* = \frac{\Delta Y}{G(\tilde T-)} + \int m(u) \frac{dM_C(u)}{G(u)}

where G is the probability of being uncensored, :math:`m(u) = E[Y \mid T > u]`, and :math:`M_C` the martingale of
censoring. :math:`Y^*` has the conditional mean of Y when the model of censoring or that of the event is right. Both are
Cox models in every arm. Without covariates they are Kaplan-Meier curves, and :math:`Y^*` is the infinitesimal-jackknife
pseudo-observation of its arm; its mean there is the Kaplan-Meier estimate. Without censoring :math:`Y^* = Y`.

References:
    Andersen, Klein and Rosthøj (2003) and Andersen, Hansen and Klein (2004) for pseudo-observations; Robins and
    Finkelstein (2000) for weights by the inverse probability of censoring; Rubin and van der Laan (2007), A doubly
    robust censoring unbiased transformation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .hazards import fit_hazard

__all__ = ["FollowUp", "pseudo_observations"]

Array = NDArray[np.float64]

LEAST_UNCENSORED = 0.02
"""Minimum probability of being uncensored in a denominator."""
MOST_TIMES = 400
CELLS = 4_000_000


class FollowUp(NamedTuple):
    """Observed times of some rows.

    Attributes:
        time: Time of the event or of censoring, shape `(rows,)`.
        happened: Whether the event happened then, shape `(rows,)`.
        horizon: Time up to which the outcome is followed.
    """

    time: Array
    happened: NDArray[np.bool_]
    horizon: float

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Rows that are known to be free of the event at the horizon, `(rows,)`."""
        return (self.time > self.horizon) | ((self.time == self.horizon) & ~self.happened)

    @property
    def grid(self) -> Array:
        """Distinct times up to the horizon: all of them, or quantiles if there are many."""
        times = np.unique(self.time[~self.reached])
        if len(times) > MOST_TIMES:
            times = np.quantile(times, np.linspace(0, 1, MOST_TIMES), method="inverted_cdf")
        return times


def pseudo_observations(followed: FollowUp, features: Array) -> Array:
    """Pseudo-observations of min(T, horizon) and T > horizon, and the probability of no censoring, `(3, rows)`.

    The probability is that of the row up to its time or the horizon, before it is clipped away from 0.

    Args:
        followed: The observed times of the rows of one arm.
        features: Standardised features of the covariates, `(rows, features)`.
    """
    grid, reached = followed.grid, followed.reached
    complete, found = np.stack([np.minimum(followed.time, followed.horizon), reached]), np.ones((3, len(reached)))
    if (reached | followed.happened).all():
        found[:2] = complete
        return found
    place = np.where(reached, len(grid), np.searchsorted(grid, followed.time))
    fails = followed.happened & ~reached
    event = fit_hazard(features, place, fails, len(grid))
    # At equal times, events come before censoring: a row with an event is no longer at risk of censoring.
    censoring = fit_hazard(features, place + 1 - fails, ~fails & ~reached, len(grid) + 1)
    size = max(1, CELLS // (len(grid) + 1))
    for start in range(0, len(reached), size):
        rows = slice(start, start + size)
        free, uncensored = event.survival(features[rows]), censoring.survival(features[rows])
        means = _means(free, grid, followed.horizon)
        known = (reached | fails)[rows]
        found[:2, rows] = _transformed(complete[:, rows], known, place[rows], means, uncensored)
        found[2, rows] = uncensored[np.arange(len(known)), place[rows]]
    return found


def _means(free: Array, grid: Array, horizon: float) -> Array:
    """Mean outcomes of a row that is free of the event after each time, shape `(2, rows, times)`."""
    left = np.cumsum((free * np.diff(grid, append=horizon))[:, ::-1], axis=1)[:, ::-1]
    remaining = np.divide(left, free, out=np.zeros_like(left), where=free > 0)
    later = np.divide(free[:, -1:], free, out=np.zeros_like(left), where=free > 0)
    return np.stack([grid + remaining, later])


def _transformed(
    complete: Array, known: NDArray[np.bool_], place: NDArray[np.int64], means: Array, uncensored: Array
) -> Array:
    """The transformation at the top of the module; column k + 1 of `uncensored` is the probability after time k."""
    inverse = 1 / np.maximum(uncensored, LEAST_UNCENSORED)
    rows = np.arange(len(known))
    summed = np.cumsum(means * np.diff(inverse, axis=1), axis=2)
    summed = np.concatenate([np.zeros_like(summed[:, :, :1]), summed], axis=2)
    last = place + ~known  # times at which the row is at risk of censoring
    observed = np.where(known, complete, means[:, rows, np.minimum(place, means.shape[2] - 1)])
    return observed * inverse[rows, last] - summed[:, rows, last]
