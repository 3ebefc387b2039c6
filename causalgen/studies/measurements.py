"""Measurements on images by the words that a study file uses for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..metrics import stroke_measures, to_bytes

__all__ = ["MEASUREMENTS", "Measurement"]

Measurement = Callable[[Any], NDArray[np.float64]]
"""Images `(N, C, H, W)`, tensor or array, pixels in 0..255, to one number each, `(N,)`."""


def _strokes(what: str) -> Measurement:
    """A measurement of strokes on images that may be float; they are rounded to bytes first, as files are."""
    function = stroke_measures()[what]
    return lambda images: function(to_bytes(torch.as_tensor(images)))


def _brightness(images: Any) -> NDArray[np.float64]:
    return torch.as_tensor(images).double().flatten(1).mean(1).cpu().numpy()


MEASUREMENTS: dict[str, Measurement] = {
    "stroke-thickness": _strokes("thickness"),
    "stroke-intensity": _strokes("intensity"),
    "stroke-hue": _strokes("hue"),
    "brightness": _brightness,
}
