"""Images stored with 8 or 16 bits, both on the scale 0 to 255.

A byte is a grey level. A 16-bit number p has the level p / 257, so 65535 is white, and one step is 1 / 257 of a level.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DEPTHS", "as_levels", "levels", "to_stored"]

DEPTHS = {8: (np.uint8, 1), 16: (np.uint16, 257)}
"""Type of a stored pixel, and its steps per grey level, by number of bits."""


def to_stored(levels: NDArray, bits: int) -> NDArray:
    """Round grey levels from 0 to 255 to the stored type; values outside are clipped.

    >>> to_stored(np.array([-1.0, 0.5, 300.0]), 16)
    array([    0,   128, 65535], dtype=uint16)
    """
    kind, steps = DEPTHS[bits]
    stored: NDArray = np.clip(np.round(levels * steps), 0, 255 * steps).astype(kind)
    return stored


def as_levels(values: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Columns of a data set with 16-bit images as float32 grey levels; bytes and attributes are unchanged."""
    return {name: levels(column) for name, column in values.items()}


def levels(column: "Tensor") -> "Tensor":
    """One column, or a part of it, as `as_levels` gives it."""
    import torch  # tables without images are read without it

    return column.float() / DEPTHS[16][1] if column.dtype == torch.uint16 else column
