"""Invertible layers for images: masked affine couplings and 1x1 convolutions, over resolutions halved if possible."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .conv import ConvBlock, in_full_precision
from .image_maps import with_maps

__all__ = ["CouplingStack"]

STRONGEST = 2.0
"""Maximum logarithm of the scale of one coupling."""


class CouplingStack(nn.Module):
    """Multi-scale coupling flow (Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP, 2017; 1x1 convolutions:
    Kingma and Dhariwal, Glow, 2018).

    At each level, blocks of 2x2 pixels become channels, while both sides are even; then come the couplings; then half of the
    channels are left unchanged, and the next level processes the other half.

    Args:
        shape: (C, H, W) of the image.
        context: Width of the context vector.
        levels: Maximum number of levels.
        couplings: Affine couplings at each level.
        width: Channels of the couplings' networks.
        maps: Channels of maps that the couplings see.
    """

    def __init__(
        self, shape: Sequence[int], context: int, *, levels: int, couplings: int, width: int, maps: int = 0
    ) -> None:
        super().__init__()
        shapes = level_shapes(shape, levels)
        # Every level but the last is squeezed, so that its pixels have four times the channels of the maps.
        self.levels = nn.ModuleList(
            _Level(each, context, couplings, width, maps * 4**level) for level, each in enumerate(shapes)
        )

    def encode(self, image: Tensor, context: Tensor, maps: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Image to noise of the same shape, `(B, C, H, W)`, and the log determinant `(B,)`; maps are `(B, maps, H, W)`."""
        return self._encode(image, context, maps, 0)

    def decode(self, noise: Tensor, context: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the image whose encoding is this noise."""
        return self._decode(noise, context, maps, 0)

    def _encode(self, x: Tensor, context: Tensor, maps: Tensor | None, level: int) -> tuple[Tensor, Tensor]:
        layers = self.levels[level]
        assert isinstance(layers, _Level)
        x, maps = layers.squeezed(x), maps if maps is None else layers.squeezed(maps)
        x, total = layers.encode(x, context, maps)
        if level + 1 < len(self.levels):
            going_on, left = x.chunk(2, dim=1)
            going_on, more = self._encode(going_on, context, maps, level + 1)
            x, total = torch.cat([going_on, left], dim=1), total + more
        return F.pixel_shuffle(x, 2) if layers.squeezes else x, total

    def _decode(self, z: Tensor, context: Tensor, maps: Tensor | None, level: int) -> Tensor:
        layers = self.levels[level]
        assert isinstance(layers, _Level)
        z, maps = layers.squeezed(z), maps if maps is None else layers.squeezed(maps)
        if level + 1 < len(self.levels):
            going_on, left = z.chunk(2, dim=1)
            z = torch.cat([self._decode(going_on, context, maps, level + 1), left], dim=1)
        z = layers.decode(z, context, maps)
        return F.pixel_shuffle(z, 2) if layers.squeezes else z


def level_shapes(shape: Sequence[int], levels: int) -> list[tuple[int, int, int]]:
    """(C, H, W) of the input of each level; there is a first level even if the sides are odd.

    >>> level_shapes((1, 28, 28), 3)
    [(1, 28, 28), (2, 14, 14)]
    >>> level_shapes((3, 9, 10), 3)
    [(3, 9, 10)]
    """
    channels, height, width = shape
    shapes = [(channels, height, width)]
    while len(shapes) < levels and height % 4 == 0 and width % 4 == 0:
        channels, height, width = 2 * channels, height // 2, width // 2
        shapes.append((channels, height, width))
    return shapes


class _Level(nn.Module):
    def __init__(self, shape: tuple[int, int, int], context: int, couplings: int, width: int, maps: int) -> None:
        super().__init__()
        channels, height, wide = shape
        self.squeezes = height % 2 == 0 and wide % 2 == 0
        if self.squeezes:
            channels, height, wide, maps = 4 * channels, height // 2, wide // 2, 4 * maps
        self.mixes = nn.ParameterList(nn.init.orthogonal_(torch.empty(channels, channels)) for _ in range(couplings))
        self.couplings = nn.ModuleList(
            _Coupling(_mask(k, channels, height, wide), context, width, maps) for k in range(couplings)
        )

    def squeezed(self, x: Tensor) -> Tensor:
        """Blocks of 2x2 pixels as channels, where this level works on them."""
        return F.pixel_unshuffle(x, 2) if self.squeezes else x

    def encode(self, x: Tensor, context: Tensor, maps: Tensor | None) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(x.shape[0])
        for mix, coupling in zip(self.mixes, self.couplings):
            x = _mixed(mix, x)
            shift, log_scale = coupling(x, context, maps)
            x = (x + shift) * log_scale.exp()
            # The 1x1 convolution acts at every pixel, hence the factor.
            total = total + log_scale.flatten(1).sum(1) + torch.linalg.slogdet(mix)[1] * x[0, 0].numel()
        return x, total

    def decode(self, z: Tensor, context: Tensor, maps: Tensor | None) -> Tensor:
        for mix, coupling in zip(reversed(self.mixes), reversed(self.couplings)):
            shift, log_scale = coupling(z, context, maps)
            z = (
                z * (-log_scale).exp() - shift
            )  # pixels inside the mask have neither, so both ways see the same network input
            z = _mixed(torch.linalg.inv(mix), z)
        return z


def _mixed(matrix: Tensor, x: Tensor) -> Tensor:
    """1x1 convolution outside autocast: an error from rounding to bfloat16 could not be undone."""
    with torch.autocast(x.device.type, enabled=False):
        return torch.einsum("ij,bjhw->bihw", matrix, x)


class _Coupling(nn.Module):
    """Shift and log scale of the pixels outside the mask, computed from those inside it and from the context."""

    mask: Tensor

    def __init__(self, mask: Tensor, context: int, width: int, maps: int) -> None:
        super().__init__()
        channels = mask.shape[1]
        self.register_buffer("mask", mask)
        self.first = nn.Conv2d(channels + maps, width, 3, padding=1)
        self.block = ConvBlock(width, context)
        self.last = nn.Conv2d(width, 2 * channels, 3, padding=1)
        with torch.no_grad():  # start close to the identity
            self.last.weight.mul_(0.1)

    def forward(self, x: Tensor, context: Tensor, maps: Tensor | None) -> tuple[Tensor, Tensor]:
        hidden = F.silu(self.block(self.first(with_maps(x * self.mask, maps)), context))
        shift, raw = in_full_precision(self.last, hidden).chunk(2, dim=1)
        return shift * (1 - self.mask), STRONGEST * torch.tanh(raw / STRONGEST) * (1 - self.mask)


def _mask(index: int, channels: int, height: int, width: int) -> Tensor:
    """Chequers and, where there are several channels, halves of the channels by turns; each followed by its complement."""
    if channels > 1 and index // 2 % 2:
        mask = (torch.arange(channels) < channels // 2).float()[:, None, None].expand(channels, height, width)
    else:
        mask = (
            (torch.arange(height)[:, None] + torch.arange(width)).remainder(2).float().expand(channels, height, width)
        )
    return (mask if index % 2 else 1 - mask)[None].clone()
