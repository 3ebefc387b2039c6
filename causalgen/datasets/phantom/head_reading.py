"""Read head and ventricles from scans `(N, 1, H, W)` of the phantom, of any size, drawn or generated; one number each, `(N,)`.

A scanner shows brightness through an offset and a gain. Both are read from the image: the offset from its corners, which are
air, and the gain from the ring of white matter around the ventricles. So an area does not depend on the scanner.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...errors import DataError
from .anatomy import FIELD, FLUID, RIM, WHITE, volume_of_area

__all__ = ["measure_head_size", "measure_ventricle_volume"]

Floats = NDArray[np.float64]

CORNER = 1 / 8
"""Share of the width that a corner takes."""
INNER, OUTER = 0.52, 0.66
"""The ring of white matter, as shares of the way from the middle of the head to its edge; ventricles end before."""
LEAST = 1 / 16
"""A head covers at least this share of the picture, or it is not seen."""
EXPECTED_PROPORTION = 0.8
"""Width of a head over its length, on average."""


def measure_head_size(images: NDArray) -> Floats:
    """Size of the head in a scan of the data set phantom: diameter of a circle of its area, mm; no number where none is seen.

    Raises:
        DataError: The array is not a batch of grey images.
    """
    pixels = _checked(images)
    head, _, share = _read(pixels)
    core, near = (_of_each(change, head) for change in (ndimage.binary_erosion, ndimage.binary_dilation))
    area = np.where(core, 1.0, np.where(near, np.clip(share / RIM, 0, 1), 0.0)).sum((1, 2))
    return np.where(_seen(head), np.sqrt(4 / np.pi * area * _pixel(pixels)), np.nan)


def measure_ventricle_volume(images: NDArray) -> Floats:
    """Volume of both ventricles in a scan of the data set phantom, ml, from their area; no number where no head is seen.

    Raises:
        DataError: The array is not a batch of grey images.
    """
    pixels = _checked(images)
    head, way, share = _read(pixels)
    fluid = (WHITE - share) / (WHITE - FLUID) * (way < OUTER)
    area = fluid.sum((1, 2)) * _pixel(pixels)
    return np.where(_seen(head), volume_of_area(np.maximum(area, 0)), np.nan)


def _read(pixels: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """The head, filled; the way of each pixel from its middle to its edge; and the brightness without the scanner."""
    low, high = (max(1, round(CORNER * length)) for length in pixels.shape[1:])
    corners = [pixels[:, i, j] for i in (slice(low), slice(-low, None)) for j in (slice(high), slice(-high, None))]
    air = np.median(np.stack(corners), axis=(0, 2, 3))[:, None, None]
    bright = np.quantile(pixels, 0.9, axis=(1, 2))[:, None, None]
    head = _of_each(ndimage.binary_fill_holes, pixels - air > (bright - air) / 2)
    way = _way(head)
    white = _median_where(pixels, (way > INNER) & (way < OUTER))
    gain = (white - air) / WHITE
    return head, way, np.divide(pixels - air, gain, out=np.zeros_like(pixels), where=gain > 0)


def _way(head: NDArray[np.bool_]) -> Floats:
    """Of each pixel the way from the middle of the head to its edge, 1 at the edge, for a head that stands upright."""
    count = np.maximum(head.sum((1, 2)), 1)
    down, right = (FIELD / length * np.arange(length) for length in head.shape[1:])
    x, y = (head.sum(1) @ right / count)[:, None, None], (head.sum(2) @ down / count)[:, None, None]
    radius = np.sqrt(count * _pixel(head) / np.pi)[:, None, None]
    across, ahead = radius * EXPECTED_PROPORTION**0.5, radius / EXPECTED_PROPORTION**0.5
    return np.hypot((right[None, None, :] - x) / across, (down[None, :, None] - y) / ahead)


def _pixel(images: NDArray) -> float:
    """Area of a pixel of images `(N, H, W)`, square mm."""
    return FIELD**2 / (images.shape[1] * images.shape[2])


def _median_where(pixels: Floats, where: NDArray[np.bool_]) -> Floats:
    """Median of the pixels of each image in a region, `(N, 1, 1)`; 0 where it is empty."""
    found = [np.median(image[mask]) if mask.any() else 0.0 for image, mask in zip(pixels, where)]
    return np.array(found)[:, None, None]


def _of_each(change: Callable[..., NDArray[np.bool_]], masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.stack([change(mask) for mask in masks]) if len(masks) else masks


def _seen(head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether there is a head that air surrounds."""
    border = head[:, 0].any(1) | head[:, -1].any(1) | head[:, :, 0].any(1) | head[:, :, -1].any(1)
    return (head.mean((1, 2)) > LEAST) & ~border


def _checked(images: NDArray) -> Floats:
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != 1 or not all(images.shape):
        raise DataError(f"Expected grey images of shape (N, 1, H, W); got an array of shape {images.shape}.")
    return images[:, 0].astype(np.float64)
