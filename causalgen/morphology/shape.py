"""Slant, width, height, area and length of one image of handwriting, as Morpho-MNIST defines them (Castro et al., 2019).

- area: of the ink, the enlarged image above half its brightness; px^2.
- length: of the ink's skeleton, steps to neighbours counting 1 or sqrt(2); px. A step is one of eight directions, so
  curves come out up to 8 % too long, a circle 5.5 %.
- slant: arctan(-u11 / u02) with u the central moments of the grey levels, across by down; radians, positive for
  strokes that lean to the right.
- width, height: of the parallelogram with that slant that leaves 1 % of the grey levels outside on each side; px.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate
from skimage.morphology import skeletonize

from .raster import SCALE, Grey, enlarge, ink_mask

__all__ = ["area_of", "height_of", "length_of", "slant_of", "width_of"]

OUTSIDE = 0.01
"""Share of the grey levels beyond each side of the bounding parallelogram."""
STEPS = np.array([[0, 0, 0], [0, 0, 1], [np.sqrt(2), 1, np.sqrt(2)]])
"""Length of the step to each neighbour; every pair of neighbours is met once."""


def area_of(image: Grey) -> float:
    """Area of the ink in square pixels."""
    return float(ink_mask(image).sum()) / SCALE**2


def length_of(image: Grey) -> float:
    """Length of the ink's skeleton in pixels."""
    skeleton = skeletonize(np.pad(ink_mask(image), 1)).astype(float)
    return float((skeleton * correlate(skeleton, STEPS, mode="constant")).sum()) / SCALE


def slant_of(image: Grey) -> float:
    """Slant in radians, 0 for upright strokes, positive where they lean to the right."""
    return float(np.arctan(-_shear(image)))


def width_of(image: Grey) -> float:
    """Width in pixels, across the slant."""
    fine = np.clip(enlarge(image), 0, None)
    down, across = np.indices(fine.shape)
    return _extent((across - _shear(image) * down).ravel(), fine.ravel())


def height_of(image: Grey) -> float:
    """Height in pixels."""
    levels = np.clip(enlarge(image), 0, None).sum(1)
    return _extent(np.arange(len(levels)), levels)


def _shear(image: Grey) -> float:
    """Pixels across for each pixel down; 0 for an image of one row."""
    share = image.astype(np.float64) / image.sum(dtype=np.float64)
    down, across = np.indices(image.shape)
    down, across = down - (share * down).sum(), across - (share * across).sum()
    spread = float((share * down**2).sum())
    return float((share * down * across).sum()) / spread if spread else 0.0


def _extent(places: NDArray, levels: Grey) -> float:
    """Distance in pixels between the fine places that leave `OUTSIDE` of the levels on either side.

    Each level is spread evenly over the fine pixel around its place; bins count from the centroid, so that shifts of the
    image change nothing.
    """
    offsets = places - np.average(places, weights=levels)
    bins = np.floor(offsets)
    share = offsets - bins
    bins = (bins - bins.min()).astype(np.intp)
    size = int(bins.max()) + 2
    counts = np.bincount(bins, levels * (1 - share), size) + np.bincount(bins + 1, levels * share, size)
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    low, high = np.interp([OUTSIDE, 1 - OUTSIDE], below, np.arange(size + 1))
    return float(high - low) / SCALE
