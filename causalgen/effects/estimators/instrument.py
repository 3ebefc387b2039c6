"""Two-stage least squares with one instrument, and an interval that stays valid when the instrument is weak."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from dowhy.causal_estimator import CausalEstimate
from scipy.stats import t as student

from ...errors import DataError
from .adjustment import AdjustmentEstimator, Array, Arrays, Influence
from .linear import remainder

__all__ = ["InstrumentalVariables"]

STRONG_INSTRUMENT = 10
FREE = 1e-6  # a share of the instrument's spread below this is rounding


class _Moments(NamedTuple):
    """Sums of instrument times outcome and instrument times treatment, with the covariance of their errors."""

    outcome: float
    treatment: float
    covariance: Array
    freedom: float


class InstrumentalVariables(AdjustmentEstimator):
    r"""Effect of the instrument on the outcome, divided by its effect on the treatment (Wald), times the contrast.

    .. math:: \hat\tau = (b - a) \frac{\sum_i w_i \tilde z_i \tilde y_i}{\sum_i w_i \tilde z_i \tilde t_i}

    where a tilde marks the residual of a linear regression on the conditioning variables. With a binary treatment and
    a monotone instrument (no defiers), it is the average effect among the compliers. The interval is Anderson and
    Rubin's: it keeps its level however weak the instrument is, and may be unbounded. Interval and standard error are
    robust to unequal variance and to clusters. DoWhy's estimator gives the same number without covariates, but only a
    bootstrap standard error, which fails when the instrument is weak.

    References:
        Imbens and Angrist (1994); Anderson and Rubin (1949); Andrews, Stock and Sun (2019), Weak instruments in
        instrumental variables regression.

    Args:
        identified_estimand: DoWhy's estimand with identifier method "iv" and one instrumental variable.
    """

    def fit(self, data: pd.DataFrame, effect_modifier_names: Any = None) -> "InstrumentalVariables":
        super().fit(data, effect_modifier_names)
        # DoWhy's placebo refuter reads this name and shuffles the instrument together with the treatment.
        self.estimating_instrument_names = list(self._target_estimand.instrumental_variables)
        return self

    def estimate_effect(self, data: pd.DataFrame, *args: Any, **options: Any) -> CausalEstimate:
        self._instrument = data[self.estimating_instrument_names[0]].to_numpy(dtype=float)
        return super().estimate_effect(data, *args, **options)

    @property
    def first_stage(self) -> float:
        """Robust F statistic of the first stage, which with one instrument is the effective F."""
        return float(self._moments.treatment**2 / self._moments.covariance[1, 1])

    @property
    def doubts(self) -> tuple[str, ...]:
        """Warns of a weak instrument."""
        if self.first_stage >= STRONG_INSTRUMENT:
            return ()
        return (
            f"Weak instrument: the first stage of '{self.estimating_instrument_names[0]}' has F = {self.first_stage:.1f}, "
            f"below {STRONG_INSTRUMENT}; the estimate is biased towards the association, and only Anderson and "
            "Rubin's interval, which is reported here, keeps its level (it is left out if unbounded).",
        )

    def _influence(self, arrays: Arrays, control: float, treated: float) -> Influence:
        covariates, weights = arrays.covariates, arrays.weights
        instrument, treatment, outcome = (
            remainder(covariates, values, weights) for values in (self._instrument, arrays.treatment, arrays.outcome)
        )
        if instrument.std() <= FREE * self._instrument.std():
            raise DataError(
                f"Expected the instrument '{self.estimating_instrument_names[0]}' to vary among rows with equal "
                f"{', '.join(map(str, self._covariates))}; they determine it. Look for another instrument."
            )
        pull = weights * instrument
        slope = float(pull @ outcome / (pull @ treatment))
        self._change = treated - control
        influence = pull * (outcome - slope * treatment) * (len(pull) / (pull @ treatment)) * self._change
        result = Influence(slope * self._change, influence - influence.mean(), arrays.clusters)
        self._moments = _moments(pull, instrument, treatment, outcome, result)
        return result

    def _estimate_confidence_intervals(self, confidence_level: float, method: Any = None) -> tuple[float, float]:
        y, t, v, freedom = self._moments
        critical = student.ppf(0.5 + confidence_level / 2, freedom) ** 2
        # Slopes s with (y - s t)^2 <= critical * variance(y - s t): a quadratic inequality a s^2 - 2 b s + c <= 0.
        a, b, c = t**2 - critical * v[1, 1], y * t - critical * v[0, 1], y**2 - critical * v[0, 0]
        if a <= 0 or b**2 < a * c:
            return -np.inf, np.inf
        ends = self._change * (b + np.array([-1, 1]) * np.sqrt(b**2 - a * c)) / a
        return float(ends.min()), float(ends.max())


def _moments(pull: Array, instrument: Array, treatment: Array, outcome: Array, found: Influence) -> _Moments:
    sums = np.array([pull @ outcome, pull @ treatment])
    # Both regressions on the instrument leave these residuals; their products with it are the errors of the sums.
    left = np.column_stack([outcome, treatment]) - np.outer(instrument, sums) / (pull @ instrument)
    errors = pull[:, None] * left
    if found.clusters is not None:
        errors = np.column_stack([np.bincount(found.clusters, weights=column) for column in errors.T])
    scale = len(errors) / (len(errors) - 1)
    return _Moments(float(sums[0]), float(sums[1]), scale * errors.T @ errors, found.freedom)
