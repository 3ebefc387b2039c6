"""The handwritten digits inside scikit-learn, traced and drawn again as even strokes on 28x28 pixels."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, gaussian_filter1d
from skimage.morphology import skeletonize

from ...morphology.raster import cubic_weights, ink_level, reduce

__all__ = ["SIZE", "base_digits", "trace"]

SIZE = 28
FINE = 4
"""Number of fine pixels per pixel of the drawn image."""
STRETCH = (11, 13)
"""Number of fine pixels per source pixel, down and across: 8 source pixels become 22 x 26 pixels."""
PEN = 1.0
"""Radius of the drawn stroke in pixels."""
BLURS = (0.2, 0.7)
"""Fine and coarse blur in source pixels; their difference, times SHARPEN, is added to the fine one."""
SHARPEN = 3.0
BORDER = 3
"""Margin of empty source pixels for the blurs."""


def base_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 1,797 digits as scikit-learn has them, `(1797, 8, 8)`, and their labels, `(1797,)`."""
    from sklearn.datasets import load_digits

    source = load_digits()
    return source.images.astype(np.float32), source.target.astype(np.int64)


def trace(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Trace the strokes of an 8x8 image of grey levels with a pen two pixels wide; `(28, 28)`.

    A pixel of the source is the share of ink in a block, and blocks fill small loops; sharpening reopens them.
    """
    source = np.pad(image, BORDER)
    fine, coarse = (_enlarge(source, sigma) for sigma in BLURS)
    sharpened = fine + SHARPEN * (fine - coarse)
    skeleton = skeletonize(sharpened > 0.5 * ink_level(image))
    ink = (distance_transform_edt(~skeleton) <= PEN * FINE).astype(np.float32)
    smooth = gaussian_filter(ink, 0.375 * FINE) > 0.5
    return np.rint(reduce(_centred(smooth).astype(np.float32), FINE) * 255).astype(np.uint8)


def _enlarge(source: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Interpolate, then blur by `sigma` source pixels; both are one matrix product along each axis."""
    down, across = (
        gaussian_filter1d(cubic_weights(length, scale), sigma * scale, axis=0)
        for length, scale in zip(source.shape, STRETCH)
    )
    return down @ source @ across.T


def _centred(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The ink's bounding box in the middle of the canvas."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    ink = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    spare = [SIZE * FINE - length for length in ink.shape]
    return np.pad(ink, [(free // 2, free - free // 2) for free in spare])
