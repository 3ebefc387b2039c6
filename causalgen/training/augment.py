"""Random shifts of training images, for attributes that do not depend on where the object is."""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["shifted"]


def shifted(images: Tensor, pixels: int) -> Tensor:
    """Shift each image of `(B, C, H, W)` by up to `pixels` along each axis; edges are repeated.

    >>> image = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> bool((shifted(image, 0) == image).all())
    True
    """
    batch, _, height, width = images.shape
    # Gathered by index, so that every image of the batch has its own shift in one operation.
    padded = F.pad(images, (pixels,) * 4, mode="replicate")
    down, right = torch.randint(0, 2 * pixels + 1, (2, batch, 1), device=images.device)
    rows = (torch.arange(height, device=images.device) + down)[:, :, None]
    columns = (torch.arange(width, device=images.device) + right)[:, None, :]
    units = torch.arange(batch, device=images.device)[:, None, None]
    return padded[units, :, rows, columns].permute(0, 3, 1, 2)
