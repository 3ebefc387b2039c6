"""Labels of the rows of a user's table: their numbers, or a data frame's own index."""

from pathlib import Path

import pandas as pd
from pyarrow import ArrowException, parquet

from ...errors import DataNote, warn
from ..labels import ROW
from .columns import TableLike
from .table_file import PARQUET

__all__ = ["row_labels"]


def row_labels(table: TableLike, index: pd.Index) -> pd.Index:
    """The labels of a table's rows, all distinct.

    A data frame, also one saved as Parquet or CSV, keeps its index. If an index does not identify the rows (labels that are
    repeated, are missing or are truth values), the rows are numbered from 0, with a warning.

    Args:
        table: As for `load_table`.
        index: The index with which it was read.
    """
    numbers = pd.RangeIndex(len(index), name=ROW)
    saved = None if isinstance(table, pd.DataFrame) else _saved_index(Path(table))
    if saved is not None and len(saved) == len(index):
        index = saved
    if isinstance(index, pd.RangeIndex) and index.equals(numbers):
        return numbers
    if not index.is_unique:
        return _numbers(numbers, f"the label {str(index[index.duplicated()][0])!r} is repeated")
    if any(index.get_level_values(level).hasnans for level in range(index.nlevels)):
        return _numbers(numbers, "a label is missing")
    if index.inferred_type == "boolean":
        return _numbers(numbers, "truth values name no rows")
    return index


def _numbers(numbers: pd.RangeIndex, reason: str) -> pd.RangeIndex:
    warn(
        f"The rows are numbered from 0, because the index of the table does not identify them: {reason}. "
        "To keep the index, give it distinct labels.",
        DataNote,
    )
    return numbers


def _saved_index(path: Path) -> pd.Index | None:
    """The index that pandas saved in a Parquet file; None if there is none."""
    if path.suffix.lower() not in PARQUET:
        return None
    try:
        metadata = parquet.read_schema(path).pandas_metadata or {}
        names = metadata.get("index_columns", [])
        if len(names) != 1 or not isinstance(names[0], str):
            return None
        column = parquet.read_table(path, columns=[names[0]]).column(names[0])
    except (ArrowException, OSError, ValueError, KeyError):
        return None
    title = None if names[0].startswith("__index_level_") else names[0]
    return pd.Index(column.to_pylist(), name=title)
