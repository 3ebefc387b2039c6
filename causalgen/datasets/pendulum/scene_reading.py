"""Read the attributes of scenes from images `(N, 3, H, W)` of any size, rendered or generated; one number for each, `(N,)`.

Lamp, ball and shadow lie in separate bands of rows, and each differs from the wall in a channel: the lamp has no blue, the
ball is red, the shadow is dark. A tenth of full strength or less counts as none, and nine tenths or more as full, so
that a faint haze or a pale tint has no effect.
"""

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .equations import PIVOT
from .scene import FIREBRICK, LEFT, SHADOW_BOTTOM, SHADOW_TOP, SPAN, TOP, WALLS

__all__ = ["measure_angle", "measure_light", "measure_shadow_length", "measure_shadow_position", "nearest_wall"]

Floats = NDArray[np.float64]

LAMP_BAND, BALL_BAND = (17.0, TOP), (0.5, 7.0)
DEAD = 0.1
LEAST = 0.25
"""Minimum visible area, in squared units."""


def measure_light(images: NDArray) -> Floats:
    """Position of the lamp in a scene of the data set pendulum, along x, in units; no number where none is seen.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    pixels = _checked(images)
    return _centre(_strength(_missing(pixels)[:, 2]), LAMP_BAND)[0]


def measure_angle(images: NDArray) -> Floats:
    """Angle of the pendulum to the vertical, in degrees, from the middle of its ball; no number where none is seen.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    pixels = _checked(images)
    red, wall = _redness(pixels), _redness(_wall(pixels)[..., None, None])
    full = FIREBRICK[0] - (FIREBRICK[1] + FIREBRICK[2]) / 2
    x, y = _centre(_strength((red - wall) / (full - wall)), BALL_BAND)
    return np.rad2deg(np.arctan2(x - PIVOT[0], PIVOT[1] - y))


def measure_shadow_length(images: NDArray) -> Floats:
    """Length of the pendulum's shadow, in units; 0 where none is seen.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    profile, pixel = _shadow(images)
    return profile.sum(1) * pixel


def measure_shadow_position(images: NDArray) -> Floats:
    """Position of the middle of the pendulum's shadow, along x, in units; no number where none is seen.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    profile, pixel = _shadow(images)
    total, x = profile.sum(1), LEFT + (np.arange(profile.shape[1]) + 0.5) * pixel
    return np.divide(profile @ x, total, out=np.full(len(total), np.nan), where=total * pixel > LEAST)


def nearest_wall(images: NDArray) -> NDArray[np.int64]:
    """The index in `WALLS` of the colour that is nearest to the wall's, `(N,)`.

    Raises:
        DataError: The array is not a batch of colour images.
    """
    distance = np.abs(_wall(_checked(images))[:, None] - np.array(WALLS)).sum(2)
    return np.asarray(distance.argmin(1))


def _shadow(images: NDArray) -> tuple[Floats, float]:
    """Darkness of every column of the ground, 0 to 1, `(N, W)`, and the width of a pixel."""
    pixels = _checked(images)
    return _strength(_rows(_missing(pixels).min(1), (SHADOW_BOTTOM, SHADOW_TOP))), SPAN / pixels.shape[3]


def _rows(values: Floats, band: tuple[float, float]) -> Floats:
    """Mean over the part of every column that lies in a band of y, `(N, W)`."""
    height = values.shape[1]
    pixel = SPAN / height
    low = TOP - (np.arange(height) + 1) * pixel
    share = np.clip(np.minimum(low + pixel, band[1]) - np.maximum(low, band[0]), 0, None)
    return np.einsum("nhw,h->nw", values, share / share.sum())


def _centre(weight: Floats, band: tuple[float, float]) -> tuple[Floats, Floats]:
    """Centre of mass `(x, y)` of weights `(N, H, W)` in a band of y; NaN where almost nothing is seen."""
    _, height, width = weight.shape
    down, across = SPAN / height, SPAN / width
    x, y = LEFT + (np.arange(width) + 0.5) * across, TOP - (np.arange(height) + 0.5) * down
    weight = weight * ((y > band[0]) & (y < band[1]))[:, None]
    total = weight.sum((1, 2))
    seen = total * down * across > LEAST
    nothing = np.full(len(total), np.nan)
    return (
        np.divide(weight.sum(1) @ x, total, out=nothing.copy(), where=seen),
        np.divide(weight.sum(2) @ y, total, out=nothing, where=seen),
    )


def _strength(share: Floats) -> Floats:
    return np.clip((share - DEAD) / (1 - 2 * DEAD), 0, 1)


def _redness(colour: Floats) -> Floats:
    return np.asarray(colour[:, 0] - (colour[:, 1] + colour[:, 2]) / 2)


def _missing(pixels: Floats) -> Floats:
    """Share of the wall's light that a pixel lacks, by channel; 0 if the wall is black."""
    wall = _wall(pixels)[..., None, None]
    return (wall - pixels) / np.where(wall > 0, wall, 1.0)


def _wall(pixels: Floats) -> Floats:
    """Colour of the wall, which fills most of a picture, `(N, 3)`."""
    return np.asarray(np.median(pixels[:, :, ::2, ::2], axis=(2, 3)))


def _checked(images: NDArray) -> Floats:
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != 3:
        raise DataError(f"Expected colour images of shape (N, 3, H, W); got an array of shape {images.shape}.")
    return images.astype(np.float64)
