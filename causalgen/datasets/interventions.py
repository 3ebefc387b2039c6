"""Values of an intervention as arrays of numbers and codes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, SupportError
from ..graph import Variable

__all__ = ["resolve"]


def resolve(variable: Variable, value: Any, length: int) -> NDArray:
    """`value` for `length` units: float64 numbers or int64 codes, `(length,)`.

    Integer tensors and arrays are codes of a discrete variable; everything else is labels.

    Raises:
        DataError: A label is unknown, or there is neither one value nor one per unit.
        SupportError: A number is outside the variable's support.
    """
    if variable.is_image:
        return np.asarray(value)
    array = _codes(variable, value) if variable.is_discrete else _numbers(variable, value)
    if array.shape not in ((), (length,)):
        raise DataError(
            f"Expected one value of '{variable.name}' or one for each of {length} units; got shape {array.shape}."
        )
    return np.broadcast_to(array, (length,))


def _numbers(variable: Variable, value: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"Expected numbers for '{variable.name}'; got {value!r}.") from None
    if np.isnan(array).any():
        raise DataError(f"Expected numbers for '{variable.name}'; got NaN.")
    if variable.support is not None and array.size:
        low, high = variable.support
        if array.min() < low or array.max() > high:
            worst = array.min() if array.min() < low else array.max()
            raise SupportError(f"Expected '{variable.name}' within its support [{low:g}, {high:g}]; got {worst:g}.")
    return array


def _codes(variable: Variable, value: Any) -> NDArray[np.int64]:
    if isinstance(value, Tensor | np.ndarray) and np.issubdtype(np.asarray(value).dtype, np.integer):
        codes = np.asarray(value, np.int64)
        for code in np.unique(codes):
            variable.decode(code)  # raises where it is none
        return codes
    if isinstance(value, str) or not (hasattr(value, "__iter__") or isinstance(value, Sequence)):
        return np.asarray(variable.encode(value), np.int64)
    return np.asarray(variable.encode_all(list(value)), np.int64)
