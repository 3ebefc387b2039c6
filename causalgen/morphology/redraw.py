"""Redraw the strokes of an image with another thickness and another brightness.

Let m be the measured thickness and w the drawn one. For w >= m, the ink is everything within (w - m) / 2 of the mask (a
true dilation). For w < m, it is everything within r w / m of the skeleton, where r is the stroke's radius at the
nearest skeleton point: erosion would break thin strokes; this does not. The ink's coverage of each pixel times the
brightness is the image. Because pixels blur and loops fill, the measured thickness differs from w; a few secant steps
find the w whose image has the requested thickness.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..errors import DataError
from .measure import skeleton_radii, thickness_of
from .raster import SCALE, Grey, as_grey, ink_level, ink_mask, reduce

__all__ = ["redraw", "set_intensity", "set_thickness"]

TOLERANCE = 0.02
"""Pixels of measured thickness at which the search for w stops."""
STEPS = 5
"""Maximum number of images drawn in the search for w."""


def set_thickness(image: NDArray, px: float) -> NDArray[np.uint8]:
    """Redraw an `(H, W)` image so that `measure_thickness` returns `px`; its intensity stays.

    Raises:
        DataError: The array is not one image with ink, or `px` is not positive.
    """
    grey = as_grey(image)
    return redraw(grey, px, ink_level(grey))


def set_intensity(image: NDArray, value: float) -> NDArray[np.uint8]:
    """Scale an `(H, W)` image so that `measure_intensity` returns `value` to within rounding; pixels clip at 255.

    Raises:
        DataError: The array is not one image with ink, or `value` is outside (0, 255].
    """
    return _brighten(as_grey(image), _checked_intensity(value))


def redraw(image: Grey, thickness: float, intensity: float) -> NDArray[np.uint8]:
    """Set both at once, so that clipping at 255 cannot shift the thickness."""
    if not (np.isfinite(thickness) and thickness > 0):
        raise DataError(f"Expected a thickness above 0 px; got {thickness}.")
    best = _brighten(image, _checked_intensity(intensity))
    best_error = thickness_of(best.astype(np.float32)) - thickness
    if abs(best_error) <= TOLERANCE:
        return best  # only the brightness changes: the thickness is already as requested
    stroke, width, tried = Stroke(image), float(thickness), []
    for _ in range(STEPS):
        drawn = _brighten(stroke.draw(width), intensity)
        error = thickness_of(drawn.astype(np.float32)) - thickness
        if abs(error) < abs(best_error):
            best, best_error = drawn, error
        if abs(error) <= TOLERANCE:
            break
        tried.append((width, error))
        width = _next_width(tried)
    return best


class Stroke:
    """The strokes of one image: how far each fine pixel lies from the ink and from its skeleton."""

    def __init__(self, image: Grey):
        self.mask = np.pad(ink_mask(image), 1)
        self.skeleton, self.radii = skeleton_radii(self.mask)
        self.thickness = 2.0 * float(self.radii.mean()) / SCALE

    def draw(self, width: float) -> Grey:
        """Coverage in [0, 1] of each pixel by strokes about `width` pixels thick."""
        if width >= self.thickness:
            depth = (width - self.thickness) / 2 * SCALE + 0.5 - self.outside
        else:
            distance, radius = self.inside
            depth = radius * (width / self.thickness) - distance
        # Depths are between centres of fine pixels: half a pixel more is full coverage, half less is none.
        return reduce(np.clip(depth[1:-1, 1:-1] + 0.5, 0, 1))

    @cached_property
    def outside(self) -> Grey:
        """Distance to the mask."""
        return distance_transform_edt(~self.mask).astype(np.float32)

    @cached_property
    def inside(self) -> tuple[Grey, Grey]:
        """Distance to the skeleton, and the stroke's radius at the nearest point of it."""
        distance, nearest = distance_transform_edt(~self.skeleton, return_indices=True)
        radius = np.zeros(self.mask.shape, np.float32)
        radius[self.skeleton] = self.radii
        return distance.astype(np.float32), radius[tuple(nearest)]


def _next_width(tried: list[tuple[float, float]]) -> float:
    """Secant step, kept between half and twice the plain correction and inside the bracket of the solution."""
    width, error = tried[-1]
    slope = 1.0
    if len(tried) > 1:
        before, error_before = tried[-2]
        slope = np.clip((error - error_before) / (width - before or 1.0), 0.5, 2.0)
    step = width - error / slope
    low = max((w for w, e in tried if e < 0), default=0.05)
    high = min((w for w, e in tried if e > 0), default=np.inf)
    return step if low < step < high else (low + min(high, 2 * low)) / 2


def _brighten(image: Grey, intensity: float) -> NDArray[np.uint8]:
    factor, best, best_error = intensity / ink_level(image), image, np.inf
    for _ in range(6):  # clipping lowers half the maximum, so dimmer pixels join the median
        drawn = np.rint(np.clip(image * factor, 0, 255))
        level = ink_level(drawn)
        if abs(level - intensity) < best_error:
            best, best_error = drawn, abs(level - intensity)
        if best_error <= 0.5:
            break
        factor *= intensity / level
    return best.astype(np.uint8)


def _checked_intensity(value: float) -> float:
    if not 0 < value <= 255:
        raise DataError(f"Expected an intensity in (0, 255]; got {value}.")
    return float(value)
