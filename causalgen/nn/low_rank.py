r"""Low-rank adaptation of linear layers: :math:`y = W x + b + U D x` with fixed W and b.

(Hu et al., LoRA: low-rank adaptation of large language models, 2022.)
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["LowRank", "adapt"]

START = 0.01
"""Factor on the first values of U: near the layer as it was, but not zero, which would leave D without a gradient."""


class LowRank(nn.Module):
    """A fixed linear layer, and a trained map of low rank that is added to it.

    Args:
        linear: The layer, which is frozen here.
        rank: Numbers between the two trained matrices.
    """

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Linear(linear.in_features, rank, bias=False)
        self.up = nn.Linear(rank, linear.out_features, bias=False)
        with torch.no_grad():
            self.up.weight.mul_(START)

    def forward(self, x: Tensor) -> Tensor:
        """`(..., in)` to `(..., out)`."""
        return self.linear(x) + self.up(self.down(x))


def adapt(network: nn.Module, endings: Iterable[str], rank: int) -> int:
    """Put a `LowRank` in place of each linear layer whose name ends in one of `endings`; returns their number."""
    names = [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and name.endswith(tuple(endings))
    ]
    for name in names:
        network.set_submodule(name, LowRank(network.get_submodule(name), rank))  # type: ignore[arg-type]
    return len(names)
