"""One value per unit: columns `(N,)`, also where a library hands them out as `(N, 1)`."""

from typing import Any

from .errors import DataError

__all__ = ["as_column"]


def as_column(name: str, values: Any) -> Any:
    """An array or tensor `(N,)` of one that is `(N,)` or `(N, 1)`; a single value stays one.

    Args:
        name: What the values are, for the message.
        values: An array or tensor.

    Raises:
        DataError: It has several values per unit.
    """
    if values.ndim < 2:
        return values
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    raise DataError(
        f"Expected one value of '{name}' for each unit, (N,) or (N, 1); got the shape {tuple(values.shape)}. "
        "Give every column a name."
    )
