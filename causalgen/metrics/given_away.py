"""Which training units lie so far below all others that the model must have memorised them?"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

__all__ = ["given_away"]

LEVEL = 0.002
"""Probability that any unit of a model that copies none is flagged, if the numbers are normal; real tails are longer."""
QUANTILES = (0.25, 0.05)
"""Lower quantiles that measure the spread: a few memorised units do not move them; the lower one fits a long tail."""


def given_away(training: NDArray, held: NDArray) -> NDArray[np.bool_]:
    """Return the training units whose number is lower than chance explains, bool `(N,)`.

    A training unit is compared with the other training units, since all of them fit a little better than held-out ones do. It
    is flagged if it is an outlier among them, and lower than every held-out unit. If even the median of the training
    units lies below every held-out unit, all are memorised, and they are compared with the held-out units alone.

    Args:
        training: One number for each training unit, `(N,)`, low if the model has memorised it.
        held: The same for held-out units, `(M,)`.
    """
    below = held[held <= np.median(held)] - np.median(held)
    spread, middle = float(np.sqrt(np.square(below).mean())), float(np.median(training))
    if middle < held.min():
        middle = float(np.median(held))
    else:
        spread = max(spread, *((middle - np.quantile(training, q)) / -norm.ppf(q) for q in QUANTILES))
    limit = middle + norm.ppf(LEVEL / len(training)) * spread
    flagged: NDArray[np.bool_] = training < min(limit, held.min())
    return flagged
