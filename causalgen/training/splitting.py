"""Splits data without splits, such as a data frame, before any training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from ..datasets import Dataset, from_arrays, load_table
from ..datasets.at_random import AT_RANDOM
from ..datasets.table.index import Missing
from ..errors import DataError, DataNote, warn
from ..graph import CausalGraph, Variable

__all__ = ["splits_of"]

SPLITS = ("train", "validation")


def splits_of(graph: CausalGraph, data: Any, seed: int, missing: Missing = "refuse") -> Dataset | Mapping[str, Any]:
    """Return the data with splits: a data set or splits unchanged, a data frame or arrays by name split at random.

    Args:
        graph: The graph of the model.
        data: As for `fit`.
        seed: Seed of the split.
        missing: How to handle rows with missing attributes.

    Raises:
        DataError: The data have another form, or lack a split.
    """
    if isinstance(data, Dataset):
        if missing != "refuse":
            raise DataError(
                f"Expected missing={missing!r} where the data set is loaded; got it here. Write "
                f"causalgen.load_table(table, graph, missing={missing!r})."
            )
        return data
    if isinstance(data, pd.DataFrame):
        return _said(load_table(data, graph, missing=missing, seed=seed), _unused(graph, data), seed)
    if not isinstance(data, Mapping):
        raise DataError(
            f"Expected a data set, a data frame, or arrays by name to fit on; got {type(data).__name__}. "
            "Write causalgen.load_table(...) for files."
        )
    if any(isinstance(part, Mapping | pd.DataFrame) for part in data.values()) or not data:
        if any(split not in data for split in SPLITS):
            raise DataError(f"Expected data with the splits 'train' and 'validation'; got {list(data)}.")
        if missing == "drop":
            raise DataError("Expected missing='refuse' or 'model' for data that are split; got 'drop'. Drop the rows.")
        if missing == "model":
            warn(f"Missing values are inferred by the model. {AT_RANDOM}", DataNote)
        return data
    arrays = {name: _labels(graph[name], data[name]) if name in graph else data[name] for name in data}
    return _said(from_arrays(arrays, graph, missing=missing, seed=seed), _unused(graph, data), seed)


def _labels(variable: Variable, column: Any) -> Any:
    """Decode integer tensors of a discrete variable, which contain codes, as in all other functions."""
    if variable.labels is None or not isinstance(column, Tensor) or column.is_floating_point():
        return column
    labels = np.empty(len(variable.labels), dtype=object)
    labels[:] = variable.labels
    return pd.Series(labels[column.cpu().numpy()]).infer_objects()


def _unused(graph: CausalGraph, data: Any) -> list[str]:
    return [str(name) for name in data if name not in graph and name != "split"]


def _said(data: Dataset, unused: list[str], seed: int) -> Dataset:
    """Warn how the rows were split, and which columns were not used."""
    counts = ", ".join(f"{len(rows):,} for {name}" for name, rows in data.split.items())
    left = f" Columns that are not nodes were not used: {', '.join(unused)}." if unused else ""
    warn(
        f"The {len(data):,} rows were split: {counts} (a column `split` decides, else shares of .7, .15 and .15 at random, "
        f"seed {seed}). The test rows are untouched: FitResult.data holds the split.{left} For groups that must stay "
        "together or other shares, fit on causalgen.load_table(frame, scm.graph, group=..., split=...).",
        DataNote,
    )
    return data
