"""Measure and set the stroke thickness and the brightness of grey images of handwriting.

Numpy, scipy and scikit-image only. An image is an `(H, W)` uint8 array, bright ink on a dark ground.

>>> import numpy as np
>>> image = np.zeros((28, 28), np.uint8)
>>> image[5:23, 13:16] = 200
>>> round(measure_thickness(image), 1), measure_intensity(image)
(2.9, 200.0)
>>> bold = set_thickness(image, 5.0)
>>> abs(measure_thickness(bold) - 5.0) < 0.15, measure_intensity(bold)
(True, 200.0)
"""

from .batch import measure, set_all
from .measure import measure_intensity, measure_thickness
from .redraw import set_intensity, set_thickness

__all__ = ["measure", "measure_intensity", "measure_thickness", "set_all", "set_intensity", "set_thickness"]
