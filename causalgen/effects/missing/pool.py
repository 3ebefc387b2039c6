"""Rubin's rules: one estimate and one interval from those of several completed tables."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

__all__ = ["Pooled", "pool"]


class Pooled(NamedTuple):
    """A pooled estimate.

    Attributes:
        value: Mean of the estimates.
        error: Standard error, including the spread between tables.
        freedom: Barnard and Rubin's degrees of freedom.
        fraction: Fraction of missing information: the share of the variance that the missing values cause.
    """

    value: float
    error: float
    freedom: float
    fraction: float

    def interval(self, level: float) -> tuple[float, float]:
        """Student's t interval."""
        reach = float(student.ppf(0.5 + level / 2, self.freedom)) * self.error
        return self.value - reach, self.value + reach


def pool(values: Sequence[float], errors: Sequence[float], freedom: float) -> Pooled:
    r"""Pool estimates of completed tables.

    .. math:: T = \bar W + (1 + 1/m) B, \quad \lambda = (1 + 1/m) B / T, \quad
        \nu = \left(\frac{\lambda^2}{m - 1} + \frac{\nu + 3}{(\nu + 1)\,\nu\,(1 - \lambda)}\right)^{-1}

    with the mean :math:`\bar W` of the squared standard errors, the variance B of the estimates, and on the right the
    degrees of freedom :math:`\nu` of a complete table.

    References:
        Rubin (1987), Multiple imputation for nonresponse in surveys; Barnard and Rubin (1999), Small-sample degrees of
        freedom with multiple imputation.

    Args:
        values: Estimates, at least two.
        errors: Their standard errors.
        freedom: Degrees of freedom that a complete table would have; may be infinite.

    >>> one = pool([1.0, 1.2, 0.8], [0.3, 0.3, 0.3], 97)
    >>> round(one.value, 2), round(one.error, 3), round(one.freedom, 1), round(one.fraction, 2)
    (1.0, 0.379, 11.6, 0.46)
    """
    count, within = len(values), float(np.mean(np.square(errors)))
    between = (1 + 1 / count) * float(np.var(values, ddof=1))
    total = within + between
    share = between / total if total else 0.0
    observed = (1 - share) * (freedom if np.isinf(freedom) else freedom * (freedom + 1) / (freedom + 3))
    inverse = share**2 / (count - 1) + (1 / observed if observed else np.inf)
    left = 1 / inverse if inverse else np.inf
    fraction = share if not within else (between / within + 2 / (left + 3)) / (1 + between / within)
    return Pooled(float(np.mean(values)), float(np.sqrt(total)), left, fraction)
