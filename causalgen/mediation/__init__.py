"""Nested counterfactuals: parts of an effect, effects on the treated, causes of effects; from a table or a fitted model."""

from typing import TYPE_CHECKING

from ..graph import NestedQuestion
from ..on_use import load_on_use
from .answer import NestedAnswer, NestedEffect
from .estimate import estimate_nested

if TYPE_CHECKING:
    from .simulate import simulate_nested

__all__ = ["NestedAnswer", "NestedEffect", "NestedQuestion", "estimate_nested", "simulate_nested"]

load_on_use(__name__, {"simulate_nested": "simulate"})  # a table alone needs no torch
