"""Read head and ventricles from scans of the phantom, of any size, drawn or generated; one number each, `(N,)`.

Scans are slices `(N, 1, H, W)`, on which ventricles have an area, or volumes `(N, 1, D, H, W)`, in which they have a volume.

A scanner shows brightness through an offset and a gain. Both are read from the image: the offset from its corners, which are
air, and the gain from the ring of white matter around the ventricles. So an area does not depend on the scanner.
"""

import math
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...errors import DataError
from .anatomy import FIELD, FLUID, RIM, WHITE, volume_of_area

__all__ = ["measure_head_size", "measure_ventricle_volume"]

Floats = NDArray[np.float64]

CORNER = 1 / 8
"""Share of the width that a corner occupies."""
INNER, OUTER = 0.52, 0.66
"""The ring, or shell, of white matter, as shares of the way from the middle of the head to its edge; ventricles end before."""
LEAST = 1 / 16
"""Minimum share of the picture that a head must cover to be detected."""
EXPECTED_PROPORTION = 0.8
"""Width of a head over its length, on average."""
BRIGHT = {2: 0.9, 3: 0.95}
"""Quantile that lies in the bright parts of a head, of which a volume holds a smaller share."""


def measure_head_size(images: NDArray) -> Floats:
    """Size of the head in a scan of the data set phantom: diameter of a circle of its area, or of a sphere of its volume, mm;
    NaN if none is seen.

    Raises:
        DataError: The array is not a batch of grey images or volumes.
    """
    pixels = _checked(images)
    head, _, share = _read(pixels)
    core, near = (_of_each(change, head) for change in (ndimage.binary_erosion, ndimage.binary_dilation))
    covered = np.where(core, 1.0, np.where(near, np.clip(share / RIM, 0, 1), 0.0)).sum(_within(pixels))
    return np.where(_seen(head), 2 * _radius(covered, pixels), np.nan)


def measure_ventricle_volume(images: NDArray) -> Floats:
    """Volume of both ventricles in a scan of the data set phantom, ml; of a slice it follows from their area.

    No number where no head is seen.

    Raises:
        DataError: The array is not a batch of grey images or volumes.
    """
    pixels = _checked(images)
    head, way, share = _read(pixels)
    fluid = (WHITE - share) / (WHITE - FLUID) * (way < OUTER)
    size = np.maximum(fluid.sum(_within(pixels)) * _pixel(pixels), 0)
    return np.where(_seen(head), volume_of_area(size) if pixels.ndim == 3 else size / 1000, np.nan)


def _read(pixels: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """The head, filled; the relative distance of each pixel from its middle; and the brightness without the scanner."""
    dimensions = pixels.ndim - 1
    each = (slice(None), *[None] * dimensions)
    ends = [(slice(n), slice(-n, None)) for n in (max(1, round(CORNER * length)) for length in pixels.shape[1:])]
    corners = [pixels[(slice(None), *corner)] for corner in product(*ends)]
    air = np.median(np.stack(corners), axis=(0, *range(2, 2 + dimensions)))[each]
    bright = np.quantile(pixels, BRIGHT[dimensions], axis=_within(pixels))[each]
    head = _of_each(ndimage.binary_fill_holes, pixels - air > (bright - air) / 2)
    way = _way(head)
    white = _median_where(pixels, (way > INNER) & (way < OUTER))
    gain = (white - air) / WHITE
    return head, way, np.divide(pixels - air, gain, out=np.zeros_like(pixels), where=gain > 0)


def _way(head: NDArray[np.bool_]) -> Floats:
    """Relative distance of each pixel from the middle of the head, 1 at its edge, for an upright head."""
    dimensions = head.ndim - 1
    count = np.maximum(head.sum(_within(head)), 1)
    radius = _radius(count, head)
    total: Floats = np.zeros(head.shape)
    for axis, share in zip(range(dimensions, 0, -1), (EXPECTED_PROPORTION**0.5, EXPECTED_PROPORTION**-0.5, 1.0)):
        place = FIELD / head.shape[axis] * np.arange(head.shape[axis])
        others = tuple(other for other in range(1, head.ndim) if other != axis)
        way = (place - (head.sum(others) @ place / count)[:, None]) / (radius * share)[:, None]
        total += np.square(way).reshape(len(head), *[-1 if other == axis else 1 for other in range(1, head.ndim)])
    return np.sqrt(total)


def _within(images: NDArray) -> tuple[int, ...]:
    """The axes of one image."""
    return tuple(range(1, images.ndim))


def _pixel(images: NDArray) -> float:
    """Area of a pixel of images `(N, H, W)`, square mm, or volume of a voxel of volumes `(N, D, H, W)`, cubic mm."""
    return float(FIELD ** (images.ndim - 1) / math.prod(images.shape[1:]))


def _radius(count: NDArray, images: NDArray) -> Floats:
    """Radius of the circle, or the sphere, that this many pixels cover, mm."""
    size = count * _pixel(images)
    return np.sqrt(size / np.pi) if images.ndim == 3 else np.cbrt(size * 3 / (4 * np.pi))


def _median_where(pixels: Floats, where: NDArray[np.bool_]) -> Floats:
    """Median of the pixels of each image in a region, `(N, 1, 1)` or `(N, 1, 1, 1)`; 0 where it is empty."""
    found = [np.median(image[mask]) if mask.any() else 0.0 for image, mask in zip(pixels, where)]
    return np.array(found)[(slice(None), *[None] * (pixels.ndim - 1))]


def _of_each(change: Callable[..., NDArray[np.bool_]], masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.stack([change(mask) for mask in masks]) if len(masks) else masks


def _seen(head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether there is a head surrounded by air."""
    ends = [head.take((0, -1), axis).reshape(len(head), -1).any(1) for axis in _within(head)]
    return (head.mean(_within(head)) > LEAST) & ~np.any(ends, axis=0)


def _checked(images: NDArray) -> Floats:
    images = np.asarray(images)
    if images.ndim not in (4, 5) or images.shape[1] != 1 or not all(images.shape):
        raise DataError(
            "Expected grey images of shape (N, 1, H, W), or volumes of shape (N, 1, D, H, W); got an array of shape "
            f"{images.shape}."
        )
    return images[:, 0].astype(np.float64)
