"""Saved models: `model.json` says what the model is, `model.safetensors` holds its weights; neither can run code."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from .._version import __version__
from ..errors import CausalgenError, CheckpointError
from ..graph import CausalGraph
from ..mechanisms.catalog import name_of
from .model import StructuralCausalModel

__all__ = ["load", "save", "specification"]

FORMAT = 1


def specification(scm: StructuralCausalModel) -> dict[str, Any]:
    """JSON-able graph and mechanisms from which `load` rebuilds the model."""
    return {
        "graph": scm.graph.to_dict(),
        "mechanisms": {name: {"mechanism": name_of(m), **m.spec()} for name, m in scm.mechanisms.items()},
    }


def save(scm: StructuralCausalModel, folder: Path | str) -> Path:
    """Write the model into `folder`, which is created, and return it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({key: tensor.detach().cpu().contiguous() for key, tensor in scm.state_dict().items()})
    description = {
        "format": FORMAT,
        "causalgen": __version__,
        "sha256": hashlib.sha256(weights).hexdigest(),
        **specification(scm),
    }
    _write(folder / "model.safetensors", weights)
    _write(folder / "model.json", json.dumps(description, indent=2).encode())
    return folder


def load(folder: Path | str) -> StructuralCausalModel:
    """Rebuild a model that `save` wrote.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    folder = Path(folder)
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        weights = (folder / "model.safetensors").read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"Expected a saved model (model.json and model.safetensors) in '{folder}'; got none. Save one with save()."
        ) from error
    except ValueError as error:
        raise CheckpointError(f"Expected JSON in '{folder / 'model.json'}'; got something else ({error}).") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise CheckpointError(f"Expected a causalgen model of format {FORMAT} in '{folder}'; got another kind of file.")
    if hashlib.sha256(weights).hexdigest() != description.get("sha256"):
        raise CheckpointError(
            f"Expected the weights that '{folder / 'model.json'}' describes; got a file with another checksum. "
            "It was changed or cut off: restore it, or fit again."
        )
    try:
        scm = StructuralCausalModel(CausalGraph.from_dict(description["graph"]), description["mechanisms"])
        scm.load_state_dict(load_tensors(weights))
    except (CausalgenError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"Expected a model that this version can rebuild in '{folder}'; got: {error}") from error
    return scm.eval()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
