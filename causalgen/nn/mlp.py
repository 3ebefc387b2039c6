"""Multi-layer perceptron."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

__all__ = ["mlp"]


def mlp(inputs: int, outputs: int, hidden: Sequence[int] = (64, 64)) -> nn.Sequential:
    """SiLU network `(B, inputs) -> (B, outputs)`; with `hidden=()` it is one linear map.

    >>> mlp(3, 2, (8,))
    Sequential(
      (0): Linear(in_features=3, out_features=8, bias=True)
      (1): SiLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """
    widths = [inputs, *hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))
