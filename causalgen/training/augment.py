"""Random shifts of training images, for attributes that do not depend on the position of the object."""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["shifted"]


def shifted(images: Tensor, pixels: int) -> Tensor:
    """Shift each image of `(B, C, H, W)`, or volume, by up to `pixels` along each axis; edges are repeated.

    >>> image = torch.arange(9.0).reshape(1, 1, 3, 3)
    >>> bool((shifted(image, 0) == image).all())
    True
    """
    batch, _, *size = images.shape
    dimensions = len(size)
    # Gathered by index, so that every image of the batch has its own shift in one operation.
    padded = F.pad(images, (pixels,) * (2 * dimensions), mode="replicate")
    starts = torch.randint(0, 2 * pixels + 1, (dimensions, batch, 1), device=images.device)
    places = []
    for axis, (length, start) in enumerate(zip(size, starts)):
        along = [length if other == axis else 1 for other in range(dimensions)]
        places.append((torch.arange(length, device=images.device) + start).view(batch, *along))
    units = torch.arange(batch, device=images.device).view(batch, *[1] * dimensions)
    return padded[(units, slice(None), *places)].movedim(-1, 1)
