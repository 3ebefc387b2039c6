"""Data in memory: arrays and tensors by name, or any PyTorch dataset."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ...columns import as_column, check_rows
from ...errors import DataError, DataWarning, warn
from ...graph import CausalGraph
from ...graph.parse import EdgesLike
from ..dataset import Dataset
from ..depth import to_stored
from .choose_window import window_note
from .declare import Declaration, VariablesLike, read_declarations
from .index import Missing, index_table
from .load import load_index
from .pixels import through_window
from .splits import SplitLike
from .window import Outside
from .words import MissingWord

__all__ = ["from_arrays", "from_torch"]

PIECE = 1024
"""Number of images converted at a time: floats take up to eight times their memory."""


def from_arrays(
    values: Mapping[str, Any],
    graph: EdgesLike | CausalGraph,
    *,
    variables: VariablesLike | None = None,
    group: str | None = None,
    split: SplitLike | None = None,
    missing: Missing = "refuse",
    missing_words: Sequence[MissingWord] = (),
    rows: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Build a data set from arrays or tensors by name.

    Args:
        values: By name, all of one length N: attributes `(N,)` or `(N, 1)`, numbers or labels; images `(N, H, W)`,
            `(N, C, H, W)` or `(N, H, W, C)`; volumes `(N, 1, D, H, W)`, or `(N, D, H, W)` with `volume` declared. Pixels
            are bytes, or floats from 0 to 255 or from 0 to 1. Other numbers, such as uint16, go through the declared
            `window`, or through their own range, with a `DataWarning`. Names that are not nodes may be group and split.
        graph, variables, group, split, missing, missing_words, rows, seed: As in `load_table`.

    Raises:
        DataFaultsError: The values have faults; the error lists all of them.
        DataError: Shapes or lengths do not fit, or series have other row labels.

    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(20, 80, 100)
    >>> scans = rng.integers(0, 256, (100, 16, 16), dtype=np.uint8)
    >>> from_arrays({"age": age, "scan": scans}, "age -> scan")
    Dataset('arrays', 100 rows (train 70, validation 15, test 15), nodes age, scan)
    """
    check_rows(values)
    columns: dict[str, Any] = {}
    pixels: dict[str, NDArray[Any]] = {}
    declared = read_declarations(variables or {}, graph)
    for name, column in values.items():
        array = _array(column)
        if array.ndim == 2:
            array = column = as_column(name, array)
        if array.ndim >= 3:
            said = declared.get(name, Declaration())
            array = _channels_first(name, array, volume=bool(said.volume))
            window = said.window or _found_window(name, array, said.bits or 8)
            if said.percentiles is not None:
                raise DataError(
                    f"Expected a window of '{name}' in place of percentiles, since its arrays are in memory. Declare "
                    "`window`: numpy.percentile has its values."
                )
            if said.window is not None and (outside := Outside.of(array, said.window)).much:
                warn(f"Of '{name}', {outside}. Widen its window where they matter.", DataWarning)
            pixels[name] = _stored(array, window, said.bits or 8)
            if name in declared:
                declared[name] = replace(said, window=window)
        elif array.ndim == 1:
            columns[name] = column.reset_index(drop=True) if isinstance(column, pd.Series) else array
        else:
            raise DataError(
                f"Expected '{name}' as (N,) values or (N, height, width) images; got the shape {array.shape}."
            )
    lengths = {name: len(column) for name, column in (*columns.items(), *pixels.items())}
    if len(set(lengths.values())) > 1:
        raise DataError(f"Expected one length for all arrays; got {lengths}.")
    frame = pd.DataFrame(columns, index=range(next(iter(lengths.values()), 0)))
    index = index_table(
        frame,
        graph,
        pixels=pixels,
        name="arrays",
        variables=declared,
        group=group,
        split=split,
        missing=missing,
        missing_words=missing_words,
        rows=rows,
        seed=seed,
    )
    index.warn()
    return load_index(index)


