"""Resamples a volume to another size."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from .declare import Fit

__all__ = ["resample"]


def resample(volume: NDArray[np.float64], size: tuple[int, ...], fit: Fit) -> NDArray[np.float64]:
    """Resample a volume `(D, H, W)` to another voxel grid, averaging where it shrinks, linearly where it grows.

    Args:
        volume: Grey values.
        size: Voxels of the result along each axis.
        fit: "stretch" scales each axis separately; "crop" keeps the proportions and cuts off the excess at both ends of
            an axis; "pad" keeps them and fills with 0.

    >>> resample(np.full((4, 8, 8), 3.0), (2, 4, 6), "pad")[0, 0].tolist()
    [0.0, 3.0, 3.0, 3.0, 3.0, 0.0]
    """
    shares = [wanted / length for wanted, length in zip(size, volume.shape)]
    if fit != "stretch":
        shares = [(max if fit == "crop" else min)(shares)] * len(shares)
    scaled = [max(1, round(length * share)) for length, share in zip(volume.shape, shares)]
    depth, height, width = (min(length, wanted) for length, wanted in zip(volume.shape, scaled))
    whole = torch.from_numpy(np.ascontiguousarray(volume))[None, None]
    whole = F.adaptive_avg_pool3d(whole, (depth, height, width))
    found = F.interpolate(whole, scaled, mode="trilinear")[0, 0].numpy()
    result = np.zeros(size)
    there, here = zip(*(_overlap(length, wanted) for length, wanted in zip(scaled, size)))
    result[there] = found[here]
    return result


def _overlap(length: int, wanted: int) -> tuple[slice, slice]:
    """Overlap of two centred axes of different lengths: the positions there, and the positions here."""
    common = min(length, wanted)
    start, first = (wanted - common) // 2, (length - common) // 2
    return slice(start, start + common), slice(first, first + common)
