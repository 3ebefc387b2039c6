"""Causal graphs: what is assumed, what it implies, and which effects it identifies. No torch here."""

from .adjustment import AdjustmentCheck, adjustment_sets, check_adjustment_set, efficient_adjustment_set
from .derivation import Derivation, Step
from .do_calculus import (
    RuleCheck,
    exchange_of_action_and_observation,
    insertion_of_actions,
    insertion_of_observations,
)
from .estimand import Estimand
from .expression import Expression, Probability, Product, Quotient, Sum
from .front_door import front_door_set
from .graph import CausalGraph
from .hedge import Hedge
from .identify import identify
from .instruments import InstrumentCheck, check_instrument, instruments
from .parse import EdgesLike
from .separation import Independence, Latent
from .variable import Kind, Variable

__all__ = [
    "AdjustmentCheck",
    "CausalGraph",
    "Derivation",
    "EdgesLike",
    "Estimand",
    "Expression",
    "Hedge",
    "Independence",
    "InstrumentCheck",
    "Kind",
    "Latent",
    "Probability",
    "Product",
    "Quotient",
    "RuleCheck",
    "Step",
    "Sum",
    "Variable",
    "adjustment_sets",
    "check_adjustment_set",
    "check_instrument",
    "efficient_adjustment_set",
    "exchange_of_action_and_observation",
    "front_door_set",
    "identify",
    "insertion_of_actions",
    "insertion_of_observations",
    "instruments",
]
