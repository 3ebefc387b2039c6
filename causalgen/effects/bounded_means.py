"""Intervals of means that have bounds, such as risks: made on the logit scale, they stay between them."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

__all__ = ["Bounds", "from_logits", "logit_errors", "to_logits"]

Array = NDArray[np.float64]
Bounds = tuple[float, float]
EDGE = 1e-12
"""Means count as at least this share of the width away from both bounds."""
UNKNOWN = 1e3
"""Standard error of the logit of a mean nearer to a bound than that, which the delta method cannot give."""


def to_logits(means: Array, bounds: Bounds | None) -> Array:
    """Logits of the place of each mean between the bounds; the means themselves without bounds."""
    return means if bounds is None else logit(_shares(means, bounds))


def from_logits(values: Array, bounds: Bounds | None) -> Array:
    """The inverse of `to_logits`."""
    return values if bounds is None else bounds[0] + (bounds[1] - bounds[0]) * expit(values)


def logit_errors(means: Array, errors: Array, bounds: Bounds | None) -> Array:
    """Standard errors of `to_logits(means)` from those of the means (delta method)."""
    if bounds is None:
        return errors
    shares = _shares(means, bounds)
    inside = (shares > EDGE) & (shares < 1 - EDGE)
    return np.where(inside, errors / (bounds[1] - bounds[0]) / (shares * (1 - shares)), UNKNOWN)


def _shares(means: Array, bounds: Bounds) -> Array:
    return np.clip((means - bounds[0]) / (bounds[1] - bounds[0]), EDGE, 1 - EDGE)
