"""Intervals that hold for several estimates at once, from their joint covariance."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["joint_covariance", "simultaneous_reach"]

Array = NDArray[np.float64]

DRAWS = 20_000


def joint_covariance(influence: Array, clusters: NDArray[np.int64] | None) -> Array:
    """Covariance of estimates, `(estimates, estimates)`, from every row's influence, `(rows, estimates)`; clusters count."""
    rows = len(influence)
    if clusters is not None:
        influence = np.column_stack([np.bincount(clusters, weights=column) for column in influence.T])
    return np.atleast_2d(np.cov(influence, rowvar=False)) * len(influence) / rows**2


def simultaneous_reach(covariance: Array, freedom: float, level: float, seed: int) -> float:
    """Half-width, in standard errors, of intervals that hold for all estimates at once: quantile of the largest |t|.

    Args:
        covariance: Of the estimates.
        freedom: Degrees of freedom of the standard errors; may be infinite.
        level: Probability that all intervals hold.
        seed: Seed of the draws.

    References:
        Hothorn, Bretz and Westfall (2008), Simultaneous inference in general parametric models.

    >>> [round(simultaneous_reach(np.eye(count), np.inf, 0.9, 0), 1) for count in (1, 4)]
    [1.6, 2.2]
    >>> round(simultaneous_reach(np.diag([1, 1e-60]), np.inf, 0.9, 0), 1)  # whatever the scales of the estimates
    2.0
    """
    rng, error = np.random.default_rng(seed), np.sqrt(np.diag(covariance))
    scale = np.where(error > 0, error, 1.0)
    correlation = covariance / np.outer(
        scale, scale
    )  # rounding in a covariance would swamp estimates with small errors
    drawn = rng.multivariate_normal(np.zeros(len(error)), correlation, DRAWS, method="eigh")
    largest = np.abs(drawn).max(axis=1)
    if np.isfinite(freedom):
        largest /= np.sqrt(rng.chisquare(freedom, DRAWS) / freedom)
    return float(np.quantile(largest, level))
