"""Thickness and intensity of one image.

With ink mask M (the image enlarged, above half the ink's brightness), its skeleton S and the distance d to the
edge of M: thickness = 2 mean over S of d, in pixels of the image; intensity = median of the pixels that reach half the
maximum. The definitions are those of Morpho-MNIST (Castro et al., 2019), the skeleton by thinning.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.morphology import skeletonize

from .raster import SCALE, Grey, Mask, as_grey, ink_level, ink_mask

__all__ = ["measure_intensity", "measure_thickness", "skeleton_radii", "thickness_of"]

OFFSET = np.float32(0.25)
"""Excess, in fine pixels, of the distance to the nearest pixel outside over half the stroke's width: a half where the
width is odd, nothing where it is even and the axis falls between two pixels."""


def measure_thickness(image: NDArray) -> float:
    """Stroke thickness of an `(H, W)` image in pixels.

    Raises:
        DataError: The array is not one image, or holds no ink.
    """
    return thickness_of(as_grey(image))


def measure_intensity(image: NDArray) -> float:
    """Brightness of the ink of an `(H, W)` image, in the units of its pixels.

    Raises:
        DataError: The array is not one image, or holds no ink.
    """
    return ink_level(as_grey(image))


def thickness_of(image: Grey) -> float:
    """`measure_thickness` without the checks."""
    _, radii = skeleton_radii(_crop(ink_mask(image)))
    return 2.0 * float(radii.mean()) / SCALE


def skeleton_radii(mask: Mask) -> tuple[Mask, Grey]:
    """Skeleton of `mask` and the distance to the edge at each of its pixels (row-major), in fine pixels.

    The border of `mask` must be free of ink.
    """
    skeleton = skeletonize(mask)
    rows, columns = np.nonzero(skeleton)
    nearest = distance_transform_edt(mask, return_distances=False, return_indices=True)
    down, across = nearest[0][skeleton] - rows, nearest[1][skeleton] - columns
    return skeleton, np.sqrt(down**2 + across**2, dtype=np.float32) - OFFSET


def _crop(mask: Mask) -> Mask:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    inner = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(inner, 1)
