"""causalgen: counterfactual images from deep structural causal models, and the effects of image attributes.

Everything is loaded on first use, so that `import causalgen` stays fast.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .moved import OldPlaces

if TYPE_CHECKING:
    from .datasets import Dataset, from_arrays, from_torch, load, load_table
    from .effects import EffectReport, estimate_effect
    from .graph import CausalGraph, Variable
    from .graph.identify import identify
    from .models import pretrained
    from .scm import Counterfactual, Posterior, StructuralCausalModel
    from .training import FitConfig, Stage
    from .training.fit import fit

_HOMES = {
    "CausalGraph": "graph",
    "Counterfactual": "scm",
    "Dataset": "datasets",
    "EffectReport": "effects",
    "FitConfig": "training",
    "Posterior": "scm",
    "Stage": "training",
    "StructuralCausalModel": "scm",
    "Variable": "graph",
    "estimate_effect": "effects",
    "fit": "training",
    "from_arrays": "datasets",
    "from_torch": "datasets",
    "identify": "graph",
    "load": "datasets",
    "load_table": "datasets",
    "pretrained": "models",
}

_ROOMS = (
    "app",
    "audit",
    "augmentation",
    "benchmark",
    "datasets",
    "discovery",
    "effects",
    "errors",
    "export",
    "graph",
    "mechanisms",
    "mediation",
    "models",
    "metrics",
    "morphology",
    "nn",
    "predictors",
    "reports",
    "scm",
    "service",
    "studies",
    "training",
    "typing",
)
"""Packages that are loaded on first use, as in `causalgen.effects`."""

__all__ = [
    "CausalGraph",
    "Counterfactual",
    "Dataset",
    "EffectReport",
    "FitConfig",
    "Posterior",
    "Stage",
    "StructuralCausalModel",
    "Variable",
    "__version__",
    "estimate_effect",
    "fit",
    "from_arrays",
    "from_torch",
    "identify",
    "load",
    "load_table",
    "pretrained",
]


sys.meta_path.append(OldPlaces())


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'causalgen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
