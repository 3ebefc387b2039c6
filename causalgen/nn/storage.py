"""Saved modules: `<stem>.json` describes one, `<stem>.safetensors` holds its weights; neither can run code."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from .._version import __version__
from ..errors import CausalgenError, CheckpointError, UntrustedCodeError
from ..files import write_whole
from .blueprint import Titles, check_blueprint, check_values, read_header, zeros

__all__ = ["load_module", "save_module"]

M = TypeVar("M", bound=nn.Module)
FORMAT = 1
MOST_BYTES = 16_000_000
"""Greatest size of a description; that of a large model has some thousands of bytes."""


def save_module(module: nn.Module, folder: Path | str, stem: str, description: Mapping[str, Any]) -> Path:
    """Write `module` into `folder`, which is created, and return the folder.

    Args:
        module: Its state dict is saved.
        folder: Where the two files go; each is replaced at once, never half-written.
        stem: Name of the files; it also names the kind of object that they hold.
        description: JSON-able; all that `load_module` needs to rebuild the module.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({key: tensor.detach().cpu().contiguous() for key, tensor in module.state_dict().items()})
    header = {"holds": stem, "format": FORMAT, "causalgen": __version__, "sha256": hashlib.sha256(weights).hexdigest()}
    header |= {"channels_last": _channels_last(module)}
    write_whole(folder / f"{stem}.safetensors", weights)
    write_whole(folder / f"{stem}.json", json.dumps({**header, **description}, indent=2).encode())
    return folder


def load_module(
    folder: Path | str,
    stem: str,
    rebuild: Callable[[dict[str, Any]], M],
    parts: Callable[[M], Mapping[str, nn.Module]] = lambda module: {"": module},
    renamed: Callable[[list[str]], Mapping[str, str]] = lambda names: {},
) -> M:
    """Rebuild what `save_module` wrote, in eval mode and in the floating dtype in which it was saved.

    Shapes and dtypes are compared before anything large is built (see `blueprint`), and every number has to be finite.

    Args:
        folder: Holds the two files.
        stem: Name of the files.
        rebuild: Makes the untrained module from the description.
        parts: Modules by their names in messages; one with a layer of zeros counts as not fitted.
        renamed: Present names of saved tensors that an earlier version named otherwise, from all their names.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description; weights that
            are not finite, or a layer of zeros.
        UntrustedCodeError: The description names code that is not trusted.
    """
    folder = Path(folder)
    path, weights = folder / f"{stem}.json", folder / f"{stem}.safetensors"
    try:
        size = path.stat().st_size
        description = json.loads(path.read_text(encoding="utf-8")) if size <= MOST_BYTES else None
        digest = _digest(weights)
    except OSError as error:
        raise CheckpointError(
            f"Expected a saved {stem} ({stem}.json and {stem}.safetensors) in '{folder}'; got none. Save one first."
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"Expected JSON in '{path}'; got something else ({error}).") from error
    if size > MOST_BYTES:
        raise CheckpointError(f"Expected at most {MOST_BYTES:,} bytes in '{path}'; got {size:,}. Restore the folder.")
    if not isinstance(description, dict) or (description.get("holds"), description.get("format")) != (stem, FORMAT):
        raise CheckpointError(
            f"Expected a causalgen {stem} of format {FORMAT} in '{folder}'; got another kind of file."
        )
    if digest != description.get("sha256"):
        raise CheckpointError(
            f"Expected the weights that '{path}' describes; got a file with another checksum. "
            "It was changed or cut off: restore it, or fit again."
        )
    try:
        header = read_header(weights)
        names = renamed(list(header))
        current = {names.get(name, name): entry for name, entry in header.items()}
        # Nothing large is built before its description and the header of its weights agree.
        dtype = check_blueprint(lambda: rebuild(description), current, parts)
        module = rebuild(description)
        if dtype is not None:
            module.to(dtype)
        tensors = {names.get(name, name): tensor for name, tensor in load_tensors(weights).items()}
        titles = Titles(module, parts(module))
        check_values(module, tensors, titles)
        fresh = zeros(module, titles)
        module.load_state_dict(tensors)
        _lay_out(module, [names.get(name, name) for name in description.get("channels_last", ())])
        if zero := [title for title in zeros(module, titles) if title not in fresh]:
            raise CheckpointError(f"Expected fitted weights; got nothing but zeros in {zero[0]}.")
    except UntrustedCodeError:
        raise
    except (CausalgenError, SafetensorError, LookupError, RuntimeError, AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"Expected a {stem} that this version can rebuild in '{folder}'; got: {str(error).rstrip('.')}. Restore the "
            "folder, or fit again."
        ) from error
    return module.eval()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _channels_last(module: nn.Module) -> list[str]:
    """Tensors that lie in memory with their channels last: convolutions add up in another order for them."""
    weights = {name: tensor for name, tensor in module.state_dict().items() if tensor.dim() == 4}
    return [
        name
        for name, tensor in weights.items()  # by strides: with one channel or pixel, both layouts count as contiguous
        if tensor.stride() == _empty_channels_last(tensor).stride() != torch.empty(tensor.shape).stride()
    ]


def _empty_channels_last(like: Tensor) -> Tensor:
    return torch.empty(like.shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _lay_out(module: nn.Module, channels_last: Sequence[str]) -> None:
    """Give the tensors the memory layout that they had, so that answers equal those before saving bit for bit."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if name in channels_last and tensor.dim() == 4:
            tensor.data = _empty_channels_last(tensor).copy_(tensor.data)
