"""Labels of the rows of a table: their numbers, or the labels of a data frame's own index."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ROW", "RowLabels", "find_rows", "numbered", "read_labels"]

ROW = "row"
"""Default name of an index."""
RowLabels: TypeAlias = "Tensor | NDArray[Any]"
"""Labels of rows `(B,)`: an int64 tensor if the labels are numbers, else an array of objects."""


def numbered(index: "pd.Index") -> RowLabels:
    """The labels of an index.

    >>> import pandas as pd
    >>> numbered(pd.Index([3, 7])), numbered(pd.Index(["p012", "p007"]))
    (tensor([3, 7]), array(['p012', 'p007'], dtype=object))
    """
    if index.inferred_type == "integer":
        return torch.from_numpy(index.to_numpy(dtype=np.int64).copy())
    return index.to_numpy(dtype=object)


def read_labels(rows: Any) -> list[Any]:
    """Read labels of rows from a user: one, a list, an array, a tensor, or an index or column of a data frame.

    Raises:
        DataError: The labels are truth values, a slice or nested, which do not identify rows.
    """
    if isinstance(rows, slice):
        raise DataError(
            f"Expected labels of rows; got the slice {rows.start}:{rows.stop}. Write data.frame().index[...] for the rows "
            "at some positions."
        )
    if isinstance(rows, Tensor):
        rows = rows.detach().cpu().numpy()
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable) or getattr(rows, "ndim", 1) == 0:
        rows = [rows]
    if isinstance(rows, np.ndarray) and rows.ndim > 1:
        raise DataError(f"Expected labels of rows as one list; got an array of shape {rows.shape}. Flatten it.")
    labels = [_plain(label) for label in (_listed(rows) if isinstance(rows, np.ndarray) else rows)]
    for label in labels:
        if isinstance(label, bool):
            raise DataError(
                "Expected labels of rows; got truth values. Write data.rows(frame.index[condition]) for the rows where a "
                "condition holds."
            )
        if not _hashable(label):
            raise DataError(f"Expected labels of rows as one list; got {label!r} in it. Flatten it.")
    return labels


def find_rows(rows: Any, known: Mapping[Any, int] | range, name: str) -> Tensor:
    """Positions in the table of the rows with the labels `rows`, int64 `(B,)`, in that order.

    Args:
        rows: As for `read_labels`.
        known: Position of each row by its label; a range if the labels are 0, 1, 2, ...
        name: Name of the table, for messages.

    Raises:
        DataError: There is no such row.
    """
    if isinstance(known, range) and _all_among(rows, len(known)):
        return torch.as_tensor(rows).cpu()
    labels = read_labels(rows)
    for label in labels:
        if label not in known:
            raise _unknown(label, known, name)
    return torch.tensor([known[int(n)] if isinstance(known, range) else known[n] for n in labels], dtype=torch.int64)


def _all_among(rows: Any, count: int) -> bool:
    """Whether `rows` is a tensor of numbers from 0 up to below `count`, which needs no look-up."""
    if not isinstance(rows, Tensor) or rows.dtype != torch.int64 or rows.dim() != 1:
        return False
    return not len(rows) or (int(rows.min()) >= 0 and int(rows.max()) < count)


def _listed(rows: NDArray[Any]) -> list[Any]:
    """The labels of an array as Python objects; times as in pandas, since NumPy converts them to whole numbers."""
    if rows.dtype.kind not in "mM":
        return rows.tolist()
    import pandas as pd

    return list(pd.Index(rows))


def _plain(label: Any) -> Any:
    """A label as a Python object."""
    if isinstance(label, Tensor | np.integer | np.floating | np.bool_ | np.str_):
        return label.tolist() if isinstance(label, Tensor) else label.item()
    return label


def _hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True


def _unknown(label: Any, known: Mapping[Any, int] | range, name: str) -> DataError:
    if isinstance(known, range):
        return DataError(f"Expected rows of '{name}' among 0..{len(known) - 1}; got {label!r}. Choose others.")
    some = ", ".join(map(str, list(known)[:5]))
    if all(isinstance(other, int) for other in known):
        among = f"among {min(known)}..{max(known)}, some of which are left out (missing values, or a limit of rows)"
        return DataError(f"Expected rows of '{name}' {among}; got {label!r}. Choose others, such as {some}.")
    return DataError(
        f"Expected rows of '{name}' by the labels of its index, such as {some}; got {label!r}."
        + nearest(str(label), map(str, known))
        + " Rows that were left out (missing values, or a limit of rows) are not available."
    )
