"""Thickness and intensity of generated handwriting, as `evaluate` wants its measurements."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..morphology import measure, measure_intensity
from .effectiveness import Measure

__all__ = ["stroke_measures"]


def stroke_measures() -> dict[str, Measure]:
    """Measurements "thickness" (px) and "intensity" (grey levels) of grey images `(N, 1, H, W)`; 0 without ink.

    >>> import torch
    >>> measures = stroke_measures()
    >>> measures["intensity"](torch.full((1, 1, 9, 9), 7, dtype=torch.uint8))
    array([7.])
    """
    return {"thickness": _thickness, "intensity": _intensity}


def _thickness(images: Tensor) -> NDArray[np.float64]:
    grey, inked = _ink(images)
    result = np.zeros(len(grey))
    result[inked] = measure(grey[inked])["thickness"]
    return result


def _intensity(images: Tensor) -> NDArray[np.float64]:
    grey, inked = _ink(images)
    return np.array([measure_intensity(image) if any_ink else 0.0 for image, any_ink in zip(grey, inked)])


def _ink(images: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    grey = images[:, 0].cpu().numpy()
    return grey, np.asarray(grey.any(axis=(1, 2)))
