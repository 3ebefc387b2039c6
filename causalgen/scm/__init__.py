"""Structural causal models: sample, intervene, abduct, counterfactual, and the Pyro program."""

from ..moved import keep_old_names
from .ambiguity_result import Ambiguity
from .attributes import ancestral_model, attribute_model
from .claims import Claim
from .couplings import Turn
from .guarantee import PrivacyGuarantee, PrivateStage
from .model import StructuralCausalModel
from .posterior import Posterior
from .restoration import Damage, restore
from .results import Counterfactual, Samples
from .storage import save, specification
from .tempering import FittedTemperature, Tempering

__all__ = [
    "Ambiguity",
    "Claim",
    "Counterfactual",
    "Damage",
    "FittedTemperature",
    "Posterior",
    "PrivacyGuarantee",
    "PrivateStage",
    "Samples",
    "StructuralCausalModel",
    "Tempering",
    "Turn",
    "ancestral_model",
    "attribute_model",
    "load",
    "restore",
    "save",
    "specification",
]

load = StructuralCausalModel.load

keep_old_names(__name__)
