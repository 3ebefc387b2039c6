"""The two forms of a predictor's network: convolutions to features, then a head that may see attributes as well."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from torch import nn

from ..nn import CONVOLUTIONS, typical_side

__all__ = ["Form", "Layers", "build_network"]

Form: TypeAlias = Literal["flat", "pooled"]
"""What the head receives from the convolutions: every position, or the average over all positions."""

POOLED = ((8, 7, 1), (16, 3, 2), (16, 3, 1), (32, 3, 2), (32, 3, 1), (64, 3, 2))
"""Channels, kernel and stride of the convolutions, those of the MorphoMNIST benchmark of Melistas et al. (NeurIPS 2024)."""
PARTS: dict[int, tuple[Any, Any, Any]] = {
    2: (CONVOLUTIONS[2], nn.BatchNorm2d, nn.AdaptiveAvgPool2d),
    3: (CONVOLUTIONS[3], nn.BatchNorm3d, nn.AdaptiveAvgPool3d),
}
"""Convolution, normalisation and average by the number of dimensions: 2 of images, 3 of volumes."""
COARSEST = 8
"""A flat network halves the resolution until the side is at most this."""
FLAT = (32, 32, 64)
"""Channels of a flat network at each resolution; the last number applies to all that follow."""
DENSE = 64
DROPOUT = 0.3
SLOPE = 0.1


class Layers(NamedTuple):
    """The parts of a network, for images or volumes.

    Attributes:
        convolutions: Images `(B, C, H, W)` to features `(B, F)`.
        head: Features and further inputs `(B, F + more)` to `(B, outputs)`.
    """

    convolutions: nn.Sequential
    head: nn.Sequential


def build_network(form: Form, shape: tuple[int, ...], *, more: int, outputs: int) -> Layers:
    """The layers of a network.

    Args:
        form: "flat" tells left from right; "pooled" is smaller, and is the one that published benchmarks use.
        shape: (C, H, W) of the images, or (C, D, H, W) of volumes.
        more: Number of inputs of the head besides the features.
        outputs: Number of outputs.
    """
    pooled = form == "pooled"
    channels, *size = shape
    conv, norm, pool = PARTS[len(size)]
    layers: list[nn.Module] = []
    for after, kernel, stride in POOLED if pooled else _halvings(size):
        layers.append(conv(channels, after, kernel, stride=stride, padding=kernel // 2, bias=False))
        layers += [norm(after), nn.LeakyReLU(SLOPE) if pooled else nn.ReLU()]
        # With this padding a stride rounds up.
        channels, size = after, [-(-length // stride) for length in size]
    if pooled:
        layers += [pool(1), nn.Flatten()]
        head = [nn.Linear(channels + more, DENSE, bias=False), nn.BatchNorm1d(DENSE), nn.LeakyReLU(SLOPE)]
    else:
        layers += [nn.Flatten(), nn.Dropout(DROPOUT)]
        head = [nn.Linear(channels * math.prod(size) + more, DENSE), nn.ReLU()]
    return Layers(nn.Sequential(*layers), nn.Sequential(*head, nn.Linear(DENSE, outputs)))


def _halvings(size: Sequence[int]) -> list[tuple[int, int, int]]:
    """Channels, kernel and stride: strided convolutions down to the coarsest resolution, and one at that resolution."""
    layers: list[tuple[int, int, int]] = []
    side = math.ceil(typical_side(size))
    while side > COARSEST:
        layers.append((FLAT[min(len(layers), len(FLAT) - 1)], 3 if layers else 5, 2))
        side = (side + 1) // 2
    return [*layers, (FLAT[min(len(layers), len(FLAT) - 1)], 3, 1)]
