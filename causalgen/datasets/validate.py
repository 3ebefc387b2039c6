"""Check columns against the variables that describe them, before any training."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import DataError, nearest
from ..graph import Variable
from .labels import read_labels
from .store import Store

if TYPE_CHECKING:
    from .dataset import Dataset

__all__ = ["check_column", "check_dataset"]


PIECE = 4096
"""Number of rows compared at a time, since all images may not fit in memory."""


def check_dataset(data: "Dataset") -> None:
    """Raise `DataError` if columns, splits or groups do not fit the graph."""
    variables = data.graph.variables
    for name in data.values:
        if name not in variables:
            known = ", ".join(variables)
            raise DataError(f"Expected columns among {known}; got '{name}'." + nearest(name, variables))
    for name, variable in variables.items():
        if name not in data.values:
            raise DataError(
                f"Expected a column for every node; '{name}' has none. Add it or project it out of the graph."
            )
        stored = variable.is_image and isinstance(data.values, Store)
        column = data.values.stored[name] if stored else data.values[name]  # type: ignore[attr-defined]
        check_column(variable, column, len(column) if stored else len(data.group))
    _check_labels(data)
    _check_split(data.split, data._known)


def _check_labels(data: "Dataset") -> None:
    if data.labels is None:
        return
    if len(data.labels) != len(data.group):
        raise DataError(f"Expected a label for each of {len(data.group)} rows; got {len(data.labels)}.")
    if not data.labels.is_unique:
        twice = data.labels[data.labels.duplicated()][0]
        raise DataError(f"Expected every row label once; got {str(twice)!r} again. Reset the index.")


def check_column(variable: Variable, column: Tensor, length: int) -> None:
    """Raise `DataError` unless `column` holds `length` values that `variable` allows."""
    name, expected = variable.name, (length, *variable.shape)
    if tuple(column.shape) != expected:
        raise DataError(f"Expected column '{name}' of shape {expected}; got {tuple(column.shape)}.")
    if column.is_floating_point() and column.isnan().any():
        rows = column.isnan().flatten(1).any(1) if column.ndim > 1 else column.isnan()
        first = int(rows.nonzero()[0, 0])
        raise DataError(
            f"Expected no NaN in column '{name}'; got {int(rows.sum())} rows with NaN, the first is row {first}. "
            "Drop or impute them."
        )
    if variable.is_image and column.dtype not in (torch.uint8, torch.uint16):
        raise DataError(
            f"Expected uint8 or uint16 images in column '{name}'; got {column.dtype}. Round them to 0..255."
        )
    if variable.is_discrete:
        _check_codes(variable, column)
    elif variable.support is not None and length and column.dtype != torch.uint16:  # stored as 0 to 255
        low, high = torch.tensor(variable.support).to(column).tolist()  # as exact as the column
        least, most = column.min().item(), column.max().item()
        if least < low or most > high:
            raise DataError(
                f"Expected column '{name}' within its support [{low:g}, {high:g}]; got values from {least:g} to "
                f"{most:g}. Drop the rows or widen the support."
            )
    if length > 1 and all(bool((part == column[:1]).all()) for part in column.split(PIECE)):
        raise DataError(
            f"Expected column '{name}' to vary; got one value in all {length} rows. Remove the variable from the graph."
        )


def _check_codes(variable: Variable, column: Tensor) -> None:
    assert variable.labels is not None
    if column.dtype != torch.int64:
        raise DataError(
            f"Expected int64 codes in column '{variable.name}'; got {column.dtype}. Encode its labels first."
        )
    outside = column[(column < 0) | (column >= len(variable.labels))]
    if len(outside):
        raise DataError(
            f"Expected codes 0 to {len(variable.labels) - 1} in column '{variable.name}'; got {int(outside[0])}."
        )


def _check_split(split: Mapping[str, Any], known: Mapping[Any, int] | range) -> None:
    parts = {name: read_labels(rows) for name, rows in split.items()}
    for name, rows in parts.items():
        if not rows:
            raise DataError(f"Expected rows in split '{name}'; got none.")
        unknown = [row for row in rows if row not in known]
        if unknown and isinstance(known, range):
            raise DataError(f"Expected rows 0 to {len(known) - 1} in split '{name}'; got {unknown[0]}.")
        if unknown:
            raise DataError(f"Expected labels of rows in split '{name}'; got {unknown[0]!r}, which no row has.")
    for first, second in combinations(parts, 2):
        shared = sorted(set(parts[first]) & set(parts[second]), key=str)
        if shared:
            raise DataError(f"Expected disjoint splits; row {shared[0]} is in both '{first}' and '{second}'.")
