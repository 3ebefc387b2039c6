"""Type aliases shared by all rooms; importing this module loads nothing heavy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Noise", "Values"]

Noise = dict[str, "Tensor"]
"""Exogenous noise of one mechanism: named tensors whose first dimension is the unit."""
Values = Mapping[str, "Tensor"]
"""Endogenous values by node: attributes `(B,)`, discrete codes int64, images `(B, C, H, W)`."""
