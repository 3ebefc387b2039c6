"""Conversion of a user's values: labels to codes, natural units to tensors, with all checks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ..columns import as_column, check_rows, disagree, indexes, is_numbered
from ..errors import DataError, MissingValueError, SupportError, UnknownNameError, nearest
from ..graph import CausalGraph, Variable
from ..typing import UnitValues

__all__ = [
    "MISSING",
    "as_tensor",
    "as_values",
    "channels_first",
    "check_finite",
    "in_unit_order",
    "to_frame",
    "unit_labels",
]

MISSING = -1
"""Code of a missing label in a tensor of codes."""


def as_values(graph: CausalGraph, values: Any, like: Tensor) -> dict[str, Tensor]:
    """Tensors of every node of `graph`, of one batch size.

    Args:
        graph: Graph whose variables describe the values.
        values: Mapping or data frame from node to tensor, array, list of labels or numbers.
        like: Tensor whose device and floating dtype the result takes.

    Raises:
        MissingValueError: A node is absent or holds NaN.
        UnknownNameError: A name is not a node.
        DataError: A wrong shape, a label that is not declared, unequal or zero batch size, series of other rows.
        SupportError: A value outside its variable's support.
    """
    if not isinstance(values, Mapping | pd.DataFrame):
        raise DataError(
            f"Expected a mapping or data frame with a value for each of {', '.join(graph.nodes)}; "
            f"got {type(values).__name__}. Pass columns by name."
        )
    for name in values:
        if name not in graph:
            raise UnknownNameError(
                f"Expected values of the nodes {', '.join(graph.nodes)}; got '{name}'."
                + nearest(str(name), graph.nodes)
            )
    missing = [name for name in graph.nodes if name not in values]
    if missing:
        raise MissingValueError(
            f"Expected a value for every node; got none for {', '.join(missing)}. "
            "Supply them, drop these units, or have them inferred: abduct(..., particles=200)."
        )
    check_rows(values)
    tensors = {name: as_tensor(graph[name], values[name], like) for name in graph.nodes}
    sizes = {name: len(tensor) for name, tensor in tensors.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"Expected one batch size for all nodes; got {sizes}.")
    return tensors


def check_finite(graph: CausalGraph, values: Mapping[str, Tensor]) -> None:
    """Refuse an answer that overflowed, whose image would be drawn black.

    Raises:
        SupportError: A value is infinite or NaN; the message names the nodes.
    """
    broken = [name for name in graph.nodes if not torch.isfinite(values[name]).all()]
    if broken:
        raise SupportError(
            f"Expected numbers for {', '.join(broken)}; the model gives none, since an intervention is too far from "
            "what it was trained on. Set a value nearer to those of the data."
        )


def unit_labels(values: Any) -> pd.Index | None:
    """Row labels of the units of a factual, from `Dataset.rows` or the index of a data frame or of its series."""
    if isinstance(values, UnitValues):
        sizes = {len(column) for column in values.values()}
        return values.labels if sizes == {len(values.labels)} else None
    found = [values.index] if isinstance(values, pd.DataFrame) else indexes(values).values()
    return next((index for index in found if not is_numbered(index)), None)


def in_unit_order(name: str, value: Any, labels: pd.Index | None, count: int) -> Any:
    """A series of one value per unit in the order of the units, by its index; everything else as it is.

    Args:
        name: The node.
        value: What it is set to.
        labels: Row labels of the units; None if they have none, or are numbered.
        count: Number of units.

    Raises:
        DataError: The index of the series names other rows, or its order has no clear meaning.
    """
    if not isinstance(value, pd.Series) or len(value) != count:
        return value
    units = pd.RangeIndex(count) if labels is None else labels
    if not disagree(value.index, units):
        return value
    aligned = labels is not None and labels.is_unique and value.index.is_unique and not is_numbered(value.index)
    if aligned and set(value.index) == set(units):
        return value.loc[units]
    raise DataError(
        f"Expected a value of '{name}' for each unit, in the order of the units; got a series with other row labels, such as "
        f"{value.index[0]!r} for unit {units[0]!r}. Give it the labels of the units, or none: .to_numpy()."
    )


def as_tensor(variable: Variable, value: Any, like: Tensor, *, count: int | None = None) -> Tensor:
    """Values `(B, *shape)` of one variable.

    Args:
        variable: Describes kind, labels, shape and support.
        value: Tensor, array, series, list or a single value.
        like: Tensor whose device and dtype the result takes.
        count: If given, a single value is repeated that often and anything else must have that length.
    """
    if isinstance(value, pd.Series):  # a cell may hold an image
        value = list(value) if variable.is_image else value.to_numpy()
    if not variable.shape:
        value = _column(variable, value)
    if variable.is_discrete:
        tensor = _codes(variable, value, like)
    else:
        tensor = _numbers(variable, value, like)
    if variable.is_image:
        tensor = channels_first(variable, tensor)
    _check_shape(variable, tensor, count)
    if tensor.dim() == len(variable.shape):
        tensor = tensor[None].expand(count or 1, *tensor.shape)
    return tensor


def _column(variable: Variable, value: Any) -> Any:
    """One value per unit; a list with one element per unit is flattened."""
    if not isinstance(value, Tensor | np.ndarray):
        if not (
            isinstance(value, list | tuple) and len(value) and isinstance(value[0], list | tuple | Tensor | np.ndarray)
        ):
            return value
        value = np.array([np.asarray(item) for item in value])
    return as_column(variable.name, value)


def to_frame(graph: CausalGraph, values: Mapping[str, Tensor]) -> pd.DataFrame:
    """Attributes as a table with labels; images are left out. Tensors must be `(B,)`."""
    columns: dict[str, Any] = {}
    for name, tensor in values.items():
        variable = graph[name]
        if variable.is_image:
            continue
        array = tensor.detach().cpu().numpy()
        if variable.labels is not None:
            # Filled in two steps: numpy would turn labels that are tuples into a second dimension.
            labels = np.empty(len(variable.labels), dtype=object)
            labels[:] = variable.labels
            columns[name] = pd.Series(labels[array]).infer_objects()
        else:
            columns[name] = array
    return pd.DataFrame(columns)


def _codes(variable: Variable, value: Any, like: Tensor) -> Tensor:
    if isinstance(value, Tensor) and not value.is_floating_point() and value.dtype != torch.bool:
        codes = value.to(like.device, torch.int64)
        count = len(variable.labels or ())
        if codes.numel() and int(codes.min()) == MISSING:
            raise MissingValueError(
                f"Expected codes of '{variable.name}' in 0..{count - 1}; got {MISSING}, a missing label. Drop or impute "
                "such units."
            )
        if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= count):
            wrong = int(codes.min()) if int(codes.min()) < 0 else int(codes.max())
            raise DataError(f"Expected codes of '{variable.name}' in 0..{count - 1}; got {wrong}.")
        return codes
    if isinstance(value, Tensor):
        value = value.cpu().numpy()
    if isinstance(value, str) or np.ndim(value) == 0:
        return torch.tensor(variable.encode(_scalar(variable, value)), device=like.device)
    labels = [_scalar(variable, item) for item in np.asarray(value, dtype=object).reshape(-1)]
    return torch.tensor(variable.encode_all(labels), dtype=torch.int64, device=like.device)


def _scalar(variable: Variable, item: Any) -> Any:
    item = item.item() if isinstance(item, np.generic | np.ndarray) else item
    if item is None or item is pd.NA or (isinstance(item, float) and item != item):
        raise MissingValueError(
            f"Expected a label for '{variable.name}'; got a missing value. Drop or impute such units."
        )
    return item


def _numbers(variable: Variable, value: Any, like: Tensor) -> Tensor:
    if isinstance(value, list | tuple) and any(item is None for item in value):
        raise MissingValueError(f"Expected numbers for '{variable.name}'; got None. Drop or impute such units.")
    try:
        tensor = torch.as_tensor(value if isinstance(value, Tensor) else _array(variable, value))
    except DataError:
        raise
    except (TypeError, ValueError):
        what = "pixels" if variable.is_image else "numbers"
        raise DataError(f"Expected {what} for '{variable.name}'; got {_show(value)}.") from None
    tensor = tensor.to(like)
    if torch.isnan(tensor).any():
        where = (
            int(torch.isnan(tensor).flatten(1).any(1).nonzero()[0])
            if tensor.dim() > 1
            else int(torch.isnan(tensor.reshape(-1)).nonzero()[0])
        )
        raise MissingValueError(
            f"Expected numbers for '{variable.name}'; got NaN in unit {where}. Drop or impute such units."
        )
    if torch.isinf(tensor).any():
        raise DataError(f"Expected finite numbers for '{variable.name}'; got infinity. Choose a finite value.")
    if variable.support is not None and tensor.numel():
        low, high = (float(torch.tensor(bound).to(tensor)) for bound in variable.support)  # rounded like the values
        least, greatest = float(tensor.min()), float(tensor.max())
        if least < low or greatest > high:
            got = least if least < low else greatest
            unit = f" {variable.unit}" if variable.unit else ""
            raise SupportError(
                f"Expected '{variable.name}' within its support [{low:g}, {high:g}]{unit}; got {got:g}. "
                "Choose a value inside, or declare a wider support."
            )
    return tensor


def _array(variable: Variable, value: Any) -> np.ndarray:
    """Numbers in double precision; refuses a text with a plus sign, which numpy reads as a number and `do` as a shift."""
    array = np.asarray(value)
    texts = array.reshape(-1) if array.dtype.kind in "OU" else ()
    shift = next((text for text in texts if isinstance(text, str) and text.strip().startswith("+")), None)
    if shift is not None:
        raise DataError(
            f"Expected numbers for '{variable.name}'; got the text {str(shift)!r}, which is a shift where interventions are "
            "written. Values are numbers without a plus sign; a shift holds for all units, as in do={...: '+1'}."
        )
    if array.dtype == object:  # None and NA are missing, as NaN is
        array = np.where(pd.isna(array), np.nan, array)
    return array.astype(np.float64)


def channels_first(variable: Variable, tensor: Tensor) -> Tensor:
    """Bring images with channels last, or without a single channel's dimension, to the variable's layout."""
    channels, *size = variable.shape
    units = tensor.dim() - len(size)  # dimensions before the size
    if variable.shape in (tuple(tensor.shape), tuple(tensor.shape[1:])):
        return tensor
    if channels == 1 and units in (0, 1) and list(tensor.shape[units:]) == size:
        return tensor.unsqueeze(units)
    if units in (1, 2) and list(tensor.shape[units - 1 :]) == [*size, channels]:
        return tensor.movedim(-1, units - 1)
    return tensor


def _check_shape(variable: Variable, tensor: Tensor, count: int | None) -> None:
    rank = len(variable.shape)
    batched = tensor.dim() == rank + 1 and tuple(tensor.shape[1:]) == variable.shape
    single = tensor.dim() == rank and tuple(tensor.shape) == variable.shape
    wanted = f"(units, {', '.join(map(str, variable.shape))})" if rank else "(units,)"
    if not (batched or single):
        got = "a single number" if tensor.dim() == 0 else f"shape {tuple(tensor.shape)}"
        raise DataError(f"Expected '{variable.name}' with shape {wanted}; got {got}.")
    if batched and len(tensor) == 0:
        raise DataError(f"Expected at least one unit of '{variable.name}'; got a batch of size 0.")
    if batched and count is not None and len(tensor) not in (1, count):
        raise DataError(f"Expected one value or {count} values (one per unit) of '{variable.name}'; got {len(tensor)}.")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
