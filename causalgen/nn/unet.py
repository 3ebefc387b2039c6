"""U-Net: image to image of the same size, modulated by a time and a context vector."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attention import SelfAttention
from .conv import CONVOLUTIONS, TRANSPOSED, ConvBlock, Grid, halved, in_full_precision
from .image_maps import with_maps
from .mlp import mlp

__all__ = ["UNet"]

FREQUENCIES = 16


class UNet(nn.Module):
    """Two-way pyramid with skip connections (Ronneberger, Fischer and Brox, U-Net, 2015).

    Args:
        shape: (C, H, W) of the image, or (C, D, H, W) of a volume; any size, padded inside.
        context: Width of the context vector.
        width: Channels at the coarse resolution; halved with each doubling, but not below a quarter.
        blocks: Residual blocks at each resolution on the way down, and again on the way up.
        maps: Channels of maps that are seen with the image.
        attention: Heads of self-attention at the coarse resolution; 0 for none.
    """

    frequencies: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        context: int,
        *,
        width: int = 64,
        blocks: int = 1,
        maps: int = 0,
        attention: int = 0,
    ) -> None:
        super().__init__()
        self.grid = Grid(shape)
        dimensions = self.grid.dimensions
        conv, transposed = CONVOLUTIONS[dimensions], TRANSPOSED[dimensions]
        widths = halved(width, self.grid.stages + 1)[::-1]
        # From a quarter of a wave over the whole time to 32 waves.
        self.register_buffer("frequencies", math.pi * 2.0 ** torch.linspace(-1, 6, FREQUENCIES))
        self.clock = mlp(2 * FREQUENCIES, context, (context,))
        self.first = conv(shape[0] + maps, widths[0], 3, padding=1)
        self.down = nn.ModuleList(conv(b, a, 3, stride=2, padding=1) for b, a in pairwise(widths))
        self.up = nn.ModuleList(transposed(a, b, 4, stride=2, padding=1) for b, a in pairwise(widths))
        self.join = nn.ModuleList(conv(2 * b, b, 1) for b in widths[:-1])
        self.descent = nn.ModuleList(_Blocks(channels, context, blocks, dimensions) for channels in widths)
        self.ascent = nn.ModuleList(_Blocks(channels, context, blocks, dimensions) for channels in widths)
        self.attention = SelfAttention(width, attention, dimensions=dimensions) if attention else nn.Identity()
        self.last = conv(widths[0], shape[0], 3, padding=1)

    def forward(self, image: Tensor, time: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """`image` `(B, C, H, W)`, `time` `(B,)` in [0, 1], `context` `(B, context)`, `maps` `(B, maps, H, W)`; image again."""
        angle = time[:, None] * self.frequencies
        context = context + self.clock(torch.cat([angle.sin(), angle.cos()], dim=1))
        x = self.first(self.grid.pad(with_maps(image, maps)))
        skips = []
        for down, blocks in zip(self.down, self.descent):
            x = blocks(x, context)
            skips.append(x)
            x = down(F.silu(x))
        x = self.ascent[-1](self.attention(self.descent[-1](x, context)), context)
        for k in reversed(range(len(self.up))):
            x = self.join[k](torch.cat([self.up[k](F.silu(x)), skips[k]], dim=1))
            x = self.ascent[k](x, context)
        return self.grid.crop(in_full_precision(self.last, F.silu(x)))


class _Blocks(nn.Module):
    def __init__(self, channels: int, context: int, count: int, dimensions: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(channels, context, dimensions=dimensions) for _ in range(count))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, context)
        return x
