"""Image parents as maps of the size of an image, so that a network sees the location of their contents."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..graph import Variable
from ..typing import Values

__all__ = ["ImageMaps", "with_maps"]


class ImageMaps(nn.Module):
    """The channels of all image parents at the size of an image; one of another size is resized.

    Args:
        variables: Parents by name, of any kind.
        shape: (C, H, W) of the image.
    """

    def __init__(self, variables: Mapping[str, Variable], shape: Sequence[int]) -> None:
        super().__init__()
        self.parents = tuple(variables)
        self.images = {name: variable for name, variable in variables.items() if variable.is_image}
        self.size = tuple(shape[1:])
        self.channels = sum(variable.shape[0] for variable in self.images.values())

    def forward(self, values: Values, *, keep: Tensor | None = None) -> Tensor | None:
        """Maps `(B, channels, H, W)` on [-1, 1]; None without image parents.

        Args:
            values: Parents `(B, ...)`, natural units.
            keep: Bool `(B, parents)` or `(1, parents)`: which parents are seen; the maps of others are 0.
        """
        parts = []
        for name, variable in self.images.items():
            low, high = variable.support or (0.0, 255.0)
            image = (values[name] - low) * (2 / (high - low)) - 1
            if image.shape[2:] != self.size:
                image = _resized(image, self.size)
            if keep is not None:
                image = image * keep[(slice(None), self.parents.index(name), *[None] * (image.dim() - 1))]
            parts.append(image)
        return torch.cat(parts, dim=1) if parts else None


def _resized(image: Tensor, size: tuple[int, ...]) -> Tensor:
    """Images `(B, C, H, W)` or volumes `(B, C, D, H, W)` of another size."""
    if len(size) == 2:
        return F.interpolate(image, size, mode="bilinear", antialias=True)
    # PyTorch has no anti-aliasing in three dimensions: volumes are averaged before they are shrunk.
    depth, height, width = (min(there, wanted) for there, wanted in zip(image.shape[2:], size))
    return F.interpolate(F.adaptive_avg_pool3d(image, (depth, height, width)), size, mode="trilinear")


def with_maps(image: Tensor, maps: Tensor | None) -> Tensor:
    """The maps as further channels of the image."""
    return image if maps is None else torch.cat([image, maps], dim=1)
