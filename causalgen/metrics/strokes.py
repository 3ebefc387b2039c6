"""Thickness, intensity and hue of generated handwriting, as measurements for `evaluate`."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..morphology import measure, measure_hue, measure_intensity
from .spaces import Measure

__all__ = ["stroke_measures"]


def stroke_measures() -> dict[str, Measure]:
    """Measurements of images `(N, C, H, W)`: "thickness" (px) and "intensity" (grey levels), 0 without ink, and of
    colour images "hue" (degrees), NaN without colour.

    >>> import torch
    >>> measures = stroke_measures()
    >>> measures["intensity"](torch.full((1, 1, 9, 9), 7, dtype=torch.uint8))
    array([7.])
    """
    return {"thickness": _thickness, "intensity": _intensity, "hue": _hue}


def _thickness(images: Tensor) -> NDArray[np.float64]:
    grey, inked = _ink(images)
    result = np.zeros(len(grey))
    result[inked] = measure(grey[inked])["thickness"]
    return result


def _intensity(images: Tensor) -> NDArray[np.float64]:
    grey, inked = _ink(images)
    return np.array([measure_intensity(image) if any_ink else 0.0 for image, any_ink in zip(grey, inked)])


def _hue(images: Tensor) -> NDArray[np.float64]:
    return measure_hue(images.cpu().numpy())


def _ink(images: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    grey = images.amax(1).cpu().numpy()
    return grey, np.asarray(grey.any(axis=(1, 2)))
