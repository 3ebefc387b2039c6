"""Saved modules: `<stem>.json` describes one, `<stem>.safetensors` holds its weights; neither can run code."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from .._version import __version__
from ..errors import CausalgenError, CheckpointError

__all__ = ["load_module", "save_module"]

M = TypeVar("M", bound=nn.Module)
FORMAT = 1


def save_module(module: nn.Module, folder: Path | str, stem: str, description: Mapping[str, Any]) -> Path:
    """Write `module` into `folder`, which is created, and return the folder.

    Args:
        module: Its state dict is saved.
        folder: Where the two files go; each is replaced at once, never half-written.
        stem: Name of the files, which also says what kind of thing they hold.
        description: JSON-able; all that `load_module` needs to rebuild the module.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({key: tensor.detach().cpu().contiguous() for key, tensor in module.state_dict().items()})
    header = {"holds": stem, "format": FORMAT, "causalgen": __version__, "sha256": hashlib.sha256(weights).hexdigest()}
    _replace(folder / f"{stem}.safetensors", weights)
    _replace(folder / f"{stem}.json", json.dumps({**header, **description}, indent=2).encode())
    return folder


def load_module(folder: Path | str, stem: str, rebuild: Callable[[dict[str, Any]], M]) -> M:
    """Rebuild what `save_module` wrote, in eval mode.

    Args:
        folder: Holds the two files.
        stem: Name of the files.
        rebuild: Makes the untrained module from the description.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description.
    """
    folder = Path(folder)
    path = folder / f"{stem}.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        weights = (folder / f"{stem}.safetensors").read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"Expected a saved {stem} ({stem}.json and {stem}.safetensors) in '{folder}'; got none. Save one first."
        ) from error
    except ValueError as error:
        raise CheckpointError(f"Expected JSON in '{path}'; got something else ({error}).") from error
    if not isinstance(description, dict) or (description.get("holds"), description.get("format")) != (stem, FORMAT):
        raise CheckpointError(
            f"Expected a causalgen {stem} of format {FORMAT} in '{folder}'; got another kind of file."
        )
    if hashlib.sha256(weights).hexdigest() != description.get("sha256"):
        raise CheckpointError(
            f"Expected the weights that '{path}' describes; got a file with another checksum. "
            "It was changed or cut off: restore it, or fit again."
        )
    try:
        module = rebuild(description)
        module.load_state_dict(load_tensors(weights))
    except (CausalgenError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"Expected a {stem} that this version can rebuild in '{folder}'; got: {error}. Restore the "
            "folder, or fit again."
        ) from error
    return module.eval()


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