def from_torch(dataset: Any, names: Sequence[str], graph: EdgesLike | CausalGraph, **options: Any) -> Dataset:
    """Build a data set from the items of a PyTorch `Dataset`.

    Args:
        dataset: Yields tuples, or mappings with the keys `names`: images as tensors `(C, H, W)`, arrays or Pillow images,
            volumes as tensors `(1, D, H, W)`, attributes as numbers or labels. It should not apply random augmentation.
        names: Names of the entries of an item.
        graph: Its nodes are among the names.
        options: Those of `from_arrays`.

    Raises:
        DataError: An item does not match the names, or as for `from_arrays`.
    """
    columns: dict[str, list[Any]] = {name: [] for name in names}
    sized = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    items = (dataset[place] for place in range(len(dataset))) if sized else dataset
    for place, item in enumerate(items):
        for name, value in zip(names, _entries(item, names, place)):
            columns[name].append(_array(value))
    stacked = {}
    for name, column in columns.items():
        shapes = {value.shape for value in column}
        if len(shapes) > 1:
            shown = " and ".join(map(str, sorted(shapes)[:2]))
            raise DataError(f"Expected '{name}' of one shape in every item; got {shown}. Resize in the dataset.")
        stacked[name] = np.stack(column) if column else np.empty(0)
    return from_arrays(stacked, graph, **options)


def _entries(item: Any, names: Sequence[str], place: int) -> list[Any]:
    if isinstance(item, Mapping):
        lacking = [name for name in names if name not in item]
        if lacking:
            raise DataError(f"Expected the keys {', '.join(names)} in every item; item {place} lacks '{lacking[0]}'.")
        return [item[name] for name in names]
    if not isinstance(item, tuple | list) or len(item) != len(names):
        got = f"{len(item)} entries" if isinstance(item, tuple | list) else type(item).__name__
        raise DataError(f"Expected items of {len(names)} entries ({', '.join(names)}); item {place} is {got}.")
    return list(item)


def _array(column: Any) -> NDArray[Any]:
    if not isinstance(column, torch.Tensor):
        return np.asarray(column)
    column = column.detach().cpu()
    return (column.float() if column.dtype == torch.bfloat16 else column).numpy()  # NumPy has no bfloat16


def _channels_first(name: str, array: NDArray[Any], *, volume: bool) -> NDArray[Any]:
    """Images as `(N, C, H, W)`, volumes as `(N, C, D, H, W)`."""
    if volume or array.ndim == 5:
        array = array[:, None] if array.ndim == 4 else array
        if array.ndim != 5 or array.shape[1] != 1:
            raise DataError(
                f"Expected the grey volumes '{name}' as (N, D, H, W) or (N, 1, D, H, W); got {array.shape}."
            )
        return array
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3):
        raise DataError(
            f"Expected the images '{name}' as (N, H, W), (N, C, H, W) or (N, H, W, C) with 1 or 3 channels; got "
            f"{array.shape}. Declare `volume: true` for volumes (N, D, H, W)."
        )
    return array


def _found_window(name: str, array: NDArray[Any], bits: int) -> tuple[float, float] | None:
    """The range of values that are not bytes; None if they are, or range from 0 to 1 or 255."""
    if array.dtype in (np.uint8, bool) or not array.size:
        return None
    if array.dtype.kind not in "uif":
        raise DataError(f"Expected numbers as pixels of '{name}'; got {array.dtype}. Convert them.")
    low, high = float(array.min()), float(array.max())
    if not math.isfinite(high - low):
        raise DataError(f"Expected finite pixels of '{name}'; got NaN or infinity. Fill them.")
    if low >= 0 and high <= 255:
        return None
    if low == high:
        raise DataError(f"Expected pixels of '{name}' that vary; got {low:g} in all of them. Check the arrays.")
    warn(window_note(name, (low, high), bits), DataWarning)
    return low, high


def _stored(array: NDArray[Any], window: tuple[float, float] | None, bits: int) -> NDArray[Any]:
    if array.dtype == np.uint8 and window is None and bits == 8:
        return array
    if array.dtype == bool:
        return to_stored(array * 255.0, bits)
    scale = 255.0 if np.issubdtype(array.dtype, np.floating) and array.size and array.max() <= 1 else 1.0
    parts = np.array_split(array, max(1, len(array) // PIECE))
    scaled = (part * scale if window is None else through_window(part, window) for part in parts)
    return np.concatenate([to_stored(part, bits) for part in scaled])
