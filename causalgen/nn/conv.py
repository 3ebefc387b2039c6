"""Convolutional encoder and decoder for images and volumes of any size, both modulated by a context vector.

The resolution is halved until the shorter side (see `typical_side`) is at most `COARSEST`; an image is padded to the multiple
that this needs and cropped back. Most of the arithmetic happens at coarse resolutions, which is what makes it fast on a CPU.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from .image_maps import with_maps

__all__ = [
    "CONVOLUTIONS",
    "TRANSPOSED",
    "ConvBlock",
    "ConvDecoder",
    "ConvEncoder",
    "Grid",
    "Modulation",
    "Pyramid",
    "halved",
    "in_full_precision",
    "typical_side",
]

CONVOLUTIONS: dict[int, type[nn.Conv2d | nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
"""Convolutions by the number of dimensions: 2 of images, 3 of volumes."""
TRANSPOSED: dict[int, type[nn.ConvTranspose2d | nn.ConvTranspose3d]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
"""Transposed convolutions by the number of dimensions."""
COARSEST = 8
NARROWEST = 4
"""Minimum number of channels at the coarse resolution: finer ones have down to a quarter of them."""


class Grid:
    """The coarse grid for one image shape.

    Args:
        shape: (C, H, W) of the image, or (C, D, H, W) of a volume; the words below name the former.
        stages: How often the resolution is halved; by default until the side that `typical_side` gives is at most `COARSEST`.

    >>> grid = Grid((1, 28, 30))
    >>> grid.stages, grid.coarse
    (2, (7, 8))
    """

    def __init__(self, shape: Sequence[int], stages: int | None = None) -> None:
        self.channels, *size = shape
        self.size = tuple(size)
        self.dimensions = len(size)
        # At least one halving, since encoder and decoder consist of strided layers.
        default = max(1, math.ceil(math.log2(typical_side(size) / COARSEST)))
        self.stages = default if stages is None else stages
        multiple = 2**self.stages
        self.coarse = tuple(math.ceil(length / multiple) for length in size)
        self.padded = tuple(length * multiple for length in self.coarse)

    def pad(self, image: Tensor) -> Tensor:
        """Repeat the last row and column up to the padded size."""
        lacking = [padded - length for padded, length in zip(self.padded, self.size)]
        extra = [pixels for length in reversed(lacking) for pixels in (0, length)]  # the last dimension comes first
        return F.pad(image, extra, mode="replicate") if any(extra) else image

    def crop(self, image: Tensor) -> Tensor:
        """Remove the padding."""
        for axis, length in enumerate(self.size, -self.dimensions):
            image = image.narrow(axis, 0, length)
        return image

    def widths(self, width: int) -> list[int]:
        """Channels from fine to coarse, see `halved`."""
        return halved(width, self.stages)[::-1]


def typical_side(size: Sequence[int]) -> float:
    """The shorter side of an image; of a volume, which often has few slices, the geometric mean of its sides.

    >>> typical_side((28, 30)), typical_side((16, 128, 128))
    (28, 64.0)
    """
    return min(size) if len(size) == 2 else round(math.prod(size) ** (1 / len(size)), 6)


def halved(width: int, count: int) -> list[int]:
    """Channels at `count` resolutions from coarse to fine: halved with each doubling, but not below a quarter.

    Raises:
        ValueError: Too few channels to take a quarter of.

    >>> halved(64, 4)
    [64, 32, 16, 16]
    """
    if width < NARROWEST:
        raise ValueError(f"Expected a width of at least {NARROWEST} channels; got {width}.")
    return [max(width // 2**k, width // 4) for k in range(count)]


class Modulation(nn.Module):
    """Scales and shifts channels by a context vector (Perez et al., FiLM, 2018, arXiv:1709.07871).

    Args:
        context: Width of the context vector.
        channels: Channels that are modulated.
    """

    def __init__(self, context: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(context, 2 * channels)
        with torch.no_grad():  # start close to no modulation
            self.linear.weight.mul_(0.1)
            self.linear.bias.zero_()

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        scale, shift = self.linear(context)[(..., *[None] * (x.dim() - 2))].chunk(2, dim=1)
        return x * (1 + scale) + shift


class ConvBlock(nn.Module):
    """Residual block of two 3x3 convolutions, `(B, channels, H, W)` to the same shape.

    Args:
        channels: Channels in and out.
        context: Width of the context vector that modulates it; 0 for none.
        dimensions: 2 for images, 3 for volumes.
    """

    checkpointed = False
    """Whether training recomputes the inside for the gradient instead of keeping it in memory."""

    def __init__(self, channels: int, context: int = 0, *, dimensions: int = 2) -> None:
        super().__init__()
        conv = CONVOLUTIONS[dimensions]
        self.first = conv(channels, channels, 3, padding=1)
        self.modulation = Modulation(context, channels) if context else None
        self.second = conv(channels, channels, 3, padding=1)
        with torch.no_grad():  # start close to the identity
            self.second.weight.mul_(0.1)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        # Weights that `functional_call` swaps in for this call would be gone when the inside is recomputed.
        learns = self.training and torch.is_grad_enabled() and self.first.weight.requires_grad
        if self.checkpointed and learns:
            return x + checkpoint(self._inside, x, context, use_reentrant=False)
        return x + self._inside(x, context)

    def _inside(self, x: Tensor, context: Tensor | None) -> Tensor:
        inner = self.first(F.silu(x))
        if self.modulation is not None:
            inner = self.modulation(inner, context)
        return self.second(F.silu(inner))


class Pyramid(nn.Module):
    """Features of a padded image at several resolutions, each half of the one before.

    Args:
        channels: Channels of the image.
        widths: Channels of the features from coarse to fine; the finest have the resolution of the image.
        blocks: Residual blocks at each resolution but the finest.
        dimensions: 2 for images, 3 for volumes.
    """

    def __init__(self, channels: int, widths: Sequence[int], blocks: int, *, dimensions: int = 2) -> None:
        super().__init__()
        conv = CONVOLUTIONS[dimensions]
        fine_to_coarse = list(widths)[::-1]
        self.first = conv(channels, fine_to_coarse[0], 5, padding=2)
        self.down = nn.ModuleList(conv(b, a, 3, stride=2, padding=1) for b, a in pairwise(fine_to_coarse))
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ConvBlock(width, dimensions=dimensions) for _ in range(blocks)))
            for width in fine_to_coarse[1:]
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """`(B, channels, H, W)` to features from coarse to fine."""
        features = [self.first(image)]
        for down, blocks in zip(self.down, self.blocks):
            features.append(blocks(down(F.silu(features[-1]))))
        return features[::-1]


class ConvEncoder(nn.Module):
    """Maps an image to a coarse map of features.

    Args:
        shape: (C, H, W) of the image, or its grid.
        context: Width of the context vector.
        width: Channels of the result.
        maps: Channels of maps that are seen with the image.
    """

    def __init__(self, shape: Sequence[int] | Grid, context: int, *, width: int = 64, maps: int = 0) -> None:
        super().__init__()
        self.grid = shape if isinstance(shape, Grid) else Grid(shape)
        dimensions = self.grid.dimensions
        widths = self.grid.widths(width)
        before = [self.grid.channels + maps, *widths[:-1]]
        self.down = nn.ModuleList(
            CONVOLUTIONS[dimensions](b, a, 3 if i else 5, stride=2, padding=1 if i else 2)
            for i, (b, a) in enumerate(zip(before, widths))
        )
        self.modulations = nn.ModuleList(Modulation(context, channels) for channels in widths)
        self.block = ConvBlock(widths[-1], context, dimensions=dimensions)

    def forward(self, image: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """`image` `(B, C, H, W)` and `maps` `(B, maps, H, W)` on [-1, 1], `context` `(B, context)` to `(B, width, *coarse)`."""
        x = self.grid.pad(with_maps(image, maps))
        for i, (down, modulation) in enumerate(zip(self.down, self.modulations)):
            x = modulation(down(F.silu(x) if i else x), context)
        return self.block(x, context)


class ConvDecoder(nn.Module):
    """Maps a coarse map to an image.

    Args:
        shape: (C, H, W) of the image, or its grid.
        inputs: Channels of the coarse map.
        context: Width of the context vector.
        outputs: Channels of the result; by default those of the image.
        width: Channels at the coarse resolution.
        blocks: Residual blocks at the coarse resolution; the finer ones have one each.
        fine: Channels at the resolution of the image, with a separate residual block; 0 draws the image straight from
            half its resolution, which is faster and leaves edges to a linear layer.
        maps: Channels of maps that the image is drawn after, at every resolution.
    """

    def __init__(
        self,
        shape: Sequence[int] | Grid,
        inputs: int,
        context: int,
        *,
        outputs: int | None = None,
        width: int = 64,
        blocks: int = 2,
        fine: int = 0,
        maps: int = 0,
    ) -> None:
        super().__init__()
        self.grid = shape if isinstance(shape, Grid) else Grid(shape)
        dimensions = self.grid.dimensions
        conv, transposed = CONVOLUTIONS[dimensions], TRANSPOSED[dimensions]
        widths = self.grid.widths(width)[::-1] + [fine] * bool(fine)
        self.first = conv(inputs, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.ModuleList(ConvBlock(channels, context, dimensions=dimensions) for _ in range(1 if i else blocks))
            for i, channels in enumerate(widths)
        )
        self.modulations = nn.ModuleList(Modulation(context, channels) for channels in widths)
        self.up = nn.ModuleList(transposed(b, a, 4, stride=2, padding=1) for b, a in pairwise(widths))
        outputs = outputs or self.grid.channels
        self.last = (
            conv(fine, outputs, 3, padding=1) if fine else transposed(widths[-1], outputs, 4, stride=2, padding=1)
        )
        if maps:
            self.pyramid = Pyramid(maps, widths if fine else [*widths, widths[-1]], 0, dimensions=dimensions)
            self.direct = conv(widths[-1], outputs, 3, padding=1)

    def forward(self, coarse: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """`coarse` `(B, inputs, *coarse)`, `context` `(B, context)`, `maps` `(B, maps, H, W)`; to `(B, outputs, H, W)`."""
        seen = [] if maps is None else self.pyramid(self.grid.pad(maps))
        x = self.first(coarse)
        for i, (blocks, modulation) in enumerate(zip(self.blocks, self.modulations)):
            if i:
                x = self.up[i - 1](x)
            if seen:
                x = x + seen[i]
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, context)
            x = F.silu(modulation(x, context))
        drawn = in_full_precision(self.last, x)
        return self.grid.crop(drawn + in_full_precision(self.direct, F.silu(seen[-1])) if seen else drawn)


def in_full_precision(layer: nn.Module, x: Tensor) -> Tensor:
    """`layer(x)` outside autocast: bfloat16 resolves a pixel near white or black to one grey level only."""
    if not torch.is_autocast_enabled(x.device.type):  # torch.export cannot save a region of autocast
        return layer(x.to(next(layer.parameters()).dtype))
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.to(next(layer.parameters()).dtype))
