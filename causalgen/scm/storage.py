"""Saved models: graph and mechanisms in `model.json`, weights in `model.safetensors`."""

from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ..graph import CausalGraph
from ..mechanisms.catalog import mechanism_class, name_of
from ..nn import load_module, save_module
from .model import StructuralCausalModel

__all__ = ["load", "save", "specification"]


def specification(scm: StructuralCausalModel) -> dict[str, Any]:
    """JSON-able graph and mechanisms from which `load` rebuilds the model."""
    return {
        "graph": scm.graph.to_dict(),
        "mechanisms": {name: {"mechanism": name_of(m), **m.spec()} for name, m in scm.mechanisms.items()},
    }


def save(scm: StructuralCausalModel, folder: Path | str) -> Path:
    """Write the model into `folder`, which is created, and return it."""
    return save_module(scm, folder, "model", specification(scm))


def load(folder: Path | str, *, trust_code: bool = False) -> StructuralCausalModel:
    """Rebuild a model that `save` wrote.

    Args:
        folder: The folder.
        trust_code: Whether mechanisms that are not causalgen's are imported, which runs their code.

    Raises:
        UntrustedCodeError: A mechanism is not causalgen's, and `trust_code` is False.
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    return load_module(
        folder,
        "model",
        partial(_rebuild, trust_code=trust_code),
        _parts,
    )


def _parts(scm: StructuralCausalModel) -> dict[str, nn.Module]:
    """Parts of the model as messages name them."""
    mechanisms = {f"the mechanism of '{name}'": part for name, part in scm.mechanisms.items()}
    return mechanisms | {f"the support of the parents of '{name}'": part for name, part in scm.supports.items()}


def _rebuild(description: dict[str, Any], *, trust_code: bool) -> StructuralCausalModel:
    mechanisms = {
        name: entry | {"mechanism": mechanism_class(entry["mechanism"], name, trust_code=trust_code)}
        for name, entry in description["mechanisms"].items()
    }
    return StructuralCausalModel(CausalGraph.from_dict(description["graph"]), mechanisms)
