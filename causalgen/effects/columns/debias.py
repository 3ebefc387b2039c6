r"""Predict-then-debias: proxies on all rows, corrected by a random sample of rows with assigned values.

.. math:: \hat\theta = \hat\theta_{lab}(x) + \omega\,\bigl(\hat\theta_{all}(\hat x) - \hat\theta_{lab}(\hat x)\bigr)

The bracket has mean 0 whatever the proxies are, because the labelled rows are a random sample; :math:`\omega` is the
weight that minimises the variance, so poor proxies do no harm and good ones narrow the interval. Variances come from
the influence functions of the three estimates.

References:
    Kluger, Lu, Zrnic, Wang and Bates (2025), Prediction-powered inference with imputed covariates and nonuniform
    sampling; Chen and Chen (2000), A unified approach to regression analysis under double-sampling designs.
"""

import numpy as np
from numpy.typing import NDArray

from ..estimators.adjustment import Influence, Stated

__all__ = ["grouped_error", "predict_then_debias"]

Array = NDArray[np.float64]


def predict_then_debias(
    labelled: NDArray[np.bool_], groups: NDArray, assigned: Influence, proxied: Influence, everywhere: Influence
) -> tuple[Stated, float]:
    """Combine three estimates of one effect; also the weight given to the proxies.

    Args:
        labelled: `(rows,)`, which rows have assigned values.
        groups: `(rows,)`, rows that share a source, numbered from 0.
        assigned: Labelled rows, assigned values.
        proxied: Labelled rows, proxies.
        everywhere: All rows, proxies.
    """
    own, difference = np.zeros(len(labelled)), everywhere.influence / len(labelled)
    own[labelled] = assigned.influence / labelled.sum()
    difference[labelled] -= proxied.influence / labelled.sum()
    sums = np.bincount(groups, difference)
    spread = float(sums @ sums)
    weight = -float(np.bincount(groups, own) @ sums) / spread if spread > 0 else 0.0
    effect = assigned.effect + weight * (everywhere.effect - proxied.effect)
    return Stated(effect, grouped_error(own + weight * difference, groups)), weight


def grouped_error(contributions: Array, groups: NDArray) -> float:
    """Standard error from the rows' contributions, which have mean 0 and are summed within groups."""
    sums = np.bincount(groups, contributions)
    return float(np.linalg.norm(sums) * np.sqrt(len(sums) / (len(sums) - 1)))
