"""Structural causal models: sample, intervene, abduct, counterfactual, nested worlds, and the Pyro program."""

from .attributes import ancestral_model, attribute_model
from .model import StructuralCausalModel
from .nested import (
    controlled_direct_effect,
    effect_on_treated,
    natural_effects,
    path_specific_effect,
    probability_of_causation,
)
from .nested_result import CausationProbability, NestedEffect, NestedEffects, ProbabilitiesOfCausation
from .posterior import Posterior
from .results import Counterfactual, Samples
from .storage import save, specification

__all__ = [
    "CausationProbability",
    "Counterfactual",
    "NestedEffect",
    "NestedEffects",
    "Posterior",
    "ProbabilitiesOfCausation",
    "Samples",
    "StructuralCausalModel",
    "ancestral_model",
    "attribute_model",
    "controlled_direct_effect",
    "effect_on_treated",
    "load",
    "natural_effects",
    "path_specific_effect",
    "probability_of_causation",
    "save",
    "specification",
]

load = StructuralCausalModel.load
