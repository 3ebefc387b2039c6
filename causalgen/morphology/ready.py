"""Measures of any images, grey or colour, of any size.

Each takes images `(N, C, H, W)` on 0 to 255 and gives one number for each, `(N,)`. The grey level of a pixel is the mean of
its channels, g below.

- area: number of pixels with threshold <= g <= up_to
- mean: mean of g
- contrast: standard deviation of g over the pixels
- sharpness: variance of the Laplacian of g (Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, 2000)
- gradient: mean length of the gradient of g, in grey levels per pixel
- texture: energy of the co-occurrence matrix of g, averaged over four directions (Haralick, Shanmugam and Dinstein, Textural
  features for image classification, 1973); 1 for an even image, close to 0 for a rough one
- saturation: mean of (largest - least channel) / largest channel; 0 for grey
- hue: hue of all the light together, in degrees (`measure_hue`)

>>> import numpy as np
>>> image = np.zeros((1, 1, 8, 8))
>>> image[..., 2:5, 1:5] = 200
>>> measure_area(image, threshold=100), measure_mean(image)
(array([12.]), array([37.5]))
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import laplace
from skimage.feature import graycomatrix, graycoprops

from ..errors import DataError

__all__ = [
    "measure_area",
    "measure_contrast",
    "measure_gradient",
    "measure_mean",
    "measure_saturation",
    "measure_sharpness",
    "measure_texture",
]

Floats = NDArray[np.float64]
PIECE = 4_000_000
"""Pixels that are measured at once, so that many large images fit into memory."""
WHITE = 255.0
ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


def measure_area(images: NDArray, *, threshold: float = 128.0, up_to: float = WHITE) -> Floats:
    """Pixels whose grey level lies between `threshold` and `up_to`, both included."""
    if not threshold <= up_to:
        raise DataError(f"Expected a threshold of at most up_to={up_to:g}; got {threshold:g}.")
    return _each(images, lambda grey: ((grey >= threshold) & (grey <= up_to)).sum((1, 2)))


def measure_mean(images: NDArray) -> Floats:
    """Mean grey level."""
    return _each(images, lambda grey: grey.mean((1, 2)))


def measure_contrast(images: NDArray) -> Floats:
    """Standard deviation of the grey levels."""
    return _each(images, lambda grey: grey.std((1, 2)))


def measure_sharpness(images: NDArray) -> Floats:
    """Variance of the Laplacian of the grey levels; blurring lowers it."""
    return _each(images, lambda grey: laplace(grey, mode="nearest", axes=(1, 2)).var((1, 2)))


def measure_gradient(images: NDArray) -> Floats:
    """Mean length of the gradient, in grey levels per pixel.

    Raises:
        DataError: The images are narrower than two pixels.
    """

    def steepness(grey: Floats) -> Floats:
        if min(grey.shape[1:]) < 2:
            raise DataError(f"Expected images of at least 2 x 2 pixels for a gradient; got {grey.shape[1:]}.")
        return np.hypot(*np.gradient(grey, axis=(1, 2))).mean((1, 2))

    return _each(images, steepness)


def measure_texture(images: NDArray, *, distance: int = 1, levels: int = 16) -> Floats:
    """Energy of the co-occurrence of grey levels.

    Args:
        images: `(N, C, H, W)`.
        distance: Pixels between the two of a pair.
        levels: Steps of equal width into which 0 to 255 are divided.

    Raises:
        DataError: The distance or the number of levels does not fit the images.
    """
    least = min(np.shape(images)[2:], default=0)
    if not 1 <= distance < least or not 2 <= levels <= 256:
        raise DataError(
            f"Expected a distance of 1 to {least - 1} pixels and 2 to 256 levels; got {distance} and {levels}."
        )

    def energy(grey: Floats) -> Floats:
        steps = np.clip(grey * levels / (WHITE + 1), 0, levels - 1).astype(np.uint8)
        pairs = (graycomatrix(one, [distance], ANGLES, levels, symmetric=True, normed=True) for one in steps)
        return np.array([graycoprops(matrix, "energy").mean() for matrix in pairs])

    return _each(images, energy)


def measure_saturation(images: NDArray) -> Floats:
    """Mean saturation of the pixels, 0 to 1; a black pixel has none."""
    numbers = []
    for part in _pieces(images):
        largest = part.max(1)
        spread = largest - part.min(1)
        numbers.append(np.divide(spread, largest, out=np.zeros_like(spread), where=largest > 0).mean((1, 2)))
    return np.concatenate(numbers)


def _each(images: NDArray, measure: Callable[[Floats], NDArray]) -> Floats:
    """A measure of grey images `(n, H, W)`, applied to all images."""
    return np.concatenate([np.asarray(measure(part.mean(1)), dtype=np.float64) for part in _pieces(images)])


def _pieces(images: NDArray) -> Iterator[Floats]:
    """The images as floats, in pieces.

    Raises:
        DataError: The array is not a batch of images.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not all(images.shape):
        raise DataError(f"Expected images of shape (N, C, H, W); got an array of shape {images.shape}.")
    step = max(1, PIECE // int(np.prod(images.shape[1:])))
    for start in range(0, len(images), step):
        yield images[start : start + step].astype(np.float64)
