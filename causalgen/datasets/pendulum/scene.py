"""Draw the scene: a lamp, a pendulum and its shadow, in colour and anti-aliased.

The scene is 22 x 22 units, x from -1 to 21 and y from -1 to 21, upwards. A pixel's colour is mixed by how much of it each
shape covers: exactly for the shadow, whose edges are parallel to the grid; for discs and the rod by the distance from the
pixel's centre to the edge. Apart from sine and cosine, which are rounded, only operations that IEEE 754 rounds correctly
are used, in a fixed order, so that every machine draws the same bytes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .equations import BALL, PIVOT, ROD

__all__ = ["LEFT", "SIZES", "SPAN", "TOP", "WALLS", "render"]

Floats = NDArray[np.floating[Any]]
Progress = Callable[[int, int], None]

SIZES = (64, 96)
LEFT, TOP, SPAN = -1.0, 21.0, 22.0
"""Lower left corner of the picture, and its width and height, in units."""
LAMP_HEIGHT, LAMP_RADIUS = 20.5, 3.0
BALL_RADIUS = BALL - ROD
ROD_WIDTH = 1.0
SHADOW_TOP, SHADOW_BOTTOM = 0.0, -1.0

BLACK, FIREBRICK, ORANGE = (0.0, 0.0, 0.0), (178.0, 34.0, 34.0), (255.0, 165.0, 0.0)
WALLS = ((255.0, 255.0, 255.0), (255.0, 244.0, 214.0), (214.0, 232.0, 255.0))
"""Colours of the wall: white, warm, cool."""
ROUNDING = 2.0**-30
CHUNK = 64
"""Number of images drawn at a time, which fit into a processor's cache."""


def render(
    light: ArrayLike,
    angle: ArrayLike,
    shadow_length: ArrayLike,
    shadow_position: ArrayLike,
    *,
    wall: ArrayLike = 0,
    size: int = 64,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """Images `(N, 3, size, size)` of scenes.

    Args:
        light: Position of the lamp along x, units, `(N,)`.
        angle: Angle of the pendulum to the vertical, degrees, positive to the right, `(N,)`.
        shadow_length: Length of the shadow, units, `(N,)`.
        shadow_position: Middle of the shadow along x, units, `(N,)`.
        wall: Index in `WALLS`, one or `(N,)`.
        size: Height and width in pixels.
        progress: Called with (images drawn, images in all) now and then.

    Raises:
        DataError: A value is not finite, or the columns differ in length.

    >>> image = render([4.0], [30.0], [5.0], [16.0])
    >>> image.shape, image[0, :, 0, 0].tolist()
    ((1, 3, 64, 64), [255, 255, 255])
    """
    columns = [np.atleast_1d(np.asarray(c, np.float64)) for c in (light, angle, shadow_length, shadow_position)]
    if len({column.shape for column in columns}) > 1 or not all(np.isfinite(column).all() for column in columns):
        raise DataError("Expected four columns of one length with finite numbers to draw scenes; got others.")
    count = len(columns[0])
    walls = np.broadcast_to(np.asarray(wall, np.int64), (count,))
    images = np.empty((count, 3, size, size), np.uint8)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        images[rows] = _draw([column[rows, None, None] for column in columns], walls[rows], size)
        if progress is not None:
            progress(min(start + CHUNK, count), count)
    return images


def _draw(scene: list[Floats], wall: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """One chunk: the shapes laid over the wall from back to front."""
    light, angle, length, position = scene
    pixel = SPAN / size
    middle = (np.arange(size) + 0.5) * pixel
    x, y = (LEFT + middle)[None, None, :], (TOP - middle)[None, :, None]
    right, up = x - PIVOT[0], y - PIVOT[1]
    sine, cosine = _rounded(np.sin(np.deg2rad(angle))), _rounded(np.cos(np.deg2rad(angle)))
    across = _between(x, position - length / 2, position + length / 2, pixel)
    shapes = (
        (_rod(right, up, sine, cosine, pixel), BLACK),
        (_disc(right - ROD * sine, up + ROD * cosine, BALL_RADIUS, pixel), FIREBRICK),
        (_disc(x - light, y - LAMP_HEIGHT, LAMP_RADIUS, pixel), ORANGE),
        (across * _between(y, SHADOW_BOTTOM, SHADOW_TOP, pixel), BLACK),
    )
    image = np.empty((len(wall), 3, size, size), np.uint8)
    for channel in range(3):
        layer = np.array(WALLS)[wall, channel][:, None, None]
        for cover, colour in shapes:
            layer = layer + cover * (colour[channel] - layer)
        image[:, channel] = np.rint(layer)
    return image


def _rounded(value: Floats) -> Floats:
    """Round to a fixed grid: libraries differ in the last bit of a sine."""
    return np.rint(value / ROUNDING) * ROUNDING


def _disc(right: Floats, up: Floats, radius: float, pixel: float) -> Floats:
    return np.clip(0.5 + (radius - np.sqrt(right * right + up * up)) / pixel, 0, 1)


def _rod(right: Floats, up: Floats, sine: Floats, cosine: Floats, pixel: float) -> Floats:
    """A rectangle from the pivot to the middle of the ball."""
    along, across = right * sine - up * cosine, right * cosine + up * sine
    inside = np.clip(0.5 + (ROD_WIDTH / 2 - np.abs(across)) / pixel, 0, 1)
    return inside * np.clip(0.5 + (ROD / 2 - np.abs(along - ROD / 2)) / pixel, 0, 1)


def _between(middle: Floats, low: Floats | float, high: Floats | float, pixel: float) -> Floats:
    """Share of each pixel, along one axis, that lies between two edges."""
    overlap = np.minimum(middle + pixel / 2, high) - np.maximum(middle - pixel / 2, low)
    return np.clip(overlap / pixel, 0, 1)
