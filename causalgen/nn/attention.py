"""Attention among the cells of a map, which sees the whole image at once."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .conv import CONVOLUTIONS

__all__ = ["SelfAttention"]

GROUPS = 8
"""Groups of channels that are normalised together, at most."""


class SelfAttention(nn.Module):
    """Residual self-attention, `(B, channels, H, W)` to the same shape (Vaswani et al., Attention is all you need, 2017).

    It compares every cell with every other one: for coarse maps only.

    Args:
        channels: Channels in and out.
        heads: Heads, a divisor of the channels.
        dimensions: 2 for images, 3 for volumes.

    Raises:
        ValueError: The heads do not divide the channels.
    """

    def __init__(self, channels: int, heads: int, *, dimensions: int = 2) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"Expected attention heads that divide the width of {channels}; got {heads}.")
        self.heads = heads
        self.norm = nn.GroupNorm(math.gcd(GROUPS, channels), channels)
        self.inputs = CONVOLUTIONS[dimensions](channels, 3 * channels, 1)
        self.output = CONVOLUTIONS[dimensions](channels, channels, 1)
        with torch.no_grad():  # start close to the identity
            self.output.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(1, (self.heads, -1)).flatten(3).transpose(2, 3)  # (B, heads, cells, channels of a head)
            for part in self.inputs(self.norm(x)).chunk(3, dim=1)
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        return x + self.output(seen.transpose(2, 3).flatten(1, 2).unflatten(2, x.shape[2:]))
