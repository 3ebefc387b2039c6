"""Calibrated propensities: does a propensity of 20 % mean that 20 % of such rows are treated?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import chi2

from .outcome_model import OutcomeModel

__all__ = ["Calibration", "calibrated_propensities"]

Array = NDArray[np.float64]

LEAST = 1e-6
SIGNIFICANCE = 0.01
MATERIAL = 0.2
"""Minimum distance of the slope from 1 that counts: below it, the weights barely change."""


class Calibration(NamedTuple):
    """Logistic regression of membership on the log odds of its propensity; calibrated: intercept 0, slope 1.

    Attributes:
        intercept: Above 0 where the propensities are too low.
        slope: Below 1 if they are too extreme, above 1 if they are too moderate; 0 if they predict nothing, so that the
            share of members replaces them.
        p_value: Likelihood ratio test that they are calibrated.
    """

    intercept: float
    slope: float
    p_value: float

    @property
    def fails(self) -> bool:
        """Whether the propensities are miscalibrated beyond chance, and by enough to matter."""
        return self.p_value < SIGNIFICANCE and abs(self.slope - 1) > MATERIAL


def calibrated_propensities(
    propensity: Array, members: NDArray, weights: Array, units: int
) -> tuple[Array, tuple[Calibration, ...]]:
    """Recalibrate miscalibrated cross-fitted propensities by Platt scaling.

    Two numbers that all rows determine together leak no information about a single row, so no further split into folds
    is needed.

    Args:
        propensity: Cross-fitted probabilities of the two compared values, `(2, rows)`.
        members: Whether each row has each value, `(2, rows)`.
        weights: Sampling weights of mean 1, `(rows,)`.
        units: Number of clusters, or of rows without clusters.

    Returns:
        The probabilities, unchanged where they are calibrated, and each value's calibration.

    References:
        Platt (1999), Probabilistic outputs for support vector machines; Ballinari and Bearth (2024), Improving the finite
        sample estimation of average treatment effects using double/debiased machine learning with propensity score
        calibration.
    """
    two = bool(np.all(members[0] ^ members[1]))
    found, calibrations = propensity.copy(), []
    for which in (1,) if two else (0, 1):
        calibration, calibrated = _calibrate(propensity[which], members[which].astype(float), weights, units)
        calibrations.append(calibration)
        if calibration.fails:
            found[which] = calibrated
    if two:
        found[0] = 1 - found[1]
    return found, tuple(calibrations)


def _calibrate(propensity: Array, member: Array, weights: Array, units: int) -> tuple[Calibration, Array]:
    odds = logit(np.clip(propensity, LEAST, 1 - LEAST))
    model = OutcomeModel((0.0, 1.0), penalty=0.0).fit(odds[:, None], member, weights)
    intercept, slope = model.intercept_, float(model.coef_[0])
    if slope < 0:  # happens for a randomised treatment: a row's own value lowers the other rows' prediction for it
        intercept, slope = float(logit(np.average(member, weights=weights))), 0.0
    calibrated = expit(intercept + slope * odds)
    gain = _deviance(expit(odds), member, weights) - _deviance(calibrated, member, weights)
    p_value = float(chi2.sf(max(gain, 0.0) * units / len(member), 2))
    return Calibration(intercept, slope, p_value), calibrated


def _deviance(propensity: Array, member: Array, weights: Array) -> float:
    likely = np.clip(np.where(member == 1, propensity, 1 - propensity), LEAST, None)
    return -2 * float(weights @ np.log(likely))
