"""Convolutional encoder and decoder for images of any size.

The resolution is halved until the shorter side is at most `COARSEST`; an image is padded to the multiple that this needs
and cropped back. Most of the arithmetic happens at the coarse resolutions, which is what makes it fast on a CPU.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .mlp import mlp

__all__ = ["ConvDecoder", "ConvEncoder"]

COARSEST = 8


def _stages(height: int, width: int) -> int:
    return max(1, math.ceil(math.log2(min(height, width) / COARSEST)))


class _Grid:
    """Padded size and per-stage widths of one image shape."""

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        self.channels, self.height, self.width = shape
        stages = _stages(self.height, self.width)
        multiple = 2**stages
        self.padded_height = math.ceil(self.height / multiple) * multiple
        self.padded_width = math.ceil(self.width / multiple) * multiple
        self.coarse = (self.padded_height // multiple, self.padded_width // multiple)
        # Widths from fine to coarse: halved with every doubling of the resolution, but not below a quarter.
        self.widths = [max(width // 2 ** (stages - 1 - i), width // 4) for i in range(stages)]

    def pad(self, image: Tensor) -> Tensor:
        extra_w, extra_h = self.padded_width - self.width, self.padded_height - self.height
        return F.pad(image, (0, extra_w, 0, extra_h), mode="replicate") if extra_w or extra_h else image

    def crop(self, image: Tensor) -> Tensor:
        return image[..., : self.height, : self.width]


class _Modulated(nn.Module):
    """Residual 3x3 convolution block whose channels are scaled and shifted by a context vector (FiLM)."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.modulation = nn.Linear(context, 2 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        with torch.no_grad():  # start close to the identity
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        scale, shift = self.modulation(context)[:, :, None, None].chunk(2, dim=1)
        h = self.first(F.silu(x)) * (1 + scale) + shift
        return x + self.second(F.silu(h))


class ConvEncoder(nn.Module):
    """Image and context to a vector.

    Args:
        shape: (C, H, W) of the image.
        context: Width of the context vector.
        outputs: Width of the result.
        width: Channels at the coarsest resolution.
        hidden: Width of the dense layer.
    """

    def __init__(
        self, shape: tuple[int, ...], context: int, outputs: int, *, width: int = 64, hidden: int = 256
    ) -> None:
        super().__init__()
        self.grid = _Grid(shape, width)
        layers: list[nn.Module] = []
        before = self.grid.channels
        for i, after in enumerate(self.grid.widths):
            layers += [nn.Conv2d(before, after, 5 if i == 0 else 3, stride=2, padding=2 if i == 0 else 1), nn.SiLU()]
            before = after
        self.convolutions = nn.Sequential(*layers)
        flat = before * math.prod(self.grid.coarse)
        self.dense = nn.Linear(flat + context, hidden)
        self.out = mlp(hidden + context, outputs, (hidden,))

    def forward(self, image: Tensor, context: Tensor) -> Tensor:
        """`image` `(B, C, H, W)` on [-1, 1], `context` `(B, context)`; returns `(B, outputs)`."""
        features = self.convolutions(self.grid.pad(image)).flatten(1)
        hidden = F.silu(self.dense(torch.cat([features, context], dim=1)))
        return self.out(torch.cat([hidden, context], dim=1))


class ConvDecoder(nn.Module):
    """Vector to image, modulated by the vector at every resolution.

    Args:
        shape: (C, H, W) of the image.
        inputs: Width of the input vector.
        width: Channels at the coarsest resolution.
        hidden: Width of the dense layers.
        blocks: Residual blocks at each resolution but the finest.
    """

    def __init__(
        self, shape: tuple[int, ...], inputs: int, *, width: int = 64, hidden: int = 256, blocks: int = 1
    ) -> None:
        super().__init__()
        self.grid = _Grid(shape, width)
        self.context = mlp(inputs, hidden, (hidden,))
        widths = self.grid.widths[::-1]
        self.dense = nn.Linear(hidden, widths[0] * math.prod(self.grid.coarse))
        self.blocks = nn.ModuleList(nn.ModuleList(_Modulated(w, hidden) for _ in range(blocks)) for w in widths)
        following = [*widths[1:], self.grid.channels]
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1) for before, after in zip(widths, following)
        )

    def forward(self, vector: Tensor) -> Tensor:
        """`vector` `(B, inputs)`; returns `(B, C, H, W)`, unbounded, meant for [-1, 1]."""
        context = F.silu(self.context(vector))
        x = self.dense(context).unflatten(1, (-1, *self.grid.coarse))
        for blocks, up in zip(self.blocks, self.up):
            for block in blocks:  # type: ignore[union-attr]
                x = block(x, context)
            x = up(F.silu(x))
        return self.grid.crop(x)
