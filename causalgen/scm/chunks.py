"""Large batches in pieces, so that image networks do not need memory for all units at once."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["in_chunks"]

CHUNK = 1024
"""Units that pass through an image network at once."""


def in_chunks(function: Callable[..., Any], *arguments: Any) -> Any:
    """Apply `function` to pieces of its arguments and join the results.

    Args:
        function: Takes and returns tensors, or mappings of tensors, whose first dimension is the unit.
        arguments: Tensors or mappings of tensors, all of one length.
    """
    starts = range(0, _length(arguments), CHUNK)
    if len(starts) <= 1:
        return function(*arguments)
    return _joined([function(*(_cut(argument, start) for argument in arguments)) for start in starts])


def _length(arguments: Any) -> int:
    tensors = [t for a in arguments for t in (a.values() if isinstance(a, Mapping) else [a])]
    return len(tensors[0]) if tensors else 0


def _cut(argument: Any, start: int) -> Any:
    if isinstance(argument, Mapping):
        return {key: tensor[start : start + CHUNK] for key, tensor in argument.items()}
    return argument[start : start + CHUNK]


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
