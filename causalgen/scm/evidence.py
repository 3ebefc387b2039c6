"""Partial evidence: units with some nodes, or some cells, missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..columns import as_column, check_rows
from ..errors import DataError, MissingValueError
from ..graph import CausalGraph, Variable
from .values import MISSING, as_tensor

__all__ = ["Evidence", "known_cells", "read_evidence"]


@dataclass(frozen=True)
class Evidence:
    """The known values of B units.

    Args:
        values: Values `(B, ...)` by node, with placeholders for missing values. Nodes that are not needed may be
            absent.
        known: By node, bool `(B,)`: whether the unit's value is known.
    """

    values: dict[str, Tensor]
    known: dict[str, Tensor]

    @property
    def units(self) -> int:
        """Number of units B."""
        return len(next(iter(self.known.values())))

    def patterns(self) -> Iterator[tuple[Tensor, frozenset[str]]]:
        """Units `(b,)` that lack the same nodes, with those nodes."""
        table = torch.stack(list(self.known.values()), dim=1)
        kinds, which = table.unique(dim=0, return_inverse=True)
        for number, kind in enumerate(kinds):
            missing = frozenset(name for name, is_known in zip(self.known, kind.tolist()) if not is_known)
            yield (which == number).nonzero()[:, 0], missing


def read_evidence(graph: CausalGraph, values: Mapping[str, Any], like: Tensor) -> Evidence:
    """The known values of units; a node may be left out, and a cell may be None, NaN or NA, or -1 in a tensor of codes.

    Raises:
        MissingValueError: Nothing is known about a unit, or only some pixels of an image.
        DataError, SupportError: Values that do not fit their variables, unequal numbers of units, series of other rows.
    """
    check_rows(values)
    tensors: dict[str, Tensor] = {}
    known: dict[str, Tensor] = {}
    for name in graph.nodes:
        if name in values:
            cells, is_known = known_cells(graph[name], values[name])
            if cells is not None:
                tensors[name] = as_tensor(graph[name], cells, like)
            known[name] = is_known.to(like.device)
    sizes = {name: len(tensor) for name, tensor in known.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"Expected one batch size for all nodes; got {sizes}.")
    count = next(iter(sizes.values()), 0)
    nothing = torch.stack(list(known.values())).any(dim=0).logical_not() if known else torch.ones(1, dtype=torch.bool)
    if nothing.any():
        raise MissingValueError(
            f"Expected at least one known value of each unit; got none in unit {int(nothing.nonzero()[0])}. "
            "Use sample() to draw units about which nothing is known."
        )
    for name in graph.nodes:
        if name not in tensors:
            tensors[name] = _placeholder(graph[name], like, count)
            known[name] = torch.zeros(count, dtype=torch.bool, device=like.device)
    return Evidence({name: tensors[name] for name in graph.nodes}, {name: known[name] for name in graph.nodes})


def known_cells(variable: Variable, value: Any) -> tuple[Any, Tensor]:
    """The column with its missing cells filled, None where all are missing, and which cells are known."""
    if variable.is_image:
        return _known_images(variable, value)
    if isinstance(value, Tensor):
        if not value.is_floating_point():
            return _known_codes(variable, torch.atleast_1d(value))
        value = value.cpu().numpy()
    if isinstance(value, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        value = np.asarray(value, dtype=object)
    cells = np.atleast_1d(as_column(variable.name, value) if isinstance(value, np.ndarray) else _objects(value))
    known = ~pd.isna(cells)
    if not known.any():
        return None, torch.from_numpy(known)
    filled = np.where(known, cells, cells[known.argmax()])
    return filled if variable.is_discrete else filled.tolist(), torch.from_numpy(known)


def _known_codes(variable: Variable, codes: Tensor) -> tuple[Any, Tensor]:
    """A tensor of codes, where -1 is a missing label, or of whole numbers, none of which is missing."""
    known = codes != MISSING if variable.is_discrete else torch.ones(len(codes), dtype=torch.bool)
    return (codes.where(known, codes.clamp_min(0)) if known.any() else None), known


def _objects(value: Any) -> np.ndarray:
    """A list as a column of objects; labels that are tuples stay whole."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    cells = np.empty(len(items), dtype=object)
    cells[:] = items
    return cells


def _known_images(variable: Variable, value: Any) -> tuple[Any, Tensor]:
    if value is None:
        return None, torch.zeros(1, dtype=torch.bool)
    if isinstance(value, list | tuple) and any(image is None for image in value):
        hole = np.full(variable.shape, np.nan)
        value = np.stack([hole if image is None else np.asarray(image, dtype=float) for image in value])
    try:
        images = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return value, torch.ones(1, dtype=torch.bool)  # `as_tensor` reports what is wrong
    if images.dim() == len(variable.shape):
        images = images[None]
    if not images.is_floating_point() or images.dim() != len(variable.shape) + 1:
        return images, torch.ones(len(images), dtype=torch.bool)
    holes = images.isnan().flatten(1)
    if (partly := holes.any(dim=1) & ~holes.all(dim=1)).any():
        raise MissingValueError(
            f"Expected whole images of '{variable.name}', or images that are missing as a whole; got NaN in some pixels "
            f"of unit {int(partly.nonzero()[0])}. Restore it with a mask (causalgen.scm.restore), or set all of it to NaN."
        )
    return images.nan_to_num(nan=_low(variable)), ~holes.all(dim=1)


def _placeholder(variable: Variable, like: Tensor, count: int) -> Tensor:
    if variable.is_discrete:
        return torch.zeros(count, dtype=torch.int64, device=like.device)
    return like.new_full((count, *variable.shape), _low(variable))


def _low(variable: Variable) -> float:
    return 0.0 if variable.support is None or not np.isfinite(variable.support[0]) else variable.support[0]
