"""Nested counterfactuals: parts of an effect, effects on the treated, causes of effects; from a table or a fitted model."""

from ..graph import NestedQuestion
from .answer import NestedAnswer, NestedEffect
from .estimate import estimate_nested
from .simulate import simulate_nested

__all__ = ["NestedAnswer", "NestedEffect", "NestedQuestion", "estimate_nested", "simulate_nested"]
