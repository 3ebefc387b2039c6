"""Read a user's interventions on a known generator."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import DataError, UnknownNameError, nearest
from ..graph import CausalGraph, Variable

__all__ = ["as_array", "remorph_values", "resolve"]


def as_array(variable: Variable, value: Any, count: int) -> NDArray:
    """One value or `count` of them as `(count,)` numbers or codes, checked against the variable."""
    from ..scm.values import as_tensor  # loading it takes seconds, loading the data none

    return as_tensor(variable, value, torch.zeros((), dtype=torch.float64), count=count).numpy()


def resolve(graph: CausalGraph, do: Mapping[str, object], digits: NDArray) -> dict[str, NDArray]:
    """Interventions on rows that show `digits`, each as `(N,)` numbers or codes.

    Raises:
        UnknownNameError: `do` names no variable.
        SupportError: A value is outside its support.
        MissingValueError: A value is missing.
        DataError: A label is unknown, or there is neither one value nor one per row; `do` sets the image, or
            another digit, whose shape by the same writer the generator does not define.
    """
    images = [name for name in do if graph[name].is_image]
    if images:
        raise DataError(
            f"Expected attributes in `do`; got '{images[0]}'. Nothing follows from the image in this graph."
        )
    values = {name: as_array(graph[name], value, len(digits)) for name, value in do.items()}
    if "digit" in values and (values["digit"] != digits).any():
        others = ", ".join(
            name for name, variable in graph.variables.items() if not variable.is_image and name != "digit"
        )
        raise DataError(
            "Expected the rows' own digits in do(digit); got others. How a writer would have written another "
            f"digit is not part of the generator; ask about {others}."
        )
    return values


def remorph_values(do: Mapping[str, Any], known: tuple[str, ...], count: int) -> dict[str, NDArray]:
    """The attributes that `Truth.remorph` sets, as `(count,)` numbers.

    Raises:
        UnknownNameError: An attribute is not among the `known` ones.
        DataError: There is neither one value nor one per image.
    """
    for name in do:
        if name not in known:
            raise UnknownNameError(
                f"Expected attributes among {', '.join(known)} to redraw images with; got {name!r}."
                + nearest(name, known)
            )
    values = {}
    for name, value in do.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"Expected numbers for {name}; got {value!r}. A truth accepts values, neither texts nor shifts."
            )
        values[name] = array.astype(np.float64)
    for name, value in values.items():
        if value.shape not in ((), (count,)):
            raise DataError(f"Expected one {name} or {count} of them; got an array of shape {value.shape}.")
    return {name: np.broadcast_to(value, (count,)) for name, value in values.items()}
