"""The three middle planes of a volume, side by side, as its picture."""

import numpy as np

__all__ = ["middle_planes"]

GAP = 1
"""Number of voxels between two planes."""


def middle_planes(volumes: np.ndarray, fill: float = 0.0) -> np.ndarray:
    """Convert volumes `(..., D, H, W)`, slices from below, to pictures `(..., max(H, D), 2 W + H + 2)`.

    From the left: the axial plane, front at the top; the coronal one, top at the top; the sagittal one, top at the top and
    front on the right.

    Args:
        volumes: One volume or several, with or without channels.
        fill: Value of the gaps and below planes that are shorter than others.

    >>> middle_planes(np.ones((4, 2, 3))).shape
    (4, 10)
    """
    depth, height, width = volumes.shape[-3:]
    planes = [
        volumes[..., depth // 2, :, :],
        volumes[..., ::-1, height // 2, :],
        volumes[..., ::-1, ::-1, width // 2],
    ]
    tallest = max(depth, height)
    gap = np.full((*volumes.shape[:-3], tallest, GAP), fill, volumes.dtype)
    parts = []
    for plane in planes:
        below = np.full((*plane.shape[:-2], tallest - plane.shape[-2], plane.shape[-1]), fill, volumes.dtype)
        parts += [np.concatenate([plane, below], axis=-2), gap]
    return np.concatenate(parts[:-1], axis=-1)
