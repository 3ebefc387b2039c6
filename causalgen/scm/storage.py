"""Saved models: graph and mechanisms in `model.json`, weights in `model.safetensors`."""

from pathlib import Path
from typing import Any

from ..graph import CausalGraph
from ..mechanisms.catalog import name_of
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


def load(folder: Path | str) -> StructuralCausalModel:
    """Rebuild a model that `save` wrote.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    return load_module(
        folder, "model", _rebuild, lambda scm: {f"'{name}'": part for name, part in scm.mechanisms.items()}
    )


def _rebuild(description: dict[str, Any]) -> StructuralCausalModel:
    return StructuralCausalModel(CausalGraph.from_dict(description["graph"]), description["mechanisms"])
