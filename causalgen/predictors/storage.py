"""Saved classifiers: `classifier.json` describes one, `classifier.safetensors` holds its weights; neither runs code."""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from .._version import __version__
from ..errors import CausalgenError, CheckpointError
from ..graph import Variable
from .classifier import Classifier

__all__ = ["load", "save"]

FORMAT = "classifier-1"


def save(classifier: Classifier, folder: Path | str) -> Path:
    """Write the classifier into `folder`, which is created, and return it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({key: tensor.detach().cpu().contiguous() for key, tensor in classifier.state_dict().items()})
    description = {
        "format": FORMAT,
        "causalgen": __version__,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "variable": classifier.variable.to_dict(),
        "shape": list(classifier.shape),
    }
    _write(folder / "classifier.safetensors", weights)
    _write(folder / "classifier.json", json.dumps(description, indent=2).encode())
    return folder


def load(folder: Path | str) -> Classifier:
    """Rebuild a classifier that `save` wrote.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    folder = Path(folder)
    try:
        description = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        weights = (folder / "classifier.safetensors").read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"Expected a saved classifier (classifier.json and classifier.safetensors) in '{folder}'; got none."
        ) from error
    except ValueError as error:
        raise CheckpointError(
            f"Expected JSON in '{folder / 'classifier.json'}'; got something else ({error})."
        ) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise CheckpointError(f"Expected a causalgen classifier ({FORMAT}) in '{folder}'; got another kind of file.")
    if hashlib.sha256(weights).hexdigest() != description.get("sha256"):
        raise CheckpointError(
            f"Expected the weights that '{folder / 'classifier.json'}' describes; got a file with another checksum. "
            "It was changed or cut off: restore it, or fit again."
        )
    try:
        classifier = Classifier(Variable.from_dict(description["variable"]), tuple(description["shape"]))
        classifier.load_state_dict(load_tensors(weights))
    except (CausalgenError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"Expected a classifier that can be rebuilt in '{folder}'; got: {error}") from error
    return classifier.eval()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
