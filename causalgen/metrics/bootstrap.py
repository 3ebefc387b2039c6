"""Intervals by the cluster bootstrap: whole groups are resampled, because units of one group resemble one another."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Interval", "bootstrap"]

DRAWS = 1000
BLOCK = 2**21
"""Maximum number of random numbers held at once."""


class Interval(NamedTuple):
    """An estimate with the bounds of its interval; NaN if the units do not determine it."""

    value: float
    low: float
    high: float


def bootstrap(
    numerator: ArrayLike,
    groups: ArrayLike,
    *,
    denominator: ArrayLike | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Return the mean over units, or the ratio of two sums, with the percentile interval over resampled groups.

    Args:
        numerator: One number per unit, `(N,)`.
        groups: Group of each unit, `(N,)`.
        denominator: One number per unit; None for ones, which gives the mean.
        level: Coverage of the interval.
        draws: Bootstrap samples.
        seed: Seed; the same seed and groups resample the same groups, so that rows of a table are compared in pairs.

    Source: Efron and Tibshirani, An introduction to the bootstrap, 1993, chapters 8 and 13.

    >>> bootstrap([1.0, 1.0, 3.0, 3.0], groups=[0, 0, 1, 1])
    Interval(value=2.0, low=1.0, high=3.0)
    """
    top = np.asarray(numerator, dtype=np.float64)
    bottom = np.ones_like(top) if denominator is None else np.asarray(denominator, dtype=np.float64)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if not len(top) or not bottom.sum():
        return Interval(np.nan, np.nan, np.nan)
    sums = np.stack([np.bincount(group, weights=column, minlength=len(names)) for column in (top, bottom)], axis=1)
    value = float(top.sum() / bottom.sum())
    if len(names) < 2:
        return Interval(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // len(names))
    totals = np.concatenate([_counts(rng, min(step, draws - i), len(names)) @ sums for i in range(0, draws, step)])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = totals[:, 0] / totals[:, 1]
    tail = (1 - level) / 2
    low, high = np.nanquantile(ratios, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _counts(rng: np.random.Generator, draws: int, groups: int) -> NDArray[np.int64]:
    """How often each group is drawn when `groups` of them are drawn with replacement, `(draws, groups)`."""
    chosen = rng.integers(groups, size=(draws, groups)) + groups * np.arange(draws)[:, None]
    return np.bincount(chosen.reshape(-1), minlength=draws * groups).reshape(draws, groups)
