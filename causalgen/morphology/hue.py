"""The hue of colour images with one ink, and images painted in a hue.

An ink of hue h has the colours level * rgb(h, 1, 1), where level is the grey level and rgb the conversion from hue,
saturation and value; the largest of its channels is the level itself, so that colouring is lossless.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.color import hsv2rgb, rgb2hsv

from ..errors import DataError

__all__ = ["grey_levels", "measure_hue", "set_hue"]


def measure_hue(images: NDArray) -> NDArray[np.float64]:
    """Return the hue of the total light of `(N, 3, H, W)` images, degrees in [0, 360), `(N,)`; NaN if it has none.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    totals = _as_colour(images).sum((2, 3), dtype=np.float64)
    peak = totals.max(1, keepdims=True)
    hue = 360 * rgb2hsv(totals / np.where(peak > 0, peak, 1))[:, 0]
    return np.where(np.ptp(totals, axis=1) > 0, hue, np.nan)


def set_hue(images: NDArray, degrees: ArrayLike) -> NDArray[np.uint8]:
    """Paint `(N, H, W)` grey images or `(N, 3, H, W)` colour images in one hue each; uint8 `(N, 3, H, W)`.

    Args:
        images: Grey levels 0 to 255, or colours, whose grey levels are kept.
        degrees: One hue or `(N,)`, degrees; 360 is 0.

    Raises:
        DataError: The array is not a batch of images, or there is neither one hue nor one per image.
    """
    images = np.asarray(images)
    grey = images if images.ndim == 3 else grey_levels(images)
    hue = np.asarray(degrees, np.float64)
    if hue.shape not in ((), (len(grey),)) or not np.isfinite(hue).all():
        raise DataError(f"Expected one hue in degrees or {len(grey)} of them; got {degrees!r}.")
    colours = hsv2rgb(np.stack([hue % 360 / 360, np.ones_like(hue), np.ones_like(hue)], -1))
    painted = np.empty((len(grey), 3, *grey.shape[1:]), np.uint8)
    for image, colour, target in zip(grey, np.broadcast_to(colours, (len(grey), 3)), painted):
        target[:] = np.rint(image * colour[:, None, None])  # one at a time: a whole data set in floats is gigabytes
    return painted


def grey_levels(images: NDArray) -> NDArray:
    """Grey levels `(N, H, W)` of `(N, 3, H, W)` colour images: the largest channel.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    return np.asarray(_as_colour(images).max(1))


def _as_colour(images: NDArray) -> NDArray:
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != 3:
        raise DataError(f"Expected colour images of shape (N, 3, H, W); got an array of shape {images.shape}.")
    return images
