r"""Predict-then-debias: proxies on all rows, corrected by a random sample of rows with assigned values.

.. math:: \hat\theta = \hat\theta_{lab}(x) + \omega\,\bigl(\hat\theta_{all}(\hat x) - \hat\theta_{lab}(\hat x)\bigr)

The bracket has mean 0 whatever the proxies are, because the labelled rows are a random sample; :math:`\omega` is the
weight of least variance, so poor proxies cost nothing and good ones narrow the interval. Variances come from the
influence functions of the three estimates.

References:
    Kluger, Lu, Zrnic, Wang and Bates (2025), Prediction-powered inference with imputed covariates and nonuniform
    sampling; Chen and Chen (2000), A unified approach to regression analysis under double-sampling designs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..estimators.adjustment import Influence

__all__ = ["Corrected", "group_sums", "predict_then_debias"]

Array = NDArray[np.float64]


class Corrected(NamedTuple):
    """A corrected effect, its standard error, and the weight given to the proxies."""

    effect: float
    error: float
    weight: float


def predict_then_debias(
    labelled: NDArray[np.bool_], groups: NDArray, assigned: Influence, proxied: Influence, everywhere: Influence
) -> Corrected:
    """Combine three estimates of one effect.

    Args:
        labelled: `(rows,)`, which rows have assigned values.
        groups: `(rows,)`, rows that share a source.
        assigned: Labelled rows, assigned values.
        proxied: Labelled rows, proxies.
        everywhere: All rows, proxies.
    """
    own, difference = np.zeros(len(labelled)), everywhere.influence / len(labelled)
    own[labelled] = assigned.influence / labelled.sum()
    difference[labelled] -= proxied.influence / labelled.sum()
    own, difference = group_sums(own, groups), group_sums(difference, groups)
    spread = float(difference @ difference)
    weight = -float(own @ difference) / spread if spread > 0 else 0.0
    effect = assigned.effect + weight * (everywhere.effect - proxied.effect)
    error = float(np.linalg.norm(own + weight * difference)) * np.sqrt(len(own) / (len(own) - 1))
    return Corrected(effect, float(error), weight)


def group_sums(contributions: Array, groups: NDArray) -> Array:
    """Sum of the rows' contributions in every group, `(groups,)`."""
    _, group = np.unique(groups, return_inverse=True)
    return np.bincount(group, contributions).astype(float)
