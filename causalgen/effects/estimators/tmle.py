"""Targeted maximum likelihood estimation of the effect of a binary or categorical treatment."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from .adjustment import Array, Arrays
from .doubly_robust import DoublyRobust, Passing, RobustScores, bounded_weights, robust_scores

__all__ = ["TargetedLearning"]

EDGE = 1e-3  # outcome models are kept inside the outcome's range by this share of it
FURTHEST = 30.0


class TargetedLearning(DoublyRobust):
    r"""Cross-validated TMLE: the outcome models of `DoublyRobust`, shifted until they solve the effect's score equation.

    The outcome is scaled to [0, 1] by its declared range, or by the range seen. For each compared value v the
    out-of-fold means :math:`m_v` become :math:`\mathrm{expit}(\mathrm{logit}\, m_v + \epsilon_v)`, where
    :math:`\epsilon_v` solves

    .. math:: \sum_{t_i = v} \frac{h_i}{e_v(x_i)} (y_i - m_v(x_i)) = 0

    so that the weighted residuals which correct an AIPW estimate vanish, and the effect is the plain mean of
    :math:`m_b - m_a` over the population: no estimate leaves the range of the outcome, however extreme the weights are.
    The interval is that of the influence function.

    References:
        van der Laan and Rubin (2006), Targeted maximum likelihood learning; Zheng and van der Laan (2011), for the
        cross-validated form; Stitelman, De Gruttola and van der Laan (2012), for weights in place of a clever covariate.
    """

    def _scored(
        self, arrays: Arrays, values: tuple[float, float], nuisances: tuple[Array, Array], passing: Passing
    ) -> RobustScores:
        mean, propensity = nuisances
        low, high = self.bounds or (float(arrays.outcome.min()), float(arrays.outcome.max()))
        outcome = (arrays.outcome - low) / (high - low)
        start = np.clip((mean - low) / (high - low), EDGE, 1 - EDGE)
        balancing = bounded_weights(arrays, values, propensity)
        targeted = []
        for own, balanced, value in zip(start, balancing, values, strict=True):
            weights = arrays.weights * balanced * (arrays.treatment == value)
            targeted.append(expit(logit(own) + _shift(logit(own), outcome, weights)))
        return robust_scores(arrays, values, (low + (high - low) * np.stack(targeted), propensity), passing)


def _shift(index: Array, outcome: Array, weights: Array) -> float:
    """The shift of a linear index at which weighted residuals sum to 0; a large one if the outcome never varies."""
    ends = [float(weights @ (outcome - expit(index + end))) for end in (-FURTHEST, FURTHEST)]
    if ends[0] <= 0 or ends[1] >= 0:
        return -FURTHEST if ends[0] <= 0 else FURTHEST
    return float(brentq(lambda shift: weights @ (outcome - expit(index + shift)), -FURTHEST, FURTHEST, xtol=1e-12))
