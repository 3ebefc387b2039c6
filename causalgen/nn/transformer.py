"""Transformer over the patches of an image, modulated by a time and a context vector: an alternative to the U-Net."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .conv import Grid, in_full_precision
from .image_maps import with_maps
from .mlp import mlp

__all__ = ["Transformer"]

FREQUENCIES = 16
MOST_PATCHES = 16
"""Maximum number of patches along the longer side of the image: every patch is compared with every other one."""
HEAD = 16
"""Channels of a head."""


class Transformer(nn.Module):
    """Diffusion transformer (Peebles and Xie, Scalable diffusion models with transformers, 2023).

    Args:
        shape: (C, H, W) of the image; any size, padded inside.
        context: Width of the context vector.
        width: Channels of a patch, a multiple of 16.
        blocks: Blocks of attention and feed-forward layers.
        maps: Channels of maps that are seen with the image.

    Raises:
        ValueError: The width is not a multiple of 16.
    """

    frequencies: Tensor
    places: Tensor

    def __init__(self, shape: Sequence[int], context: int, *, width: int = 64, blocks: int = 4, maps: int = 0) -> None:
        super().__init__()
        if width % HEAD:
            raise ValueError(f"Expected a width of the transformer that is a multiple of {HEAD}; got {width}.")
        stages = max(1, math.ceil(math.log2(max(shape[1:]) / MOST_PATCHES)))
        self.grid, self.patch = Grid(shape, stages), 2**stages
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.linspace(-1, 6, FREQUENCIES))
        self.register_buffer("places", _places(self.grid.coarse, width))
        self.clock = mlp(2 * FREQUENCIES, context, (context,))
        self.first = nn.Conv2d(shape[0] + maps, width, self.patch, stride=self.patch)
        self.blocks = nn.ModuleList(_Block(width, context) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, shape[0] * self.patch**2)

    def forward(self, image: Tensor, time: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """`image` `(B, C, H, W)`, `time` `(B,)` in [0, 1], `context` `(B, context)`, `maps` `(B, maps, H, W)`; image again."""
        angle = time[:, None] * self.frequencies
        context = F.silu(context + self.clock(torch.cat([angle.sin(), angle.cos()], dim=1)))
        x = self.first(self.grid.pad(with_maps(image, maps))).flatten(2).transpose(1, 2) + self.places
        for block in self.blocks:
            x = block(x, context)
        drawn = in_full_precision(self.last, self.norm(x)).transpose(1, 2).unflatten(2, self.grid.coarse)
        return self.grid.crop(F.pixel_shuffle(drawn, self.patch))


class _Block(nn.Module):
    """Attention among the patches and a feed-forward layer, each shifted, scaled and weighted by the context."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = mlp(width, width, (4 * width,))
        self.modulation = nn.Linear(context, 6 * width)
        with torch.no_grad():  # start close to the identity
            self.modulation.weight.mul_(0.1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        modulated = self.modulation(context)[:, None].chunk(6, dim=2)
        shift, scale, weight = modulated[:3]
        x = x + weight * self._attend(self.norm(x) * (1 + scale) + shift)
        shift, scale, weight = modulated[3:]
        return x + weight * self.feed(self.norm(x) * (1 + scale) + shift)

    def _attend(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(2, (self.heads, HEAD)).transpose(1, 2) for part in self.inputs(x).chunk(3, dim=2)
        )
        return self.output(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


def _places(sides: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of the row and the column of every patch, `(rows * columns, width)`."""
    rates = 10_000.0 ** -torch.linspace(0, 1, width // 4)
    row, column = (torch.arange(side)[:, None] * rates for side in sides)
    rows, columns = (torch.cat([angle.sin(), angle.cos()], dim=1) for angle in (row, column))
    return torch.cat([rows[:, None].expand(*sides, -1), columns[None].expand(*sides, -1)], dim=2).flatten(0, 1)
