"""Types shared by all rooms; importing this module loads nothing heavy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

__all__ = ["Noise", "UnitValues", "Values"]

Noise = dict[str, "Tensor"]
"""Exogenous noise of one mechanism: named tensors whose first dimension is the unit."""
Values = Mapping[str, "Tensor"]
"""Endogenous values by node: attributes `(B,)`, discrete codes int64, images `(B, C, H, W)`."""


class UnitValues(dict[str, "Tensor"]):
    """Values by node of units that have names: a dict with the table row of each unit.

    Args:
        values: Tensors `(B, ...)` by node.
        labels: The row label of each unit, `(B,)`.
    """

    def __init__(self, values: Mapping[str, "Tensor"], labels: "pd.Index") -> None:
        super().__init__(values)
        self.labels = labels
