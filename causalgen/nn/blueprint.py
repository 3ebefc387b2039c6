"""The description of a saved module, compared with its weights before anything large is built.

A description such as `{"latent": 1000000}` would take gigabytes to build. It is built on torch's meta device first, where
tensors have shapes and no memory, and its shapes have to be those in the header of the weights file.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook

from ..errors import CheckpointError

__all__ = ["TensorEntry", "Titles", "check_blueprint", "check_values", "read_header", "zeros"]

M = TypeVar("M", bound=nn.Module)
MODULES_PER_TENSOR, MORE_MODULES = 20, 1000
"""Bound on the modules of a description: a number per saved tensor, plus a constant."""
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
"""Dtypes by their names in a safetensors header."""


class TensorEntry(NamedTuple):
    """Shape and dtype of one tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype | None


class Titles:
    """Names of tensors as messages give them, such as "'0.weight' of 'scan'".

    Args:
        module: The whole.
        parts: Some of its submodules by the names that messages give them; the name of the whole is "".
    """

    def __init__(self, module: nn.Module, parts: Mapping[str, nn.Module]) -> None:
        prefixes = {part: prefix for prefix, part in module.named_modules()}
        self.parts = {f"{prefixes[part]}.": (title, part) for title, part in parts.items() if title}

    def __call__(self, name: str) -> str:
        """The title of the tensor that the state dict calls `name`."""
        for prefix, (title, _) in self.parts.items():
            if name.startswith(prefix):
                return f"'{name.removeprefix(prefix)}' of {title}"
        return f"'{name}'"


def read_header(path: Path) -> dict[str, TensorEntry]:
    """Names, shapes and dtypes of the tensors in a safetensors file, whose contents are not read.

    Raises:
        SafetensorError: The file is not a safetensors file, or is cut off.
    """
    with safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        return {name: TensorEntry(tuple(s.get_shape()), DTYPES.get(s.get_dtype())) for name, s in slices.items()}


def check_blueprint(
    rebuild: Callable[[], M], header: Mapping[str, TensorEntry], parts: Callable[[M], Mapping[str, nn.Module]]
) -> torch.dtype | None:
    """Compare the module that `rebuild` would make with the tensors that were saved.

    Args:
        rebuild: Makes the module; called on the meta device.
        header: The saved tensors.
        parts: Submodules by the names that messages give them.

    Returns:
        The floating dtype of the weights where it is not the one that the module is built in, else None.

    Raises:
        CheckpointError: A tensor that the module lacks or has in another shape or dtype, or too many modules.
    """
    with _at_most(MODULES_PER_TENSOR * len(header) + MORE_MODULES), torch.random.fork_rng(devices=[]):
        module = _without_memory(rebuild)
    title = Titles(module, parts(module))
    wanted = {name: TensorEntry(tuple(t.shape), t.dtype) for name, t in module.state_dict().items()}
    for name, entry in wanted.items():
        if name not in header and entry.shape:  # older versions did not save some scalars: their modules handle that
            raise CheckpointError(f"Expected the tensor {title(name)} of shape {entry.shape}, as described; got none.")
    dtypes = set()
    for name, saved in header.items():
        if name not in wanted:
            raise CheckpointError(f"Expected the tensors that are described; got an additional one, {title(name)}.")
        if saved.shape != wanted[name].shape:
            raise CheckpointError(
                f"Expected {title(name)} with the shape {wanted[name].shape}, as described; got {saved.shape}."
            )
        _check_dtype(title(name), saved.dtype, wanted[name].dtype)
        if wanted[name].dtype == torch.get_default_dtype():
            dtypes.add(saved.dtype)
    if len(dtypes) > 1:
        raise CheckpointError(f"Expected weights of one dtype; got {' and '.join(sorted(map(str, dtypes)))}.")
    return None if not dtypes or torch.get_default_dtype() in dtypes else dtypes.pop()


def check_values(module: nn.Module, tensors: Mapping[str, Tensor], title: Titles) -> None:
    """Refuse numbers that cannot occur in a fitted module.

    A module may name buffers that can be infinite (`may_be_infinite`) and ones that have to be greater than zero
    (`must_be_positive`).

    Raises:
        CheckpointError: NaN, infinity, or a scale that is not positive.
    """
    infinite = _named(module, "may_be_infinite")
    positive = _named(module, "must_be_positive")
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            continue
        wrong = torch.isnan(tensor) if name in infinite else ~torch.isfinite(tensor)
        if wrong.any():
            raise CheckpointError(
                f"Expected finite weights; got {float(tensor[wrong][0])} among the {tensor.numel()} numbers in {title(name)}."
            )
        if name in positive and not (tensor > 0).all():
            raise CheckpointError(f"Expected {title(name)} greater than zero; got {float(tensor.min()):g}.")


def zeros(module: nn.Module, titles: Titles) -> list[str]:
    """Titles of parameters, and of parts that have buffers only, that hold zeros only.

    Training leaves no parameter of several numbers at exactly zero.
    """
    groups: list[tuple[str, list[Tensor]]] = [(titles(name), [p]) for name, p in module.named_parameters()]
    for title, part in titles.parts.values():
        if not list(part.parameters()):
            groups.append((title, [buffer for buffer in part.buffers() if buffer.is_floating_point()]))
    return [
        title
        for title, tensors in groups
        if sum(tensor.numel() for tensor in tensors) > 1 and not any(bool(tensor.any()) for tensor in tensors)
    ]


def _without_memory(rebuild: Callable[[], M]) -> M:
    """The module on the meta device; built for real if it is a user's class whose constructor reads numbers from tensors."""
    try:
        with torch.device("meta"):
            return rebuild()
    except (NotImplementedError, RuntimeError) as error:
        if "meta" not in str(error):
            raise
        return rebuild()


def _check_dtype(title: str, saved: torch.dtype | None, wanted: torch.dtype | None) -> None:
    floating = saved is not None and saved.is_floating_point and wanted is not None and wanted.is_floating_point
    if saved != wanted and not (floating and wanted == torch.get_default_dtype()):
        raise CheckpointError(f"Expected {title} of the dtype {wanted}; got {saved}.")


def _named(module: nn.Module, attribute: str) -> set[str]:
    """Full names of the buffers that submodules list under `attribute`."""
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in module.named_modules()
        for name in getattr(part, attribute, ())
    }


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Stop this thread if it makes more than `count` modules."""
    made, here = 0, threading.get_ident()

    def counted(parent: nn.Module, name: str, child: Any) -> None:
        nonlocal made
        made += threading.get_ident() == here
        if made > count:
            raise CheckpointError(
                f"Expected a description of at most {count} network parts, since few weights are saved; got more."
            )

    # The hook is global: other threads may build modules meanwhile.
    handle = register_module_module_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()
