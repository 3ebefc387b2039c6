"""Reads a user's interventions on a known generator, and implements what all generators share."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import DataError, UnknownNameError, nearest
from ..grammar import compared_worlds
from ..grammar.outcome_labels import find_outcome_labels
from ..graph import CausalGraph, Variable

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "as_array",
    "effect_by_simulation",
    "in_data_types",
    "labelled_table",
    "own_digits",
    "remorph_values",
    "resolve",
]

Columns = dict[str, NDArray]

DRAWS = 2**20


def as_array(variable: Variable, value: Any, count: int) -> NDArray:
    """One value or `count` of them as `(count,)` numbers or codes, checked against the variable."""
    from ..scm.values import as_tensor  # loading it takes seconds, and loading the data does not need it

    return as_tensor(variable, value, torch.zeros((), dtype=torch.float64), count=count).numpy()


def resolve(graph: CausalGraph, do: Mapping[str, object], count: int) -> dict[str, NDArray]:
    """Interventions on `count` rows, each as `(count,)` numbers or codes.

    Raises:
        UnknownNameError: `do` contains a name that is not a variable.
        SupportError: A value is outside its support.
        MissingValueError: A value is missing.
        DataError: A label is unknown, or there is neither one value nor one per row; `do` sets the image.
    """
    images = [name for name in do if graph[name].is_image]
    if images:
        raise DataError(
            f"Expected attributes in `do`; got '{images[0]}'. Nothing follows from the image in this graph."
        )
    return {name: as_array(graph[name], value, count) for name, value in do.items()}


def own_digits(graph: CausalGraph, do: Mapping[str, object], digits: NDArray) -> dict[str, NDArray]:
    """`resolve` for rows that show `digits`.

    Raises:
        UnknownNameError, SupportError, MissingValueError, DataError: As `resolve`; or `do` sets another digit, whose shape
            by the same writer the generator does not define.
    """
    values = resolve(graph, do, len(digits))
    if "digit" in values and (values["digit"] != digits).any():
        others = ", ".join(
            name for name, variable in graph.variables.items() if not variable.is_image and name != "digit"
        )
        raise DataError(
            "Expected the rows' own digits in do(digit); got others. How a writer would have written another "
            f"digit is not part of the generator; ask about {others}."
        )
    return values


def effect_by_simulation(
    graph: CausalGraph,
    draw_noise: Callable[[int, np.random.Generator], Columns],
    attributes: Callable[[Columns, Mapping[str, Any]], Columns],
    treatment: str | tuple[str, ...],
    outcome: str,
    contrast: tuple,
) -> float:
    """E[outcome | do(treatment = b)] - E[outcome | do(treatment = a)] for contrast = (a, b).

    Args:
        graph: The graph.
        draw_noise: Draws the noise of the given number of units.
        attributes: The attributes of units from their noise, under an intervention.
        treatment: An attribute, or a tuple of several.
        outcome: An attribute with a mean, or "attribute=label" for the probability of a label.
        contrast: Both values; tuples for several treatments.

    Raises:
        DataError: The outcome has no mean, or the treatment is the image.
    """
    worlds, label = compared_worlds(treatment, contrast), find_outcome_labels(graph, outcome)
    result = graph[outcome if label is None else label.name]
    no_mean = result.is_image or (result.kind == "categorical" and label is None)
    if no_mean or any(graph[name].is_image for name in worlds[0]):
        raise DataError(f"Expected an effect between attributes with a mean; got {treatment!r} on '{outcome}'.")
    set_to = [{name: as_array(graph[name], value, 1)[0] for name, value in do.items()} for do in worlds]
    noise = draw_noise(DRAWS, np.random.default_rng(0))
    worlds_drawn = [attributes(noise, do) for do in set_to]
    if result.name not in worlds_drawn[0]:
        raise DataError(f"Expected an outcome that the generator assigns; '{result.name}' is not part of it.")
    columns = [drawn[result.name] for drawn in worlds_drawn]
    before, after = (c.mean() if label is None else np.isin(c, list(label.codes)).mean() for c in columns)
    return float(after - before)


def in_data_types(columns: Mapping[str, NDArray]) -> Columns:
    """Columns in the types of a data set; images are drawn from these, so that the table determines them."""
    kinds = {name: np.int64 if column.dtype.kind == "i" else np.float32 for name, column in columns.items()}
    return {name: np.array(column, kinds[name]) for name, column in columns.items()}


def labelled_table(graph: CausalGraph, columns: Mapping[str, NDArray]) -> "pd.DataFrame":
    """The attributes in the order of the graph, labels decoded."""
    import pandas as pd

    table = {}
    for name, variable in graph.variables.items():
        if not variable.is_image:
            labels = np.array(variable.labels) if variable.is_discrete else None
            table[name] = columns[name] if labels is None else labels[columns[name]]
    return pd.DataFrame(table)


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
                f"Expected numbers for {name}; got {value!r}. A truth accepts values, but neither texts nor shifts."
            )
        values[name] = array.astype(np.float64)
    for name, value in values.items():
        if value.shape not in ((), (count,)):
            raise DataError(f"Expected one {name} or {count} of them; got an array of shape {value.shape}.")
    return {name: np.broadcast_to(value, (count,)) for name, value in values.items()}
