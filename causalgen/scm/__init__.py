"""Structural causal models: sample, intervene, abduct, counterfactual, and the Pyro program."""

from .model import StructuralCausalModel
from .posterior import Posterior
from .storage import load, save, specification
from .worlds import Counterfactual, Samples

__all__ = ["Counterfactual", "Posterior", "Samples", "StructuralCausalModel", "load", "save", "specification"]
