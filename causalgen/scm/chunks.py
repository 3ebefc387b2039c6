"""Splits large batches into pieces, so that image networks do not need memory for all units at once."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["in_chunks", "units_at_once"]

CHUNK = 1024
"""Number of units that pass through an image network at once."""
SMALL = 32 * 32
"""Pixels of an image for which that number applies."""


def units_at_once(shape: Sequence[int], most: int = CHUNK) -> int:
    """Number of images `(C, H, W)`, or volumes, that pass through a network at once: `most`, or fewer if they are large.

    >>> units_at_once((1, 28, 28)), units_at_once((3, 256, 256))
    (1024, 16)
    """
    return max(1, min(most, most * SMALL // math.prod(shape[1:])))


def in_chunks(function: Callable[..., Any], *arguments: Any, size: int) -> Any:
    """Apply `function` to pieces of its arguments and join the results.

    Args:
        function: Takes and returns tensors, or mappings of tensors, whose first dimension is the unit.
        arguments: Tensors or mappings of tensors, all of one length.
        size: Number of units per piece.
    """
    starts = range(0, _length(arguments), size)
    if len(starts) <= 1:  # small batches are not copied
        return function(*arguments)
    return _joined([function(*(_cut(argument, start, size) for argument in arguments)) for start in starts])


def _length(arguments: Any) -> int:
    tensors = [t for a in arguments for t in (a.values() if isinstance(a, Mapping) else [a])]
    return len(tensors[0]) if tensors else 0


def _cut(argument: Any, start: int, size: int) -> Any:
    if isinstance(argument, Mapping):
        return {key: tensor[start : start + size] for key, tensor in argument.items()}
    return argument[start : start + size]


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
