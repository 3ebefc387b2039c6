"""The parts of the head, their size and their brightness, for drawing and for reading alike; lengths in mm.

A slice is the middle one of a solid whose parts are ellipsoids; a volume holds all of it. A ventricle has half the
length r, half the width 0.4 r, and half the height 0.75 r, so that two of them hold

    V = 2 (4/3) pi (0.4) (0.75) r^3      and cover      A = 2 pi (0.4) r^2      of the slice.
"""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AIR",
    "FIELD",
    "FLAT",
    "FLUID",
    "GREY",
    "NARROW",
    "RIM",
    "RIM_WIDTH",
    "SCANNERS",
    "SIDEWAYS",
    "TILT",
    "WHITE",
    "WHITE_EDGE",
    "half_length",
    "volume_of_area",
]

FIELD = 240.0
"""Width and height of the picture, and depth of a volume."""
RIM_WIDTH = 6.0
WHITE_EDGE = 0.74
"""Edge of the white matter, as a share of the way from the middle to the outer edge, before folds."""
NARROW, FLAT = 0.4, 0.75
"""Half the width and half the height of a ventricle, as shares of half its length."""
SIDEWAYS, TILT = 19.0, 0.2
"""Distance of a ventricle's middle from that of the head, and the tangent of its angle to the midline."""
AIR, FLUID, GREY, WHITE, RIM = 0.0, 0.2, 0.55, 0.8, 1.0
"""Brightness of the parts, which a scanner shows as offset + gain x brightness + noise."""
SCANNERS = ((0.02, 0.60, 0.008), (0.05, 0.75, 0.012), (0.01, 0.45, 0.016))
"""Offset, gain and standard deviation of the noise of the scanners A, B and C, as shares of full scale."""
SOLID = 2 * 4 / 3 * math.pi * NARROW * FLAT
"""Volume of both ventricles for r = 1."""


def half_length(volume: NDArray) -> NDArray:
    """Half the length r of both ventricles, from their volume in ml."""
    return np.cbrt(1000 * volume / SOLID)


def volume_of_area(area: NDArray) -> NDArray:
    """Volume of both ventricles in ml, from their area on the slice in square mm.

    >>> r = half_length(np.array([30.0]))
    >>> volume_of_area(2 * np.pi * NARROW * r**2).round(6)
    array([30.])
    """
    return SOLID * (area / (2 * math.pi * NARROW)) ** 1.5 / 1000
