"""Causal graphs: what is assumed, what it implies, and which effects it identifies. No torch here."""

from .adjustment import AdjustmentCheck, adjustment_sets, check_adjustment_set, efficient_adjustment_set
from .estimand import Estimand
from .graph import CausalGraph
from .identify import front_door_set, identify
from .parse import EdgesLike
from .separation import Independence, Latent
from .variable import Kind, Variable

__all__ = [
    "AdjustmentCheck",
    "CausalGraph",
    "EdgesLike",
    "Estimand",
    "Independence",
    "Kind",
    "Latent",
    "Variable",
    "adjustment_sets",
    "check_adjustment_set",
    "efficient_adjustment_set",
    "front_door_set",
    "identify",
]
