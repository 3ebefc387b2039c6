"""Averages of weights over training, for torch's `AveragedModel`."""

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["growing_average"]


def growing_average(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential average (`multi_avg_fn`) whose decay grows in up to `decay`, so that early weights are forgotten.

    >>> average, weights = [torch.zeros(1)], [torch.ones(1)]
    >>> growing_average(0.9)(average, weights, 1)  # early on, most of the new weights is taken
    >>> round(float(average[0]), 3)
    0.818
    """

    def blend(averaged: Any, current: Any, count: Any) -> None:
        share = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, share)
        else:  # the counters of batch normalisation
            torch._foreach_copy_(averaged, current)

    return blend
