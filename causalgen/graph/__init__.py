"""Causal graphs: assumptions, their implications, and the effects that they identify. Imports no torch."""

from ..moved import keep_old_names
from .accepted import GraphLike, as_graph
from .adjustment import AdjustmentCheck, adjustment_sets, check_adjustment_set, efficient_adjustment_set
from .causation import Bounds, causation_bounds
from .derivation import Derivation, Step
from .do_calculus import (
    RuleCheck,
    exchange_of_action_and_observation,
    insertion_of_actions,
    insertion_of_observations,
)
from .estimand import Estimand
from .expression import Expression, Probability, Product, Quotient, Sum
from .formats import format_graph, write_graph
from .front_door import front_door_set
from .graph import CausalGraph
from .hedge import Hedge
from .identify import identify
from .instruments import InstrumentCheck, check_instrument, instruments
from .joint import check_joint_adjustment_set, joint_adjustment_set
from .nested import NestedQuestion, identify_nested
from .nested_estimand import NestedEstimand
from .parse import EdgesLike
from .paths import active_paths, causal_paths
from .selection import Selection
from .selection_bias import SelectionBias, selection_bias
from .separation import Independence, Latent
from .transport_formula import TransportFormula
from .transportability import transport
from .variable import Kind, Variable

__all__ = [
    "AdjustmentCheck",
    "Bounds",
    "CausalGraph",
    "Derivation",
    "EdgesLike",
    "Estimand",
    "Expression",
    "GraphLike",
    "Hedge",
    "Independence",
    "InstrumentCheck",
    "Kind",
    "Latent",
    "NestedEstimand",
    "NestedQuestion",
    "Probability",
    "Product",
    "Quotient",
    "RuleCheck",
    "Selection",
    "SelectionBias",
    "Step",
    "Sum",
    "TransportFormula",
    "Variable",
    "active_paths",
    "adjustment_sets",
    "as_graph",
    "causal_paths",
    "causation_bounds",
    "check_adjustment_set",
    "check_instrument",
    "check_joint_adjustment_set",
    "efficient_adjustment_set",
    "exchange_of_action_and_observation",
    "format_graph",
    "front_door_set",
    "identify",
    "identify_nested",
    "insertion_of_actions",
    "insertion_of_observations",
    "instruments",
    "joint_adjustment_set",
    "parse_graph",
    "read_graph",
    "selection_bias",
    "transport",
    "write_graph",
]

parse_graph = CausalGraph.parse
read_graph = CausalGraph.read

keep_old_names(__name__)
