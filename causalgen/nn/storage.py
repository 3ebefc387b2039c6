"""Saved modules: `<stem>.json` describes one, `<stem>.safetensors` holds its weights; neither can run code.

The description holds checksums of the weights and of itself. They show damage, not forgery: anyone who changes a file
can also change its checksum.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from .._version import __version__
from ..errors import CausalgenError, CheckpointError, UntrustedCodeError
from ..files import read_text, sha256_of, write_whole
from .blueprint import Titles, check_blueprint, check_values, read_header, zeros

__all__ = ["load_module", "save_module"]

M = TypeVar("M", bound=nn.Module)
FORMAT = 1
MOST_BYTES = 16_000_000
"""Maximum size of a description; that of a large model has some thousands of bytes."""
OWN_DIGEST = "description_sha256"
BROKEN = (LookupError, RuntimeError, AttributeError, TypeError, ValueError, ArithmeticError, RecursionError)
"""Errors that a description with wrong entries causes while it is read."""
LONGEST_REASON = 600


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
    whole = json.loads(json.dumps({**header, **description}))
    write_whole(folder / f"{stem}.safetensors", weights)
    write_whole(folder / f"{stem}.json", json.dumps({OWN_DIGEST: _digest_of(whole), **whole}, indent=2).encode())
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
        renamed: Returns, from all names of saved tensors, the current names of those that an earlier version named
            differently.

    Raises:
        CheckpointError: A file is missing, corrupted, from another format, or does not fit its description; weights that
            are not finite, or a layer of zeros.
        UntrustedCodeError: The description names code that is not trusted.
    """
    folder = Path(folder)
    weights, description = folder / f"{stem}.safetensors", _description(folder, stem)
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
        _lay_out(module, {names.get(name, name) for name in description.get("channels_last", ())})
        if zero := [title for title in zeros(module, titles) if title not in fresh]:
            raise CheckpointError(f"Expected fitted weights; got nothing but zeros in {zero[0]}.")
    except UntrustedCodeError:
        raise
    except (CausalgenError, SafetensorError, *BROKEN) as error:
        reason = str(error).rstrip(".")
        reason = reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} ..."
        raise CheckpointError(
            f"Expected a {stem} that this version can rebuild from '{stem}.json' and '{weights.name}' in '{folder}'; got: "
            f"{reason}. Restore the folder, or fit again."
        ) from error
    return module.eval()


def _description(folder: Path, stem: str) -> dict[str, Any]:
    """The description, whose checksums fit."""
    path, weights = folder / f"{stem}.json", folder / f"{stem}.safetensors"
    try:
        found = json.loads(read_text(path, MOST_BYTES))
        digest = sha256_of(weights)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"Expected a saved {stem} ({stem}.json and {stem}.safetensors) in '{folder}'; got none. Save one first."
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"Expected a saved {stem} in '{folder}'; '{error.filename or path}' cannot be read: {error.strerror or error}. "
            "Restore the folder."
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"Expected JSON in '{path}'; got something else ({error}).") from error
    if not isinstance(found, dict) or (found.get("holds"), found.get("format")) != (stem, FORMAT):
        raise CheckpointError(
            f"Expected a causalgen {stem} of format {FORMAT} in '{folder}'; got another kind of file."
        )
    if digest != found.get("sha256"):
        raise CheckpointError(
            f"Expected the weights that '{path}' describes; got a file with another checksum. "
            "It was changed or cut off: restore it, or fit again."
        )
    own = found.pop(OWN_DIGEST, None)  # earlier versions wrote none
    if own is not None and own != _digest_of(found):
        raise CheckpointError(
            f"Expected the description that was saved in '{path}'; got a changed one. Restore it, or fit again; if you changed "
            f"it on purpose, delete its entry '{OWN_DIGEST}'."
        )
    return found


def _digest_of(description: Mapping[str, Any]) -> str:
    """Checksum of a description that was read from JSON; layout does not count."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


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


def _lay_out(module: nn.Module, channels_last: Set[str]) -> None:
    """Give the tensors the memory layout that they had, so that answers equal those before saving bit for bit."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if name in channels_last and tensor.dim() == 4:
            tensor.data = _empty_channels_last(tensor).copy_(tensor.data)
