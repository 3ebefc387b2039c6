"""The effective sample size of weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["effective_size"]


def effective_size(weights: ArrayLike) -> NDArray[np.float64]:
    """Kish's effective sample size: the number of equal weights with the same precision, along the last axis.

    >>> effective_size([1, 1, 1, 1]).item(), effective_size([[3, 1, 0], [1, 0, 0]]).tolist()
    (4.0, [1.6, 1.0])
    """
    found = np.asarray(weights, dtype=float)
    return found.sum(axis=-1) ** 2 / (found**2).sum(axis=-1)
