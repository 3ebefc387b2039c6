"""Measure images of handwriting, and set their stroke thickness, brightness and hue.

Numpy, scipy and scikit-image only. An image is an `(H, W)` uint8 array, bright ink on a dark background; colour images
are `(N, 3, H, W)`.

>>> import numpy as np
>>> image = np.zeros((28, 28), np.uint8)
>>> image[5:23, 13:16] = 200
>>> round(measure_thickness(image), 1), measure_intensity(image)
(2.9, 200.0)
>>> bold = set_thickness(image, 5.0)
>>> abs(measure_thickness(bold) - 5.0) < 0.15, measure_intensity(bold)
(True, 200.0)
"""

from .batch import ATTRIBUTES, measure, set_all
from .hue import grey_levels, measure_hue, set_hue
from .measure import measure_intensity, measure_thickness
from .redraw import set_intensity, set_thickness

__all__ = [
    "ATTRIBUTES",
    "grey_levels",
    "measure",
    "measure_hue",
    "measure_intensity",
    "measure_thickness",
    "set_all",
    "set_hue",
    "set_intensity",
    "set_thickness",
]
