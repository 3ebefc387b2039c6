r"""Probabilities of causation of a binary treatment and a binary outcome: sharp bounds, and points under monotonicity.

With treatment values a (control) and b, and outcome values 0 and 1,

- PN, necessity: P(Y(a) = 0 | X = b, Y = 1): would the outcome have been absent without the treatment?
- PS, sufficiency: P(Y(b) = 1 | X = a, Y = 0): would the treatment have brought it about?
- PNS, both: P(Y(a) = 0, Y(b) = 1): the share of units that respond.

No data, experimental or observational, determine them without a further assumption; they bound them.

Reference:
    Tian and Pearl, Probabilities of causation: bounds and identification (2000).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DEFINITIONS", "Bounds", "causation_bounds"]

DEFINITIONS = {
    "PN": "probability of necessity: among units with treatment and outcome, the share that would have had no "
    "outcome without the treatment",
    "PS": "probability of sufficiency: among units with neither treatment nor outcome, the share in which the "
    "treatment would have produced the outcome",
    "PNS": "probability of necessity and sufficiency: the share of all units that have the outcome with the "
    "treatment and not without it",
}


class Bounds(NamedTuple):
    """Sharp bounds of a probability of causation, and its value if the treatment never prevents the outcome."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    monotone: NDArray[np.float64]


def causation_bounds(joint: ArrayLike, under_control: ArrayLike, under_treated: ArrayLike) -> dict[str, Bounds]:
    """Tian and Pearl's bounds of PN, PS and PNS from observational and interventional probabilities.

    Args:
        joint: P(X, Y) with shape `(..., 2, 2)`: first index 1 where X = b, second the outcome.
        under_control: P(Y = 1 | do(X = a)), shape `(...)`.
        under_treated: P(Y = 1 | do(X = b)), shape `(...)`.

    Returns:
        PN, PS and PNS, each with arrays of shape `(...)`. `monotone` is the value under monotonicity (no unit has
        the outcome under a and not under b); it is not clipped: a value below 0 contradicts monotonicity. PN and PS are
        NaN if no unit is in their group.

    >>> bounds = causation_bounds([[0.4, 0.1], [0.2, 0.3]], under_control=0.2, under_treated=0.6)
    >>> [round(float(number), 3) for number in bounds["PNS"]]
    [0.4, 0.6, 0.4]
    """
    p = np.asarray(joint, dtype=np.float64)
    p00, p01, p10, p11 = p[..., 0, 0], p[..., 0, 1], p[..., 1, 0], p[..., 1, 1]
    ya, yb = np.asarray(under_control, dtype=np.float64), np.asarray(under_treated, dtype=np.float64)
    y = p01 + p11
    effect = yb - ya
    low = np.max(np.broadcast_arrays(0.0, effect, y - ya, yb - y), axis=0)
    high = np.min(np.broadcast_arrays(yb, 1 - ya, p11 + p00, effect + p10 + p01), axis=0)
    among11, among00 = (np.where(p > 0, p, np.nan) for p in (p11, p00))
    necessity, sufficiency = (y - ya) / among11, (yb - y) / among00
    return {
        "PN": Bounds(np.maximum(0, necessity), np.minimum(1, (1 - ya - p00) / among11), necessity),
        "PS": Bounds(np.maximum(0, sufficiency), np.minimum(1, (yb - p11) / among00), sufficiency),
        "PNS": Bounds(low, high, effect),
    }
