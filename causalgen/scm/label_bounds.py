r"""Bounds on a counterfactual label over all couplings of the labels under factual and counterfactual parents.

With p and q the probabilities of the labels under the factual and the counterfactual parents, and i the observed label,

.. math:: \frac{\max(0,\, p_i + q_j - 1)}{p_i} \;\le\; P(x' = j \mid x = i) \;\le\; \min\Bigl(1, \frac{q_j}{p_i}\Bigr)

and both ends are reached by a coupling: Fréchet's bounds. Gumbel-max and ordered thresholds choose one answer between them.
For two labels these are the bounds of Tian and Pearl, Probabilities of causation: bounds and identification, 2000, given the
parents. Parents that are themselves labels are taken from the model's answer.
"""

import torch
from torch import Tensor

from ..errors import DataError
from ..mechanisms import Density, Mechanism
from ..typing import Values

__all__ = ["bound_label"]


def bound_label(
    mechanism: Mechanism, factual: Tensor, before: Values, label: Tensor, after: Values
) -> tuple[Tensor, Tensor]:
    """Lowest and highest P(x' = label | x = factual) of each unit over all couplings, `(B,)` each.

    Args:
        mechanism: Mechanism of a discrete variable.
        factual: Observed codes, `(B,)`.
        before: Factual parents, `(B, ...)` each.
        label: Counterfactual codes in question, `(B,)`.
        after: Counterfactual parents.

    Raises:
        DataError: The mechanism does not know the probabilities of its labels.
    """
    if not isinstance(mechanism, Density):
        raise DataError(
            f"Expected a mechanism of '{mechanism.variable.name}' that knows the probabilities of its labels, to bound them; "
            f"got {type(mechanism).__name__}. Leave this node out."
        )
    p = mechanism.log_prob(factual, before).double().exp().clamp_min(torch.finfo(torch.float64).tiny)
    q = mechanism.log_prob(label, after).double().exp()
    return ((p + q - 1) / p).clamp(0, 1), (q / p).clamp(max=1)
